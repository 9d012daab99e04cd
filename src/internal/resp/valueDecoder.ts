/** Bytes to values of RESP2 and RESP3. */
import { FrameCorrupted, type FrameError, FrameTooLong } from "../../SluiceError.ts"
import { AccumulatingDecoder } from "./accumulating.ts"
import { readUtf8 } from "./command.ts"
import { readLatin1 } from "./latin1.ts"
import type { Limits } from "./options.ts"
import { type LineKind, readLine } from "./scalars.ts"
import type { Value } from "./values.ts"

const carriageReturn = 0x0d
const lineFeed = 0x0a
const zero = 0x30
const nine = 0x39
const minus = 0x2d
const [colon, dollar, exclamation, equals] = [0x3a, 0x24, 0x21, 0x3d]
const [asterisk, tilde, greater, percent, pipe] = [0x2a, 0x7e, 0x3e, 0x25, 0x7c]

/** What a value is that begins with a byte: a line, a string of a length, one that holds others; or nothing. */
const forms = new Uint8Array(256)
const [aLine, aString, aLevel] = [1, 2, 3]
for (const char of "+-:,(#_") forms[char.charCodeAt(0)] = aLine
for (const char of "$!=") forms[char.charCodeAt(0)] = aString
for (const char of "*~>%|") forms[char.charCodeAt(0)] = aLevel

// What a length may be that is none.
const [minusOne, question, malformed] = [-1, -2, -3]

/** A value that holds others, while they come. */
interface Level {
  /** What it begins with; 0 for a value that has attributes. */
  readonly kind: number
  readonly items: Array<Value>
  /** How many are still to come. */
  left: number
}

type Entries = ReadonlyArray<readonly [Value, Value]>

/**
 * Values lie in each other on a stack of our own, so that how deep they may is a bound and not the stack's. What was read
 * of an unfinished value is not read again, but for a length that a chunk cuts.
 */
export class ValueDecoder extends AccumulatingDecoder<Value> {
  private readonly limits: Limits
  private readonly text: (bytes: Uint8Array, start: number, end: number) => string
  private readonly levels: Array<Level> = []
  /** Of the bulk string at hand, once it was said; -1 before. */
  private bulk = -1
  private bulkKind = 0
  /** In a line that has not ended: how far there is no end. */
  private searched = 0

  constructor(limits: Limits) {
    super()
    this.limits = limits
    this.text = limits.strings === "latin1" ? readLatin1 : readUtf8
  }

  protected moved(by: number): void {
    this.searched -= by
  }

  protected read(values: Array<Value>): FrameError | undefined {
    while (this.bulk >= 0 || this.at < this.filled) {
      const error = this.bulk >= 0 ? this.string(values) : this.line(values)
      if (error !== undefined) return error === waiting ? undefined : error
    }
    return undefined
  }

  /** The next line: a value of its own, or what begins one. */
  private line(values: Array<Value>): Outcome {
    const { at, filled, limits, source } = this
    const kind = source[at]!
    const form = forms[kind]
    if (form === 0) return corrupted(`no value begins with ${JSON.stringify(String.fromCharCode(kind))}`)
    let end = Math.max(at + 1, this.searched)
    while (end < filled && source[end] !== carriageReturn && source[end] !== lineFeed) end++
    this.searched = end
    if (end + 2 - this.start > limits.maxLength) return this.tooLong()
    if (end >= filled) return waiting
    if (source[end] === lineFeed) return corrupted("a line feed without a carriage return")
    if (end + 1 >= filled) return waiting
    if (source[end + 1] !== lineFeed) return corrupted("a carriage return without a line feed")
    this.searched = 0
    this.at = end + 2
    if (form === aString) return this.begin(kind, lengthAt(source, at + 1, end), values)
    if (form === aLevel) return this.open(kind, lengthAt(source, at + 1, end), values)
    if (kind === colon) {
      const length = lengthAt(source, at + 1, end)
      if (length >= 0) return this.complete(length, values)
    }
    // One of those that are a line.
    const value = readLine(String.fromCharCode(kind) as LineKind, this.text(source, at + 1, end))
    return typeof value === "string" ? corrupted(value) : this.complete(value.is, values)
  }

  /** A string of a length that was said. */
  private begin(kind: number, length: number, values: Array<Value>): Outcome {
    const { limits } = this
    if (length < 0) {
      if (length === question) return streamed()
      if (length === minusOne && kind === dollar) return this.complete(null, values)
    }
    if (length < 0 || length > limits.maxBulkLength) return corrupted("invalid bulk length")
    const total = this.at + length + 2 - this.start
    if (total > limits.maxLength) return new FrameTooLong({ limit: limits.maxLength, seen: total })
    this.bulk = length
    this.bulkKind = kind
    return undefined
  }

  private string(values: Array<Value>): Outcome {
    const { at, bulk, bulkKind, filled, source } = this
    const end = at + bulk
    if (end < filled && source[end] !== carriageReturn) return unterminated()
    if (end + 1 >= filled) return waiting
    if (source[end + 1] !== lineFeed) return unterminated()
    this.bulk = -1
    this.at = end + 2
    if (bulkKind === exclamation) {
      return this.complete({ _tag: "BulkError", message: this.text(source, at, end) }, values)
    }
    if (bulkKind === equals) {
      const format = readLatin1(source, at, Math.min(end, at + 4))
      if (format.length < 4 || format[3] !== ":") return corrupted("a verbatim string without its format")
      const text = this.text(source, at + 4, end)
      return this.complete({ _tag: "VerbatimString", format: format.slice(0, 3), text }, values)
    }
    const value =
      this.limits.strings === "bytes"
        ? new Uint8Array(source.buffer, source.byteOffset + at, bulk)
        : this.text(source, at, end)
    return this.complete(value, values)
  }

  /** A value that holds others. */
  private open(kind: number, length: number, values: Array<Value>): Outcome {
    const { levels, limits } = this
    if (length < 0) {
      if (length === question) return streamed()
      if (length === minusOne && kind === asterisk) return this.complete(null, values)
    }
    if (length < 0 || length > limits.maxArrayLength) return corrupted("invalid multibulk length")
    if (levels.length >= limits.maxDepth) return corrupted(`nested more than ${limits.maxDepth} deep`)
    const left = kind === percent || kind === pipe ? 2 * length : length
    levels.push({ kind, items: [], left })
    return length === 0 ? this.close(values) : undefined
  }

  /** A value is there: it stands for itself, or completes those that it lies in. */
  private complete(value: Value, values: Array<Value>): undefined {
    const level = this.levels.at(-1)
    if (level !== undefined) {
      level.items.push(value)
      level.left--
      if (level.left === 0) this.close(values)
      return
    }
    values.push(value)
    this.start = this.at
  }

  /** The innermost level has all that it holds. */
  private close(values: Array<Value>): undefined {
    const { levels } = this
    const level = levels.pop()
    if (level === undefined) return
    const { items, kind } = level
    if (kind === asterisk) return this.complete(items, values)
    if (kind === tilde) return this.complete({ _tag: "Set", values: items }, values)
    if (kind === greater) return this.complete({ _tag: "Push", values: items }, values)
    if (kind === percent) return this.complete({ _tag: "Map", entries: pairsOf(items) }, values)
    if (kind === 0) {
      const [attributes, value] = items as unknown as [Entries, Value]
      return this.complete({ _tag: "Attributed", attributes, value }, values)
    }
    // Attributes are none of the values around them: they wait for the one behind them.
    levels.push({ kind: 0, items: [pairsOf(items) as unknown as Value], left: 1 })
    return undefined
  }

  private tooLong(): FrameError {
    const { maxLength } = this.limits
    return new FrameTooLong({ limit: maxLength, seen: maxLength + 1 })
  }
}

type Outcome = FrameError | typeof waiting | undefined

const waiting = Symbol()

const corrupted = (detail: string) => new FrameCorrupted({ detail })
const unterminated = () => corrupted("expected CRLF behind a bulk string")
const streamed = () => corrupted("streamed strings and aggregates are not supported")

/** A length without zeros before it, of at most 15 digits; or which of those that are none. */
const lengthAt = (bytes: Uint8Array, start: number, end: number): number => {
  const digits = end - start
  if (digits === 2 && bytes[start] === minus && bytes[start + 1] === zero + 1) return minusOne
  if (digits === 1 && bytes[start] === 0x3f) return question
  if (digits < 1 || digits > 15 || (digits > 1 && bytes[start] === zero)) return malformed
  let value = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if (byte < zero || byte > nine) return malformed
    value = value * 10 + byte - zero
  }
  return value
}

const pairsOf = (items: ReadonlyArray<Value>): Entries =>
  // As many keys as values.
  Array.from({ length: items.length / 2 }, (_, i) => [items[2 * i] as Value, items[2 * i + 1] as Value])
