/** The connections of one server: who is here, and who is told when nobody is. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { CloseReason } from "../CloseReason.ts"
import type { Handler } from "../Handler.ts"
import { formatAddress, type Wire } from "../Transport.ts"
import { ConnectionImpl, type ConnectionShared } from "./connection.ts"
import { runConnection } from "./runConnection.ts"

export class ConnectionSet<In, Out, E, R> {
  private readonly live = new Set<ConnectionImpl<In, Out>>()
  private readonly shared: ConnectionShared<In, Out>
  private readonly handler: Handler<In, Out, E, R>
  private readonly fork: (effect: Effect.Effect<void, never, Exclude<R, Scope.Scope>>) => void
  private draining = false
  private emptyWaiters: Array<() => void> = []

  constructor(
    shared: ConnectionShared<In, Out>,
    context: Context.Context<Exclude<R, Scope.Scope>>,
    handler: Handler<In, Out, E, R>
  ) {
    this.shared = shared
    this.handler = handler
    this.fork = Effect.runForkWith(context)
  }

  get size(): number {
    return this.live.size
  }

  [Symbol.iterator](): IterableIterator<ConnectionImpl<In, Out>> {
    return this.live.values()
  }

  /** A peer is here. Its connection runs in a fiber of its own, which ends with the connection and not before. */
  open(wire: Wire): void {
    const connection = new ConnectionImpl(wire, this.shared)
    this.live.add(connection)
    if (this.draining) connection.drain()
    this.fork(
      Effect.flatMap(
        runConnection(
          connection,
          Effect.suspend(() => this.handler(connection))
        ),
        (reason) => {
          this.remove(connection)
          return logEnd(connection, reason)
        }
      )
    )
  }

  /** Runs an effect that belongs to no connection. */
  run(effect: Effect.Effect<void>): void {
    this.fork(effect)
  }

  /** Drains all connections, those that still come included. */
  drain(): void {
    this.draining = true
    for (const connection of this.live) connection.drain()
  }

  /** Completes when no connection is left. */
  awaitEmpty(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.live.size === 0) return resume(Exit.void)
      const wake = () => resume(Exit.void)
      this.emptyWaiters.push(wake)
      return Effect.sync(() => {
        this.emptyWaiters = this.emptyWaiters.filter((waiter) => waiter !== wake)
      })
    })
  }

  private remove(connection: ConnectionImpl<In, Out>): void {
    this.live.delete(connection)
    if (this.live.size > 0) return
    const waiters = this.emptyWaiters
    this.emptyWaiters = []
    for (const wake of waiters) wake()
  }
}

/** A handler's failure is our own fault and an error; a peer that broke the protocol is worth knowing; the rest is life. */
const logEnd = <In, Out>(connection: ConnectionImpl<In, Out>, reason: CloseReason): Effect.Effect<void> => {
  const who = () => `connection ${connection.id} (${formatAddress(connection.remoteAddress)})`
  switch (reason._tag) {
    case "HandlerFailed":
      return Effect.logError(`${who()}: the handler failed`, reason.cause)
    case "FrameError":
    case "MessageError":
      return Effect.logInfo(`${who()}: ${reason.error.message}`)
    default:
      return Effect.void
  }
}
