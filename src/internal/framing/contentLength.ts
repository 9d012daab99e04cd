/** Headers as in HTTP, one of which says how long the body is. */
import type { ByteWriter } from "../../ByteWriter.ts"
import type { Framing } from "../../Framing.ts"
import { FrameCorrupted, FrameTooLong, type PayloadError, PayloadTooLong } from "../../SluiceError.ts"
import { encodeUtf8 } from "../bytes.ts"
import {
  defaultMaxLength,
  type EndPolicy,
  noProblems,
  OptionChecks,
  type OversizePolicy,
  refusedFraming
} from "./options.ts"
import { PrefixDecoder, type PrefixPolicy } from "./prefix.ts"

/**
 * Options of `contentLength`.
 *
 * @category options
 * @since 0.1.0
 */
export interface ContentLengthOptions {
  /** The most bytes in a body. Default 1 MiB. */
  readonly maxLength?: number
  /** The most bytes in the headers of a frame, the empty line included: 24 to 8192. Default 1024. */
  readonly maxHeaderLength?: number
  /** Default `fail`. A length of more than 15 digits ends the decoder even under `skip`. */
  readonly oversize?: OversizePolicy
  /** Default `fail`. */
  readonly end?: EndPolicy
}

interface Policy extends PrefixPolicy {
  readonly maxHeaderLength: number
}

/**
 * Headers, an empty line, and as many bytes of payload as `Content-Length` says: how the Language Server Protocol and
 * the Debug Adapter Protocol put messages in a stream (LSP 3.17, "Base Protocol").
 *
 * ```text
 * Content-Length: 2\r\n\r\n{}
 * content-length:2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{}
 * ```
 *
 * Names are taken in capital and small letters, blanks around a value are not of it, and other headers are passed over.
 * Lines end in CRLF and nothing else. `maxLength` counts the payload; `maxHeaderLength` the bytes up to and with the
 * empty line, and when they are too many, when a header is no name and a colon, or when the length is missing, there
 * twice or no decimal number, it is `FrameCorrupted`. The encoder writes the one header that is needed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const contentLength = (options: ContentLengthOptions = {}): Framing => {
  const { maxLength = defaultMaxLength, maxHeaderLength = 1024, oversize = "fail", end = "fail" } = options
  const withMaxLength = (maxLength: number): Framing => contentLength({ ...options, maxLength })
  const checks = new OptionChecks()
  checks.integer("maxLength", maxLength, 1)
  if (!(Number.isInteger(maxHeaderLength) && maxHeaderLength >= 24 && maxHeaderLength <= 8192)) {
    checks.add("maxHeaderLength", `must be a whole number from 24 to 8192, got ${maxHeaderLength}`)
  }
  checks.oversize(oversize)
  checks.end(end)
  if (checks.problems.length > 0) {
    return refusedFraming("contentLength", maxLength, checks.problems, withMaxLength)
  }
  const policy = { maxLength, maxHeaderLength, skip: oversize === "skip", end }
  return {
    name: "contentLength",
    maxLength,
    problems: noProblems,
    makeDecoder: () => new ContentLengthDecoder(policy),
    encode: (payload, out) => encode(payload, maxLength, out),
    withMaxLength
  }
}

const carriageReturn = 0x0d
const lineFeed = 0x0a
const colon = 0x3a
const space = 0x20
const tab = 0x09
const zero = 0x30
const mostDigits = 15

/** In small letters. */
const nameOfLength = encodeUtf8("content-length")

/** Bytes of a name: the tokens of RFC 9110, section 5.6.2. */
const isToken = Array.from({ length: 256 }, (_, byte) => /[\w!#$%&'*+.^`|~-]/.test(String.fromCharCode(byte)))

class ContentLengthDecoder extends PrefixDecoder<Policy> {
  // How far the headers that are held have been read, counted from their first byte, so that none is read twice.
  private lineAt = 0
  private scanned = 0
  private value = -1

  protected measure(bytes: Uint8Array, from: number, to: number): number {
    if (bytes !== this.buffer) this.forget()
    const { maxHeaderLength } = this.policy
    const last = Math.min(to, from + maxHeaderLength)
    for (;;) {
      const line = from + this.lineAt
      const end = this.lineEnd(bytes, from, last)
      if (this.failure !== undefined) return 0
      if (end < 0) break
      if (end === line) return this.ended(end + 2 - from)
      this.readLine(bytes, line, end)
      if (this.failure !== undefined) return 0
      this.lineAt = end + 2 - from
      this.scanned = this.lineAt
    }
    if (last === from + maxHeaderLength) this.wrong(`the headers are longer than ${maxHeaderLength} bytes`)
    // One byte may be missing, where what is there ends in the front of the empty line.
    return this.failure === undefined ? -1 : 0
  }

  /** The headers are over, after so many bytes. */
  private ended(bodyAt: number): number {
    if (this.value < 0) {
      this.wrong("there is no Content-Length")
      return 0
    }
    this.declared = this.value
    this.bodyAt = bodyAt
    this.forget()
    return bodyAt + this.declared
  }

  private forget(): void {
    this.lineAt = 0
    this.scanned = 0
    this.value = -1
  }

  /** Where the line ends, which is the CR of its CRLF; -1 where that has not come. */
  private lineEnd(bytes: Uint8Array, from: number, to: number): number {
    for (let at = from + this.scanned; at < to; at++) {
      const byte = bytes[at]!
      if (byte === carriageReturn) {
        this.scanned = at - from
        if (at + 1 === to) return -1
        if (bytes[at + 1] === lineFeed) return at
        this.wrong("a carriage return without a line feed")
        return -1
      }
      if (byte < space && byte !== tab) {
        this.wrong("a control character in the headers")
        return -1
      }
    }
    this.scanned = to - from
    return -1
  }

  private readLine(bytes: Uint8Array, from: number, to: number): void {
    const colonAt = this.nameEnd(bytes, from, to)
    if (colonAt < 0 || !isLength(bytes, from, colonAt)) return
    if (this.value >= 0) this.wrong("there are two Content-Length")
    else this.value = this.number(bytes, colonAt + 1, to)
  }

  /** Where the name ends, which is its colon. */
  private nameEnd(bytes: Uint8Array, from: number, to: number): number {
    let at = from
    while (at < to && isToken[bytes[at]!] === true) at++
    if (at > from && at < to && bytes[at] === colon) return at
    this.wrong("a header is not a name and a colon")
    return -1
  }

  /** A decimal number, with blanks around it. */
  private number(bytes: Uint8Array, from: number, to: number): number {
    while (from < to && isBlank(bytes[from]!)) from++
    while (to > from && isBlank(bytes[to - 1]!)) to--
    let value = 0
    for (let at = from; at < to; at++) {
      const digit = bytes[at]! - zero
      if (digit < 0 || digit > 9) {
        this.wrong("the Content-Length is not a decimal number")
        return -1
      }
      value = value * 10 + digit
      if (at - from >= mostDigits) {
        this.fail(new FrameTooLong({ limit: this.policy.maxLength, seen: value }))
        return -1
      }
    }
    if (to > from) return value
    this.wrong("the Content-Length is not a decimal number")
    return -1
  }

  private wrong(detail: string): void {
    this.fail(new FrameCorrupted({ detail }))
  }
}

const isBlank = (byte: number): boolean => byte === space || byte === tab

const isLength = (bytes: Uint8Array, from: number, to: number): boolean => {
  if (to - from !== nameOfLength.length) return false
  for (let i = 0; i < nameOfLength.length; i++) {
    // A capital letter is the small one without this bit; the hyphen has it anyway.
    if ((bytes[from + i]! | 0x20) !== nameOfLength[i]) return false
  }
  return true
}

const before = encodeUtf8("Content-Length: ")
const after = encodeUtf8("\r\n\r\n")

const encode = (payload: Uint8Array, limit: number, out: ByteWriter): PayloadError | undefined => {
  if (payload.length > limit) return new PayloadTooLong({ limit, seen: payload.length })
  const digits = String(payload.length)
  out.writeBytes(before)
  for (let i = 0; i < digits.length; i++) out.writeByte(digits.charCodeAt(i))
  out.writeBytes(after)
  out.writeBytes(payload)
  return undefined
}
