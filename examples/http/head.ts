/** The head of a request: its first line, its fields, and what they say of its body (RFC 9112, sections 3, 5 and 6). */
import { FieldLine } from "./fields.ts"
import { type Limits, malformed, Refusal } from "./limits.ts"
import { CR, HOST, isWord, kinds, LF, latin1, listOf, SP, TARGET, TOKEN } from "./syntax.ts"

/** Reads one head after the other, each from the piece of memory that holds it. Offsets count from its beginning. */
export class Head {
  methodEnd = 0
  targetEnd = 0
  /** 1 for HTTP/1.1, 0 for HTTP/1.0. */
  minor = 1
  /** The length of the body where the head says it, or -1. */
  length = -1
  chunked = false
  /** The client wants an answer before it sends the body. */
  expects = false
  close = false
  keepAlive = false
  problem: Refusal | undefined

  private readonly limits: Limits
  private readonly line = new FieldLine()
  private fields = 0
  private hosts = 0
  private lines = 0
  /** Where the line at hand begins, and up to where it has no end. */
  private lineStart = 0
  private scanned = 0

  constructor(limits: Limits) {
    this.limits = limits
  }

  reset(): void {
    this.length = -1
    this.chunked = this.expects = this.close = this.keepAlive = false
    this.fields = this.hosts = this.lines = this.lineStart = this.scanned = 0
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
      const next = this.lines === 0 ? this.requestLine(bytes, at, start) : this.fieldLine(bytes, at)
      if (next <= 0 && bytes.indexOf(LF, at) < 0) return this.unfinished(bytes, start)
      const end = next > 0 ? next : bytes.indexOf(LF, at) + 1
      const tooLong = this.tooLong(end - at - 2, end - start)
      if (tooLong !== undefined) return this.refuse(tooLong)
      if (next <= 0) return this.refuse(this.problem ?? malformed("a malformed request line"))
      this.lineStart = next - start
      if (this.lines++ > 0) {
        if (this.line.last) return this.finish(bytes, start) ? next : -1
        if (++this.fields > this.limits.fields) return this.refuse(new Refusal(431, "too many fields"))
        const problem = this.field(bytes, at)
        if (problem !== undefined) return this.refuse(problem)
      }
    }
  }

  private unfinished(bytes: Uint8Array, start: number): number {
    this.problem = undefined
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

  private refuse(problem: Refusal): -1 {
    this.problem = problem
    return -1
  }

  /** `GET /path HTTP/1.1`, single spaces, and CRLF. */
  private requestLine(bytes: Uint8Array, at: number, start: number): number {
    const end = bytes.length
    let i = at
    while (i < end && (kinds[bytes[i]!]! & TOKEN) !== 0) i++
    if (i === end || bytes[i] !== SP) return 0
    this.methodEnd = i - start
    const target = ++i
    while (i < end && (kinds[bytes[i]!]! & TARGET) !== 0) i++
    if (i === target || i + 11 > end || bytes[i] !== SP) return 0
    this.targetEnd = i - start
    const version = i + 1
    if (bytes[version + 8] !== CR || bytes[version + 9] !== LF || !isVersion(bytes, version)) return 0
    this.minor = bytes[version + 7]! - 0x30
    if (bytes[version + 5] === 0x31 && this.minor <= 1) return version + 10
    return this.refuse(new Refusal(505, "neither HTTP/1.1 nor HTTP/1.0"))
  }

  private fieldLine(bytes: Uint8Array, at: number): number {
    const next = this.line.read(bytes, at)
    if (next < 0) this.problem = this.line.problem
    return next
  }

  /** A field that says something of the connection or the body. */
  private field(bytes: Uint8Array, name: number): Refusal | undefined {
    const { nameEnd, value, valueEnd } = this.line
    switch (nameEnd - name) {
      case 4:
        return isWord(bytes, name, nameEnd, "host") ? this.host(bytes, value, valueEnd) : undefined
      case 6:
        if (isWord(bytes, name, nameEnd, "expect")) {
          if (!isWord(bytes, value, valueEnd, "100-continue"))
            return new Refusal(417, "an unknown expectation")
          this.expects = true
        }
        return undefined
      case 10:
        if (isWord(bytes, name, nameEnd, "connection")) this.connection(latin1(bytes, value, valueEnd))
        return undefined
      case 14:
        return isWord(bytes, name, nameEnd, "content-length")
          ? this.contentLength(bytes, value, valueEnd)
          : undefined
      case 17:
        return isWord(bytes, name, nameEnd, "transfer-encoding")
          ? this.transferEncoding(latin1(bytes, value, valueEnd))
          : undefined
      default:
        return undefined
    }
  }

  private host(bytes: Uint8Array, from: number, to: number): Refusal | undefined {
    if (++this.hosts > 1) return malformed("two Host fields")
    for (let i = from; i < to; i++) {
      if ((kinds[bytes[i]!]! & HOST) === 0) return malformed("a Host that is none")
    }
    return undefined
  }

  private connection(value: string): void {
    for (const option of listOf(value)) {
      if (option === "close") this.close = true
      else if (option === "keep-alive") this.keepAlive = true
    }
  }

  /** Digits, once. Two lengths are two opinions of where the next request begins, even where they are equal. */
  private contentLength(bytes: Uint8Array, from: number, to: number): Refusal | undefined {
    if (this.length >= 0) return malformed("two Content-Length fields")
    let length = 0
    for (let i = from; i < to; i++) {
      const digit = bytes[i]! - 0x30
      if (digit < 0 || digit > 9) return malformed("a Content-Length that is no number")
      // What is too long stays too long, however many digits it has.
      length = Math.min(length * 10 + digit, Number.MAX_SAFE_INTEGER)
    }
    if (from === to) return malformed("a Content-Length that is no number")
    this.length = length
    return undefined
  }

  /** `chunked` is the one coding that we know, and has to be the last (RFC 9112, sections 6.1 and 6.3). */
  private transferEncoding(value: string): Refusal | undefined {
    if (this.chunked) return malformed("two Transfer-Encoding fields")
    const codings = listOf(value)
    if (codings.indexOf("chunked") !== codings.length - 1)
      return malformed("a Transfer-Encoding that does not end in chunked")
    this.chunked = true
    return codings.length === 1 ? undefined : new Refusal(501, "an unknown Transfer-Encoding")
  }

  /** What the fields mean together. */
  private finish(bytes: Uint8Array, start: number): boolean {
    this.problem = this.contradiction() ?? this.targetProblem(bytes, start)
    return this.problem === undefined
  }

  private contradiction(): Refusal | undefined {
    if (this.chunked && this.length >= 0) return malformed("both Content-Length and Transfer-Encoding")
    if (this.chunked && this.minor === 0) return malformed("a Transfer-Encoding in HTTP/1.0")
    if (this.minor === 1 && this.hosts === 0) return malformed("no Host field")
    if (this.length > this.limits.body) return new Refusal(413, "a body that is too long")
    if (this.minor === 0) this.expects = false
    return undefined
  }

  /** A path, a whole URL, or `*` for OPTIONS (RFC 9112, section 3.2). We are no proxy, and tunnel nothing. */
  private targetProblem(bytes: Uint8Array, start: number): Refusal | undefined {
    const from = start + this.methodEnd + 1
    if (bytes[from] === 0x2f) return undefined
    const method = latin1(bytes, start, start + this.methodEnd)
    if (method === "CONNECT") return new Refusal(501, "no tunnels here")
    const target = latin1(bytes, from, start + this.targetEnd)
    if (target === "*" ? method === "OPTIONS" : absoluteForm.test(target)) return undefined
    return malformed("a target that is neither a path nor a URL")
  }
}

const absoluteForm = /^https?:\/\/[\w\-.~!$&'()*+,;=%:[\]]+(?:[/?]|$)/i

/** A method begins here; or an empty line, which has an end. */
const isFirst = (byte: number): boolean => (kinds[byte]! & TOKEN) !== 0 || byte === CR

/** `HTTP/`, a digit, a dot, a digit (RFC 9112, section 2.3). */
const isVersion = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === 0x48 &&
  bytes[at + 1] === 0x54 &&
  bytes[at + 2] === 0x54 &&
  bytes[at + 3] === 0x50 &&
  bytes[at + 4] === 0x2f &&
  isDigit(bytes[at + 5]!) &&
  bytes[at + 6] === 0x2e &&
  isDigit(bytes[at + 7]!)

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
