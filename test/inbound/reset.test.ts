/** What was read before a peer broke the connection is handled, wherever it waited. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Schema, SchemaGetter, Stream } from "effect"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"

const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const lines = Array.from({ length: 50 }, (_, i) => `${i}`)

describe("a reset behind messages that were read", () => {
  it.effect("those that wait for a later turn are handled, then the handler is told", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const reason = yield* Deferred.make<string>()
      const server = yield* Server.make(
        Text,
        (connection) =>
          Stream.runForEach(connection.messages, (line) => Effect.sync(() => seen.push(line))).pipe(
            Effect.tapError((error) => Deferred.succeed(reason, error.reason._tag))
          ),
        { inbound: { perTurn: 4 } }
      )
      const client = yield* rawClient
      client.write(`${lines.join("\n")}\n`)
      yield* eventually(() => seen.length > 0, "some were handled")
      client.wire.reset()
      assert.strictEqual(yield* Deferred.await(reason), "PeerReset")
      assert.deepStrictEqual(seen, lines)
      yield* eventually(() => Effect.runSync(server.connectionCount) === 0, "the connection is gone")
    }).pipe(Effect.provide(TransportMemory.layer()))
  )

  it.effect("those that are still being decoded are handled, then the handler is told", () =>
    Effect.gen(function* () {
      class Slow extends Context.Service<Slow, Effect.Effect<void>>()("Slow") {}
      const Decoded = Schema.Number.pipe(
        Schema.decodeTo(Schema.Number, {
          decode: SchemaGetter.transformEffect((n: number) =>
            Effect.as(
              Effect.flatMap(Slow, (slow) => slow),
              n
            )
          ),
          encode: SchemaGetter.passthrough()
        })
      )
      const Slowly = Protocol.make("Slowly", {
        framing: Framing.lines(),
        fromClient: Codec.json(Decoded),
        fromServer: Codec.utf8
      })
      const seen: Array<number> = []
      const reason = yield* Deferred.make<string>()
      yield* Server.make(Slowly, (connection) =>
        Stream.runForEach(connection.messages, (n) => Effect.sync(() => seen.push(n))).pipe(
          Effect.tapError((error) => Deferred.succeed(reason, error.reason._tag))
        )
      ).pipe(Effect.provideService(Slow, Effect.yieldNow))
      const client = yield* rawClient
      client.write(`${lines.join("\n")}\n`)
      yield* eventually(() => seen.length > 0, "some were handled")
      client.wire.reset()
      assert.strictEqual(yield* Deferred.await(reason), "PeerReset")
      assert.deepStrictEqual(seen, lines.map(Number))
    }).pipe(Effect.provide(TransportMemory.layer()))
  )
})
