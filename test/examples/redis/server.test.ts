/** `examples/redis` on the network in memory: what no script of commands shows. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { eventually } from "../../support/pair.ts"
import { rawClient } from "../../support/raw.ts"
import { connect, provide, start } from "./support.ts"

describe("expiry", () => {
  it.effect("makes keys go at their time, whether anybody asks or not", () =>
    Effect.gen(function* () {
      yield* start()
      const { ask } = yield* connect
      yield* ask("SET a 1 EX 10", "SET b 1 PX 5000", "SET c 1")
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(
        yield* ask("MGET a b c", "TTL b", "PTTL b"),
        "*3\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n:0\r\n:1\r\n"
      )
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* ask("GET b", "TTL b"), "$-1\r\n:-2\r\n")
      assert.strictEqual(
        yield* ask("INFO keyspace"),
        "$44\r\n# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=0\r\n\r\n"
      )
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(yield* ask("DBSIZE"), ":1\r\n")
    }).pipe(Effect.scoped, provide)
  )
})

describe("channels", () => {
  it.effect("reach subscribers in their version, between answers and in order", () =>
    Effect.gen(function* () {
      yield* start()
      const [two, three, publisher] = [yield* connect, yield* connect, yield* connect]
      yield* two.ask("SUBSCRIBE a", "SUBSCRIBE b")
      yield* three.ask("HELLO 3", "SUBSCRIBE a")
      assert.strictEqual(
        yield* publisher.ask("PUBLISH a 1", "PUBLISH b 2", "PUBLISH a 3"),
        ":2\r\n:1\r\n:2\r\n"
      )
      const message = (kind: string, channel: string, text: string) =>
        `${kind}3\r\n$7\r\nmessage\r\n$1\r\n${channel}\r\n$1\r\n${text}\r\n`
      assert.strictEqual(
        yield* two.answers(3),
        message("*", "a", "1") + message("*", "b", "2") + message("*", "a", "3")
      )
      assert.strictEqual(yield* three.answers(2), message(">", "a", "1") + message(">", "a", "3"))
    }).pipe(Effect.scoped, provide)
  )

  it.effect(
    "tell a client what it publishes itself before it knows how many heard it, and in the version it has by then",
    () =>
      Effect.gen(function* () {
        yield* start()
        const { answers, ask } = yield* connect
        yield* ask("HELLO 3", "SUBSCRIBE a")
        assert.strictEqual(
          yield* ask("PUBLISH a 1", "PING"),
          ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n:1\r\n".concat("+PONG\r\n")
        )
        yield* ask("HELLO 2")
        const other = yield* connect
        yield* other.ask("PUBLISH a 2")
        assert.strictEqual(yield* answers(1), "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n2\r\n")
      }).pipe(Effect.scoped, provide)
  )

  it.effect("lose a subscriber that does not read, and hold up nobody", () =>
    Effect.gen(function* () {
      const { server } = yield* start()
      const slow = yield* rawClient
      slow.write("SUBSCRIBE a\r\n")
      yield* eventually(() => slow.text().includes("subscribe"), "it is subscribed")
      slow.wire.pause()
      const reasons: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(server.events, (event) =>
          Effect.sync(() => event._tag === "Closed" && reasons.push(event.reason._tag))
        ),
        { startImmediately: true }
      )
      const { ask } = yield* connect
      const text = "x".repeat(60_000)
      let heard = ":1\r\n"
      for (let sent = 0; sent < 1000 && heard === ":1\r\n"; sent++) heard = yield* ask(`PUBLISH a ${text}`)
      assert.strictEqual(heard, ":0\r\n")
      yield* TestClock.adjust("10 seconds")
      yield* eventually(() => reasons.includes("SlowConsumer"), "it is gone")
    }).pipe(Effect.scoped, provide)
  )
})

describe("transactions", () => {
  it.effect("may wait with so many bytes, and no more", () =>
    Effect.gen(function* () {
      yield* start()
      const { ask } = yield* connect
      yield* ask("MULTI")
      const text = "x".repeat(60_000)
      for (let i = 0; i < 278; i++) assert.strictEqual(yield* ask(`SET a ${text}`), "+QUEUED\r\n")
      assert.strictEqual(yield* ask(`SET a ${text}`), "-ERR too many bytes between MULTI and EXEC\r\n")
      assert.strictEqual(
        yield* ask("EXEC", "GET a"),
        "-EXECABORT Transaction discarded because of previous errors.\r\n$-1\r\n"
      )
    }).pipe(Effect.scoped, provide)
  )
})

describe("a stop", () => {
  it.effect("answers what was read, and lets everybody go", () =>
    Effect.gen(function* () {
      const { server } = yield* start()
      const { ask, peer } = yield* connect
      yield* ask("PING")
      peer.write("SET a 1\r\nGET a\r\n")
      yield* eventually(() => peer.text().endsWith("$1\r\n1\r\n"), "answers")
      const stop = yield* Effect.forkChild(server.stop, { startImmediately: true })
      yield* eventually(() => peer.state.ended, "the end")
      peer.wire.end()
      const report = yield* Fiber.join(stop)
      assert.strictEqual(report.forced, 0)
    }).pipe(Effect.scoped, provide)
  )
})
