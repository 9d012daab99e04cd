/** The head of a request: its first line, its fields, and an empty line. */
import { FieldLine } from "./fields.ts"
import { type Limits, malformed, Refusal } from "./limits.ts"
import { Meaning } from "./meaning.ts"
import { RequestLine } from "./requestLine.ts"
import { CR, kinds, LF, TOKEN } from "./syntax.ts"

/**
 * Reads one head after the other, each from the piece of memory that holds it. A line is judged when all of it is here,
 * so that the answer does not depend on how the network cut it.
 */
export class Head {
  readonly first = new RequestLine()
  readonly meaning = new Meaning()
  problem: Refusal | undefined

  private readonly limits: Limits
  private readonly field = new FieldLine()
  private lines = 0
  /** Where the line at hand begins, and up to where it has no end, counted from where the head begins. */
  private lineStart = 0
  private scanned = 0

  constructor(limits: Limits) {
    this.limits = limits
  }

  reset(): void {
    this.meaning.reset()
    this.lines = this.lineStart = this.scanned = 0
  }

  /**
   * Goes on with the head that begins at `start`, and returns where it ends; 0 where that is not here yet, -1 for a
   * problem.
   */
  read(bytes: Uint8Array, start: number): number {
    if (this.scanned > 0 && bytes.indexOf(LF, start + this.scanned) < 0) return this.unfinished(bytes, start)
    // Whoever speaks TLS here, say, never ends a line.
    if (this.lines === 0 && !isFirst(bytes[start]!)) return this.refuse(malformed("no method"))
    for (;;) {
      const at = start + this.lineStart
      const next = this.lines === 0 ? this.first.read(bytes, at) : this.field.read(bytes, at)
      const end = next > 0 ? next : bytes.indexOf(LF, at) + 1
      if (end === 0) return this.unfinished(bytes, start)
      const tooLong = this.tooLong(end - at - 2, end - start)
      if (tooLong !== undefined) return this.refuse(tooLong)
      if (next <= 0) return this.refuse(this.lineProblem(next))
      this.lineStart = next - start
      if (this.lines++ === 0) continue
      const problem = this.field.last ? this.endProblem(bytes, start) : this.fieldProblem(bytes, at)
      if (problem !== undefined) return this.refuse(problem)
      if (this.field.last) return next
    }
  }

  private unfinished(bytes: Uint8Array, start: number): number {
    this.scanned = bytes.length - start
    // Two less, for they may be the line's end.
    const tooLong = this.tooLong(this.scanned - this.lineStart - 2, this.scanned)
    return tooLong === undefined ? 0 : this.refuse(tooLong)
  }

  private tooLong(line: number, head: number): Refusal | undefined {
    if (this.lines === 0 && line > this.limits.requestLine)
      return new Refusal(414, "a request line that is too long")
    return head > this.limits.head ? new Refusal(431, "a head that is too long") : undefined
  }

  private lineProblem(next: number): Refusal | undefined {
    if (this.lines > 0) return this.field.problem
    return next === 0 ? malformed("a malformed request line") : this.first.problem
  }

  private fieldProblem(bytes: Uint8Array, at: number): Refusal | undefined {
    // The first line is none.
    if (this.lines - 1 > this.limits.fields) return new Refusal(431, "too many fields")
    return this.meaning.take(bytes, at, this.field)
  }

  private endProblem(bytes: Uint8Array, start: number): Refusal | undefined {
    return this.meaning.problem(this.first.minor, this.limits) ?? this.first.targetProblem(bytes, start)
  }

  private refuse(problem: Refusal | undefined): -1 {
    this.problem = problem
    return -1
  }
}

/** A method begins here; or an empty line, which has an end. */
const isFirst = (byte: number): boolean => (kinds[byte]! & TOKEN) !== 0 || byte === CR
