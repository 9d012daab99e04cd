/** The timers of a connection, to the millisecond, on the in-memory network. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, DateTime, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Codec from "../../src/Codec.ts"
import type * as Connection from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import { nextOf } from "../../src/internal/timers.ts"
import * as Protocol from "../../src/Protocol.ts"
import type * as Server from "../../src/Server.ts"
import { eventually, open, take } from "../support/pair.ts"
import * as rigs from "../transport/rigs.ts"

const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

type Peer = Connection.Connection<string, string>

/** A server with one client, whose handler lives until the client ends. */
const served = Effect.fnUntraced(function* (
  options: Server.ServerOptions<string> = {},
  rig: rigs.Rig = rigs.memory
) {
  const opened = yield* Deferred.make<Peer>()
  const { connect, server } = yield* open(
    rig,
    Text,
    (connection) =>
      Effect.andThen(Deferred.succeed(opened, connection), Stream.runDrain(connection.messages)),
    { server: { deadlines: { hello: "off", readIdle: "off" }, ...options } }
  )
  const client = yield* connect
  const connection = yield* Deferred.await(opened)
  return { client, connection, server }
})

const settle = Effect.forEach([1, 2, 3], () => Effect.yieldNow, { discard: true })

/** What happened, and when by the test's clock. */
const diary = () => {
  const lines: Array<string> = []
  const note = (what: string) =>
    Clock.clockWith((clock) =>
      Effect.sync(() => {
        lines.push(`${clock.currentTimeMillisUnsafe()} ${what}`)
      })
    )
  return { lines, note }
}

const pass = (millis: number) => Effect.andThen(settle, Effect.andThen(TestClock.adjust(millis), settle))

describe("runAfter", () => {
  it.effect("runs once, when the time has come and not a millisecond before", () =>
    Effect.gen(function* () {
      const { connection } = yield* served()
      const { lines, note } = diary()
      yield* connection.runAfter("1 second", note("once"))
      yield* pass(999)
      assert.deepStrictEqual(lines, [])
      yield* pass(1)
      yield* pass(10_000)
      assert.deepStrictEqual(lines, ["1000 once"])
    })
  )

  it.effect(
    "L-T22: many run in the order of their times, those that are called off never, reset ones anew",
    () =>
      Effect.gen(function* () {
        const { connection } = yield* served()
        const { lines, note } = diary()
        const late = yield* connection.runAfter(300, note("late"))
        yield* connection.runAfter(100, note("first"))
        const gone = yield* connection.runAfter(150, note("gone"))
        yield* connection.runAfter(200, note("twin a"))
        yield* connection.runAfter(200, note("twin b"))
        const early = yield* connection.runAfter(400, note("early"))
        const now = yield* connection.runAfter(500, note("now"))
        assert.isTrue(yield* gone.cancel)
        assert.isFalse(yield* gone.cancel)
        assert.isFalse(yield* gone.reset(1))
        assert.isTrue(yield* late.reset(1000))
        assert.isTrue(yield* early.reset(50))
        assert.isTrue(yield* now.reset(0))
        for (let i = 0; i < 30; i++) yield* pass(50)
        assert.deepStrictEqual(lines, [
          "0 now",
          "50 early",
          "100 first",
          "200 twin a",
          "200 twin b",
          "1000 late"
        ])
        // One that has run is over.
        assert.isFalse(yield* late.cancel)
        assert.isFalse(yield* late.reset(1))
      })
  )

  it.effect("runs with the services of whoever asked for it", () =>
    Effect.gen(function* () {
      class Name extends Context.Service<Name, string>()("test/Name") {}
      const { client, connection } = yield* served()
      const greet = Effect.flatMap(Name, (name) => connection.send(`hello ${name}`))
      yield* Effect.provideService(connection.runAfter(10, greet), Name, "ada")
      yield* pass(10)
      assert.deepStrictEqual(yield* take(client, 1), ["hello ada"])
    })
  )

  it.effect("a failure of what it runs is the handler's", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* served()
      yield* connection.runAfter(10, Effect.fail("no luck"))
      yield* pass(10)
      yield* client.end
      const reason = yield* connection.closed
      assert.strictEqual(reason._tag, "HandlerFailed")
    })
  )

  it.effect("does not run once its connection has ended, and cannot be begun then", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* served()
      const { lines, note } = diary()
      const timers = [
        yield* connection.runAfter("1 second", note("after")),
        yield* connection.runEvery("1 second", note("every")),
        yield* connection.runAt(DateTime.makeUnsafe(1000), note("at"))
      ]
      yield* client.end
      yield* connection.closed
      for (const timer of timers) assert.isFalse(yield* timer.cancel)
      const late = yield* connection.runAfter(0, note("late"))
      assert.isFalse(yield* late.reset(0))
      yield* pass(5000)
      assert.deepStrictEqual(lines, [])
    })
  )

  it.effect("keeps no stop waiting; what it runs is interrupted with its connection", () =>
    Effect.gen(function* () {
      const { connection, server } = yield* served()
      const { lines, note } = diary()
      yield* connection.runAfter("1 hour", note("never"))
      yield* connection.runAfter(
        10,
        Effect.onInterrupt(Effect.andThen(note("begun"), Effect.never), () => note("interrupted"))
      )
      yield* pass(10)
      const stop = yield* Effect.forkChild(server.stop, { startImmediately: true })
      yield* pass(1)
      const report = yield* Fiber.join(stop)
      assert.deepStrictEqual([report.clean, report.forced], [1, 0])
      assert.deepStrictEqual(lines, ["10 begun", "10 interrupted"])
    })
  )
})

describe("runEvery", () => {
  it.effect("runs each period from now on, until it is called off, by itself too", () =>
    Effect.gen(function* () {
      const { connection } = yield* served()
      const { lines, note } = diary()
      let left = 3
      const timer: Connection.Timer = yield* connection.runEvery(
        100,
        Effect.suspend(() => (--left === 0 ? Effect.andThen(note("last"), timer.cancel) : note("tick")))
      )
      for (let i = 0; i < 10; i++) yield* pass(50)
      assert.deepStrictEqual(lines, ["100 tick", "200 tick", "300 last"])
    })
  )

  it.effect("does not drift", () =>
    Effect.gen(function* () {
      const { connection } = yield* served()
      const { lines, note } = diary()
      yield* connection.runEvery(100, note("tick"))
      for (const millis of [130, 70, 350, 50]) yield* pass(millis)
      assert.deepStrictEqual(
        lines,
        [100, 200, 300, 400, 500, 600].map((at) => `${at} tick`)
      )
    })
  )

  it("leaves out what the process slept through, and keeps the beat", () => {
    assert.strictEqual(nextOf(100, 100, 100), 200)
    assert.strictEqual(nextOf(100, 100, 199.9), 200)
    assert.strictEqual(nextOf(100, 100, 4321), 4400)
  })

  it.effect("never runs twice at a time: what passes meanwhile is left out", () =>
    Effect.gen(function* () {
      const { connection } = yield* served()
      const { lines, note } = diary()
      yield* connection.runEvery(
        100,
        Effect.andThen(note("begin"), Effect.andThen(Effect.sleep(250), note("end")))
      )
      for (let i = 0; i < 14; i++) yield* pass(50)
      assert.deepStrictEqual(lines, ["100 begin", "350 end", "400 begin", "650 end", "700 begin"])
    })
  )

  it.effect("goes on from a reset", () =>
    Effect.gen(function* () {
      const { connection } = yield* served()
      const { lines, note } = diary()
      const timer = yield* connection.runEvery(100, note("tick"))
      yield* pass(50)
      assert.isTrue(yield* timer.reset(10))
      for (let i = 0; i < 6; i++) yield* pass(40)
      assert.deepStrictEqual(lines, ["60 tick", "160 tick", "260 tick"])
    })
  )

  it.effect("refuses a period that cannot be", () =>
    Effect.gen(function* () {
      const { connection } = yield* served()
      for (const period of [0, -5, Number.POSITIVE_INFINITY]) {
        const exit = yield* Effect.exit(connection.runEvery(period, Effect.void))
        assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), "1ms or more")
      }
    })
  )
})

describe("runAt", () => {
  it.effect("runs when the calendar says so, and at once where that is past", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 day")
      const { connection } = yield* served()
      const { lines, note } = diary()
      const day = 86_400_000
      yield* connection.runAt(DateTime.makeUnsafe(day + 60_000), note("in a minute"))
      yield* connection.runAt(DateTime.makeUnsafe(day - 1), note("past"))
      yield* settle
      yield* pass(0)
      assert.deepStrictEqual(lines, [`${day} past`])
      for (let i = 0; i < 60; i++) yield* pass(999)
      assert.strictEqual(lines.length, 1)
      yield* pass(60)
      assert.deepStrictEqual(lines.slice(1), [`${day + 60_000} in a minute`])
    })
  )

  it.effect("goes by the clock on the wall, however it is set", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let ahead = 0
      const set: Clock.Clock = Object.assign(Object.create(clock), {
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + ahead
      })
      yield* Effect.gen(function* () {
        const { connection } = yield* served()
        const { lines, note } = diary()
        yield* connection.runAt(DateTime.makeUnsafe(3_600_000), note("noon"))
        yield* connection.runAt(DateTime.makeUnsafe(20_000), note("back"))
        ahead = -15_000
        for (let i = 0; i < 30; i++) yield* pass(1000)
        assert.deepStrictEqual(lines, [])
        for (let i = 0; i < 5; i++) yield* pass(1000)
        assert.deepStrictEqual(lines, ["20000 back"])
        ahead = 3_600_000 - 35_000
        for (let i = 0; i < 10; i++) yield* pass(1000)
        assert.match(lines[1] ?? "", / noon$/)
      }).pipe(Effect.provideService(Clock.Clock, set))
    })
  )
})

describe("on real sockets", () => {
  it.live("a client gets a line each period, without sending anything", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* served({}, rigs.tcp)
      let ticks = 0
      yield* connection.runEvery(
        5,
        Effect.suspend(() => connection.send(`tick ${++ticks}`))
      )
      assert.deepStrictEqual(yield* take(client, 3), ["tick 1", "tick 2", "tick 3"])
    })
  )

  it.live("a client has timers too", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* served({}, rigs.tcp)
      yield* client.runAfter(1, client.send("later"))
      yield* eventually(() => connection.stats.messagesIn === 1, "it came")
    })
  )
})
