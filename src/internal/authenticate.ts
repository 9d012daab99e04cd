/** What stands between a connection and its handler until the peer has proved who it is. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { CloseReason } from "../CloseReason.ts"
import type { Attribute, Connection } from "../Connection.ts"
import { ConnectionClosed } from "../SluiceError.ts"
import { coreOf } from "./coreOf.ts"
import { nextMessage } from "./nextMessage.ts"

interface Proof<In, Out, Identity, Rejection, E, ProveServices, R> {
  readonly prove: (
    next: Effect.Effect<In, ConnectionClosed>,
    connection: Connection<In, Out>
  ) => Effect.Effect<Identity, Rejection, ProveServices>
  readonly handler: (identity: Identity) => (connection: Connection<In, Out>) => Effect.Effect<unknown, E, R>
  readonly timeout: Duration.Duration
  readonly farewell: ((rejection: Exclude<Rejection, ConnectionClosed>) => Out | undefined) | undefined
  readonly attribute: Attribute<Identity> | undefined
}

const isRejection = <Rejection>(error: Rejection): error is Exclude<Rejection, ConnectionClosed> =>
  !(error instanceof ConnectionClosed)

/** The handler that asks first. */
export const authenticated =
  <In, Out, Identity, Rejection, E, ProveServices, R>(
    proof: Proof<In, Out, Identity, Rejection, E, ProveServices, R>
  ) =>
  (connection: Connection<In, Out>): Effect.Effect<unknown, E, ProveServices | R> => {
    const own = coreOf(connection)
    if (own === undefined) {
      return Effect.die(new Error("only connections of a server or client can be authenticated"))
    }
    const refuse = (error?: unknown) =>
      Effect.sync(() => own.closeWith(CloseReason.Refused({ reason: "unauthenticated", error })))
    const reject = (error: Rejection): Effect.Effect<void> => {
      // The connection is over, for a reason of its own.
      if (!isRejection(error)) return Effect.void
      return Effect.suspend(() => {
        const farewell = proof.farewell?.(error)
        return farewell === undefined ? Effect.void : Effect.ignore(connection.trySend(farewell))
      }).pipe(Effect.andThen(refuse(error)))
    }
    return Effect.suspend(() => proof.prove(nextMessage(own), connection)).pipe(
      Effect.timeoutOption(proof.timeout),
      Effect.matchEffect({
        onFailure: reject,
        onSuccess: (proved): Effect.Effect<unknown, E, R> => {
          if (proved._tag === "None") return refuse()
          const identity = proved.value
          const kept =
            proof.attribute === undefined ? Effect.void : connection.attributes.set(proof.attribute, identity)
          return Effect.andThen(
            kept,
            Effect.suspend(() => proof.handler(identity)(connection))
          )
        }
      })
    )
  }
