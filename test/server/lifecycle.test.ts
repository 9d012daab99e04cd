/** What connections and servers owe to those who come from elsewhere, case by case. */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Schedule, Stream, SubscriptionRef } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import type { Connection } from "../../src/Connection.ts"
import type { ServerEvent } from "../../src/Events.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { eventually, open, take } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"
import * as rigs from "../transport/rigs.ts"
import { portOf, Text, tcpPeer } from "./support.ts"

type Peer = Connection<string, string>

const echo = (connection: Peer) => Stream.run(connection.messages, connection.sink)

const now = { startImmediately: true } as const

const times = (count: number) => Array.from({ length: count }, (_, i) => i)

const follow = (server: Server.Server["Service"]) =>
  Effect.gen(function* () {
    const seen: Array<ServerEvent> = []
    yield* Effect.forkChild(
      Stream.runForEach(server.events, (event) => Effect.sync(() => seen.push(event))),
      now
    )
    return seen
  })

const closes = (events: ReadonlyArray<ServerEvent>) =>
  events.flatMap((event) => (event._tag === "Closed" ? [event.reason._tag] : []))

const settle = Effect.forEach(times(20), () => Effect.yieldNow, { discard: true })

describe("a server", () => {
  it.effect("L-A7, L-A10: a handler that raises the limit takes itself out of the count", () =>
    Effect.gen(function* () {
      let started = 0
      const made = yield* Deferred.make<Server.Server["Service"]>()
      const raise = Effect.flatMap(Deferred.await(made), ({ limits }) =>
        SubscriptionRef.update(limits, ({ maxConnections, ...others }) => ({
          ...others,
          maxConnections: Number(maxConnections) + 1
        }))
      )
      const server = yield* Server.make(
        Text,
        (connection) =>
          Effect.andThen(
            Effect.suspend(() => (++started > 10 ? Effect.void : raise)),
            Stream.runDrain(connection.messages)
          ),
        { admission: { maxConnections: 10, overLimit: { wait: "1 minute" } } }
      )
      yield* Deferred.succeed(made, server)
      yield* Effect.forEach(times(21), () => rawClient)
      yield* eventually(() => started === 20, "ten that do not count, and ten that do")
      yield* settle
      assert.strictEqual(started, 20)
      assert.strictEqual(yield* server.connectionCount, 20)
    }).pipe(Effect.provide(TransportMemory.layer()))
  )

  it.effect("L-A23: answers ten lines, and five idle peers do not hold up its stop", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, echo)
      const client = yield* connect
      for (const i of times(10)) {
        const line = String(i * 7919)
        yield* client.send(line)
        assert.deepStrictEqual(yield* take(client, 1), [line])
      }
      yield* client.close
      yield* Effect.forEach(times(5), () => connect)
      assert.deepStrictEqual(yield* server.stop, { clean: 5, forced: 0, duration: Duration.zero })
    })
  )

  it.effect("S-16: its stop is over with the last connection", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, (connection) =>
        Effect.andThen(connection.draining, Effect.sleep("777 millis"))
      )
      yield* connect
      const stopping = yield* Effect.forkChild(server.stop, now)
      yield* TestClock.adjust("777 millis")
      assert.deepStrictEqual(yield* Fiber.join(stopping), {
        clean: 1,
        forced: 0,
        duration: Duration.millis(777)
      })
    })
  )

  it.effect("S-21: holds no more for a peer that stalls than its bounds", () =>
    Effect.gen(function* () {
      const held = yield* Deferred.make<Peer>()
      yield* Server.make(
        Text,
        (connection) =>
          Effect.andThen(
            Deferred.succeed(held, connection),
            Effect.forever(connection.send("x".repeat(1000)))
          ),
        { outbound: { maxBytes: 50_000 } }
      )
      const peer = yield* rawClient
      peer.wire.pause()
      const connection = yield* Deferred.await(held)
      yield* eventually(() => connection.stats.outboundBytes >= 50_000, "the queue is full")
      yield* settle
      // One message may stand above the mark.
      assert.isAtMost(connection.stats.outboundBytes, 51_001)
    }).pipe(Effect.provide(TransportMemory.layer()))
  )

  for (const rig of [rigs.tcp, rigs.unix]) {
    it.live(`L-A25 on ${rig.name}: every byte of every batch comes back, and opens equal closes`, () =>
      Effect.gen(function* () {
        const Frames = Protocol.make("Frames", {
          framing: Framing.lengthPrefixed(),
          fromClient: Codec.bytes,
          fromServer: Codec.bytes
        })
        const { connect, server } = yield* open(rig, Frames, (connection) =>
          Stream.run(connection.messages, connection.sink)
        )
        const seen = yield* follow(server)
        yield* Effect.forEach(
          times(10),
          (client) =>
            Effect.scoped(
              Effect.gen(function* () {
                const connection = yield* connect
                for (const batch of times(10)) {
                  const messages = times(10).map((i) => new Uint8Array(100 * i + batch).fill(client))
                  yield* connection.sendAll(messages)
                  const back = yield* take(connection, 10)
                  assert.isTrue(Buffer.concat(back).equals(Buffer.concat(messages)))
                }
              })
            ),
          { concurrency: "unbounded", discard: true }
        )
        yield* eventually(() => closes(seen).length === 10, "all are gone")
        assert.strictEqual(seen.filter(({ _tag }) => _tag === "Opened").length, 10)
        assert.strictEqual(yield* server.connectionCount, 0)
      })
    )
  }

  it.live("L-A26: a stampede while it suspends and resumes leaves nobody stuck", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Text, echo)
      const port = portOf(server.address)
      const flapping = yield* Effect.forkChild(
        Effect.repeat(Effect.andThen(server.suspend, server.resume), Schedule.recurs(50)),
        now
      )
      let over = 0
      const rush = (): Promise<void> =>
        new Promise((resolve) => {
          const socket = Net.connect({ host: "127.0.0.1", port })
          socket.on("error", () => {})
          socket.on("data", () => socket.end())
          socket.on("close", () => {
            over++
            resolve()
          })
          socket.write("hello\n")
        })
      yield* Effect.forEach(times(10), () => Effect.promise(() => Promise.all(times(100).map(rush))), {
        discard: true
      })
      yield* Fiber.join(flapping)
      assert.strictEqual(over, 1000)
      assert.strictEqual(yield* server.status, "running")
      yield* eventually(() => Effect.runSync(server.connectionCount) === 0, "nobody is left")
      const late = yield* tcpPeer(port)
      late.socket.write("late\n")
      yield* eventually(() => late.text === "late\n", "the next is served")
    }).pipe(Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 })))
  )

  it.live("L-H21: connections go on, a hundred times, while nobody new is accepted", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.tcp, Text, echo)
      const client = yield* connect
      yield* client.send("before")
      yield* take(client, 1)
      yield* server.suspend
      for (const i of times(100)) {
        yield* client.send(`${i}`)
        assert.deepStrictEqual(yield* take(client, 1), [`${i}`])
      }
    })
  )
})

describe("a connection", () => {
  it.live("L-A30: has the addresses of its peer, the other way round", () =>
    Effect.gen(function* () {
      const accepted = yield* Deferred.make<Peer>()
      const { connect } = yield* open(rigs.tcp, Text, (connection) =>
        Effect.andThen(Deferred.succeed(accepted, connection), echo(connection))
      )
      const client = yield* connect
      const connection = yield* Deferred.await(accepted)
      assert.deepStrictEqual(client.localAddress, connection.remoteAddress)
      assert.deepStrictEqual(client.remoteAddress, connection.localAddress)
    })
  )

  it.effect("L-H5, L-H6: is told closed once, by whoever closed it", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, (connection) =>
        Stream.run(
          Stream.takeUntil(connection.messages, (line) => line === "enough"),
          connection.sink
        )
      )
      const seen = yield* follow(server)
      const first = yield* connect
      yield* first.close
      yield* eventually(() => closes(seen).length === 1, "it is closed")
      const second = yield* connect
      yield* second.send("enough")
      assert.deepStrictEqual(yield* Stream.runCollect(second.messages), ["enough"])
      yield* eventually(() => closes(seen).length === 2, "it is closed too")
      yield* settle
      assert.deepStrictEqual(closes(seen), ["PeerClosed", "LocalClosed"])
    })
  )

  it.effect("L-H12, L-H15: ends a pending read with the peer, and may end its own side after that", () =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<Exit.Exit<void, unknown>>()
      yield* Server.make(Text, (connection) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* Stream.runCollect(connection.messages), [])
          yield* Deferred.succeed(ended, yield* Effect.exit(connection.end))
        })
      )
      const client = yield* Client.connect(Text)
      yield* settle
      yield* client.end
      assert.isTrue(Exit.isSuccess(yield* Deferred.await(ended)))
    }).pipe(Effect.provide(TransportMemory.layer()))
  )

  it.effect("L-H20, L-H25: brings back 1000 bytes, however they are cut and with nothing in between", () =>
    Effect.gen(function* () {
      yield* Server.make(Text, echo)
      const peer = yield* rawClient
      const line = `${"x".repeat(999)}\n`
      for (let i = 0; i < line.length; i += 100) {
        peer.write(line.slice(i, i + 100))
        peer.write("")
      }
      peer.wire.end()
      yield* eventually(() => peer.state.ended, "it has ended")
      assert.strictEqual(peer.text(), line)
    }).pipe(Effect.provide(TransportMemory.layer()))
  )
})
