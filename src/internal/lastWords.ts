/** The words that go out to those who are not to stay: the goodbye of a stop, the farewell of a refusal. */
import * as Effect from "effect/Effect"
import type { AdmissionOptions, RefusedReason } from "../Admission.ts"
import { ByteWriter } from "../ByteWriter.ts"
import type { Connection } from "../Connection.ts"
import type { Framing } from "../Framing.ts"
import type { ServerOptions } from "../Server.ts"
import type { CodecError } from "../SluiceError.ts"

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
