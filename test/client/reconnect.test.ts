/** When a client connects again, when it gives up, and how it ends. */
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Option,
  Schedule,
  Scope,
  Stream,
  SubscriptionRef
} from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import type { ConnectFailure } from "../../src/SluiceError.ts"
import { Connector } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { Text } from "../server/support.ts"
import { attempts, echo, flakyServer, now, settle, statusOf } from "./support.ts"

const provideMemory = Effect.provide(TransportMemory.layer())

const doubling = Schedule.exponential("100 millis", 2)

describe("the attempts of a client", () => {
  it.effect("L-C1: make returns at once where nobody listens, and the status tells why it is down", () =>
    Effect.gen(function* () {
      const client = yield* Client.make(Text, { reconnect: doubling })
      assert.deepStrictEqual(statusOf(client), { _tag: "Connecting", attempt: 1 })
      yield* settle
      const status = statusOf(client)
      assert.strictEqual(status._tag, "Down")
      if (status._tag !== "Down") return
      assert.propertyVal(status.failure, "kind", "ConnectionRefused")
      assert.include(status.failure.message, "memory:network")
      assert.isTrue(Option.isNone(yield* client.connection))
    }).pipe(provideMemory)
  )

  it.effect("L-C2: with the server down for three of them, come at 0, 100, 300 and 700 ms", () =>
    Effect.gen(function* () {
      const { provide, times } = yield* attempts
      const server = yield* flakyServer(echo)
      const client = yield* provide(Client.make(Text, { reconnect: doubling }))
      for (const step of [0, 100, 200, 399]) {
        yield* settle
        yield* TestClock.adjust(step)
      }
      yield* server.up
      yield* TestClock.adjust(1)
      yield* client.awaitUp
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(times, [0, 100, 300, 700])
      assert.propertyVal(client.stats, "failures", 3)
      assert.propertyVal(client.stats, "connections", 1)
      yield* client.send("hello")
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(client.messages, 1)), ["hello"])
    }).pipe(provideMemory)
  )

  it.effect("by default come within 5 seconds of each other, for ever, and not in step", () =>
    Effect.gen(function* () {
      const { provide, times } = yield* attempts
      yield* provide(Client.make(Text))
      for (let second = 0; second < 600; second++) {
        yield* settle
        yield* TestClock.adjust(100)
      }
      const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0))
      assert.isAtLeast(gaps.length, 10)
      assert.isAtMost(Math.max(...gaps), 6100)
      assert.isAtLeast(gaps[0] ?? 0, 400)
      assert.isAtMost(gaps[0] ?? 0, 700)
      assert.isAbove(new Set(gaps.slice(-6)).size, 1)
    }).pipe(provideMemory)
  )

  it.effect("L-C3: after so many restarts within the window the next failure surfaces, for everyone", () =>
    Effect.gen(function* () {
      const { provide, times } = yield* attempts
      const server = yield* flakyServer(echo)
      yield* server.up
      const client = yield* provide(Client.make(Text, { reconnect: Schedule.recurs(3) }))
      const taking = yield* Effect.forkChild(Effect.flip(Stream.runDrain(client.messages)), now)
      for (let restart = 0; restart < 3; restart++) {
        yield* client.awaitUp
        yield* server.network.reset
        yield* settle
        assert.notStrictEqual(statusOf(client)._tag, "GaveUp")
      }
      yield* client.awaitUp
      yield* server.down
      yield* settle
      const status = statusOf(client)
      assert.strictEqual(status._tag, "GaveUp")
      assert.strictEqual(times.length, 4)
      for (const error of [
        yield* Fiber.join(taking),
        yield* Effect.flip(client.send("late")),
        yield* Effect.flip(client.trySend("late")),
        yield* Effect.flip(client.awaitUp),
        yield* Effect.flip(client.use(() => Effect.void))
      ]) {
        assert.propertyVal(error, "_tag", "ClientEnded")
        const { failure } = error as { readonly failure?: unknown }
        assert.strictEqual(failure, status._tag === "GaveUp" ? status.failure : undefined)
        assert.nestedPropertyVal(failure, "reason._tag", "PeerReset")
      }
      yield* client.close
      assert.strictEqual(statusOf(client)._tag, "GaveUp")
    }).pipe(provideMemory)
  )

  it.effect("L-C4: a connection that was stable starts the backoff over, a shorter one does not", () =>
    Effect.gen(function* () {
      const { provide, times } = yield* attempts
      const server = yield* flakyServer(echo)
      const client = yield* provide(
        Client.make(Text, { reconnect: doubling, stableAfter: "10 seconds", deadlines: { readIdle: "off" } })
      )
      yield* settle
      yield* TestClock.adjust(100)
      yield* server.up
      yield* TestClock.adjust(200)
      yield* client.awaitUp
      // Up at 300, after two failures.
      yield* TestClock.adjust(9_999)
      yield* server.network.reset
      yield* settle
      // The third delay.
      yield* TestClock.adjust(399)
      assert.strictEqual(times.length, 3)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(times, [0, 100, 300, 10_699])
      yield* client.awaitUp
      yield* TestClock.adjust(10_000)
      yield* server.network.reset
      yield* settle
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(times, [0, 100, 300, 10_699, 20_799])
    }).pipe(provideMemory)
  )

  it.effect("a schedule that is told the failures can give up on some of them", () =>
    Effect.gen(function* () {
      const { provide, times } = yield* attempts
      const step = (_now: number, failure: ConnectFailure) =>
        failure._tag === "TransportError" && failure.kind === "ConnectionRefused"
          ? Cause.done("nobody there")
          : Effect.succeed<[string, Duration.Duration]>(["again", Duration.zero])
      const client = yield* provide(Client.make(Text, { reconnect: Schedule.fromStep(Effect.succeed(step)) }))
      yield* settle
      assert.strictEqual(statusOf(client)._tag, "GaveUp")
      assert.deepStrictEqual(times, [0])
    }).pipe(provideMemory)
  )
})

describe("the end of a client that comes back", () => {
  it.effect("L-C5: stop during backoff ends at once, and whoever waits is told", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const client = yield* Scope.provide(Client.make(Text, { reconnect: Schedule.spaced("1 hour") }), scope)
      yield* settle
      const sending = yield* Effect.forkChild(Effect.flip(client.send("x")), now)
      const waiting = yield* Effect.forkChild(Effect.flip(client.awaitUp), now)
      assert.strictEqual(statusOf(client)._tag, "Down")
      // The clock stands.
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(sending))._tag, "ClientEnded")
      assert.isUndefined((yield* Fiber.join(waiting)).failure)
      assert.deepStrictEqual(yield* Stream.runCollect(client.messages), [])
      assert.strictEqual(statusOf(client)._tag, "Closed")
    }).pipe(provideMemory)
  )

  it.effect("stop while it connects, or while onConnect runs, ends at once too", () =>
    Effect.gen(function* () {
      let interrupted = 0
      const never = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const connecting = yield* Client.make(Text).pipe(Effect.provideService(Connector, { connect: never }))
      yield* connecting.close
      assert.strictEqual(interrupted, 1)

      const server = yield* flakyServer(echo)
      yield* server.up
      const preparing = yield* Client.make(Text, { onConnect: () => never })
      yield* settle
      assert.strictEqual(statusOf(preparing)._tag, "Connecting")
      yield* preparing.close
      assert.strictEqual(interrupted, 2)
      yield* settle
      assert.deepStrictEqual(yield* server.network.links, [])
    }).pipe(provideMemory)
  )

  it.effect("close flushes what was sent, ends messages after the last one, and is one however often", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      const server = yield* flakyServer((peer) =>
        Stream.runForEach(peer.messages, (message) => Effect.sync(() => heard.push(message)))
      )
      yield* server.up
      const client = yield* Client.make(Text)
      yield* client.sendAll(["a", "b", "c"])
      yield* Effect.all([client.close, client.close], { concurrency: "unbounded" })
      assert.deepStrictEqual(heard, ["a", "b", "c"])
      assert.deepStrictEqual(yield* Stream.runCollect(client.messages), [])
      assert.strictEqual((yield* Effect.flip(client.send("late")))._tag, "ClientEnded")
      assert.deepStrictEqual(yield* server.network.links, [])
    }).pipe(provideMemory)
  )

  it.effect("onConnect may close its own client", () =>
    Effect.gen(function* () {
      const server = yield* flakyServer(echo)
      const made = yield* Deferred.make<Client.Client<string, string>>()
      const client = yield* Client.make(Text, {
        reconnect: doubling,
        onConnect: () => Effect.flatMap(Deferred.await(made), ({ close }) => close)
      })
      yield* Deferred.succeed(made, client)
      yield* server.up
      yield* TestClock.adjust(100)
      yield* Effect.flip(client.awaitUp)
      yield* settle
      assert.strictEqual(statusOf(client)._tag, "Closed")
      assert.deepStrictEqual(yield* server.network.links, [])
    }).pipe(provideMemory)
  )

  it.effect("the status is a stream of what happened", () =>
    Effect.gen(function* () {
      const server = yield* flakyServer(echo)
      yield* server.up
      const client = yield* Client.make(Text, { reconnect: doubling })
      const seen = yield* SubscriptionRef.changes(client.status).pipe(
        Stream.map(({ _tag }) => _tag),
        Stream.takeUntil((tag) => tag === "Closed"),
        Stream.runCollect,
        Effect.forkChild(now)
      )
      yield* client.awaitUp
      yield* settle
      yield* server.down
      yield* settle
      yield* server.up
      yield* TestClock.adjust(100)
      yield* client.awaitUp
      yield* settle
      yield* client.close
      assert.deepStrictEqual(yield* Fiber.join(seen), [
        "Connecting",
        "Up",
        "Down",
        "Connecting",
        "Up",
        "Closed"
      ])
    }).pipe(provideMemory)
  )
})
