/**
 * Every error of this library, as tagged classes.
 *
 * Framings and codecs return theirs as values; effects fail with them. Nothing here is ever thrown.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import type { CloseReason } from "./CloseReason.ts"

// --- framing -------------------------------------------------------------------------------------------------

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
 * @category framing
 * @since 0.1.0
 */
export class FrameCorrupted extends Data.TaggedError("FrameCorrupted")<{ readonly detail: string }> {
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
 * What a decoder may answer instead of frames.
 *
 * @category framing
 * @since 0.1.0
 */
export type FrameError = FrameTooLong | FrameCorrupted | FrameTruncated | InvalidConfig

/**
 * What an encoder may answer instead of writing a frame.
 *
 * @category framing
 * @since 0.1.0
 */
export type PayloadError = PayloadTooLong | PayloadTooShort | DelimiterInPayload | InvalidConfig

// --- configuration -------------------------------------------------------------------------------------------

/**
 * One option that cannot be, with its path (`framing.maxLength`, `inbound.maxMessages`).
 *
 * @category configuration
 * @since 0.1.0
 */
export interface OptionProblem {
  readonly path: string
  readonly message: string
}

/**
 * Options that cannot be. Lists every problem at once, each with its path.
 *
 * @category configuration
 * @since 0.1.0
 */
export class InvalidConfig extends Data.TaggedError("InvalidConfig")<{
  readonly problems: ReadonlyArray<OptionProblem>
}> {
  override get message(): string {
    return `invalid options: ${this.problems.map(({ path, message }) => `${path}: ${message}`).join("; ")}`
  }
}

// --- messages ------------------------------------------------------------------------------------------------

/**
 * One thing that is wrong with a message, with its path inside the message (`user.name`; empty for the whole).
 *
 * @category messages
 * @since 0.1.0
 */
export interface MessageIssue {
  readonly path: string
  readonly message: string
}

/**
 * Bytes that a codec could not turn into a message, or the reverse; what codecs fail with.
 *
 * `issues` says what was wrong and where in the message. Texts are cut at 200 characters and the list at 8
 * entries, so that a log never holds the whole payload.
 *
 * @category messages
 * @since 0.1.0
 */
export class CodecError extends Data.TaggedError("CodecError")<{
  readonly codec: string
  readonly issues: ReadonlyArray<MessageIssue>
}> {
  override get message(): string {
    const issues = this.issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`))
    return `${this.codec}: ${issues.join("; ")}`
  }
}

/**
 * A message of one connection that could not be decoded or encoded.
 *
 * `index` counts the messages of that direction from 0; `excerpt` is the first bytes of the frame in hex
 * (at most 32; empty for an outgoing message, which never became bytes).
 *
 * @category messages
 * @since 0.1.0
 */
export class MessageError extends Data.TaggedError("MessageError")<{
  readonly connection: number
  readonly direction: "inbound" | "outbound"
  readonly index: number
  readonly issue: CodecError | PayloadError
  readonly excerpt: string
}> {
  override get message(): string {
    const bytes = this.excerpt === "" ? "" : ` (${this.excerpt})`
    return `connection ${this.connection}: ${this.direction} message ${this.index}: ${this.issue.message}${bytes}`
  }
}

/**
 * The connection is closed, or closes before this could be done. `reason` is why, the same for everyone who asks.
 *
 * @category connections
 * @since 0.1.0
 */
export class ConnectionClosed extends Data.TaggedError("ConnectionClosed")<{
  readonly connection: number
  readonly reason: CloseReason
}> {
  override get message(): string {
    return `connection ${this.connection} is closed: ${this.reason._tag}`
  }
}

// --- transports ----------------------------------------------------------------------------------------------

/**
 * Why a transport could not listen, connect or go on.
 *
 * @category transports
 * @since 0.1.0
 */
export type TransportFailure =
  | "AddressInUse"
  | "AddressNotAvailable"
  | "PermissionDenied"
  | "ConnectionRefused"
  | "ConnectionReset"
  | "UnknownHost"
  | "Timeout"
  | "BadCertificate"
  | "UnreadableFile"
  | "HandshakeFailed"
  | "Closed"
  | "Unknown"

/**
 * A transport could not listen or connect.
 *
 * `kind` is what went wrong in a word, `address` what it was tried on, `detail` the system's own words.
 *
 * @category transports
 * @since 0.1.0
 */
export class TransportError extends Data.TaggedError("TransportError")<{
  readonly operation: "listen" | "connect"
  readonly kind: TransportFailure
  readonly address: string
  readonly detail: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return `cannot ${this.operation} on ${this.address}: ${this.kind} (${this.detail})`
  }
}

// --- clients -------------------------------------------------------------------------------------------------

/**
 * A client connected, but `onConnect` failed or died: `cause` says how. Counts as a failed attempt.
 *
 * @category clients
 * @since 0.1.0
 */
export class ConnectFailed extends Data.TaggedError("ConnectFailed")<{
  readonly cause: Cause.Cause<unknown>
}> {
  override get message(): string {
    return "what was to happen on each connection failed"
  }
}

/**
 * Why a client has no connection: it could not connect, `onConnect` failed, or the connection it had was closed.
 *
 * @category clients
 * @since 0.1.0
 */
export type ConnectFailure = TransportError | ConnectFailed | ConnectionClosed

const because = (failure: ConnectFailure | undefined): string =>
  failure === undefined ? "" : `: ${failure.message}`

/**
 * The client has no connection at the moment, and its option `whenDown` is to fail. `failure` is why it has none;
 * undefined while it connects for the first time.
 *
 * @category clients
 * @since 0.1.0
 */
export class ClientDown extends Data.TaggedError("ClientDown")<{
  readonly failure: ConnectFailure | undefined
}> {
  override get message(): string {
    return `the client is not connected${because(this.failure)}`
  }
}

/**
 * The client has no connection, and as many messages wait for one as its option `whenDown` allows.
 *
 * @category clients
 * @since 0.1.0
 */
export class QueueFull extends Data.TaggedError("QueueFull")<{
  readonly limit: number
  readonly failure: ConnectFailure | undefined
}> {
  override get message(): string {
    return `the client is not connected, and ${this.limit} messages wait already${because(this.failure)}`
  }
}

/**
 * A message waited for a connection for as long as `whenDown.deadline` allows, in milliseconds. It was not sent.
 *
 * @category clients
 * @since 0.1.0
 */
export class SendExpired extends Data.TaggedError("SendExpired")<{
  readonly deadline: number
  readonly failure: ConnectFailure | undefined
}> {
  override get message(): string {
    return `no connection within ${this.deadline} ms${because(this.failure)}`
  }
}

/**
 * The client connects no more: it was closed, or its schedule gave up after `failure`.
 *
 * @category clients
 * @since 0.1.0
 */
export class ClientEnded extends Data.TaggedError("ClientEnded")<{
  readonly failure: ConnectFailure | undefined
}> {
  override get message(): string {
    return this.failure === undefined ? "the client is closed" : `the client gave up${because(this.failure)}`
  }
}

/**
 * No client of a pool was up within its `timeout`, or all have given up. `failures` are their last ones.
 *
 * @category clients
 * @since 0.1.0
 */
export class PoolUnavailable extends Data.TaggedError("PoolUnavailable")<{
  readonly size: number
  readonly failures: ReadonlyArray<ConnectFailure>
}> {
  override get message(): string {
    return `none of ${this.size} clients is up${because(this.failures[0])}`
  }
}
