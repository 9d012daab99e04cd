/** The life of a connection, from its first byte to its last: a scoped Effect with reader, writer and handler fibers. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { CloseReason } from "../CloseReason.ts"
import type { ConnectionImpl } from "./connection.ts"
import { sayFarewell } from "./lastWords.ts"

const now = { startImmediately: true } as const

/**
 * Runs a connection under its handler and returns why it ended. Never fails and always ends: everything that it
 * waits for on the way out is bounded by the close timeout.
 */
export const runConnection: <In, Out, R>(
  connection: ConnectionImpl<In, Out>,
  handler: Effect.Effect<unknown, unknown, R>
) => Effect.Effect<CloseReason, never, Exclude<R, Scope.Scope>> = Effect.fnUntraced(function* <In, Out, R>(
  connection: ConnectionImpl<In, Out>,
  handler: Effect.Effect<unknown, unknown, R>
) {
  // Its reader and writer fibers come when there is something for them to wait for; see `forkOwn`.
  if (connection.heartbeat?.active === true)
    yield* Effect.forkChild(greeted(connection, connection.heartbeat.run()), now)
  const handlerFiber = yield* Effect.forkChild(
    Effect.provideService(greeted(connection, handler), Scope.Scope, connection.scope),
    now
  )
  connection.start(handlerFiber)

  const by = yield* connection.awaitEnded(handlerFiber)
  if (by === "broken") yield* stopHandler(connection, handlerFiber)
  const exit = handlerFiber.pollUnsafe()
  const finalizers = Scope.closeUnsafe(connection.scope, exit ?? Exit.void)
  const failed = finalizers && (yield* runFinalizers(connection, finalizers))
  const reason = connection.handlerEnded(exit === undefined || Exit.isSuccess(exit) ? (failed ?? exit) : exit)
  const farewell = reason && sayFarewell(connection, reason)
  if (farewell !== undefined) yield* farewell
  connection.handlerDone()

  // The writer flushes what was sent and ends our side. Going before the peer has ended its own could reset it.
  yield* connection.endsAtOnce
    ? connection.gone.await()
    : Effect.timeoutOption(connection.gone.await(), connection.shared.closeTimeout)
  connection.cut()
  yield* connection.gone.await()
  const hooks = connection.runHooks()
  if (hooks !== undefined) yield* runHooks(connection, hooks)
  return connection.finish()
})

/** What begins when the two ends have agreed, and not at all where they do not. */
const greeted = <In, Out, A, E, R>(
  { greeting }: ConnectionImpl<In, Out>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  greeting === undefined
    ? effect
    : Effect.flatMap(greeting.awaitOutcome(), (agreed) => (agreed ? effect : Effect.interrupt))

/** A handler of a broken connection may still handle what was accepted; then it is interrupted. */
const stopHandler = Effect.fnUntraced(function* <In, Out>(
  connection: ConnectionImpl<In, Out>,
  handler: Fiber.Fiber<unknown, unknown>
) {
  if (handler.pollUnsafe() !== undefined) return
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
