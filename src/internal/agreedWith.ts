/** A client's wait for the hello of its server. */
import * as Effect from "effect/Effect"
import { CloseReason } from "../CloseReason.ts"
import { TransportError, type VersionMismatch } from "../SluiceError.ts"
import { formatAddress } from "../Transport.ts"
import type { ConnectionImpl } from "./connection.ts"

/** How long a server may take for its hello. */
const patience = "10 seconds"

/** Completes at once for a protocol without a hello. What fails closes the connection. */
export const agreedWith = <In, Out>(
  connection: ConnectionImpl<In, Out>
): Effect.Effect<void, TransportError | VersionMismatch> => {
  const { greeting } = connection
  if (greeting === undefined) return Effect.void
  const failure = (kind: "Closed" | "Timeout", detail: string) =>
    new TransportError({
      operation: "connect",
      kind,
      address: formatAddress(connection.remoteAddress),
      detail
    })
  return greeting.awaitOutcome().pipe(
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () => {
        connection.closeWith(CloseReason.DeadlineExceeded({ deadline: "hello" }))
        return Effect.fail(failure("Timeout", "no hello in time"))
      }
    }),
    Effect.flatMap((agreed) =>
      agreed ? Effect.void : Effect.fail(greeting.mismatch ?? failure("Closed", "closed before its hello"))
    )
  )
}
