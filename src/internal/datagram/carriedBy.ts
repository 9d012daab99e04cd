/** A protocol as a transport carries it. */
import type { Framing } from "../../Framing.ts"
import type { OptionProblem } from "../../SluiceError.ts"
import type { Carriage } from "../../Transport.ts"
import { DatagramFraming } from "../framing/datagram.ts"

/** What is known of the transport. */
export interface Carried {
  /** Undefined where it has a stream of bytes, and nothing else. */
  readonly carriage?: Carriage | undefined
}

/** The same protocol, with what the transport has. One that may be left for another needs bytes in order. */
export const carriedBy = <
  P extends { readonly switchable?: boolean | undefined; readonly problems: ReadonlyArray<OptionProblem> }
>(
  protocol: P,
  { datagrams, framing, pings }: Carriage
): P & Carried =>
  datagrams === undefined && framing === undefined && pings === undefined
    ? protocol
    : {
        ...protocol,
        carriage: { datagrams, framing, pings },
        problems:
          datagrams !== undefined && protocol.switchable === true
            ? [...protocol.problems, needsStream]
            : protocol.problems
      }

const needsStream: OptionProblem = {
  path: "switchable",
  message: "needs a stream, and this transport has datagrams"
}

/** What the frames of a protocol are like. */
interface Frames {
  readonly framing: Framing
  /** Messages delimit themselves. */
  readonly messageFrames: boolean
}

/** A framing as connections use it. `encoders` are all that may be sent with. */
export const framingFor = (
  { framing, messageFrames }: Frames,
  carriage: Carriage | undefined,
  encoders: ReadonlyArray<{ readonly text?: boolean | undefined }>
): Framing => {
  if (carriage?.datagrams !== undefined) return new DatagramFraming(framing, carriage.datagrams.maxLength)
  // One that is refused stays as it is, so that it can say why.
  if (carriage?.framing === undefined || framing.problems.length > 0) return framing
  const whole = messageFrames || framing.type !== undefined || framing.name === "fixedLength"
  return carriage.framing(framing, { text: encoders.every(({ text }) => text === true), whole })
}
