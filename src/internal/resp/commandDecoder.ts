/** Bytes to commands: arrays of bulk strings, or lines as people type them. */
import { FrameCorrupted, type FrameError, FrameTooLong } from "../../SluiceError.ts"
import { AccumulatingDecoder } from "./accumulating.ts"
import { Command, commandOf } from "./command.ts"
import { splitInline } from "./inline.ts"
import type { Limits } from "./options.ts"

const asterisk = 0x2a
const dollar = 0x24
const minus = 0x2d
const zero = 0x30
const nine = 0x39
const carriageReturn = 0x0d
const lineFeed = 0x0a

/** The longest line of an inline command, as in Redis. */
const maxInline = 65_536
/** The most digits of a length: the longest 64-bit number. */
const maxDigits = 19

// What a length is while it is not all there, and when it cannot be.
const unfinished = -2
const malformed = -3

/**
 * Every byte is looked at once, but for a length that a chunk cuts: that is read again. What a command is refused for
 * depends on its bytes alone and not on how they were cut; the words are those of Redis.
 */
export class CommandDecoder extends AccumulatingDecoder<Command> {
  private readonly limits: Limits
  /** Arguments of the command at hand that are still to come; 0 between commands. */
  private left = 0
  private count = 0
  /** Of the argument at hand, once it was said; -1 before. */
  private bulk = -1
  /** Where arguments lie, in pairs; those of the command at hand begin at `base`. */
  private places: Array<number> = []
  private base = 0
  /** In a line that has not ended: how far there is no end. */
  private searched = 0
  /** Behind the number that was read last. */
  private next = 0

  constructor(limits: Limits) {
    super()
    this.limits = limits
  }

  protected moved(by: number): void {
    const { base, places } = this
    const own: Array<number> = []
    for (let i = base; i < places.length; i++) own.push(places[i]! - by)
    this.places = own
    this.base = 0
    this.searched -= by
  }

  protected read(commands: Array<Command>): FrameError | undefined {
    if (this.left === 0) {
      // Those before have the old one.
      this.places = []
      this.base = 0
    }
    for (;;) {
      if (this.left === 0) {
        if (this.at >= this.filled) return undefined
        if (this.source[this.at] !== asterisk) {
          const error = this.inline(commands)
          if (error === undefined) continue
          return error === waiting ? undefined : error
        }
        const count = this.length(this.at + 1)
        if (count === unfinished) return undefined
        if (count === malformed || count > this.limits.maxArrayLength) return invalidMultibulk()
        this.at = this.next
        if (count <= 0) {
          // No command, and no answer.
          this.start = this.at
          continue
        }
        this.left = this.count = count
      }
      const error = this.args()
      if (error !== undefined) return error
      if (this.left > 0) return undefined
      commands.push(new Command(this.source, this.places, this.base, this.count))
      this.base = this.places.length
      this.start = this.at
    }
  }

  /** The arguments of the command at hand, as far as they are there. */
  private args(): FrameError | undefined {
    const { filled, limits, places, source } = this
    let { at, bulk, left } = this
    let error: FrameError | undefined
    while (left > 0) {
      if (bulk < 0) {
        if (at >= filled) break
        if (source[at] !== dollar) {
          error = new FrameCorrupted({ detail: `expected '$', got '${String.fromCharCode(source[at]!)}'` })
          break
        }
        bulk = this.length(at + 1)
        if (bulk === unfinished) break
        if (bulk < 0 || bulk > limits.maxBulkLength) {
          error = invalidBulk()
          break
        }
        at = this.next
        const size = at + bulk + 2 - this.start
        if (size > limits.maxLength) {
          error = new FrameTooLong({ limit: limits.maxLength, seen: size })
          break
        }
      }
      const end = at + bulk
      if (end + 2 > filled) {
        if (end < filled && source[end] !== carriageReturn) error = unterminated()
        break
      }
      if (source[end] !== carriageReturn || source[end + 1] !== lineFeed) {
        error = unterminated()
        break
      }
      places.push(at, end)
      at = end + 2
      bulk = -1
      left--
    }
    this.at = at
    this.bulk = bulk < 0 ? -1 : bulk
    this.left = left
    return error
  }

  /** A number and the end of its line; leaves in `next` where it goes on. */
  private length(from: number): number {
    const { filled, source } = this
    let at = from
    if (at >= filled) return unfinished
    const negative = source[at] === minus
    if (negative) at++
    let value = 0
    const first = at
    while (at < filled) {
      const byte = source[at]!
      if (byte < zero || byte > nine) break
      // No zero before other digits, nor behind a sign.
      if (at > first ? value === 0 || at - first >= maxDigits : negative && byte === zero) return malformed
      value = value * 10 + byte - zero
      at++
    }
    if (at >= filled) return unfinished
    if (at === first || source[at] !== carriageReturn) return malformed
    if (at + 1 >= filled) return unfinished
    if (source[at + 1] !== lineFeed) return malformed
    this.next = at + 2
    return negative ? -1 : value
  }

  /** A line of words. */
  private inline(commands: Array<Command>): FrameError | typeof waiting | undefined {
    const { filled, source, start } = this
    const most = Math.min(maxInline, this.limits.maxLength)
    const bound = Math.min(filled, start + most + 1)
    const end = source.subarray(0, bound).indexOf(lineFeed, Math.max(start, this.searched))
    if (end < 0) {
      this.searched = bound
      return bound - start > most ? new FrameCorrupted({ detail: "too big inline request" }) : waiting
    }
    this.searched = 0
    const words = splitInline(
      source,
      start,
      end > start && source[end - 1] === carriageReturn ? end - 1 : end
    )
    if (words === undefined) return new FrameCorrupted({ detail: "unbalanced quotes in request" })
    if (words.length > this.limits.maxArrayLength) return invalidMultibulk()
    if (words.some(({ length }) => length > this.limits.maxBulkLength)) return invalidBulk()
    if (words.length > 0) commands.push(commandOf(words))
    this.at = this.start = end + 1
    return undefined
  }
}

const waiting = Symbol()
const unterminated = () => new FrameCorrupted({ detail: "expected CRLF behind a bulk string" })
const invalidBulk = () => new FrameCorrupted({ detail: "invalid bulk length" })
const invalidMultibulk = () => new FrameCorrupted({ detail: "invalid multibulk length" })
