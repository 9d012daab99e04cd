/** One connection of a client, and the fiber that runs it. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { CloseReason } from "../../CloseReason.ts"
import type { Wire } from "../../Transport.ts"
import { ConnectionImpl } from "../connection.ts"
import type { ConnectionShared } from "../connectionShared.ts"
import { runConnection } from "../runConnection.ts"

export interface OpenConnection<In, Out> {
  readonly connection: ConnectionImpl<In, Out>
  /** Ends in bounded time after the connection was closed. */
  readonly fiber: Fiber.Fiber<CloseReason>
}

/** Runs a connection over a wire until the server ends it or somebody closes it. Whoever asks owns it. */
export const openConnection = <In, Out>(
  wire: Wire,
  shared: ConnectionShared<In, Out>
): Effect.Effect<OpenConnection<In, Out>> =>
  Effect.suspend(() => {
    const connection = new ConnectionImpl(wire, shared)
    const ended = Effect.callback<CloseReason>((resume) =>
      runConnection(connection, connection.inputDone.await(), {
        forkHandler: shared.fork,
        connectionEnded: (_, reason) => resume(Effect.succeed(reason))
      })
    )
    return Effect.map(Effect.forkDetach(ended, { startImmediately: true }), (fiber) => ({
      connection,
      fiber
    }))
  })
