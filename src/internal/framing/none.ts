/** No framing: the bytes as they come. */
import type { FrameDecoder, Framing } from "../../Framing.ts"
import { emptyBytes } from "../bytes.ts"
import { viewOf } from "./accumulator.ts"
import { defaultMaxLength, noProblems, OptionChecks, refusedFraming } from "./options.ts"
import type { MaxLengthOptions } from "./untilEnd.ts"

export const noneFraming = (options: MaxLengthOptions): Framing => {
  const { maxLength = defaultMaxLength } = options
  const withMaxLength = (maxLength: number): Framing => noneFraming({ maxLength })
  const checks = new OptionChecks()
  checks.integer("maxLength", maxLength, 1)
  if (checks.problems.length > 0) return refusedFraming("none", maxLength, checks.problems, withMaxLength)
  return {
    name: "none",
    maxLength,
    problems: noProblems,
    makeDecoder: () => new NoneDecoder(maxLength),
    encode: (payload, out) => {
      out.writeBytes(payload)
      return undefined
    },
    withMaxLength
  }
}

class NoneDecoder implements FrameDecoder {
  readonly buffered = 0
  readonly skipped = 0
  private readonly maxLength: number

  constructor(maxLength: number) {
    this.maxLength = maxLength
  }

  push(chunk: Uint8Array, frames: Array<Uint8Array>): undefined {
    const length = chunk.length
    for (let at = 0; at < length; at += this.maxLength) {
      frames.push(viewOf(chunk, at, Math.min(at + this.maxLength, length)))
    }
    return undefined
  }

  end(): undefined {
    return undefined
  }

  remaining(): Uint8Array {
    return emptyBytes
  }
}
