/** The one decoder and the one encoder behind lines, one delimiter, and any of several. */
import type { ByteWriter } from "../../ByteWriter.ts"
import {
  DelimiterInPayload,
  type FrameError,
  FrameTooLong,
  FrameTruncated,
  type PayloadError,
  PayloadTooLong
} from "../../SluiceError.ts"
import { emptyBytes } from "../bytes.ts"
import { Accumulator, viewOf } from "./accumulator.ts"
import type { DelimiterSet } from "./delimiterSet.ts"
import type { EndPolicy } from "./options.ts"

/** What decoder and encoder need to know. */
export interface DelimiterRules {
  readonly set: DelimiterSet
  readonly maxLength: number
  readonly skip: boolean
  readonly end: EndPolicy
  readonly keep: boolean
  /** Whether a carriage return at the very end of the input is half of a terminator. */
  readonly lines: boolean
}

export class DelimiterDecoder extends Accumulator {
  private readonly rules: DelimiterRules
  /** While a frame that is too long is left out. Then `held` is a tail of it that a delimiter may begin in. */
  protected skipping = false
  /** How many bytes of that frame are no longer held. */
  private lost = 0

  constructor(rules: DelimiterRules) {
    super()
    this.rules = rules
  }

  get discarding(): boolean {
    return this.skipping
  }

  push(chunk: Uint8Array, frames: Array<Uint8Array>): FrameError | undefined {
    if (this.failure !== undefined) return this.failure
    const set = this.rules.set
    let start = 0
    for (let at = set.find(chunk, 0); at >= 0; at = set.find(chunk, at + 1)) {
      const size = set.match(this.buffer, this.held, chunk, start, at)
      if (size === 0) continue
      const error = this.cut(chunk, start, at + 1, size, frames)
      if (error !== undefined) return error
      start = at + 1
    }
    return start < chunk.length ? this.keepRest(chunk, start) : undefined
  }

  end(frames: Array<Uint8Array>): FrameError | undefined {
    if (this.failure !== undefined) return this.failure
    const { end, keep, lines, maxLength } = this.rules
    const pending = this.lost + this.held
    if (pending > 0 && end === "fail") return this.fail(new FrameTruncated({ pending }))
    if (this.held > 0 && end === "emit" && !this.skipping) {
      const halfEnded = lines && this.buffer[this.held - 1] === carriageReturn
      const length = halfEnded ? this.held - 1 : this.held
      if (length > maxLength) {
        const error = this.tooLong()
        if (error !== undefined) return error
      } else if (length > 0) {
        frames.push(viewOf(this.buffer, 0, keep ? this.held : length))
      }
    }
    this.restart()
    return undefined
  }

  /** Takes the frame from `start` (and what is held) to `end`, the last `size` bytes of which are its delimiter. */
  protected cut(
    chunk: Uint8Array,
    start: number,
    end: number,
    size: number,
    frames: Array<Uint8Array>
  ): FrameError | undefined {
    const { keep, maxLength } = this.rules
    const length = this.held + end - start - size
    if (this.skipping) {
      this.restart()
    } else if (length > maxLength) {
      const error = this.tooLong()
      if (error !== undefined) return error
      this.restart()
    } else if (this.held === 0) {
      frames.push(viewOf(chunk, start, keep ? end : end - size))
    } else {
      const total = keep ? length + size : length
      if (total > this.held) this.hold(chunk, start, start + total - this.held, total)
      frames.push(viewOf(this.buffer, 0, total))
      this.release()
    }
    return undefined
  }

  /** Holds the front of a frame, from `start` to the chunk's end, unless it is certain to become too long. */
  private keepRest(chunk: Uint8Array, start: number): FrameError | undefined {
    const { maxLength, set } = this.rules
    const total = this.held + chunk.length - start
    if (
      !this.skipping &&
      total > maxLength &&
      total - set.pending(this.buffer, this.held, chunk, start) > maxLength
    ) {
      const error = this.tooLong()
      if (error !== undefined) return error
      this.skipping = true
    }
    if (!this.skipping) {
      this.hold(chunk, start, chunk.length, maxLength + set.longest - 1)
      return undefined
    }
    const tail = set.longest - 1
    if (chunk.length - start >= tail) {
      this.release()
      start = chunk.length - tail
    } else {
      this.keepLast(tail - (chunk.length - start))
    }
    if (start < chunk.length) this.hold(chunk, start, chunk.length, tail)
    this.lost += total - this.held
    return undefined
  }

  /** Counts a frame that is too long, or fails over it. */
  private tooLong(): FrameError | undefined {
    const { maxLength, skip } = this.rules
    if (!skip) return this.fail(new FrameTooLong({ limit: maxLength, seen: maxLength + 1 }))
    this.skipped++
    return undefined
  }

  private restart(): void {
    this.skipping = false
    this.lost = 0
    this.release()
  }
}

const carriageReturn = 0x0d

export class DelimiterEncoder {
  private readonly set: DelimiterSet
  private readonly terminator: Uint8Array
  private readonly keep: boolean
  private readonly maxLength: number

  constructor(set: DelimiterSet, terminator: Uint8Array, keep: boolean, maxLength: number) {
    this.set = set
    this.terminator = terminator
    this.keep = keep
    this.maxLength = maxLength
  }

  encode(payload: Uint8Array, out: ByteWriter): PayloadError | undefined {
    const { maxLength, set, terminator } = this
    const end = set.firstEnd(payload)
    if (end === 0) {
      if (payload.length > maxLength) return new PayloadTooLong({ limit: maxLength, seen: payload.length })
      const offset = this.across(payload)
      if (offset >= 0) return new DelimiterInPayload({ offset })
      out.writeBytes(payload)
      out.writeBytes(terminator)
      return undefined
    }
    const seen = end - set.match(emptyBytes, 0, payload, 0, end - 1)
    if (!this.keep || end < payload.length) return new DelimiterInPayload({ offset: seen })
    if (seen > maxLength) return new PayloadTooLong({ limit: maxLength, seen })
    out.writeBytes(payload)
    return undefined
  }

  /** Where a delimiter begins in the payload that ends in the terminator and would take a part of it; or -1. */
  private across(payload: Uint8Array): number {
    const { keep, set, terminator } = this
    const last = terminator.length - 1
    for (let at = 0; at <= last; at++) {
      const size = set.match(payload, payload.length, terminator, 0, at)
      if (size > 0 && (at < last || (size > terminator.length && !keep)))
        return payload.length + at + 1 - size
    }
    return -1
  }
}
