/** The first line of a request: `GET /path HTTP/1.1`, single spaces, and CRLF (RFC 9112, section 3). */
import { malformed, Refusal } from "./limits.ts"
import { CR, kinds, LF, latin1, SP, TARGET, TOKEN } from "./syntax.ts"

/** One at a time. Offsets count from where the line begins. */
export class RequestLine {
  methodEnd = 0
  targetEnd = 0
  /** 1 for HTTP/1.1, 0 for HTTP/1.0. */
  minor = 1
  problem: Refusal | undefined

  /** Reads the line at `start` and returns where it ends; 0 where it has no end or is malformed, -1 for another problem. */
  read(bytes: Uint8Array, start: number): number {
    const end = bytes.length
    let i = start
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
    this.problem = new Refusal(505, "neither HTTP/1.1 nor HTTP/1.0")
    return -1
  }

  /** A target is a path, a whole URL, or `*` for OPTIONS (RFC 9112, section 3.2). We are no proxy, and tunnel nothing. */
  targetProblem(bytes: Uint8Array, start: number): Refusal | undefined {
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
