/** Bodies in chunks (RFC 9112, section 7.1). */
import { ByteWriter } from "effect-sluice"
import type { Body } from "./body.ts"
import { FieldLine } from "./fields.ts"
import { type Limits, malformed, Refusal } from "./limits.ts"
import { CR, isWord, LF, latin1 } from "./syntax.ts"

/** What comes next. */
type Part = "size" | "data" | "data end" | "trailers" | "nothing"

/** Chunks, each with its size before it, and trailers behind them, which are looked at and left out. */
export class ChunkedBody implements Body {
  problem: Refusal | undefined
  private readonly limits: Limits
  private readonly data = new ByteWriter.ByteWriter()
  /** A line that has no end yet. */
  private readonly line = new ByteWriter.ByteWriter()
  private readonly field = new FieldLine()
  private part: Part = "size"
  /** Bytes left of the chunk at hand. */
  private left = 0
  private trailers = 0
  private trailerBytes = 0

  constructor(limits: Limits) {
    this.limits = limits
  }

  get whole(): boolean {
    return this.part === "nothing"
  }

  get held(): number {
    return this.data.length + this.line.length
  }

  take(): Uint8Array {
    return this.data.take()
  }

  read(bytes: Uint8Array, start: number): number {
    let at = start
    while (at < bytes.length && !this.whole) {
      at = this.part === "data" ? this.readData(bytes, at) : this.readLine(bytes, at)
      if (this.problem !== undefined) return -1
    }
    return at
  }

  private readData(bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + this.left)
    this.data.writeBytes(bytes.subarray(at, end))
    this.left -= end - at
    if (this.left === 0) this.part = "data end"
    return end
  }

  private readLine(bytes: Uint8Array, at: number): number {
    const lf = bytes.indexOf(LF, at)
    const end = lf < 0 ? bytes.length : lf + 1
    const { longest } = this
    if (this.line.length + end - at > longest + (this.part === "trailers" ? 0 : 2)) {
      this.problem = this.tooLong
    } else if (lf < 0) {
      this.line.writeBytes(bytes.subarray(at))
    } else if (this.line.length === 0) {
      this.problem = this.takeLine(bytes, at, end)
    } else {
      this.line.writeBytes(bytes.subarray(at, end))
      this.problem = this.takeLine(this.line.view(), 0, this.line.length)
      this.line.truncate(0)
    }
    return end
  }

  private takeLine(bytes: Uint8Array, from: number, to: number): Refusal | undefined {
    if (bytes[to - 2] !== CR || to - from < 2) return malformed("a line feed without a carriage return")
    switch (this.part) {
      case "size":
        return this.size(bytes, from, to - 2)
      case "data end":
        this.part = "size"
        return to - from === 2 ? undefined : malformed("a chunk that is longer than its size")
      default:
        return this.trailer(bytes.slice(from, to))
    }
  }

  /** Digits to the base of 16, no more than eight, and extensions, which nobody here knows. */
  private size(bytes: Uint8Array, from: number, to: number): Refusal | undefined {
    let size = 0
    let at = from
    for (; at < to; at++) {
      const digit = hexadecimal(bytes[at]!)
      if (digit < 0) break
      size = size * 16 + digit
    }
    if (at === from || at - from > 8) return malformed("a chunk without a size")
    if (at < to && !extensions.test(latin1(bytes, at, to))) return malformed("malformed chunk extensions")
    if (this.data.length + size > this.limits.body) return new Refusal(413, "a body that is too long")
    this.left = size
    this.part = size === 0 ? "trailers" : "data"
    return undefined
  }

  private trailer(line: Uint8Array): Refusal | undefined {
    const next = this.field.read(line, 0)
    if (next < line.length) return this.field.problem ?? malformed("a malformed trailer")
    this.trailerBytes += line.length
    if (this.field.last) this.part = "nothing"
    else if (isFraming(line, this.field.nameEnd)) return malformed("a trailer about the body's length")
    else if (++this.trailers > this.limits.fields) return new Refusal(431, "too many trailers")
    return undefined
  }

  private get longest(): number {
    if (this.part === "trailers") return this.limits.head - this.trailerBytes
    return this.part === "size" ? this.limits.chunkLine : 0
  }

  private get tooLong(): Refusal {
    if (this.part === "trailers") return new Refusal(431, "trailers that are too long")
    return malformed(this.part === "size" ? "a chunk without a size" : "a chunk that is longer than its size")
  }
}

/** It came too late to be meant (RFC 9110, section 6.5.1). */
const isFraming = (line: Uint8Array, nameEnd: number): boolean =>
  isWord(line, 0, nameEnd, "content-length") || isWord(line, 0, nameEnd, "transfer-encoding")

const token = "[\\w!#$%&'*+\\-.^`|~]+"
const quoted = '"(?:[\\t !#-\\[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*"'
const extensions = new RegExp(`^(?:;${token}(?:=(?:${token}|${quoted}))?)+$`)

/** The value of a digit, or -1. */
const hexadecimal = (byte: number): number => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const small = byte | 0x20
  return small >= 0x61 && small <= 0x66 ? small - 0x57 : -1
}
