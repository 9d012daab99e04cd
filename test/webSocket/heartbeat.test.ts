/** The pings of WebSockets as our heartbeat. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { WebSocket } from "ws"
import * as Client from "../../src/Client.ts"
import type { CloseReason } from "../../src/CloseReason.ts"
import type { Connection } from "../../src/Connection.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportWebSocket from "../../src/TransportWebSocket.ts"
import { connect, echo, host, Lines, serve } from "./support.ts"

/** A server without jitter, and its first connection. */
const meet = Effect.fnUntraced(function* (options: Server.ServerOptions<string> = {}, pongs = true) {
  const first = yield* Deferred.make<Connection<string, string>>()
  const reason = yield* Deferred.make<CloseReason>()
  const { port } = yield* serve(
    {},
    (connection) =>
      Effect.gen(function* () {
        yield* Deferred.succeed(first, connection)
        yield* Effect.forkDetach(
          Effect.flatMap(connection.closed, (closed) => Deferred.succeed(reason, closed)),
          { startImmediately: true }
        )
        yield* Stream.run(connection.messages, connection.sink)
      }),
    { deadlines: { hello: "off", readIdle: "off" }, heartbeat: { jitter: 0 }, ...options }
  )
  const peer = yield* connect(`ws://${host}:${port}`, { autoPong: pongs })
  const connection = yield* Deferred.await(first)
  return { connection, peer, port, reason: Deferred.await(reason) }
})

const nextPing = (socket: WebSocket) =>
  Effect.callback<Buffer>((resume) => {
    socket.once("ping", (data) => resume(Effect.succeed(data)))
  })

describe("a server", () => {
  it.effect("pings into silence, and knows how long the answer took", () =>
    Effect.gen(function* () {
      const { connection, peer } = yield* meet()
      assert.isUndefined(connection.stats.roundTripMillis)
      const ping = yield* Effect.forkChild(nextPing(peer.socket), { startImmediately: true })
      yield* TestClock.adjust("24 seconds")
      yield* TestClock.adjust("1 second")
      yield* Effect.callback<void>((resume) => {
        ping.addObserver(() => resume(Effect.void))
      })
      while (connection.stats.roundTripMillis === undefined) yield* turn
      assert.isAtLeast(connection.stats.roundTripMillis, 0)
      assert.strictEqual(connection.stats.messagesIn, 0)
    })
  )

  it.effect("closes with HeartbeatTimeout when nobody answers", () =>
    Effect.gen(function* () {
      const { peer, reason } = yield* meet({}, false)
      let pings = 0
      peer.socket.on("ping", () => pings++)
      yield* TestClock.adjust("25 seconds")
      yield* TestClock.adjust("25 seconds")
      yield* TestClock.adjust("25 seconds")
      assert.deepStrictEqual((yield* reason)._tag, "HeartbeatTimeout")
      assert.strictEqual((yield* peer.closed)[0], 1011)
      assert.strictEqual(pings, 2)
    })
  )

  it.effect("takes the peer's pings, and pongs that nobody asked for, as signs of life", () =>
    Effect.gen(function* () {
      const { connection, peer } = yield* meet({}, false)
      let pings = 0
      peer.socket.on("ping", () => pings++)
      for (let i = 0; i < 5; i++) {
        yield* TestClock.adjust("20 seconds")
        const heard = connection.stats.lastReadAt
        if (i % 2 === 0) peer.socket.ping("mine")
        else peer.socket.pong("unasked")
        while (connection.stats.lastReadAt === heard) yield* turn
      }
      assert.strictEqual(pings, 0)
      assert.isUndefined(connection.stats.roundTripMillis)
    })
  )

  it.effect("sends none where that is off", () =>
    Effect.gen(function* () {
      const { connection, peer } = yield* meet({ heartbeat: "off" })
      let pings = 0
      peer.socket.on("ping", () => pings++)
      yield* TestClock.adjust("10 minutes")
      peer.socket.send("still here")
      yield* peer.heard(1)
      assert.strictEqual(pings, 0)
      assert.isFalse(connection.stats.messagesIn === 0)
    })
  )

  it.effect("leaves it to a protocol that has pings of its own", () =>
    Effect.gen(function* () {
      const Lively = Protocol.heartbeat(Lines, {
        fromServer: { ping: { make: () => "PING", is: (line) => line === "PING" } },
        fromClient: { pong: { make: () => "PONG", is: (line) => line === "PONG" } }
      })
      const server = yield* Effect.provide(
        Server.make(Lively, (connection) => Stream.runDrain(connection.messages), {
          deadlines: { hello: "off" },
          heartbeat: { jitter: 0 }
        }),
        Layer.merge(TransportWebSocket.layer({ host, port: 0 }), Logger.layer([]))
      )
      const port = server.address._tag === "Tcp" ? server.address.port : 0
      const peer = yield* connect(`ws://${host}:${port}`)
      let pings = 0
      peer.socket.on("ping", () => pings++)
      while ((yield* server.connectionCount) === 0) yield* turn
      yield* TestClock.adjust("25 seconds")
      yield* peer.heard(1)
      assert.deepStrictEqual(peer.messages, ["PING"])
      assert.strictEqual(pings, 0)
    })
  )
})

describe("a client", () => {
  it.effect("pings too", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({}, echo, { heartbeat: "off", deadlines: { hello: "off" } })
      const client = yield* Effect.provide(
        Client.connect(Lines, { heartbeat: { interval: "10 seconds", jitter: 0 } }),
        TransportWebSocket.layerClient({ url: `ws://${host}:${port}` })
      )
      yield* TestClock.adjust("10 seconds")
      while (client.stats.roundTripMillis === undefined) yield* turn
      assert.isAtLeast(client.stats.roundTripMillis, 0)
    })
  )
})

/** Lets the event loop go round once. */
const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
