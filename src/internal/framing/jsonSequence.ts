/** JSON text sequences of RFC 7464: a record separator before each text, a line feed behind it. */
import type { ByteWriter } from "../../ByteWriter.ts"
import type { Framing } from "../../Framing.ts"
import {
  DelimiterInPayload,
  type FrameError,
  FrameTruncated,
  type PayloadError,
  PayloadMalformed,
  PayloadTooLong,
  PayloadTooShort
} from "../../SluiceError.ts"
import { viewOf } from "./accumulator.ts"
import { isSelfDelimiting, isWhitespace, JsonScanner, skipWhitespace } from "./jsonScanner.ts"
import { JsonValueDecoder } from "./jsonValueDecoder.ts"
import {
  defaultMaxLength,
  type EndPolicy,
  noProblems,
  OptionChecks,
  type OversizePolicy,
  refusedFraming
} from "./options.ts"

/**
 * Options of `jsonSequence`.
 *
 * @category options
 * @since 0.1.0
 */
export interface JsonSequenceOptions {
  /** The most bytes of a text, without the whitespace around it. Default 1 MiB. */
  readonly maxLength?: number
  /** Default `fail`. `skip` goes on with the next record separator. */
  readonly oversize?: OversizePolicy
  /** Default `fail`. */
  readonly end?: EndPolicy
}

export const jsonSequenceFraming = (options: JsonSequenceOptions): Framing => {
  const { maxLength = defaultMaxLength, oversize = "fail", end = "fail" } = options
  const withMaxLength = (maxLength: number): Framing => jsonSequenceFraming({ ...options, maxLength })
  const checks = new OptionChecks()
  checks.integer("maxLength", maxLength, 1)
  checks.oversize(oversize)
  checks.end(end)
  if (checks.problems.length > 0) {
    return refusedFraming("jsonSequence", maxLength, checks.problems, withMaxLength)
  }
  const policy = { maxLength, skip: oversize === "skip", end }
  const encoder = new JsonSequenceEncoder(maxLength)
  return {
    name: "jsonSequence",
    maxLength,
    problems: noProblems,
    makeDecoder: () => new JsonSequenceDecoder(policy),
    encode: (payload, out) => encoder.encode(payload, out),
    withMaxLength
  }
}

const separator = 0x1e
const lineFeed = 0x0a

/** Where in the sequence the next byte stands. */
type Place =
  /** Before the first separator, or behind a text. Only whitespace should come. */
  | "outside"
  /** Behind a separator. */
  | "begun"
  /** In a text. */
  | "text"
  /** In what stands behind a text, or before the first separator, and does not belong there. */
  | "litter"

class JsonSequenceDecoder extends JsonValueDecoder {
  private place: Place = "outside"
  /** The first byte of the text. */
  private first = 0
  /** What `skipped` was at the last separator: from there to the next, only one thing is counted. */
  private skippedBefore = 0

  override get discarding(): boolean {
    return this.skipping || this.place === "litter"
  }

  /** The separator is held too, for it says that a text has begun. */
  override get buffered(): number {
    return this.place === "begun" || (this.place === "text" && !this.skipping) ? this.held + 1 : 0
  }

  override remaining(): Uint8Array {
    return this.buffered === 0 ? super.remaining() : Uint8Array.of(separator, ...super.remaining())
  }

  push(chunk: Uint8Array, frames: Array<Uint8Array>): FrameError | undefined {
    const { length } = chunk
    for (let at = 0; this.failure === undefined && at < length; ) {
      const next = chunk.indexOf(separator, at)
      const to = next < 0 ? length : next
      this.record(chunk, at, to, frames)
      if (next >= 0 && this.failure === undefined) this.separate(frames)
      at = to + 1
    }
    return this.failure
  }

  end(frames: Array<Uint8Array>): FrameError | undefined {
    if (this.failure !== undefined) return this.failure
    const { end } = this.policy
    const inText = this.place === "text"
    const delimited = inText && isSelfDelimiting(this.first)
    const whole = delimited && this.scanner.closed
    if (end === "fail" && !whole && (inText || this.place === "begun")) {
      return this.fail(new FrameTruncated({ pending: this.lost + this.held + 1 }))
    }
    if (whole || (delimited && end === "emit")) this.handOver(frames)
    this.begin("outside")
    return undefined
  }

  /** What stands between two separators, or a part of it. */
  private record(chunk: Uint8Array, from: number, to: number, frames: Array<Uint8Array>): void {
    for (let at = from; at < to && this.place !== "litter"; ) {
      if (this.place === "text") {
        const end = textEnd(this.scanner, chunk, at, to)
        this.take(chunk, at, end < 0 ? to : end, end >= 0, frames)
        if (end < 0 || this.failure !== undefined) return
        this.place = "outside"
        at = end
      } else {
        at = skipWhitespace(chunk, at, to)
        if (at === to) return
        this.first = chunk[at]!
        this.place = this.place === "begun" ? "text" : "litter"
        if (this.place === "litter" && this.skipped === this.skippedBefore) this.skipped++
      }
    }
  }

  /** A separator. The text before it may be cut off: then only a value that shows it may be handed over. */
  private separate(frames: Array<Uint8Array>): void {
    if (this.place === "text") {
      if (isSelfDelimiting(this.first)) this.handOver(frames)
      else if (!this.skipping) this.skipped++
    }
    this.begin("begun")
  }

  private handOver(frames: Array<Uint8Array>): void {
    if (this.held > 0) frames.push(viewOf(this.buffer, 0, this.held))
  }

  private begin(place: Place): void {
    this.place = place
    this.skippedBefore = this.skipped
    this.restart()
  }
}

/** Where a text ends: before the first whitespace that stands outside of every value; -1 where none does yet. */
const textEnd = (scanner: JsonScanner, bytes: Uint8Array, from: number, to: number): number => {
  let end = scanner.scan(bytes, from, to)
  while (end >= 0 && end < to && !isWhitespace(bytes[end]!)) {
    // Not JSON, and so for a codec to refuse as a whole.
    const next = scanner.scan(bytes, end, to)
    end = next === end ? scanner.scan(bytes, end + 1, to) : next
  }
  return end === to ? -1 : end
}

class JsonSequenceEncoder {
  private readonly maxLength: number
  private readonly scanner = new JsonScanner()

  constructor(maxLength: number) {
    this.maxLength = maxLength
  }

  encode(payload: Uint8Array, out: ByteWriter): PayloadError | undefined {
    const { maxLength, scanner } = this
    const { length } = payload
    if (length > maxLength) return new PayloadTooLong({ limit: maxLength, seen: length })
    if (length === 0) return new PayloadTooShort({ minimum: 1, seen: 0 })
    const offset = payload.indexOf(separator)
    if (offset >= 0) return new DelimiterInPayload({ offset })
    scanner.reset()
    const end = textEnd(scanner, payload, 0, length)
    if (end >= 0) return new PayloadMalformed({ detail: `as a JSON text it ends before byte ${end}` })
    if (!scanner.closed) return new PayloadMalformed({ detail: "as a JSON text it is not closed" })
    out.writeByte(separator)
    out.writeBytes(payload)
    out.writeByte(lineFeed)
    return undefined
  }
}
