/** Framings of one's own. */
import type { ByteWriter } from "../../ByteWriter.ts"
import type { FrameDecoder, Framing } from "../../Framing.ts"
import { type PayloadError, PayloadTooLong } from "../../SluiceError.ts"
import { defaultMaxLength, noProblems, OptionChecks, refusedFraming } from "./options.ts"

/**
 * What a framing of one's own consists of. Both functions get the maximum that is in force.
 *
 * @category options
 * @since 0.1.0
 */
export interface MakeOptions {
  readonly name: string
  /** The most bytes of payload in a frame. Default 1 MiB. */
  readonly maxLength?: number
  /** A decoder for one connection. It must not throw, and has to refuse longer payloads itself. */
  readonly makeDecoder: (maxLength: number) => FrameDecoder
  /** Appends a frame. Longer payloads were refused before; what a refusal of its own left in `out` is taken back. */
  readonly encode: (payload: Uint8Array, out: ByteWriter, maxLength: number) => PayloadError | undefined
}

export const makeFraming = (options: MakeOptions): Framing => {
  const { name, maxLength = defaultMaxLength, makeDecoder, encode } = options
  const withMaxLength = (maxLength: number): Framing => makeFraming({ ...options, maxLength })
  const checks = new OptionChecks()
  checks.integer("maxLength", maxLength, 1)
  if (checks.problems.length > 0) return refusedFraming(name, maxLength, checks.problems, withMaxLength)
  return {
    name,
    maxLength,
    problems: noProblems,
    makeDecoder: () => makeDecoder(maxLength),
    encode: (payload, out) => {
      if (payload.length > maxLength) return new PayloadTooLong({ limit: maxLength, seen: payload.length })
      const start = out.length
      let done = false
      try {
        const error = encode(payload, out, maxLength)
        done = error === undefined
        return error
      } finally {
        // Half a frame must not reach the peer, whether it was refused or threw.
        if (!done) out.truncate(start)
      }
    },
    withMaxLength
  }
}
