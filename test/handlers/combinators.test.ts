/** What stands around the handling of one message. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Schedule } from "effect"
import { TestClock } from "effect/testing"
import type { CloseReason } from "../../src/CloseReason.ts"
import type { SendError } from "../../src/Connection.ts"
import * as Handler from "../../src/Handler.ts"
import { Gates, type Peer, provideMemory, serve, settle } from "./support.ts"

const gated = (gates: Gates) =>
  Handler.each((line: string, connection: Peer) => Effect.andThen(gates.pass(line), connection.send(line)))

const answer = (text: string) => (line: string, connection: Peer) => connection.send(`${text} ${line}`)

const failureOf = (reasons: ReadonlyArray<CloseReason>): unknown => {
  const [reason] = reasons
  return reason?._tag === "HandlerFailed" ? Cause.squash(reason.cause) : undefined
}

const pass = (millis: number) => Effect.andThen(TestClock.adjust(millis), settle)

describe("timeout", () => {
  it.effect("interrupts a message that takes too long; the connection ends with HandlerTimeout", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client, closed, reasons } = yield* serve(gated(gates).pipe(Handler.timeout("100 millis")))
      const peer = yield* client
      peer.says("a", "b")
      yield* gates.open("a")
      yield* pass(99)
      assert.deepStrictEqual([peer.lines(), reasons.length], [["a"], 0])
      yield* pass(1)
      yield* closed
      assert.deepStrictEqual(gates.interrupted, ["b"])
      const failure = failureOf(reasons) as { readonly _tag: string; readonly millis: number }
      assert.deepStrictEqual([failure._tag, failure.millis], ["HandlerTimeout", 100])
    }).pipe(provideMemory)
  )

  it.effect("or runs what stands in its place, and goes on", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client } = yield* serve(gated(gates).pipe(Handler.timeout(100, { onTimeout: answer("late") })))
      const peer = yield* client
      peer.says("a", "b")
      yield* settle
      yield* pass(100)
      yield* gates.open("b")
      assert.deepStrictEqual(peer.lines(), ["late a", "b"])
    }).pipe(provideMemory)
  )

  it("RangeError for no time", () => {
    assert.throws(() => Handler.timeout(0), RangeError)
  })
})

describe("retry", () => {
  const failing = (attempts: Array<string>, times: number) => {
    const failures = new Map<string, number>()
    return Handler.each((line: string, connection: Peer) =>
      Effect.suspend((): Effect.Effect<void, SendError | `${string} ${number}`> => {
        attempts.push(line)
        const failed = failures.get(line) ?? 0
        failures.set(line, failed + 1)
        return failed < times ? Effect.fail(`${line} ${failed}` as const) : connection.send(line)
      })
    )
  }

  it.effect("tries again as the schedule says", () =>
    Effect.gen(function* () {
      const attempts: Array<string> = []
      const { client } = yield* serve(
        failing(attempts, 2).pipe(Handler.retry({ schedule: Schedule.spaced("1 second") }))
      )
      const peer = yield* client
      peer.says("a")
      yield* settle
      assert.strictEqual(attempts.length, 1)
      yield* pass(1000)
      assert.strictEqual(attempts.length, 2)
      yield* pass(1000)
      assert.deepStrictEqual([attempts.length, peer.lines()], [3, ["a"]])
    }).pipe(provideMemory)
  )

  it.effect("L-W6: with an empty budget there is no retry: the original error, at once", () =>
    Effect.gen(function* () {
      const attempts: Array<string> = []
      const { client, closed, reasons } = yield* serve(
        failing(attempts, 9).pipe(
          Handler.retry({ schedule: Schedule.recurs(5), budget: { ratio: 0, perSecond: 0, burst: 0 } })
        )
      )
      const peer = yield* client
      peer.says("a")
      yield* closed
      assert.deepStrictEqual(attempts, ["a"])
      assert.strictEqual(failureOf(reasons), "a 0")
    }).pipe(provideMemory)
  )

  it.effect("L-W6: the budget is one for all connections, and comes back with time", () =>
    Effect.gen(function* () {
      const attempts: Array<string> = []
      const { client, reasons } = yield* serve(
        failing(attempts, 99).pipe(
          Handler.retry({ schedule: Schedule.recurs(2), budget: { ratio: 0, perSecond: 1, burst: 3 } })
        )
      )
      for (const line of ["a", "b", "c"]) {
        const peer = yield* client
        peer.says(line)
        yield* settle
        peer.wire.end()
        yield* settle
      }
      // Two retries for the first, one for the second, none for the third.
      assert.deepStrictEqual(attempts, ["a", "a", "a", "b", "b", "c"])
      yield* pass(1000)
      const peer = yield* client
      peer.says("d")
      yield* settle
      peer.wire.end()
      yield* settle
      assert.deepStrictEqual(attempts.slice(6), ["d", "d"])
      assert.strictEqual(reasons.length, 4)
    }).pipe(provideMemory)
  )

  it.effect("only failures that are worth it", () =>
    Effect.gen(function* () {
      const attempts: Array<string> = []
      const { client, closed } = yield* serve(
        failing(attempts, 9).pipe(
          Handler.retry({
            schedule: Schedule.recurs(9),
            while: (error) => typeof error === "string" && !error.endsWith("1")
          })
        )
      )
      const peer = yield* client
      peer.says("a")
      yield* closed
      assert.deepStrictEqual(attempts, ["a", "a"])
    }).pipe(provideMemory)
  )
})

describe("rateLimit", () => {
  it.effect(
    "L-W2: one per 100 ms: the second waits until then; idleness saves up no more than the burst",
    () =>
      Effect.gen(function* () {
        const { client } = yield* serve(
          Handler.each((line: string, connection: Peer) => connection.send(line)).pipe(
            Handler.rateLimit({ messages: 1, per: "100 millis" })
          )
        )
        const peer = yield* client
        peer.says("a", "b", "c")
        yield* settle
        assert.deepStrictEqual(peer.lines(), ["a"])
        yield* pass(99)
        assert.deepStrictEqual(peer.lines(), ["a"])
        yield* pass(1)
        assert.deepStrictEqual(peer.lines(), ["a", "b"])
        yield* pass(100)
        assert.deepStrictEqual(peer.lines(), ["a", "b", "c"])
        yield* pass(10_000)
        peer.says("d", "e")
        yield* settle
        assert.strictEqual(peer.lines().length, 4)
        yield* pass(100)
        assert.strictEqual(peer.lines().length, 5)
      }).pipe(provideMemory)
  )

  it.effect("rejects where it is told what to do instead", () =>
    Effect.gen(function* () {
      const { client } = yield* serve(
        Handler.each((line: string, connection: Peer) => connection.send(line)).pipe(
          Handler.rateLimit({ messages: 10, burst: 2 }, { onLimited: answer("slow down") })
        )
      )
      const peer = yield* client
      peer.says("a", "b", "c")
      yield* settle
      yield* pass(100)
      peer.says("d", "e")
      yield* settle
      assert.deepStrictEqual(peer.lines(), ["a", "b", "slow down c", "d", "slow down e"])
    }).pipe(provideMemory)
  )

  it.effect("of a server is one for all its connections, of a connection one for each", () =>
    Effect.gen(function* () {
      for (const [by, expected] of [
        ["server", ["a", "no b"]],
        ["connection", ["a", "b"]]
      ] satisfies ReadonlyArray<[Handler.RateLimit["by"], Array<string>]>) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { client } = yield* serve(
              Handler.each((line: string, connection: Peer) => connection.send(line)).pipe(
                Handler.rateLimit({ messages: 1, by }, { onLimited: answer("no") })
              )
            )
            const peers = [yield* client, yield* client]
            peers[0]?.says("a")
            yield* settle
            peers[1]?.says("b")
            yield* settle
            assert.deepStrictEqual(
              peers.flatMap((peer) => peer.lines()),
              expected
            )
          })
        )
      }
    }).pipe(provideMemory)
  )
})

describe("loadShed", () => {
  it.effect("L-W3: above the limit in hand, of all connections, the answer comes at once", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client } = yield* serve(
        gated(gates).pipe(Handler.loadShed(2, { onOverload: answer("overloaded") }))
      )
      const peers = [yield* client, yield* client, yield* client]
      for (const peer of peers) {
        peer.says("x")
        yield* settle
      }
      assert.deepStrictEqual(peers[2]?.lines(), ["overloaded x"])
      assert.strictEqual(gates.inHand, 2)
      yield* gates.open("x")
      peers[2]?.says("y")
      yield* gates.open("y")
      assert.deepStrictEqual(peers[2]?.lines(), ["overloaded x", "y"])
    }).pipe(provideMemory)
  )

  it.effect("L-W3: without an answer the connection ends with Overloaded; what is gone counts no more", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client, closed, reasons } = yield* serve(
        gated(gates).pipe(Handler.loadShed(1), Handler.concurrency(2))
      )
      const peer = yield* client
      peer.says("a", "b")
      yield* closed
      assert.strictEqual((failureOf(reasons) as { readonly _tag: string })._tag, "Overloaded")
      assert.deepStrictEqual(gates.interrupted, ["a"])
      const next = yield* client
      next.says("c")
      yield* gates.open("c")
      assert.deepStrictEqual(next.lines(), ["c"])
    }).pipe(provideMemory)
  )
})

describe("filter", () => {
  it.effect("hands on what passes, counts the rest, and has a word for it", () =>
    Effect.gen(function* () {
      let filtered = 0
      const { client } = yield* serve(
        Handler.each((line: string, connection: Peer) => {
          filtered = connection.stats.filtered
          return connection.send(line)
        }).pipe(
          Handler.filter((line) => !line.startsWith("#")),
          Handler.filter((line) => line !== "bad", { otherwise: answer("refused") })
        )
      )
      const peer = yield* client
      peer.says("a", "# comment", "bad", "b")
      yield* settle
      assert.deepStrictEqual(peer.lines(), ["a", "refused bad", "b"])
      assert.strictEqual(filtered, 2)
    }).pipe(provideMemory)
  )
})

describe("tap", () => {
  it.effect("sees each message before it is handled, waits or not", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const { client } = yield* serve(
        Handler.map((line: string) => line.toUpperCase()).pipe(
          Handler.tap((line) => (line === "b" ? Effect.sleep(10) : Effect.void)),
          Handler.tap((line) => Effect.sync(() => seen.push(line)))
        )
      )
      const peer = yield* client
      peer.says("a", "b", "c")
      yield* settle
      assert.deepStrictEqual([seen, peer.lines()], [["a", "b"], ["A"]])
      yield* pass(10)
      assert.deepStrictEqual(
        [seen, peer.lines()],
        [
          ["a", "b", "c"],
          ["A", "B", "C"]
        ]
      )
    }).pipe(provideMemory)
  )

  it.effect("a failure is the message's own", () =>
    Effect.gen(function* () {
      const { client, closed, reasons } = yield* serve(
        Handler.map((line: string) => line).pipe(Handler.tap((line) => Effect.fail(`no ${line}`)))
      )
      const peer = yield* client
      peer.says("a")
      yield* closed
      assert.deepStrictEqual([failureOf(reasons), peer.lines()], ["no a", []])
    }).pipe(provideMemory)
  )
})

describe("the order in the pipe", () => {
  it.effect("each combinator is around what stands before it", () =>
    Effect.gen(function* () {
      const run = (handler: Handler.Handler<string, string, unknown>) =>
        Effect.scoped(
          Effect.gen(function* () {
            const { client } = yield* serve(handler)
            const peer = yield* client
            peer.says("a")
            yield* settle
            yield* pass(50)
            yield* pass(50)
            return peer.lines()
          })
        )
      const slow = Handler.each((line: string, connection: Peer) =>
        Effect.andThen(Effect.sleep(60), connection.send(line))
      )
      const delay = Handler.tap((_line: string, _connection: Peer) => Effect.sleep(40))
      const limit = Handler.timeout(90, { onTimeout: answer("late") })
      assert.deepStrictEqual(yield* run(slow.pipe(limit, delay)), ["a"])
      assert.deepStrictEqual(yield* run(slow.pipe(delay, limit)), ["late a"])
    }).pipe(provideMemory)
  )
})
