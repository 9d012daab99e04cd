/** How a server stops: in order, and in bounded time. On the in-memory network, by the test clock. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import type * as Connection from "../../src/Connection.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually, take } from "../support/pair.ts"
import { rawClient, say, Text } from "./support.ts"

const provideMemory = Effect.provide(TransportMemory.layer())

type Peer = Connection.Connection<string, string>

const echo = (connection: Peer) => Stream.run(connection.messages, connection.sink)

const now = { startImmediately: true } as const

const until = (server: Server.Server["Service"], count: number) =>
  eventually(() => Effect.runSync(server.connectionCount) === count, `${count} connections`)

/** Lets everything that is under way arrive, without a tick of the clock. */
const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

describe("stop", () => {
  it.effect("S-18, L-H22: idle connections close at once, used before or not, and stop returns", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Text, echo)
      const clients = yield* Effect.forEach([1, 2, 3], () => Client.connect(Text))
      yield* clients[0]!.send("used")
      yield* take(clients[0]!, 1)
      // The clock stands: nothing of this takes time.
      yield* server.stop
      assert.strictEqual(yield* server.connectionCount, 0)
      for (const client of clients) {
        assert.strictEqual((yield* client.closed)._tag, "PeerClosed")
        assert.deepStrictEqual(yield* Stream.runCollect(client.messages), [])
      }
    }).pipe(provideMemory)
  )

  it.effect(
    "S-19: a handler in the midst of a message finishes it, its reply arrives, nothing more is read",
    () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const begun = yield* Deferred.make<void>()
        const reason = yield* Deferred.make<string>()
        const seen: Array<string> = []
        const server = yield* Server.make(Text, (connection) =>
          Effect.andThen(
            Effect.forkDetach(
              Effect.flatMap(connection.closed, ({ _tag }) => Deferred.succeed(reason, _tag))
            ),
            Stream.runForEach(connection.messages, (message) =>
              Effect.gen(function* () {
                seen.push(message)
                yield* Deferred.succeed(begun, undefined)
                yield* Deferred.await(gate)
                yield* connection.send(`${message}!`)
              })
            )
          )
        )
        const client = yield* Client.connect(Text)
        yield* client.sendAll(["one", "two"])
        yield* Deferred.await(begun)
        const stopping = yield* Effect.forkChild(server.stop, now)
        yield* client.send("too late")
        yield* settle
        assert.isUndefined(stopping.pollUnsafe())
        assert.strictEqual(yield* server.connectionCount, 1)
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(stopping)
        assert.deepStrictEqual(yield* Stream.runCollect(client.messages), ["one!", "two!"])
        assert.deepStrictEqual(seen, ["one", "two"])
        assert.strictEqual(yield* Deferred.await(reason), "ServerStopped")
      }).pipe(provideMemory)
  )

  it.effect("L-S22: queued output is delivered before the end, however slowly the peer reads", () =>
    Effect.gen(function* () {
      const big = "x".repeat(100_000)
      const server = yield* Server.make(Text, (connection) =>
        Stream.runForEach(connection.messages, () => connection.sendAll([big, big, big, "last"]))
      )
      const client = yield* rawClient
      client.pause()
      say(client, "go\n")
      yield* until(server, 1)
      yield* settle
      const stopping = yield* Effect.forkChild(server.stop, now)
      yield* settle
      assert.isUndefined(stopping.pollUnsafe())
      client.resume()
      yield* client.ended
      client.wire.end()
      yield* Fiber.join(stopping)
      assert.strictEqual(client.length, 300_000 + 8)
      assert.isTrue(client.text.endsWith("x\nlast\n"))
      assert.deepStrictEqual(client.violations, [])
      yield* client.closed
      assert.isUndefined(client.error)
    }).pipe(provideMemory)
  )

  it.effect("L-S22: a peer that does not read is cut after closeTimeout, with what it left unread", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(
        Text,
        (connection) => Stream.runForEach(connection.messages, () => connection.send("x".repeat(300_000))),
        { closeTimeout: "3 seconds" }
      )
      const client = yield* rawClient
      client.pause()
      say(client, "go\n")
      yield* settle
      const stopping = yield* Effect.forkChild(server.stop, now)
      yield* settle
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(stopping.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(stopping)
      assert.strictEqual(yield* server.connectionCount, 0)
    }).pipe(provideMemory)
  )

  it.effect("L-S2: draining completes, in time for a goodbye; never before", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Text, (connection) =>
        Effect.andThen(connection.draining, connection.send("GOODBYE"))
      )
      const client = yield* Client.connect(Text)
      yield* until(server, 1)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(client.stats.messagesIn, 0)
      yield* server.stop
      assert.deepStrictEqual(yield* Stream.runCollect(client.messages), ["GOODBYE"])
    }).pipe(provideMemory)
  )

  it.effect(
    "S-14, L-S17: 100 handlers that ignore it are interrupted together after drainTimeout, and gone",
    () =>
      Effect.gen(function* () {
        let interrupted = 0
        const server = yield* Server.make(
          Text,
          () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++)),
          { drainTimeout: "10 seconds", killTimeout: "2 seconds" }
        )
        const clients = yield* Effect.forEach(Array.from({ length: 100 }), () => Client.connect(Text))
        const stopping = yield* Effect.forkChild(server.stop, now)
        yield* settle
        yield* TestClock.adjust("9999 millis")
        assert.strictEqual(interrupted, 0)
        assert.isUndefined(stopping.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(stopping)
        assert.strictEqual(interrupted, 100)
        assert.strictEqual(yield* server.connectionCount, 0)
        for (const client of clients) assert.strictEqual((yield* client.closed)._tag, "PeerClosed")
      }).pipe(provideMemory)
  )

  it.effect(
    "L-S21: an uninterruptible handler keeps stop until drainTimeout and killTimeout are over, no longer",
    () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const server = yield* Server.make(Text, () => Effect.uninterruptible(Deferred.await(gate)), {
          drainTimeout: "10 seconds",
          killTimeout: "2 seconds",
          closeTimeout: "1 hour"
        })
        const client = yield* rawClient
        say(client, "hello\n")
        yield* until(server, 1)
        const stopping = yield* Effect.forkChild(server.stop, now)
        yield* settle
        yield* TestClock.adjust("11999 millis")
        assert.isUndefined(stopping.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(stopping)
        // Its peer is let go, whatever the handler still does; and the handler's own end is the connection's.
        yield* client.ended
        yield* Deferred.succeed(gate, undefined)
        yield* until(server, 0)
      }).pipe(provideMemory)
  )

  it.effect("L-S4, S-18: a peer that never ends its side is cut after closeTimeout, and stop returns", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Text, echo)
      const client = yield* rawClient
      yield* until(server, 1)
      const stopping = yield* Effect.forkChild(server.stop, now)
      yield* client.ended
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(stopping.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(stopping)
    }).pipe(provideMemory)
  )

  it.effect("the timeouts may be 0: then handlers are interrupted at once, and peers cut", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Text, () => Effect.never, { drainTimeout: 0, killTimeout: 0 })
      const client = yield* rawClient
      yield* until(server, 1)
      const stopping = yield* Effect.forkChild(server.stop, now)
      yield* TestClock.adjust(0)
      yield* Fiber.join(stopping)
      yield* client.ended
      yield* until(server, 0)
    }).pipe(provideMemory)
  )

  it.effect("S-10, L-S19: stopping twice at once, again later, and by the scope is one stop", () =>
    Effect.gen(function* () {
      let drained = 0
      const outcome = yield* Effect.scoped(
        Effect.gen(function* () {
          const server = yield* Server.make(Text, (connection) =>
            Effect.andThen(
              connection.draining,
              Effect.sync(() => drained++)
            )
          )
          yield* Client.connect(Text)
          yield* until(server, 1)
          yield* Effect.all([server.stop, server.stop, server.stop], { concurrency: 3 })
          yield* server.stop
          return yield* server.connectionCount
        })
      )
      assert.strictEqual(outcome, 0)
      assert.strictEqual(drained, 1)
    }).pipe(provideMemory)
  )

  it.effect("the end of the scope is a stop: handlers finish, and their replies arrive", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const running = yield* Effect.forkChild(
        Effect.scoped(
          Effect.gen(function* () {
            yield* Server.make(Text, (connection) =>
              Stream.runForEach(connection.messages, (message) =>
                Effect.gen(function* () {
                  yield* Deferred.succeed(begun, undefined)
                  yield* Deferred.await(gate)
                  yield* connection.send(message)
                })
              )
            )
            yield* Effect.never
          })
        ),
        now
      )
      const client = yield* Client.connect(Text)
      yield* client.send("in flight")
      yield* Deferred.await(begun)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(running), now)
      yield* settle
      assert.isUndefined(interrupting.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(yield* Stream.runCollect(client.messages), ["in flight"])
    }).pipe(provideMemory)
  )

  it.effect("a stop that was given up goes on from there when it is asked again", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Text, () => Effect.never, { drainTimeout: "10 seconds" })
      yield* Client.connect(Text)
      const first = yield* Effect.forkChild(Effect.timeoutOption(server.stop, "1 seconds"), now)
      yield* settle
      yield* TestClock.adjust("1 seconds")
      assert.propertyVal(yield* Fiber.join(first), "_tag", "None")
      assert.strictEqual(yield* server.connectionCount, 1)
      const second = yield* Effect.forkChild(server.stop, now)
      yield* settle
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(second)
      assert.strictEqual(yield* server.connectionCount, 0)
    }).pipe(provideMemory)
  )

  it.effect(
    "L-H9, L-S14: a handler may ask for the stop, and is interrupted in its time like any other",
    () =>
      Effect.gen(function* () {
        const ready = yield* Deferred.make<Server.Server["Service"]>()
        const server: Server.Server["Service"] = yield* Server.make(Text, (connection) =>
          Stream.runForEach(connection.messages, () =>
            Effect.flatMap(Deferred.await(ready), ({ stop }) => stop)
          )
        )
        yield* Deferred.succeed(ready, server)
        const idle = yield* Client.connect(Text)
        const client = yield* Client.connect(Text)
        yield* until(server, 2)
        yield* client.send("stop")
        assert.strictEqual((yield* idle.closed)._tag, "PeerClosed")
        yield* until(server, 1)
        yield* TestClock.adjust("15 seconds")
        assert.strictEqual((yield* client.closed)._tag, "PeerClosed")
        yield* until(server, 0)
      }).pipe(provideMemory)
  )

  it.effect("L-S1: new connects are refused from the beginning of a stop, and those who are here go on", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const server = yield* Server.make(Text, (connection) =>
        Effect.andThen(
          Deferred.await(gate),
          Effect.andThen(connection.send("still served"), Stream.runDrain(connection.messages))
        )
      )
      const client = yield* Client.connect(Text)
      yield* until(server, 1)
      const stopping = yield* Effect.forkChild(server.stop, now)
      yield* settle
      assert.propertyVal(yield* Effect.flip(Client.connect(Text)), "kind", "ConnectionRefused")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(yield* Stream.runCollect(client.messages), ["still served"])
      assert.propertyVal(yield* Effect.flip(Client.connect(Text)), "kind", "ConnectionRefused")
    }).pipe(provideMemory)
  )

  it.effect("a second server takes the place of a stopped one", () =>
    Effect.gen(function* () {
      const first = yield* Server.make(Text, echo)
      assert.propertyVal(yield* Effect.flip(Effect.scoped(Server.make(Text, echo))), "kind", "AddressInUse")
      yield* first.stop
      yield* Server.make(Text, echo)
      const client = yield* Client.connect(Text)
      yield* client.send("second")
      assert.deepStrictEqual(yield* take(client, 1), ["second"])
    }).pipe(provideMemory)
  )
})
