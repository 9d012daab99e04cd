/**
 * The life of a connection, from its first byte to its last: a handler in a fiber of its own, in the scope of the
 * connection, with a reader and a writer fiber beside it as soon as there is something for them to wait for.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { CloseReason } from "../CloseReason.ts"
import type { ConnectionImpl } from "./connection.ts"
import type { Ended } from "./connectionLife.ts"
import { sayFarewell } from "./lastWords.ts"

/** Forks an effect that runs at once. */
export type Fork<R> = (effect: Effect.Effect<unknown, unknown, R>) => Fiber.Fiber<unknown, unknown>

/** Where a connection lives. */
export interface ConnectionHost<In, Out, R> {
  /** Forks its handler, which runs at once. */
  readonly forkHandler: (
    handler: Effect.Effect<unknown, unknown, R>,
    scope: Scope.Scope
  ) => Fiber.Fiber<unknown, unknown>
  /** It is over. */
  readonly connectionEnded: (connection: ConnectionImpl<In, Out>, reason: CloseReason) => void
}

/**
 * Runs a connection under its handler, and tells its host why it ended. It always ends: everything that it waits for on
 * the way out is bounded by the close timeout.
 */
export const runConnection = <In, Out, R>(
  connection: ConnectionImpl<In, Out>,
  handler: Effect.Effect<unknown, unknown, R>,
  host: ConnectionHost<In, Out, R>
): void => {
  const { heartbeat, scope } = connection
  if (heartbeat?.active === true) {
    if (connection.greeting === undefined) heartbeat.begin()
    else
      connection.forkOwn(
        greeted(
          connection,
          Effect.sync(() => heartbeat.begin())
        )
      )
  }
  const fiber = host.forkHandler(greeted(connection, handler), scope)
  connection.start(fiber)
  connection.onceEnded(fiber, new Ending(connection, fiber, host))
}

/** What begins when the two ends have agreed, and not at all where they do not. */
const greeted = <In, Out, A, E, R>(
  { greeting }: ConnectionImpl<In, Out>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  greeting === undefined
    ? effect
    : Effect.flatMap(greeting.awaitOutcome(), (agreed) => (agreed ? effect : Effect.interrupt))

/**
 * The way out, in steps. Mostly there is nothing to wait for between one and the next, and no fiber either; where there
 * is, a fiber waits, and then takes the next step.
 */
class Ending<In, Out> {
  private readonly connection: ConnectionImpl<In, Out>
  private readonly handler: Fiber.Fiber<unknown, unknown>
  private readonly host: Pick<ConnectionHost<In, Out, never>, "connectionEnded">

  constructor(
    connection: ConnectionImpl<In, Out>,
    handler: Fiber.Fiber<unknown, unknown>,
    host: Pick<ConnectionHost<In, Out, never>, "connectionEnded">
  ) {
    this.connection = connection
    this.handler = handler
    this.host = host
  }

  ended(by: Ended): void {
    const stop = by === "broken" ? stopHandler(this.connection, this.handler) : undefined
    this.after(stop, () => this.finalize())
  }

  private finalize(): void {
    const { connection, handler } = this
    const exit = handler.pollUnsafe()
    const finalizers = Scope.closeUnsafe(connection.scope, exit ?? Exit.void)
    if (finalizers === undefined) this.sayFarewell(exit)
    else {
      this.after(runFinalizers(connection, finalizers), (failed) =>
        this.sayFarewell(exit === undefined || Exit.isSuccess(exit) ? (failed ?? exit) : exit)
      )
    }
  }

  private sayFarewell(exit: Exit.Exit<unknown, unknown> | undefined): void {
    const reason = this.connection.handlerEnded(exit)
    const farewell = reason && sayFarewell(this.connection, reason)
    this.after(farewell, () => this.flush())
  }

  /** What was sent is flushed and our side ends. Going before the peer has ended its own could reset it. */
  private flush(): void {
    const { connection } = this
    connection.handlerDone()
    const gone = connection.endsAtOnce
      ? undefined
      : Effect.timeoutOption(connection.gone.await(), connection.shared.closeTimeout)
    this.after(gone, () => {
      if (gone !== undefined) connection.cut()
      connection.gone.onFire(() => this.runHooks())
    })
  }

  private runHooks(): void {
    const { connection } = this
    const hooks = connection.runHooks()
    this.after(hooks && runHooks(connection, hooks), () =>
      this.host.connectionEnded(connection, connection.finish())
    )
  }

  /** The next step, once an effect is done; at once where there is none. */
  private after<A>(effect: Effect.Effect<A> | undefined, next: (value: A | undefined) => void): void {
    if (effect === undefined) next(undefined)
    else this.connection.shared.fork(Effect.map(effect, next))
  }
}

/** A handler of a broken connection may still handle what was accepted; then it is interrupted. */
const stopHandler = <In, Out>(
  connection: ConnectionImpl<In, Out>,
  handler: Fiber.Fiber<unknown, unknown>
): Effect.Effect<void> | undefined =>
  handler.pollUnsafe() === undefined ? interruptLater(connection, handler) : undefined

const interruptLater = Effect.fnUntraced(function* <In, Out>(
  connection: ConnectionImpl<In, Out>,
  handler: Fiber.Fiber<unknown, unknown>
) {
  yield* Effect.timeoutOption(Fiber.await(handler), connection.shared.closeTimeout)
  if (handler.pollUnsafe() !== undefined) return
  handler.interruptUnsafe()
  yield* Effect.timeoutOption(Fiber.await(handler), connection.shared.closeTimeout)
})

/** Finalizers may fail, die or never end, and cannot be interrupted: they have the close timeout, and their failure is told. */
const runFinalizers = Effect.fnUntraced(function* <In, Out>(
  connection: ConnectionImpl<In, Out>,
  finalizers: Effect.Effect<void>
) {
  const fiber = yield* Effect.forkDetach(finalizers, now)
  yield* Effect.timeoutOption(Fiber.await(fiber), connection.shared.closeTimeout)
  const exit = fiber.pollUnsafe()
  return exit !== undefined && Exit.isFailure(exit) ? exit : undefined
})

/** What a handler wants done at the close has the close timeout, too. */
const runHooks = Effect.fnUntraced(function* <In, Out>(
  connection: ConnectionImpl<In, Out>,
  hooks: Effect.Effect<void>
) {
  const fiber = yield* Effect.forkDetach(hooks, now)
  yield* Effect.timeoutOption(Fiber.await(fiber), connection.shared.closeTimeout)
  fiber.interruptUnsafe()
})

const now = { startImmediately: true } as const
