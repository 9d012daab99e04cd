/** A protocol as a transport carries it. */
import type { Framing } from "../../Framing.ts"
import type { OptionProblem } from "../../SluiceError.ts"
import type { Datagrams } from "../../Transport.ts"
import { DatagramFraming } from "../framing/datagram.ts"

/** What is known of the transport. */
export interface Carried {
  /** Undefined where it has a stream of bytes. */
  readonly datagrams?: Datagrams | undefined
}

/** The same protocol, with what the transport has. One that may be left for another needs bytes in order. */
export const carriedBy = <
  P extends { readonly switchable?: boolean | undefined; readonly problems: ReadonlyArray<OptionProblem> }
>(
  protocol: P,
  datagrams: Datagrams | undefined
): P & Carried =>
  datagrams === undefined
    ? protocol
    : {
        ...protocol,
        datagrams,
        problems: protocol.switchable === true ? [...protocol.problems, needsStream] : protocol.problems
      }

const needsStream: OptionProblem = {
  path: "switchable",
  message: "needs a stream, and this transport has datagrams"
}

/** A framing as connections use it. */
export const framingFor = (framing: Framing, { datagrams }: Carried): Framing =>
  datagrams === undefined ? framing : new DatagramFraming(framing, datagrams.maxLength)
