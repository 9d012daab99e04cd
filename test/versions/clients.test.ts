/** Versioned protocols with clients that come back: a server that is upgraded, or not yet. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Schedule, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Requests from "../../src/Requests.ts"
import * as Server from "../../src/Server.ts"
import { Listener } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { settle, statusOf } from "../client/support.ts"

const Ask = Schema.TaggedStruct("Ask", { id: Schema.Int, n: Schema.Int })
const Answer = Schema.TaggedStruct("Answer", { id: Schema.Int, n: Schema.Int })

const plain = Protocol.make("Double", {
  framing: Framing.lengthPrefixed(),
  fromClient: Codec.json(Ask),
  fromServer: Codec.json(Answer)
})

const binary = { name: "binary", fromClient: Codec.binary(Ask), fromServer: Codec.binary(Answer) }

const requests = { id: "id", fromClient: { Ask: { reply: "Answer" } } } as const

const young = Requests.protocol(
  Protocol.versioned(plain, { version: 2, accepts: [1, 2], codecs: [binary] }),
  requests
)
const old = Requests.protocol(Protocol.versioned(plain, { version: 1, accepts: [1, 2] }), requests)
const ancient = Requests.protocol(Protocol.versioned(plain, { version: 0 }), requests)

const memory = Effect.provide(TransportMemory.layer())

const serve = Effect.fnUntraced(function* (protocol: typeof young) {
  const network = yield* TransportMemory.Network
  const scope = yield* Scope.fork(yield* Effect.scope)
  yield* Server.make(
    protocol,
    Requests.handler(protocol, { Ask: ({ n }) => Effect.succeed({ n: n * 2 }) })
  ).pipe(Effect.provideService(Listener, network.listener), Scope.provide(scope))
  return Effect.andThen(network.reset, Scope.close(scope, Exit.void))
})

describe("a versioned client that comes back", () => {
  it.effect(
    "is down with the mismatch, tries again by its schedule, and is up with the upgraded server",
    () =>
      Effect.gen(function* () {
        let stop = yield* serve(ancient)
        const client = yield* Client.make(young, { reconnect: Schedule.spaced("1 second") })
        yield* settle
        const status = statusOf(client)
        assert.deepInclude(status._tag === "Down" ? status.failure : {}, {
          _tag: "VersionMismatch",
          reason: "version"
        })
        assert.strictEqual(client.stats.connections, 0)
        yield* TestClock.adjust("1 second")
        assert.isAtLeast(client.stats.failures, 2)
        assert.strictEqual(statusOf(client)._tag, "Down")
        const double = client.use((connection) =>
          Effect.flatMap(Requests.fromClient(young, connection), (ask) =>
            Effect.map(ask.request({ _tag: "Ask", n: 21 }), ({ n }) => [n, connection.agreed])
          )
        )
        const upgrades = [
          { protocol: old, codec: "default", version: 1 },
          { protocol: young, codec: "binary", version: 2 },
          { protocol: old, codec: "default", version: 1 }
        ]
        for (const { codec, protocol, version } of upgrades) {
          yield* stop
          stop = yield* serve(protocol)
          yield* TestClock.adjust("1 second")
          yield* client.awaitUp
          assert.deepStrictEqual(yield* double, [42, { version: 2, peerVersion: version, codec }])
        }
      }).pipe(memory)
  )

  it.effect("gives up where its schedule says so of a mismatch", () =>
    Effect.gen(function* () {
      yield* serve(ancient)
      const client = yield* Client.make(young, { reconnect: Schedule.recurs(0) })
      yield* settle
      const error = yield* Effect.flip(client.send({ _tag: "Ask", id: 1, n: 1 }))
      assert.strictEqual(error._tag, "ClientEnded")
      assert.strictEqual(error._tag === "ClientEnded" && error.failure?._tag, "VersionMismatch")
    }).pipe(memory)
  )
})
