/** A framing of a user's own may throw. That is its connection's end, and must not be the process's. */
import type { FrameDecoder, Framing } from "../Framing.ts"
import { FrameCorrupted, type FrameError } from "../SluiceError.ts"
import type { Wire } from "../Transport.ts"
import { emptyBytes } from "./bytes.ts"
import { DatagramFraming } from "./framing/datagram.ts"

export const makeDecoder = (framing: Framing, wire?: Wire): FrameDecoder => {
  try {
    return framing instanceof DatagramFraming ? framing.decoderOf(wire) : framing.makeDecoder()
  } catch (defect) {
    const error = new FrameCorrupted({ detail: `the framing threw ${String(defect)}` })
    return { push: () => error, end: () => error, remaining: () => emptyBytes, buffered: 0, skipped: 0 }
  }
}

/** How many of the frames that are left out are over. */
export const passedOver = (decoder: FrameDecoder): number =>
  decoder.discarding === true ? decoder.skipped - 1 : decoder.skipped

export const push = (
  decoder: FrameDecoder,
  chunk: Uint8Array,
  frames: Array<Uint8Array>
): FrameError | undefined => {
  try {
    return decoder.push(chunk, frames)
  } catch (defect) {
    return new FrameCorrupted({ detail: `the framing threw ${String(defect)}` })
  }
}

export const end = (decoder: FrameDecoder, frames: Array<Uint8Array>): FrameError | undefined => {
  try {
    return decoder.end(frames)
  } catch (defect) {
    return new FrameCorrupted({ detail: `the framing threw ${String(defect)}` })
  }
}
