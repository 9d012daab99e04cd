/** What a client does on each new connection, with its services. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Connection } from "../../Connection.ts"
import type { ConnectionClosed } from "../../SluiceError.ts"
import type { ConnectionImpl } from "../connection.ts"
import { nextMessage } from "../nextMessage.ts"

/** What runs on a connection before messages flow. */
export type Prepare<In, Out> = (connection: ConnectionImpl<In, Out>) => Effect.Effect<unknown, unknown>

/** The scope is the connection's; the other services are those that the client was made with. */
export const prepareWith =
  <In, Out, R>(
    onConnect: (
      connection: Connection<In, Out>,
      next: Effect.Effect<In, ConnectionClosed>
    ) => Effect.Effect<unknown, unknown, R>,
    context: Context.Context<Exclude<R, Scope.Scope>>
  ): Prepare<In, Out> =>
  (connection) => {
    const scoped = Effect.suspend(() => onConnect(connection, nextMessage(connection))).pipe(
      Effect.provideService(Scope.Scope, connection.scope)
    )
    // Nothing is left of `R` but what the context has.
    return Effect.provideContext(scoped, context) as Effect.Effect<unknown, unknown>
  }
