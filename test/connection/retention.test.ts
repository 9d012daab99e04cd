/** Small messages that wait must not keep the chunk alive that they came in. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Stream } from "effect"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"

// Messages are views into their frames here too, without being the frames' own codec.
const viewing = Codec.make<Uint8Array>("viewing", { decode: Effect.succeed, encode: Effect.succeed })

describe.each([Codec.bytes, viewing])("$name", (codec) => {
  it.effect("a small message that waits is no view into a large chunk", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const taken = yield* Deferred.make<Uint8Array>()
      let waiting = () => 0
      const protocol = Protocol.make("Bytes", {
        framing: Framing.lengthPrefixed(),
        fromClient: codec,
        fromServer: codec
      })
      yield* Server.make(protocol, (connection) => {
        waiting = () => connection.stats.inboundMessages
        return Effect.andThen(
          Deferred.await(gate),
          Stream.runForEach(connection.messages, (message) => Deferred.succeed(taken, message))
        )
      })
      const client = yield* rawClient
      const chunk = Buffer.alloc(40_000)
      chunk.writeUInt32BE(5, 0)
      chunk.write("hello", 4)
      chunk.writeUInt32BE(100_000, 9)
      client.write(chunk)
      yield* eventually(() => waiting() === 1, "the message waits")
      yield* Deferred.succeed(gate, undefined)
      const message = yield* Deferred.await(taken)
      assert.strictEqual(Buffer.from(message).toString(), "hello")
      assert.isBelow(message.buffer.byteLength, 20_000)
    }).pipe(Effect.provide(TransportMemory.layer()))
  )
})
