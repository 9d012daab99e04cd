/** What becomes of messages while connections come and go. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, Schedule, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { Text } from "../server/support.ts"
import { echo, flakyServer, hearingServer, now, settle, statusOf } from "./support.ts"

const provideMemory = Effect.provide(TransportMemory.layer())

const reconnect = Schedule.spaced("1 second")

const take = (client: Client.Client<string, string>, count: number) =>
  Stream.runCollect(Stream.take(client.messages, count))

describe("sending while down", () => {
  it.effect("L-C6: with a queue of two the third fails with QueueFull; the two are sent in order", () =>
    Effect.gen(function* () {
      const server = yield* hearingServer
      const client = yield* Client.make(Text, { reconnect, whenDown: { queue: 2, deadline: "1 minute" } })
      yield* settle
      const sending = yield* Effect.forEach(["first", "second"], (message) =>
        Effect.forkChild(client.send(message), now)
      )
      assert.strictEqual(client.stats.waiting, 2)
      const error = yield* Effect.flip(client.send("third"))
      assert.strictEqual(error._tag, "QueueFull")
      assert.propertyVal(error, "limit", 2)
      assert.include(error.message, "ConnectionRefused")
      assert.isFalse(yield* client.trySend("third"))
      yield* server.up
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(sending, Fiber.join)
      yield* client.send("fourth")
      yield* settle
      assert.deepStrictEqual(server.heard, ["first", "second", "fourth"])
    }).pipe(provideMemory)
  )

  it.effect("each in the queue has a deadline of its own, and frees its place", () =>
    Effect.gen(function* () {
      const server = yield* hearingServer
      const client = yield* Client.make(Text, { reconnect, whenDown: { queue: 2, deadline: "400 millis" } })
      const first = yield* Effect.forkChild(Effect.flip(client.send("first")), now)
      yield* TestClock.adjust(300)
      const second = yield* Effect.forkChild(client.send("second"), now)
      yield* TestClock.adjust(99)
      assert.isUndefined(first.pollUnsafe())
      yield* TestClock.adjust(1)
      const error = yield* Fiber.join(first)
      assert.strictEqual(error._tag, "SendExpired")
      assert.propertyVal(error, "deadline", 400)
      assert.strictEqual(client.stats.expired, 1)
      assert.strictEqual(client.stats.waiting, 1)
      yield* TestClock.adjust(299)
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Effect.flip(Fiber.join(second)))._tag, "SendExpired")
      yield* server.up
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.deepStrictEqual(server.heard, [])
    }).pipe(provideMemory)
  )

  it.effect("suspends by default, and those who no longer want to are forgotten", () =>
    Effect.gen(function* () {
      const server = yield* hearingServer
      const client = yield* Client.make(Text, { reconnect })
      const sending = yield* Effect.forEach(["a", "b", "c"], (message) =>
        Effect.forkChild(client.send(message), now)
      )
      yield* Fiber.interrupt(sending[1] ?? assert.fail())
      assert.isFalse(yield* client.trySend("d"))
      yield* server.up
      yield* TestClock.adjust("1 second")
      yield* client.awaitUp
      yield* settle
      assert.deepStrictEqual(server.heard, ["a", "c"])
    }).pipe(provideMemory)
  )

  it.effect("fails at once where it is to fail", () =>
    Effect.gen(function* () {
      const client = yield* Client.make(Text, { reconnect, whenDown: "fail" })
      // Not even the first attempt is over.
      assert.propertyVal(yield* Effect.flip(client.sendAwait("x")), "failure", undefined)
      yield* settle
      for (const error of [
        yield* Effect.flip(client.send("x")),
        yield* Effect.flip(client.sendAll(["x"])),
        yield* Effect.flip(client.trySend("x")),
        yield* Effect.flip(client.use(() => Effect.void)),
        yield* Effect.flip(Stream.run(Stream.make("x"), client.sink))
      ]) {
        assert.strictEqual(error._tag, "ClientDown")
        assert.include(error.message, "ConnectionRefused")
      }
    }).pipe(provideMemory)
  )

  it.effect("what waits goes before what is sent as the connection comes", () =>
    Effect.gen(function* () {
      const server = yield* hearingServer
      const client = yield* Client.make(Text, { reconnect })
      yield* settle
      for (let i = 0; i < 500; i++) yield* Effect.forkChild(client.send(`${i}`), now)
      const late = yield* Effect.forkChild(
        Effect.flatMap(client.awaitUp, () =>
          Effect.forEach([500, 501], (i) => client.send(`${i}`), { discard: true })
        ),
        now
      )
      yield* server.up
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(late)
      yield* settle
      assert.deepStrictEqual(
        server.heard,
        Array.from({ length: 502 }, (_, i) => `${i}`)
      )
    }).pipe(provideMemory)
  )

  it.effect("a sender that waits for room when the connection breaks sends over the next one, once", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      const reads = yield* Deferred.make<void>()
      const server = yield* flakyServer((peer) =>
        Effect.andThen(
          Deferred.await(reads),
          Stream.runForEach(peer.messages, (message) => Effect.sync(() => heard.push(message.slice(0, 1))))
        )
      )
      yield* server.up
      const client = yield* Client.make(Text, { reconnect, outbound: { maxMessages: 1 } })
      const big = "x".repeat(500_000)
      const sending = yield* Effect.forkChild(
        Effect.forEach([..."abcdefgh"], (name) => client.send(`${name}${big}`), { discard: true }),
        now
      )
      yield* settle
      assert.isUndefined(sending.pollUnsafe())
      yield* server.network.reset
      yield* settle
      yield* Deferred.succeed(reads, undefined)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(sending)
      yield* client.send("z")
      yield* settle
      assert.strictEqual(heard.at(-1), "z")
      assert.strictEqual(new Set(heard).size, heard.length)
      assert.deepStrictEqual(heard.toSorted(), heard)
      assert.isAtLeast(heard.length, 5)
    }).pipe(Effect.provide(TransportMemory.layer({ window: 65_536 })))
  )
})

describe("onConnect", () => {
  it.effect("runs on every connection before what waits, and takes its answers itself", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      const server = yield* flakyServer((peer) =>
        Stream.runForEach(peer.messages, (message) => {
          heard.push(message)
          return message === "login" ? peer.sendAll(["welcome", "news"]) : peer.send(message)
        })
      )
      const answers: Array<string> = []
      const client = yield* Client.make(Text, {
        reconnect,
        onConnect: (connection, next) =>
          Effect.gen(function* () {
            yield* connection.send("login")
            answers.push(yield* next)
          })
      })
      const sending = yield* Effect.forkChild(client.send("hello"), now)
      yield* settle
      yield* server.up
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(sending)
      assert.deepStrictEqual(yield* take(client, 2), ["news", "hello"])
      yield* server.network.reset
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* client.send("again")
      assert.deepStrictEqual(yield* take(client, 2), ["news", "again"])
      assert.deepStrictEqual(answers, ["welcome", "welcome"])
      assert.deepStrictEqual(heard, ["login", "hello", "login", "again"])
    }).pipe(provideMemory)
  )

  it.effect("that fails, dies, or takes too long is a failed attempt; the backoff goes on", () =>
    Effect.gen(function* () {
      const server = yield* flakyServer(echo)
      yield* server.up
      let turn = 0
      let released = 0
      const client = yield* Client.make(Text, {
        reconnect,
        onConnectTimeout: "3 seconds",
        onConnect: () =>
          Effect.gen(function* () {
            yield* Effect.addFinalizer(() => Effect.sync(() => released++))
            turn++
            if (turn === 1) return yield* Effect.fail("not welcome")
            if (turn === 2) return yield* Effect.die("a bug")
            if (turn === 3) return yield* Effect.never
            if (turn === 4) return yield* Effect.interrupt
          })
      })
      const failureNow = () => {
        const status = statusOf(client)
        return status._tag === "Down" ? status.failure : assert.fail(status._tag)
      }
      yield* settle
      assert.strictEqual(failureNow()._tag, "ConnectFailed")
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual(failureNow()._tag, "ConnectFailed")
      yield* TestClock.adjust("1 second")
      yield* settle
      yield* TestClock.adjust("3 seconds")
      yield* settle
      assert.propertyVal(failureNow(), "kind", "Timeout")
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual(failureNow()._tag, "ConnectFailed")
      yield* TestClock.adjust("1 second")
      yield* client.awaitUp
      assert.strictEqual(client.stats.failures, 4)
      assert.strictEqual(released, 4)
      assert.strictEqual((yield* server.network.links).length, 1)
    }).pipe(provideMemory)
  )

  it.effect("a server that closes meanwhile, as one that refuses does, is a failure with its reason", () =>
    Effect.gen(function* () {
      const server = yield* flakyServer((peer) => peer.send("full"))
      yield* server.up
      const client = yield* Client.make(Text, {
        reconnect,
        onConnect: (_connection, next) => Effect.andThen(next, next)
      })
      yield* settle
      const status = statusOf(client)
      assert.strictEqual(status._tag, "Down")
      assert.nestedPropertyVal(status, "failure._tag", "ConnectionClosed")
      assert.strictEqual(client.stats.connections, 0)
    }).pipe(provideMemory)
  )
})

describe("messages of many connections", () => {
  it.effect("are one stream, in order, with what a connection that broke had brought", () =>
    Effect.gen(function* () {
      let connection = 0
      const server = yield* flakyServer((peer) => {
        connection++
        return Effect.andThen(
          peer.sendAll([`${connection}a`, `${connection}b`]),
          Stream.runDrain(peer.messages)
        )
      })
      yield* server.up
      const client = yield* Client.make(Text, { reconnect })
      yield* settle
      yield* server.network.reset
      yield* TestClock.adjust("1 second")
      yield* client.awaitUp
      yield* settle
      const taking = yield* Effect.forkChild(take(client, 6), now)
      yield* settle
      yield* server.network.reset
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(taking), ["1a", "1b", "2a", "2b", "3a", "3b"])
      assert.strictEqual(client.stats.dropped, 0)
    }).pipe(provideMemory)
  )

  it.effect("nobody taking stops the reading, and connections that come and go fill no more than that", () =>
    Effect.gen(function* () {
      let connection = 0
      const server = yield* flakyServer((peer) => {
        connection++
        const name = connection
        return Effect.forEach(Array.from({ length: 5000 }), (_, i) => peer.send(`${name}:${i}`), {
          discard: true
        })
      })
      yield* server.up
      const client = yield* Client.make(Text, { reconnect, inbound: { maxMessages: 10 } })
      for (let round = 0; round < 20; round++) {
        yield* client.awaitUp
        yield* settle
        yield* server.network.reset
        yield* settle
        yield* TestClock.adjust("1 second")
      }
      assert.isAtLeast(client.stats.dropped, 10)
      yield* client.close
      const left = yield* Stream.runCollect(client.messages)
      // What two connections hold: a mark each, and what one chunk brought.
      assert.isBelow(left.length, 2 * 10_000)
      const order = left.map((message) => message.split(":").map(Number))
      assert.deepStrictEqual(
        order.toSorted(([a = 0, b = 0], [c = 0, d = 0]) => a - c || b - d),
        order
      )
      assert.isAtMost(new Set(order.map(([name]) => name)).size, 3)
    }).pipe(Effect.provide(TransportMemory.layer({ window: 256 })))
  )

  it.effect("use hands out the connection of the moment", () =>
    Effect.gen(function* () {
      const server = yield* flakyServer(echo)
      yield* server.up
      const client = yield* Client.make(Text, { reconnect })
      const inside = yield* Deferred.make<void>()
      const reason = yield* Effect.forkChild(
        client.use((connection) => Effect.andThen(Deferred.succeed(inside, undefined), connection.closed)),
        now
      )
      yield* Deferred.await(inside)
      // Others are not held up by it.
      yield* client.send("meanwhile")
      assert.deepStrictEqual(yield* take(client, 1), ["meanwhile"])
      yield* client.sendAwait("awaited")
      assert.isTrue(Option.isSome(yield* client.connection))
      yield* server.network.reset
      assert.strictEqual((yield* Fiber.join(reason))._tag, "PeerReset")
    }).pipe(provideMemory)
  )
})
