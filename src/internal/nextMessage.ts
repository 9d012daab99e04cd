/** One message at a time, for a conversation in which the next message decides who takes the rest. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { CloseReason } from "../CloseReason.ts"
import { ConnectionClosed } from "../SluiceError.ts"
import type { ConnectionImpl } from "./connection.ts"

/** Exactly one message; the rest of its batch stays for whoever comes next. */
export const nextMessage = <In, Out>(
  connection: ConnectionImpl<In, Out>
): Effect.Effect<In, ConnectionClosed> =>
  Effect.map(
    Effect.mapError(connection.inbound.take(), (error) =>
      Cause.isDone(error)
        ? new ConnectionClosed({ connection: connection.id, reason: CloseReason.PeerClosed({}) })
        : error
    ),
    ([first, ...rest]) => {
      const [second, ...others] = rest
      if (rest.length > 0) connection.inbound.putBack([second as In, ...others])
      return first
    }
  )
