/** How a server stops: in order, and in bounded time. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { CloseReason } from "../CloseReason.ts"
import type { ConnectionSet } from "./connectionSet.ts"

/**
 * Lets every connection finish what was read; after `drainTimeout` interrupts the handlers that are left, after
 * `killTimeout` cuts their wires.
 */
export const drain: <In, Out, E, R>(
  connections: ConnectionSet<In, Out, E, R>,
  options: { readonly drainTimeout: Duration.Duration; readonly killTimeout: Duration.Duration }
) => Effect.Effect<void> = Effect.fnUntraced(function* <In, Out, E, R>(
  connections: ConnectionSet<In, Out, E, R>,
  options: { readonly drainTimeout: Duration.Duration; readonly killTimeout: Duration.Duration }
) {
  // A finalizer cannot be interrupted, and a time limit works by interruption.
  const empty = Effect.interruptible(connections.awaitEmpty())
  connections.drain()
  yield* Effect.timeoutOption(empty, options.drainTimeout)
  for (const connection of connections) connection.closeWith(CloseReason.ServerStopped())
  yield* Effect.timeoutOption(empty, options.killTimeout)
  for (const connection of connections) connection.wire.destroy()
})
