/** Heartbeats on real sockets, with margins for a busy machine. */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { eventually } from "../support/pair.ts"

const ping = { make: () => "PING", is: (line: string) => line === "PING" }
const pong = { make: () => "PONG", is: (line: string) => line === "PONG" }

const Lively = Protocol.heartbeat(
  Protocol.make("Lively", {
    framing: Framing.lines(),
    fromClient: Codec.utf8,
    fromServer: Codec.utf8
  }),
  { fromServer: { ping }, fromClient: { pong } }
)

const host = "127.0.0.1"

const heartbeat = { interval: 200, misses: 2, jitter: 0 }

describe("over TCP", () => {
  it.live("L-T17: a peer that never answers hears its pings and is closed", () =>
    Effect.gen(function* () {
      const reason = yield* Deferred.make<string>()
      const server = yield* Server.make(
        Lively,
        (connection) =>
          Effect.andThen(
            Effect.forkDetach(
              Effect.flatMap(connection.closed, ({ _tag }) => Deferred.succeed(reason, _tag))
            ),
            Stream.runDrain(connection.messages)
          ),
        { heartbeat }
      ).pipe(Effect.provide(TransportNode.layerTcp({ host, port: 0 })))
      const { address } = server
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => Net.connect(address._tag === "Tcp" ? address.port : 0, host)),
        (it) => Effect.sync(() => it.destroy())
      )
      let heard = ""
      socket.on("error", () => {})
      socket.on("data", (chunk) => {
        heard += String(chunk)
      })
      const begun = performance.now()
      assert.strictEqual(yield* Deferred.await(reason), "HeartbeatTimeout")
      assert.isAbove(performance.now() - begun, 500)
      assert.strictEqual(heard, "PING\nPING\n")
    })
  )

  it.live("a client of the library answers, and the server knows how long it took", () =>
    Effect.gen(function* () {
      let roundTrip: number | undefined
      const server = yield* Server.make(
        Lively,
        (connection) =>
          Effect.andThen(
            connection.fork(
              Effect.gen(function* () {
                while (roundTrip === undefined) {
                  yield* Effect.sleep(10)
                  roundTrip = connection.stats.roundTripMillis
                }
              })
            ),
            Stream.runDrain(connection.messages)
          ),
        { heartbeat }
      ).pipe(Effect.provide(TransportNode.layerTcp({ host, port: 0 })))
      const { address } = server
      const client = yield* Client.connect(Lively).pipe(
        Effect.provide(
          TransportNode.layerTcpClient({ host, port: address._tag === "Tcp" ? address.port : 0 })
        )
      )
      yield* Effect.sleep(1000)
      yield* eventually(() => roundTrip !== undefined, "a ping was answered")
      assert.isBelow(roundTrip ?? 0, 1000)
      assert.isTrue(yield* client.trySend("still here"))
    })
  )

  it.live("a process that stood still itself pings before it gives anybody up", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Lively, (connection) => Stream.runDrain(connection.messages), {
        heartbeat
      }).pipe(Effect.provide(TransportNode.layerTcp({ host, port: 0 })))
      const { address } = server
      const client = yield* Client.connect(Lively).pipe(
        Effect.provide(
          TransportNode.layerTcpClient({ host, port: address._tag === "Tcp" ? address.port : 0 })
        )
      )
      // Past all three silences: when the event loop goes on, timers come before what there is to read.
      const until = performance.now() + 1000
      while (performance.now() < until) Math.random()
      yield* Effect.sleep(100)
      assert.isTrue(yield* client.trySend("still here"))
      assert.strictEqual(yield* server.connectionCount, 1)
    })
  )
})
