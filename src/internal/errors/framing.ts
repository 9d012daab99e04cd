/** What framings fail with. */
import * as Data from "effect/Data"
import type { InvalidConfig } from "./configuration.ts"

/**
 * A frame is longer than the framing's maximum. Terminal, unless the framing's oversize policy is `skip`.
 *
 * `limit` and `seen` count bytes of payload. `seen` is the declared length where the wire declares one, and
 * `limit + 1` where it does not (a line that has not ended yet).
 *
 * @category framing
 * @since 0.1.0
 */
export class FrameTooLong extends Data.TaggedError("FrameTooLong")<{
  readonly limit: number
  readonly seen: number
}> {
  override get message(): string {
    return `frame of ${this.seen} bytes or more exceeds the maximum of ${this.limit}`
  }
}

/**
 * The bytes are not a frame of this framing: a malformed length, a wrong checksum, a missing terminator.
 * Always terminal, for the next frame's beginning is unknown.
 *
 * `cause` is what a framing of one's own knows beyond the text, for the server's `farewell` to find: the code, say, by
 * which its protocol tells the peer.
 *
 * @category framing
 * @since 0.1.0
 */
export class FrameCorrupted extends Data.TaggedError("FrameCorrupted")<{
  readonly detail: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return `corrupted frame: ${this.detail}`
  }
}

/**
 * The input ended inside a frame of which `pending` bytes had arrived.
 *
 * @category framing
 * @since 0.1.0
 */
export class FrameTruncated extends Data.TaggedError("FrameTruncated")<{ readonly pending: number }> {
  override get message(): string {
    return `input ended inside a frame, after ${this.pending} of its bytes`
  }
}

/**
 * What came first is not of this connection's protocol but belongs before it: a TLS handshake on a connection in plain
 * text (`TlsClientHello`), or the header of a proxy that is not believed (`ProxyHeader`).
 *
 * @category framing
 * @since 0.1.0
 */
export class UnexpectedPreamble extends Data.TaggedError("UnexpectedPreamble")<{
  readonly preamble: "TlsClientHello" | "ProxyHeader"
}> {
  override get message(): string {
    return this.preamble === "TlsClientHello"
      ? "this looks like TLS, and only plain text is spoken here"
      : "this looks like a PROXY header, and none is believed from this peer"
  }
}

/**
 * The payload is longer than the framing's maximum, its length field, or its fixed length.
 *
 * @category framing
 * @since 0.1.0
 */
export class PayloadTooLong extends Data.TaggedError("PayloadTooLong")<{
  readonly limit: number
  readonly seen: number
}> {
  override get message(): string {
    return `payload of ${this.seen} bytes exceeds the maximum of ${this.limit}`
  }
}

/**
 * The payload is shorter than the framing needs: below a fixed length, a header, or a negative adjustment.
 *
 * @category framing
 * @since 0.1.0
 */
export class PayloadTooShort extends Data.TaggedError("PayloadTooShort")<{
  readonly minimum: number
  readonly seen: number
}> {
  override get message(): string {
    return `payload of ${this.seen} bytes is below the minimum of ${this.minimum}`
  }
}

/**
 * The payload holds the delimiter at `offset`, so the peer would cut it in two.
 *
 * @category framing
 * @since 0.1.0
 */
export class DelimiterInPayload extends Data.TaggedError("DelimiterInPayload")<{ readonly offset: number }> {
  override get message(): string {
    return `payload holds the delimiter at byte ${this.offset}`
  }
}

/**
 * The payload is not what the framing can carry: no JSON value, say, where the framing cuts at the end of one.
 *
 * @category framing
 * @since 0.1.0
 */
export class PayloadMalformed extends Data.TaggedError("PayloadMalformed")<{ readonly detail: string }> {
  override get message(): string {
    return `the framing cannot carry the payload: ${this.detail}`
  }
}

/**
 * The message would need a datagram of `seen` bytes, and the transport's longest has `limit`. Nothing was sent.
 *
 * @category framing
 * @since 0.1.0
 */
export class DatagramTooLong extends Data.TaggedError("DatagramTooLong")<{
  readonly limit: number
  readonly seen: number
}> {
  override get message(): string {
    return `a datagram of ${this.seen} bytes exceeds the maximum of ${this.limit}`
  }
}

/**
 * What a decoder may answer instead of frames.
 *
 * @category framing
 * @since 0.1.0
 */
export type FrameError = FrameTooLong | FrameCorrupted | FrameTruncated | UnexpectedPreamble | InvalidConfig

/**
 * What an encoder may answer instead of writing a frame.
 *
 * @category framing
 * @since 0.1.0
 */
export type PayloadError =
  | PayloadTooLong
  | PayloadTooShort
  | DelimiterInPayload
  | PayloadMalformed
  | DatagramTooLong
  | InvalidConfig
