/** The words that go out to those who are not to stay: the goodbye of a stop, the farewells of a refusal and of a fault. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { AdmissionOptions, RefusedReason } from "../Admission.ts"
import { ByteWriter } from "../ByteWriter.ts"
import type { CloseReason, Fault } from "../CloseReason.ts"
import type { Connection } from "../Connection.ts"
import type { Framing } from "../Framing.ts"
import type { ServerOptions } from "../Server.ts"
import type { CodecError } from "../SluiceError.ts"
import type { ConnectionImpl } from "./connection.ts"

/** The last word of a server to those who are connected, as a function. */
export const goodbyeOf = <Out>(
  goodbye: ServerOptions<Out>["goodbye"]
): ((connection: Connection<unknown, Out>) => Out) | undefined => {
  if (goodbye === undefined) return undefined
  // A message that is itself a function could not be told from one that makes it; no codec has such messages.
  return typeof goodbye === "function"
    ? (goodbye as (connection: Connection<unknown, Out>) => Out)
    : () => goodbye as Out
}

/** The frame of the word for those who are refused. One that cannot be made is logged and left out. */
export const farewellOf =
  <Out>(
    farewell: AdmissionOptions<Out>["farewell"],
    framing: Framing,
    encode: (message: Out) => Effect.Effect<Uint8Array, CodecError>
  ) =>
  (reason: RefusedReason): Effect.Effect<Uint8Array | undefined> =>
    Effect.suspend(() => {
      // As with the goodbye, a function is one that makes the message.
      const message =
        typeof farewell === "function"
          ? (farewell as (reason: RefusedReason) => Out | undefined)(reason)
          : farewell
      if (message === undefined) return Effect.undefined
      return Effect.flatMap(encode(message), (payload) => {
        const writer = new ByteWriter()
        const error = framing.encode(payload, writer)
        return error === undefined ? Effect.succeed(writer.take()) : Effect.fail(error)
      })
    }).pipe(
      Effect.catchCause((cause) =>
        Effect.as(Effect.logWarning("the farewell of a refused peer could not be made", cause), undefined)
      )
    )

/** A function, or nothing. */
export const farewellSetting = Schema.optional(
  Schema.Unknown.check(
    Schema.makeFilter((farewell) =>
      farewell === undefined || typeof farewell === "function"
        ? undefined
        : "must be a function from the reason to a message"
    )
  )
)

const isFault = (reason: CloseReason): reason is Fault => {
  switch (reason._tag) {
    case "DeadlineExceeded":
      // A life that was long enough had its goodbye.
      return reason.deadline !== "lifetime"
    case "FrameError":
    case "MessageError":
    case "HandlerFailed":
    case "HeartbeatTimeout":
    case "RateExceeded":
    case "SlowConsumer":
      return true
    default:
      return false
  }
}

/** Says the farewell behind all that was sent. One that cannot be made is logged and left out. */
export const sayFarewell = <In, Out>(
  connection: ConnectionImpl<In, Out>,
  reason: CloseReason
): Effect.Effect<void> | undefined => {
  const { farewell } = connection.shared
  // Before the two ends have agreed, nobody knows how a message looks.
  if (farewell === undefined || connection.greeting !== undefined || !isFault(reason)) return undefined
  return Effect.suspend(() => {
    const message = farewell(reason, connection.speaking)
    if (message === undefined) return Effect.void
    return Effect.flatMap(connection.shared.encode(message), (payload) => {
      const offer = connection.outbound.offerLast(payload)
      return typeof offer === "string" ? Effect.void : Effect.fail(offer)
    })
  }).pipe(
    Effect.timeoutOption(connection.shared.closeTimeout),
    Effect.catchCause((cause) =>
      Effect.logWarning(`connection ${connection.id}: the farewell could not be sent`, cause)
    ),
    Effect.asVoid
  )
}
