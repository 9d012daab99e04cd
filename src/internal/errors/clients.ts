/** What clients that come back fail with. */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import type { ConnectionClosed } from "./messages.ts"
import type { TransportError, VersionMismatch } from "./transports.ts"

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
 * Why a client has no connection: it could not connect, its hello and the server's did not match, `onConnect` failed, or
 * the connection it had was closed.
 *
 * @category clients
 * @since 0.1.0
 */
export type ConnectFailure = TransportError | VersionMismatch | ConnectFailed | ConnectionClosed

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
