/** Frames of one length. */
import type { Framing } from "../../Framing.ts"
import { PayloadTooLong, PayloadTooShort } from "../../SluiceError.ts"
import { type EndPolicy, noProblems, OptionChecks, refusedFraming } from "./options.ts"
import { PrefixDecoder } from "./prefix.ts"

/**
 * Options of `fixedLength`.
 *
 * @category options
 * @since 0.1.0
 */
export interface FixedLengthOptions {
  /** Default `fail`. */
  readonly end?: EndPolicy
}

export const fixedLengthFraming = (length: number, options: FixedLengthOptions): Framing => {
  const { end = "fail" } = options
  const withMaxLength = (maxLength: number): Framing => fixedLengthFraming(maxLength, options)
  const checks = new OptionChecks()
  checks.integer("length", length, 1)
  checks.end(end)
  if (checks.problems.length > 0) return refusedFraming("fixedLength", length, checks.problems, withMaxLength)
  const policy = { maxLength: length, skip: false, end }
  return {
    name: "fixedLength",
    maxLength: length,
    problems: noProblems,
    makeDecoder: () => new FixedLengthDecoder(policy),
    encode: (payload, out) => {
      const seen = payload.length
      if (seen > length) return new PayloadTooLong({ limit: length, seen })
      if (seen < length) return new PayloadTooShort({ minimum: length, seen })
      out.writeBytes(payload)
      return undefined
    },
    withMaxLength
  }
}

class FixedLengthDecoder extends PrefixDecoder {
  protected measure(): number {
    return this.policy.maxLength
  }
}
