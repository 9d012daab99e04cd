/** What messages and connections fail with. */
import * as Data from "effect/Data"
import type { CloseReason } from "../../CloseReason.ts"
import type { PayloadError } from "./framing.ts"

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
