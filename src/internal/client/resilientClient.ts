/** A client that lives over many connections. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ClientStats, ClientStatus } from "../../Client.ts"
import { CloseReason } from "../../CloseReason.ts"
import type { Connection } from "../../Connection.ts"
import {
  ClientEnded,
  ConnectFailed,
  type ConnectFailure,
  ConnectionClosed,
  TransportError,
  VersionMismatch
} from "../../SluiceError.ts"
import { formatAddress, type Wire } from "../../Transport.ts"
import { agreedWith } from "../agreedWith.ts"
import type { ConnectionImpl } from "../connection.ts"
import type { ConnectionShared } from "../connectionShared.ts"
import { Backoff, type Reconnect } from "./backoff.ts"
import { Gate } from "./gate.ts"
import { Inbox } from "./inbox.ts"
import type { Prepare } from "./onConnect.ts"
import { openConnection } from "./openConnection.ts"

/** What tells one client from another. */
export interface ClientPlan<In, Out> {
  readonly connect: Effect.Effect<Wire, TransportError>
  readonly shared: ConnectionShared<In, Out>
  readonly reconnect: Reconnect
  readonly stableAfter: Duration.Duration
  readonly prepare: Prepare<In, Out> | undefined
  readonly onConnectTimeout: Duration.Duration
}

const now = { startImmediately: true } as const

/** How one attempt ended, and for how long its connection was up, in milliseconds. */
interface Outcome {
  readonly failure: ConnectFailure
  readonly upMillis: number
}

/** Connects, again and again. Sending and taking stand in the gate and the inbox. */
export class ResilientClient<In, Out> {
  readonly plan: ClientPlan<In, Out>
  readonly status: SubscriptionRef.SubscriptionRef<ClientStatus>
  readonly gate = new Gate<ConnectionImpl<In, Out>>()
  readonly inbox: Inbox<In>
  /** Why the last attempt or connection ended. */
  failure: ConnectFailure | undefined
  expired = 0
  private readonly backoff: Backoff
  private fiber: Fiber.Fiber<void> | undefined
  private connections = 0
  private failures = 0
  private lost = 0

  constructor(plan: ClientPlan<In, Out>, status: SubscriptionRef.SubscriptionRef<ClientStatus>) {
    this.plan = plan
    this.status = status
    this.inbox = new Inbox(plan.shared.inboundLimits)
    this.backoff = new Backoff(plan.reconnect)
  }

  /** Begins, and ends with the scope. */
  get start(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.uninterruptible(
      Effect.gen({ self: this }, function* () {
        this.fiber = yield* Effect.forkDetach(
          Effect.onExit(Effect.interruptible(this.run), () => this.over),
          now
        )
        yield* Effect.addFinalizer(() => this.close)
      })
    )
  }

  /**
   * Whoever waits fails at once; a connection that is up is closed in good order. Waits for that, but can be interrupted
   * in it, so that `onConnect` may call it.
   */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.gate.end(new ClientEnded({ failure: undefined }))
      return this.fiber === undefined ? Effect.void : Fiber.interrupt(this.fiber)
    })
  }

  /** Nothing runs any more. One that gave up has said so. */
  private get over(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.gate.ended?.failure !== undefined) return Effect.void
      this.gate.end(new ClientEnded({ failure: undefined }))
      this.inbox.end(Exit.fail(Cause.Done()))
      return this.tell({ _tag: "Closed" })
    })
  }

  get awaitUp(): Effect.Effect<Connection<In, Out>, ClientEnded> {
    return Effect.callback((resume) => {
      const look = () => {
        const { connection, ended } = this.gate
        if (ended !== undefined) resume(Exit.fail(ended))
        else if (connection !== undefined) resume(Exit.succeed(connection))
        else return
        forget()
      }
      const forget = this.gate.onChange(look)
      look()
      return Effect.sync(forget)
    })
  }

  get stats(): ClientStats {
    return {
      connections: this.connections,
      failures: this.failures,
      waiting: this.gate.waiting,
      expired: this.expired,
      lost: this.lost,
      dropped: this.inbox.dropped
    }
  }

  private tell(status: ClientStatus): Effect.Effect<void> {
    return SubscriptionRef.set(this.status, status)
  }

  private get run(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { backoff, plan } = this
      while (true) {
        yield* this.tell({ _tag: "Connecting", attempt: backoff.attempt })
        const { failure, upMillis } = yield* this.session
        this.failure = failure
        if (upMillis >= Duration.toMillis(plan.stableAfter)) backoff.startOver()
        const delay = yield* backoff.next(failure)
        if (delay === undefined) return yield* this.giveUp(failure)
        yield* this.tell({ _tag: "Down", failure, retryIn: delay })
        yield* Effect.sleep(delay)
      }
    })
  }

  private giveUp(failure: ConnectFailure): Effect.Effect<void> {
    return Effect.suspend(() => {
      const ended = new ClientEnded({ failure })
      this.gate.end(ended)
      this.inbox.end(Exit.fail(ended))
      return this.tell({ _tag: "GaveUp", failure })
    })
  }

  /** One attempt: connects, and stays until the connection is gone. Interrupted, it closes it in good order. */
  private get session(): Effect.Effect<Outcome> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        const { connect, shared } = this.plan
        const wire = yield* Effect.exit(restore(connect))
        if (Exit.isFailure(wire)) {
          this.failures++
          return { failure: failureOf(wire.cause), upMillis: 0 }
        }
        const { connection, fiber } = yield* openConnection(wire.value, shared)
        const prepared = yield* Effect.exit(
          restore(Effect.andThen(agreedWith(connection), this.prepare(connection)))
        )
        const since = shared.now()
        let failure: ConnectFailure | undefined
        if (Exit.isSuccess(prepared)) {
          yield* Effect.exit(restore(this.flow(connection)))
        } else {
          this.failures++
          failure = failureOf(prepared.cause)
        }
        this.gate.down(connection)
        const upMillis = failure === undefined ? shared.now() - since : 0
        connection.closeWith(CloseReason.LocalClosed())
        yield* Fiber.await(fiber)
        this.lost += connection.outbound.abandoned ?? 0
        return { failure: failure ?? connection.closedError(), upMillis }
      })
    )
  }

  /** Runs `onConnect`, as long as the connection lasts. */
  private prepare(connection: ConnectionImpl<In, Out>): Effect.Effect<unknown, unknown> {
    const { onConnectTimeout, prepare } = this.plan
    if (prepare === undefined) return Effect.void
    return prepare(connection).pipe(
      Effect.timeoutOrElse({
        duration: onConnectTimeout,
        orElse: () =>
          Effect.fail(
            new TransportError({
              operation: "connect",
              kind: "Timeout",
              address: formatAddress(connection.remoteAddress),
              detail: `onConnect took longer than ${Duration.format(onConnectTimeout)}`
            })
          )
      }),
      Effect.raceFirst(Effect.flatMap(connection.closed, () => Effect.fail(connection.closedError())))
    )
  }

  /** Messages flow, both ways, until the connection is gone. */
  private flow(connection: ConnectionImpl<In, Out>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      this.connections++
      this.inbox.add(connection.inbound)
      yield* this.tell({
        _tag: "Up",
        connection: connection.id,
        remoteAddress: connection.remoteAddress
      })
      this.gate.up(connection)
      // Its end begins earlier than it is over; from then on messages wait for the next one.
      connection.inputDone.onFire(() => this.gate.down(connection))
      yield* connection.closed
    })
  }

  get connection(): Option.Option<Connection<In, Out>> {
    return Option.fromUndefinedOr(this.gate.connection)
  }
}

const failureOf = (cause: Cause.Cause<unknown>): ConnectFailure => {
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  return isFailure(error) ? error : new ConnectFailed({ cause })
}

const isFailure = (error: unknown): error is Exclude<ConnectFailure, ConnectFailed> =>
  error instanceof TransportError || error instanceof VersionMismatch || error instanceof ConnectionClosed
