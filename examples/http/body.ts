/** Bodies that did not come together with their heads, and those that come in chunks (RFC 9112, section 7.1). */
import { ByteWriter } from "effect-sluice"
import { FieldLine } from "./fields.ts"
import { type Limits, malformed, Refusal } from "./limits.ts"
import { CR, LF, latin1 } from "./syntax.ts"

/** A body of which a part has come. */
export interface Body {
  /** Takes what is its own from the bytes at `at` on, and returns where that ends; -1 for a problem. */
  readonly read: (bytes: Uint8Array, at: number) => number
  readonly whole: boolean
  readonly problem: Refusal | undefined
  /** How many bytes are held. */
  readonly held: number
  /** Hands the body over. */
  readonly take: () => Uint8Array
}

/** So many bytes. Memory grows with what has come, not with what was announced. */
export class LengthBody implements Body {
  readonly problem = undefined
  private readonly data = new ByteWriter.ByteWriter()
  private left: number

  constructor(length: number) {
    this.left = length
  }

  get whole(): boolean {
    return this.left === 0
  }

  get held(): number {
    return this.data.length
  }

  read(bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + this.left)
    this.data.writeBytes(bytes.subarray(at, end))
    this.left -= end - at
    return end
  }

  take(): Uint8Array {
    return this.data.take()
  }
}

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
    const longest = this.longest
    const tooLong = this.line.length + end - at > longest + (this.part === "trailers" ? 0 : 2)
    // Enough to know that it is too long.
    this.line.writeBytes(bytes.subarray(at, Math.min(end, at + longest + 3)))
    if (tooLong) this.problem = this.tooLong
    else if (lf >= 0) {
      const line = this.line.view()
      if (line[line.length - 2] === CR) this.problem = this.takeLine(line)
      else this.problem = malformed("a line feed without a carriage return")
      this.line.truncate(0)
    }
    return end
  }

  private takeLine(line: Uint8Array): Refusal | undefined {
    switch (this.part) {
      case "size":
        return this.size(latin1(line, 0, line.length - 2))
      case "data end":
        this.part = "size"
        return line.length === 2 ? undefined : malformed("a chunk that is longer than its size")
      default:
        return this.trailer(line)
    }
  }

  /** Digits to the base of 16, no more than eight, and extensions, which nobody here knows. */
  private size(line: string): Refusal | undefined {
    const [, digits] = chunkSize.exec(line) ?? []
    if (digits === undefined) return malformed("a chunk without a size")
    this.left = Number.parseInt(digits, 16)
    if (this.data.length + this.left > this.limits.body) return new Refusal(413, "a body that is too long")
    this.part = this.left === 0 ? "trailers" : "data"
    return undefined
  }

  private trailer(line: Uint8Array): Refusal | undefined {
    const next = this.field.read(line, 0)
    if (next < line.length) return this.field.problem ?? malformed("a malformed trailer")
    this.trailerBytes += line.length
    if (this.field.last) this.part = "nothing"
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

const token = "[\\w!#$%&'*+\\-.^`|~]+"
const quoted = '"(?:[\\t !#-\\[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*"'
const chunkSize = new RegExp(`^([0-9a-fA-F]{1,8})(?:;${token}(?:=(?:${token}|${quoted}))?)*$`)
