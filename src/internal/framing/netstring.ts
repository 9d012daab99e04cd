/** Netstrings: a length in decimal, a colon, the payload, a comma. */
import type { ByteWriter } from "../../ByteWriter.ts"
import type { Framing } from "../../Framing.ts"
import { FrameCorrupted, FrameTooLong, type PayloadError, PayloadTooLong } from "../../SluiceError.ts"
import {
  defaultMaxLength,
  type EndPolicy,
  noProblems,
  OptionChecks,
  type OversizePolicy,
  refusedFraming
} from "./options.ts"
import { PrefixDecoder } from "./prefix.ts"

/**
 * Options of `netstring`.
 *
 * @category options
 * @since 0.1.0
 */
export interface NetstringOptions {
  /** The most bytes of payload in a frame. Default 1 MiB. */
  readonly maxLength?: number
  /** Default `fail`. A length of more than 15 digits ends the decoder even under `skip`. */
  readonly oversize?: OversizePolicy
  /** Default `fail`. */
  readonly end?: EndPolicy
}

export const netstringFraming = (options: NetstringOptions): Framing => {
  const { maxLength = defaultMaxLength, oversize = "fail", end = "fail" } = options
  const withMaxLength = (maxLength: number): Framing => netstringFraming({ ...options, maxLength })
  const checks = new OptionChecks()
  checks.integer("maxLength", maxLength, 1)
  checks.oversize(oversize)
  checks.end(end)
  if (checks.problems.length > 0) {
    return refusedFraming("netstring", maxLength, checks.problems, withMaxLength)
  }
  const policy = { maxLength, skip: oversize === "skip", end }
  return {
    name: "netstring",
    maxLength,
    problems: noProblems,
    makeDecoder: () => new NetstringDecoder(policy),
    encode: (payload, out) => encode(payload, maxLength, out),
    withMaxLength
  }
}

const zero = 0x30
const colon = 0x3a
const comma = 0x2c
const mostDigits = 15

class NetstringDecoder extends PrefixDecoder {
  protected measure(bytes: Uint8Array, from: number, to: number): number {
    const { maxLength, skip } = this.policy
    let value = 0
    for (let at = from; at < to; at++) {
      const byte = bytes[at]!
      if (byte === colon && at > from) {
        this.declared = value
        this.bodyAt = at + 1 - from
        return this.bodyAt + value + 1
      }
      const digit = byte - zero
      if (digit < 0 || digit > 9 || (at === from + 1 && value === 0)) {
        this.fail(new FrameCorrupted({ detail: "the length is not a decimal number and a colon" }))
        return 0
      }
      value = value * 10 + digit
      if (value > maxLength && (!skip || at - from >= mostDigits)) {
        this.fail(new FrameTooLong({ limit: maxLength, seen: value }))
        return 0
      }
    }
    return -1
  }

  protected override trailing(): number {
    return 1
  }

  protected override endsWell(last: number): boolean {
    return last === comma
  }
}

const encode = (payload: Uint8Array, limit: number, out: ByteWriter): PayloadError | undefined => {
  if (payload.length > limit) return new PayloadTooLong({ limit, seen: payload.length })
  const digits = String(payload.length)
  for (let i = 0; i < digits.length; i++) out.writeByte(digits.charCodeAt(i))
  out.writeByte(colon)
  out.writeBytes(payload)
  out.writeByte(comma)
  return undefined
}
