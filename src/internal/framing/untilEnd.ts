/** The whole input as one frame. */
import type { Framing } from "../../Framing.ts"
import { type FrameError, FrameTooLong, PayloadTooLong } from "../../SluiceError.ts"
import { Accumulator } from "./accumulator.ts"
import { defaultMaxLength, noProblems, OptionChecks, refusedFraming } from "./options.ts"

/**
 * Options of `untilEnd` and `none`.
 *
 * @category options
 * @since 0.1.0
 */
export interface MaxLengthOptions {
  /** The most bytes in a frame. Default 1 MiB. */
  readonly maxLength?: number
}

export const untilEndFraming = (options: MaxLengthOptions): Framing => {
  const { maxLength = defaultMaxLength } = options
  const withMaxLength = (maxLength: number): Framing => untilEndFraming({ maxLength })
  const checks = new OptionChecks()
  checks.integer("maxLength", maxLength, 1)
  if (checks.problems.length > 0) return refusedFraming("untilEnd", maxLength, checks.problems, withMaxLength)
  return {
    name: "untilEnd",
    maxLength,
    problems: noProblems,
    makeDecoder: () => new UntilEndDecoder(maxLength),
    encode: (payload, out) => {
      if (payload.length > maxLength) return new PayloadTooLong({ limit: maxLength, seen: payload.length })
      out.writeBytes(payload)
      return undefined
    },
    withMaxLength
  }
}

class UntilEndDecoder extends Accumulator {
  private readonly maxLength: number
  private ended = false

  constructor(maxLength: number) {
    super()
    this.maxLength = maxLength
  }

  push(chunk: Uint8Array, _frames: Array<Uint8Array>): FrameError | undefined {
    if (this.failure !== undefined) return this.failure
    const limit = this.maxLength
    if (this.held + chunk.length > limit) return this.fail(new FrameTooLong({ limit, seen: limit + 1 }))
    this.hold(chunk, 0, chunk.length, limit)
    return undefined
  }

  end(frames: Array<Uint8Array>): FrameError | undefined {
    if (this.failure !== undefined || this.ended) return this.failure
    this.ended = true
    frames.push(this.remaining())
    this.release()
    return undefined
  }
}
