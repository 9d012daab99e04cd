/** Frames behind a length in base 128, as protobuf delimits messages in a stream. */
import type { ByteWriter } from "../../ByteWriter.ts"
import type { Framing } from "../../Framing.ts"
import { FrameCorrupted, type PayloadError, PayloadTooLong } from "../../SluiceError.ts"
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
 * Options of `varint`.
 *
 * @category options
 * @since 0.1.0
 */
export interface VarintOptions {
  /** The most bytes of payload in a frame. Default 1 MiB; above 2^31 - 1 is as good as that. */
  readonly maxLength?: number
  /** Default `fail`. */
  readonly oversize?: OversizePolicy
  /** Default `fail`. */
  readonly end?: EndPolicy
}

const largest = 0x7fffffff

export const varintFraming = (options: VarintOptions): Framing => {
  const { maxLength = defaultMaxLength, oversize = "fail", end = "fail" } = options
  const withMaxLength = (maxLength: number): Framing => varintFraming({ ...options, maxLength })
  const checks = new OptionChecks()
  checks.integer("maxLength", maxLength, 1)
  checks.oversize(oversize)
  checks.end(end)
  if (checks.problems.length > 0) return refusedFraming("varint", maxLength, checks.problems, withMaxLength)
  const policy = { maxLength, skip: oversize === "skip", end }
  const limit = Math.min(maxLength, largest)
  return {
    name: "varint",
    maxLength,
    problems: noProblems,
    makeDecoder: () => new VarintDecoder(policy),
    encode: (payload, out) => encode(payload, limit, out),
    withMaxLength
  }
}

class VarintDecoder extends PrefixDecoder {
  protected measure(bytes: Uint8Array, from: number, to: number): number {
    let value = 0
    const last = Math.min(to, from + 5)
    for (let at = from; at < last; at++) {
      const byte = bytes[at]!
      if (at === from + 4 && byte > 7) {
        this.fail(new FrameCorrupted({ detail: "the length has more than 31 bits" }))
        return 0
      }
      value |= (byte & 0x7f) << (7 * (at - from))
      if (byte < 0x80) {
        this.declared = value
        this.bodyAt = at + 1 - from
        return this.bodyAt + value
      }
    }
    return -1
  }
}

const encode = (payload: Uint8Array, limit: number, out: ByteWriter): PayloadError | undefined => {
  if (payload.length > limit) return new PayloadTooLong({ limit, seen: payload.length })
  let rest = payload.length
  while (rest > 0x7f) {
    out.writeByte((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  out.writeByte(rest)
  out.writeBytes(payload)
  return undefined
}
