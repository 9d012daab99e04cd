/** What the fields of a head say of the connection and the body (RFC 9110, sections 7, 8 and 10; RFC 9112, sections 6 and 9). */
import type { FieldLine } from "./fields.ts"
import { type Limits, malformed, Refusal } from "./limits.ts"
import { HOST, isWord, kinds, latin1, listOf } from "./syntax.ts"

export class Meaning {
  /** The length of the body where the head says it, or -1. */
  length = -1
  chunked = false
  /** The client wants an answer before it sends the body. */
  expects = false
  close = false
  keepAlive = false
  private hosts = 0

  reset(): void {
    this.length = -1
    this.chunked = this.expects = this.close = this.keepAlive = false
    this.hosts = 0
  }

  /** The field at `name`, if it means anything to us. */
  take(bytes: Uint8Array, name: number, { nameEnd, value, valueEnd }: FieldLine): Refusal | undefined {
    switch (nameEnd - name) {
      case 4:
        return isWord(bytes, name, nameEnd, "host") ? this.host(bytes, value, valueEnd) : undefined
      case 6:
        return isWord(bytes, name, nameEnd, "expect") ? this.expect(bytes, value, valueEnd) : undefined
      case 10:
        if (isWord(bytes, name, nameEnd, "connection")) this.connection(latin1(bytes, value, valueEnd))
        return undefined
      case 14:
        if (!isWord(bytes, name, nameEnd, "content-length")) return undefined
        return this.contentLength(bytes, value, valueEnd)
      case 17:
        if (!isWord(bytes, name, nameEnd, "transfer-encoding")) return undefined
        return this.transferEncoding(latin1(bytes, value, valueEnd))
      default:
        return undefined
    }
  }

  /** What is wrong with all of them together. */
  problem(minor: number, limits: Limits): Refusal | undefined {
    if (this.chunked && this.length >= 0) return malformed("both Content-Length and Transfer-Encoding")
    if (this.chunked && minor === 0) return malformed("a Transfer-Encoding in HTTP/1.0")
    if (minor === 1 && this.hosts === 0) return malformed("no Host field")
    return this.length > limits.body ? new Refusal(413, "a body that is too long") : undefined
  }

  private host(bytes: Uint8Array, from: number, to: number): Refusal | undefined {
    if (++this.hosts > 1) return malformed("two Host fields")
    for (let i = from; i < to; i++) {
      if ((kinds[bytes[i]!]! & HOST) === 0) return malformed("a Host that is none")
    }
    return undefined
  }

  private expect(bytes: Uint8Array, from: number, to: number): Refusal | undefined {
    this.expects = isWord(bytes, from, to, "100-continue")
    return this.expects ? undefined : new Refusal(417, "an unknown expectation")
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
}
