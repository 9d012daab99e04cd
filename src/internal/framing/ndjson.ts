/** JSON texts, one a line. */
import type { ByteWriter } from "../../ByteWriter.ts"
import type { Framing } from "../../Framing.ts"
import { DelimiterInPayload, type FrameError, type PayloadError, PayloadTooShort } from "../../SluiceError.ts"
import { viewOf } from "./accumulator.ts"
import { DelimiterDecoder, DelimiterEncoder, type DelimiterRules } from "./delimiter.ts"
import { DelimiterSet } from "./delimiterSet.ts"
import {
  defaultMaxLength,
  type EndPolicy,
  noProblems,
  OptionChecks,
  type OversizePolicy,
  refusedFraming
} from "./options.ts"

/**
 * Options of `ndjson`.
 *
 * @category options
 * @since 0.1.0
 */
export interface NdjsonOptions {
  /** The most bytes of a line, without its end. Default 1 MiB. */
  readonly maxLength?: number
  /** Default `fail`. `skip` goes on with the next line. */
  readonly oversize?: OversizePolicy
  /** Default `fail`. */
  readonly end?: EndPolicy
  /** What becomes of a line without a byte: `skip` passes over it, `keep` makes it an empty frame. Default `skip`. */
  readonly emptyLines?: "skip" | "keep"
}

const lineFeed = Uint8Array.of(0x0a)
const carriageReturn = Uint8Array.of(0x0d)
const byteOrderMark = Uint8Array.of(0xef, 0xbb, 0xbf)
const ends = new DelimiterSet([lineFeed, carriageReturn])

export const ndjsonFraming = (options: NdjsonOptions): Framing => {
  const { maxLength = defaultMaxLength, oversize = "fail", end = "fail", emptyLines = "skip" } = options
  const withMaxLength = (maxLength: number): Framing => ndjsonFraming({ ...options, maxLength })
  const checks = new OptionChecks()
  checks.integer("maxLength", maxLength, 1)
  checks.oversize(oversize)
  checks.end(end)
  checks.oneOf("emptyLines", emptyLines, ["skip", "keep"])
  if (checks.problems.length > 0) return refusedFraming("ndjson", maxLength, checks.problems, withMaxLength)
  const keepEmpty = emptyLines === "keep"
  const rules = { ...{ set: ends, maxLength, end }, skip: oversize === "skip", keep: false, lines: false }
  const encoder = new DelimiterEncoder(ends, lineFeed, false, maxLength)
  return {
    name: "ndjson",
    maxLength,
    problems: noProblems,
    makeDecoder: () => new NdjsonDecoder(rules, keepEmpty),
    encode: (payload, out) => encode(encoder, keepEmpty, payload, out),
    withMaxLength
  }
}

class NdjsonDecoder extends DelimiterDecoder {
  private readonly keepEmpty: boolean
  /** No byte of the first line has come, or only the front of a byte order mark, which is held. */
  private fresh = true
  /** What ended the last line. */
  private lastEnd = 0

  constructor(rules: DelimiterRules, keepEmpty: boolean) {
    super(rules)
    this.keepEmpty = keepEmpty
  }

  override push(chunk: Uint8Array, frames: Array<Uint8Array>): FrameError | undefined {
    return this.fresh && this.failure === undefined ? this.begin(chunk, frames) : super.push(chunk, frames)
  }

  /** Passes over the byte order mark at the front of the input. */
  private begin(chunk: Uint8Array, frames: Array<Uint8Array>): FrameError | undefined {
    const before = this.held
    let count = 0
    while (before + count < 3 && count < chunk.length && chunk[count] === byteOrderMark[before + count])
      count++
    if (before + count < 3 && count === chunk.length) {
      this.hold(chunk, 0, count, 3)
      return undefined
    }
    this.fresh = false
    if (before + count < 3) return super.push(chunk, frames)
    this.release()
    return super.push(viewOf(chunk, count, chunk.length), frames)
  }

  /** CRLF ends one line and not two, and some empty lines are none. */
  protected override cut(
    chunk: Uint8Array,
    start: number,
    end: number,
    size: number,
    frames: Array<Uint8Array>
  ): FrameError | undefined {
    const last = chunk[end - 1]!
    const empty = !this.skipping && this.held + end - start === size
    const halves = last === lineFeed[0] && this.lastEnd === carriageReturn[0]
    this.lastEnd = last
    return empty && (halves || !this.keepEmpty) ? undefined : super.cut(chunk, start, end, size, frames)
  }
}

const encode = (
  encoder: DelimiterEncoder,
  keepEmpty: boolean,
  payload: Uint8Array,
  out: ByteWriter
): PayloadError | undefined => {
  if (payload.length === 0 && !keepEmpty) return new PayloadTooShort({ minimum: 1, seen: 0 })
  // The first line of a connection would lose it.
  if (byteOrderMark.every((byte, i) => payload[i] === byte)) return new DelimiterInPayload({ offset: 0 })
  return encoder.encode(payload, out)
}
