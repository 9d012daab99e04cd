/**
 * Every error of this library, as tagged classes.
 *
 * Framings and codecs return theirs as values; effects fail with them. Nothing here is ever thrown.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { CloseReason } from "./CloseReason.ts"
import type { Hello } from "./Versions.ts"

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

/**
 * A connection could not join a group: the group has as many members, there are as many groups, or the connection is in
 * as many, as the options of `Groups` allow.
 *
 * @category connections
 * @since 0.1.0
 */
export class GroupLimitReached extends Data.TaggedError("GroupLimitReached")<{
  readonly connection: number
  readonly limit: "maxMembers" | "maxGroups" | "maxGroupsPerConnection"
  readonly maximum: number
}> {
  override get message(): string {
    return `connection ${this.connection} cannot join: ${this.limit} is ${this.maximum}`
  }
}

// --- requests ------------------------------------------------------------------------------------------------

/**
 * No reply came in time. `request` is the tag of what was asked. A reply that comes later is left out and counted.
 *
 * @category requests
 * @since 0.1.0
 */
export class RequestTimeout extends Data.TaggedError("RequestTimeout")<{
  readonly connection: number
  readonly request: string
  readonly millis: number
}> {
  override get message(): string {
    return `connection ${this.connection}: no reply to ${this.request} within ${this.millis}ms`
  }
}

/**
 * As many requests as may be are in flight on the connection. Nothing was sent.
 *
 * @category requests
 * @since 0.1.0
 */
export class TooManyRequests extends Data.TaggedError("TooManyRequests")<{
  readonly connection: number
  readonly limit: number
}> {
  override get message(): string {
    return `connection ${this.connection}: ${this.limit} requests are in flight`
  }
}

/**
 * A message was not acknowledged in time, or its sender gave up on it. It may have been handled. `cause` is what the
 * last of the attempts failed with; undefined where none had failed yet.
 *
 * @category requests
 * @since 0.1.0
 */
export class DeliveryExpired extends Data.TaggedError("DeliveryExpired")<{
  readonly session: string
  readonly sequence: number
  readonly attempts: number
  readonly cause: unknown
}> {
  override get message(): string {
    return `delivery ${this.sequence} was not acknowledged after ${this.attempts} attempts`
  }
}

// --- handlers ------------------------------------------------------------------------------------------------

/**
 * A message was not handled within the time that `Handler.timeout` gives it.
 *
 * @category handlers
 * @since 0.1.0
 */
export class HandlerTimeout extends Data.TaggedError("HandlerTimeout")<{
  readonly connection: number
  readonly millis: number
}> {
  override get message(): string {
    return `connection ${this.connection}: a message was not handled within ${this.millis} ms`
  }
}

/**
 * A message came while as many were in hand as `Handler.loadShed` allows.
 *
 * @category handlers
 * @since 0.1.0
 */
export class Overloaded extends Data.TaggedError("Overloaded")<{
  readonly connection: number
  readonly limit: number
}> {
  override get message(): string {
    return `connection ${this.connection}: ${this.limit} messages are in hand, and no more are taken`
  }
}

/**
 * A function that was offloaded to another thread has no result.
 *
 * - `Full`: as many calls wait as `maxQueue` allows
 * - `Timeout`: it took longer than `timeout`; its thread was ended
 * - `Threw`: it threw, or its promise was rejected, or what an earlier call left running in its thread did; `cause` is
 *   with what
 * - `Crashed`: its thread ended under it
 * - `Unavailable`: the module or the pool library could not be loaded, or the module has no such function
 *
 * @category handlers
 * @since 0.1.0
 */
export class OffloadError extends Data.TaggedError("OffloadError")<{
  readonly kind: "Full" | "Timeout" | "Threw" | "Crashed" | "Unavailable"
  readonly task: string
  readonly detail: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${this.task}: ${this.kind} (${this.detail})`
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
  | "NotSupported"
  | "Closed"
  | "Unknown"

/**
 * The hello of two ends did not match, see `Versions`. `theirs` is undefined where the peer's first frame was none.
 *
 * - `hello`: what came first was no hello
 * - `protocol`: the protocols have different names
 * - `version`: one does not accept the other's version
 * - `codec`: they have no codec in common
 *
 * @category connections
 * @since 0.1.0
 */
export class VersionMismatch extends Data.TaggedError("VersionMismatch")<{
  readonly connection: number
  readonly reason: "hello" | "protocol" | "version" | "codec"
  readonly ours: Hello
  readonly theirs: Hello | undefined
}> {
  override get message(): string {
    const { ours, theirs } = this
    if (theirs === undefined) return `connection ${this.connection}: the peer did not begin with a hello`
    return `connection ${this.connection}: ${describe(ours)} does not go with the peer's ${describe(theirs)}`
  }
}

const describe = ({ accepts, codecs, protocol, version }: Hello): string =>
  `${protocol} ${version} (accepts ${accepts.join(", ")}; ${codecs.join(", ")})`

/**
 * A transport could not listen or connect, or not start TLS on a connection.
 *
 * `kind` is what went wrong in a word, `address` what it was tried on, `detail` the system's own words.
 *
 * @category transports
 * @since 0.1.0
 */
export class TransportError extends Data.TaggedError("TransportError")<{
  readonly operation: "listen" | "connect" | "startTls"
  readonly kind: TransportFailure
  readonly address: string
  readonly detail: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return `cannot ${this.operation} on ${this.address}: ${this.kind} (${this.detail})`
  }
}

/**
 * Why a client has no connection: its options cannot be, the transport could not connect, or the two ends do not
 * understand each other.
 *
 * @category transports
 * @since 0.1.0
 */
export type ConnectError = InvalidConfig | TransportError | VersionMismatch
