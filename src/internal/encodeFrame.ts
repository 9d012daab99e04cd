/** A message as one frame, made apart from any queue: for those that many connections get. */
import * as Effect from "effect/Effect"
import { ByteWriter } from "../ByteWriter.ts"
import type { CodecError, PayloadError } from "../SluiceError.ts"
import { codecError } from "./codec/schemaCodec.ts"
import type { ConnectionShared } from "./connectionShared.ts"

/** Encodes and frames a message as the connections of `shared` would. */
export const encodeFrame = <Out>(
  { encode, framing }: Pick<ConnectionShared<never, Out>, "encode" | "framing">,
  message: Out
): Effect.Effect<Uint8Array, CodecError | PayloadError> => {
  let payload: Effect.Effect<Uint8Array, CodecError>
  try {
    payload = encode(message)
  } catch (defect) {
    return Effect.fail(codecError("codec", String(defect)))
  }
  return Effect.flatMapEager(payload, (bytes): Effect.Effect<Uint8Array, PayloadError> => {
    const writer = new ByteWriter()
    const error = framing.encode(bytes, writer)
    return error === undefined ? Effect.succeed(writer.take()) : Effect.fail(error)
  })
}
