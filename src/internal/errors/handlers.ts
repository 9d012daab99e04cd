/** What handlers fail with. */
import * as Data from "effect/Data"

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
 * A peer has no certificate that says who it is, where `Handler.authenticateTls` asks for one.
 *
 * - `plain`: the connection is in plain text
 * - `missing`: the peer showed none
 * - `untrusted`: it showed one that our authorities do not vouch for
 *
 * @category handlers
 * @since 0.1.0
 */
export class NotCertified extends Data.TaggedError("NotCertified")<{
  readonly connection: number
  readonly reason: "plain" | "missing" | "untrusted"
}> {
  override get message(): string {
    return `connection ${this.connection}: the peer's certificate is asked for, and is ${this.reason === "plain" ? "not there, in plain text" : this.reason}`
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
