/** A protocol as a transport carries it. */
import type { Framing } from "../../Framing.ts"
import type { OptionProblem } from "../../SluiceError.ts"
import type { Datagrams } from "../../Transport.ts"
import { DatagramFraming } from "../framing/datagram.ts"

interface Carried {
  readonly framing: Framing
  readonly switchable?: boolean | undefined
  readonly problems: ReadonlyArray<OptionProblem>
}

/** The same protocol, in datagrams where the transport has those. One that may be left needs bytes in order. */
export const carriedBy = <P extends Carried>(protocol: P, datagrams: Datagrams | undefined): P => {
  if (datagrams === undefined) return protocol
  const problems =
    protocol.switchable === true
      ? [
          ...protocol.problems,
          { path: "switchable", message: "needs a stream, and this transport has datagrams" }
        ]
      : protocol.problems
  return { ...protocol, framing: new DatagramFraming(protocol.framing, datagrams.maxLength), problems }
}
