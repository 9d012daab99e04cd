/** The connections of one server: who is here, and who is told when nobody is. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { CloseReason } from "../CloseReason.ts"
import type { Connection } from "../Connection.ts"
import { ServerEvent } from "../Events.ts"
import type { Handler } from "../Handler.ts"
import type { PolicyName } from "../Outbound.ts"
import { formatAddress, type Wire } from "../Transport.ts"
import { ConnectionImpl } from "./connection.ts"
import type { ConnectionShared } from "./connectionShared.ts"
import type { Hub } from "./events.ts"
import type { Gate } from "./gate.ts"
import { type Fork, runConnection } from "./runConnection.ts"

/** What a connection is told when the server begins to stop. */
export type Goodbye<Out> = (connection: Connection<unknown, Out>) => Out

export class ConnectionSet<In, Out, E, R> {
  readonly shared: ConnectionShared<In, Out>
  readonly events: Hub<ServerEvent>
  private readonly live = new Map<number, ConnectionImpl<In, Out>>()
  private readonly handler: Handler<In, Out, E, R>
  private readonly goodbye: Goodbye<Out> | undefined
  private readonly fork: Fork<Exclude<R, Scope.Scope>>
  private readonly context: Context.Context<Exclude<R, Scope.Scope>>
  private phase: "open" | "draining" | "stopped" = "open"
  private emptyWaiters: Array<() => void> = []
  private gate: Gate | undefined
  /** Connections that the drain has to answer for, and those of them that did not end by themselves. */
  private counted = 0
  private counting = false
  private readonly unclean = new Set<number>()

  constructor(
    shared: ConnectionShared<In, Out>,
    context: Context.Context<Exclude<R, Scope.Scope>>,
    handler: Handler<In, Out, E, R>,
    events: Hub<ServerEvent>,
    goodbye: Goodbye<Out> | undefined
  ) {
    this.shared = shared
    this.handler = handler
    this.events = events
    this.goodbye = goodbye
    shared.retire = (connection) => this.drainOne(connection)
    shared.tellDropped = (connection, policy, messages, bytes) =>
      this.tellDropped(connection, policy, messages, bytes)
    shared.tellSkipped = ({ id, remoteAddress }, policy, messages, error) => {
      if (!this.events.active) return
      this.events.publish(
        ServerEvent.MessageSkipped({ connection: id, remoteAddress, policy, messages, error })
      )
    }
    this.context = context
    this.fork = Effect.runForkWith(context)
  }

  /** Puts a gate before the set, which is told of those who go. */
  behind(gate: Gate): void {
    this.gate = gate
  }

  get size(): number {
    return this.live.size
  }

  /** Whether nobody comes any more, and those who were here are gone or cut. */
  get stopped(): boolean {
    return this.phase === "stopped"
  }

  get(id: number): ConnectionImpl<In, Out> | undefined {
    return this.live.get(id)
  }

  [Symbol.iterator](): IterableIterator<ConnectionImpl<In, Out>> {
    return this.live.values()
  }

  /** A peer is here. Its handler runs in a fiber of its own. */
  open(wire: Wire): void {
    const { events } = this
    if (this.phase === "stopped") {
      wire.destroy()
      return
    }
    const connection = new ConnectionImpl(wire, this.shared)
    this.live.set(connection.id, connection)
    if (this.counting) this.counted++
    if (events.active) {
      events.publish(
        ServerEvent.Opened({ connection: connection.id, remoteAddress: connection.remoteAddress })
      )
    }
    runConnection(connection, this.handling(connection), this)
    if (this.phase === "draining") this.drainOne(connection)
  }

  private handling(connection: ConnectionImpl<In, Out>): Effect.Effect<unknown, E, R> {
    // Before the two ends have agreed, there is nothing to handle, and perhaps never will be.
    if (connection.greeting !== undefined) return Effect.suspend(() => this.handler(connection))
    try {
      return this.handler(connection)
    } catch (defect) {
      return Exit.die(defect)
    }
  }

  forkHandler(handler: Effect.Effect<unknown, unknown, R>, scope: Scope.Scope) {
    // All that it needs beside the connection's own scope.
    const context = Context.add(
      this.context,
      Scope.Scope,
      scope
    ) as Context.Context<unknown> as Context.Context<R>
    return Effect.runForkWith(context)(handler)
  }

  connectionEnded(connection: ConnectionImpl<In, Out>, reason: CloseReason): void {
    this.remove(connection, reason)
    const log = logEnd(connection, reason)
    if (log !== undefined) this.fork(log)
  }

  /** Runs an effect that belongs to no connection. */
  run(effect: Effect.Effect<void>): void {
    this.fork(effect)
  }

  /** From now on every connection counts for the report. */
  beginCount(): void {
    this.counting = true
    this.counted = this.live.size
  }

  counts(): { readonly clean: number; readonly forced: number } {
    return { clean: this.counted - this.unclean.size, forced: this.unclean.size }
  }

  /** Drains all connections, those that still come included. */
  drain(): void {
    this.phase = "draining"
    this.gate?.close()
    for (const connection of this.live.values()) this.drainOne(connection)
  }

  /** Interrupts the handlers that are left. Who only waits for the peer's end has done its part. */
  force(): void {
    for (const connection of this.live.values()) {
      if (connection.lingering) continue
      this.unclean.add(connection.id)
      connection.closeWith(CloseReason.ServerStopped())
    }
  }

  /** Cuts the wires that are left, and turns away who still comes. */
  cut(): void {
    this.phase = "stopped"
    this.gate?.cut()
    for (const connection of this.live.values()) {
      connection.cut()
      this.tellLost(connection)
    }
  }

  /** Completes when no connection is left, and nobody who was refused either. */
  awaitEmpty(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.empty) return resume(Exit.void)
      const wake = () => resume(Exit.void)
      this.emptyWaiters.push(wake)
      return Effect.sync(() => {
        this.emptyWaiters = this.emptyWaiters.filter((waiter) => waiter !== wake)
      })
    })
  }

  private drainOne(connection: ConnectionImpl<In, Out>): void {
    // One whose lifetime is over has had its goodbye.
    if (connection.drainBegun.fired) return
    const { goodbye } = this
    if (goodbye === undefined || connection.switched !== undefined || connection.greeting !== undefined) {
      connection.drain()
      return
    }
    // At once, where the message is encoded at once; a slow encoder holds up only its own connection.
    this.fork(
      Effect.suspend(() => connection.shared.encode(goodbye(connection))).pipe(
        Effect.flatMap((payload) => {
          if (connection.switched !== undefined) return Effect.void
          const offer = connection.outbound.offerLast(payload)
          return typeof offer === "string" ? Effect.void : Effect.fail(offer)
        }),
        Effect.catchCause((cause) =>
          Effect.logWarning(`connection ${connection.id}: the goodbye could not be sent`, cause)
        ),
        Effect.ensuring(Effect.sync(() => connection.drain()))
      )
    )
  }

  private remove(connection: ConnectionImpl<In, Out>, reason: CloseReason): void {
    this.live.delete(connection.id)
    connection.drops?.tell()
    connection.skips?.tell()
    this.tellLost(connection)
    if (this.events.active) this.tellEnd(connection, reason)
    this.gate?.left(connection)
    this.wakeIfEmpty()
  }

  private get empty(): boolean {
    return this.live.size === 0 && (this.gate?.leaving ?? 0) === 0
  }

  /** Lets on who waits for the end of all. */
  wakeIfEmpty(): void {
    if (!this.empty) return
    const waiters = this.emptyWaiters
    this.emptyWaiters = []
    for (const wake of waiters) wake()
  }

  /** What the peer had not taken when the wire was cut. */
  private tellLost(connection: ConnectionImpl<In, Out>): void {
    const lost = connection.takeLost()
    if (lost === undefined) return
    if (this.counting) this.unclean.add(connection.id)
    this.tellDropped(connection, undefined, lost.messages, lost.bytes)
  }

  /** Messages that a connection's peer will not get. */
  private tellDropped(
    connection: ConnectionImpl<In, Out>,
    policy: PolicyName | undefined,
    messages: number,
    bytes: number
  ): void {
    if (!this.events.active) return
    const { id, remoteAddress } = connection
    this.events.publish(ServerEvent.Dropped({ connection: id, remoteAddress, policy, messages, bytes }))
  }

  private tellEnd({ id, openedAt, remoteAddress }: ConnectionImpl<In, Out>, reason: CloseReason): void {
    const about = { connection: id, remoteAddress }
    if (reason._tag === "FrameError") {
      this.events.publish(ServerEvent.FrameError({ ...about, error: reason.error }))
    } else if (reason._tag === "MessageError") {
      this.events.publish(ServerEvent.MessageError({ ...about, error: reason.error }))
    } else if (reason._tag === "HandlerFailed") {
      this.events.publish(ServerEvent.HandlerFailed({ ...about, cause: reason.cause }))
    } else if (reason._tag === "Refused") {
      const { error, reason: why } = reason
      this.events.publish(ServerEvent.Refused({ ...about, reason: why, error }))
    }
    const age = Duration.millis(this.shared.clock.currentTimeMillisUnsafe() - openedAt)
    this.events.publish(ServerEvent.Closed({ ...about, reason, age }))
  }
}

/** A handler's failure is our own fault and an error; a peer that broke the protocol is worth knowing; the rest is life. */
const logEnd = <In, Out>(
  connection: ConnectionImpl<In, Out>,
  reason: CloseReason
): Effect.Effect<void> | undefined => {
  const who = () => `connection ${connection.id} (${formatAddress(connection.remoteAddress)})`
  switch (reason._tag) {
    case "HandlerFailed":
      return Effect.logError(`${who()}: the handler failed`, reason.cause)
    case "FrameError":
    case "MessageError":
    case "TlsFailed":
      return Effect.logInfo(`${who()}: ${reason.error.message}`)
    default:
      return undefined
  }
}
