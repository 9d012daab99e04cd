/** Which connection of a pool gets the work. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { Text } from "../server/support.ts"
import { echo, flakyServer, hearingServer, now, settle } from "./support.ts"

const provideMemory = Effect.provide(TransportMemory.layer())

const reconnect = Schedule.spaced("1 second")

/** Uses a connection of the pool until it is told to stop. */
const occupy = (pool: Client.Pool<string, string>) =>
  Effect.gen(function* () {
    const got = yield* Deferred.make<number>()
    const done = yield* Deferred.make<void>()
    const fiber = yield* Effect.forkChild(
      pool.use((connection) => Effect.andThen(Deferred.succeed(got, connection.id), Deferred.await(done))),
      now
    )
    return {
      id: yield* Deferred.await(got),
      release: Effect.andThen(Deferred.succeed(done, undefined), Fiber.join(fiber))
    }
  })

const inFlight = (pool: Client.Pool<string, string>) =>
  Effect.map(pool.members, (members) => members.map((member) => member.inFlight))

describe("a pool", () => {
  it.effect("hands out the connection with the least in flight, and counts for as long as it is used", () =>
    Effect.gen(function* () {
      const server = yield* flakyServer(echo)
      yield* server.up
      const pool = yield* Client.pool(Text, { size: 3, reconnect })
      yield* settle
      const first = yield* occupy(pool)
      const second = yield* occupy(pool)
      const third = yield* occupy(pool)
      assert.strictEqual(new Set([first.id, second.id, third.id]).size, 3)
      yield* second.release
      const fourth = yield* occupy(pool)
      assert.strictEqual(fourth.id, second.id)
      const fifth = yield* occupy(pool)
      assert.deepStrictEqual((yield* inFlight(pool)).toSorted(), [1, 1, 2])
      for (const { release } of [first, third, fourth, fifth]) yield* release
      assert.deepStrictEqual(yield* inFlight(pool), [0, 0, 0])
    }).pipe(provideMemory)
  )

  it.effect("counts no use twice, whether it succeeds, fails or is interrupted; equals have turns", () =>
    Effect.gen(function* () {
      const server = yield* flakyServer(echo)
      yield* server.up
      const pool = yield* Client.pool(Text, { size: 2, reconnect })
      yield* settle
      const ids: Array<number> = []
      for (let i = 0; i < 4; i++) yield* pool.use(({ id }) => Effect.sync(() => ids.push(id)))
      assert.strictEqual(new Set(ids.slice(0, 2)).size, 2)
      assert.deepStrictEqual(ids.slice(0, 2), ids.slice(2))
      yield* Effect.flip(pool.use(() => Effect.fail("no")))
      const using = yield* Effect.forkChild(
        pool.use(() => Effect.never),
        now
      )
      yield* Fiber.interrupt(using)
      assert.deepStrictEqual(yield* inFlight(pool), [0, 0])
    }).pipe(provideMemory)
  )

  it.effect("L-W7: one that fails is taken out until it is up again; the others have its work", () =>
    Effect.gen(function* () {
      const server = yield* flakyServer(echo)
      yield* server.up
      const pool = yield* Client.pool(Text, { size: 3, reconnect })
      yield* settle
      const [broken] = yield* server.network.links
      yield* broken?.reset ?? assert.fail()
      yield* settle
      assert.deepStrictEqual((yield* pool.members).filter(({ up }) => up).length, 2)
      const used = new Set<number>()
      for (let i = 0; i < 12; i++) yield* pool.use(({ id }) => Effect.sync(() => used.add(id)))
      assert.strictEqual(used.size, 2)
      yield* TestClock.adjust("1 second")
      yield* settle
      for (let i = 0; i < 12; i++) yield* pool.use(({ id }) => Effect.sync(() => used.add(id)))
      assert.strictEqual(used.size, 3)
    }).pipe(provideMemory)
  )

  it.effect("waits for one to come up, and fails with what they died of where none does", () =>
    Effect.gen(function* () {
      const server = yield* hearingServer
      const pool = yield* Client.pool(Text, { size: 2, reconnect, timeout: "10 seconds" })
      const sending = yield* Effect.forkChild(pool.send("early"), now)
      yield* settle
      yield* server.up
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(sending)
      yield* settle
      assert.deepStrictEqual(server.heard, ["early"])
      yield* server.down
      const late = yield* Effect.forkChild(Effect.flip(pool.send("late")), now)
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(late.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(late)
      assert.strictEqual(error._tag, "PoolUnavailable")
      assert.include(error.message, "ConnectionRefused")
    }).pipe(provideMemory)
  )

  it.effect("fails at once where all have given up, or the scope has ended", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const pool = yield* Client.pool(Text, { size: 2, reconnect: Schedule.recurs(0) }).pipe(
        Scope.provide(scope)
      )
      yield* settle
      assert.strictEqual((yield* Effect.flip(pool.use(() => Effect.void)))._tag, "PoolUnavailable")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Effect.flip(pool.send("x")))._tag, "PoolUnavailable")
    }).pipe(provideMemory)
  )

  it.effect("has the messages of all its connections", () =>
    Effect.gen(function* () {
      const server = yield* flakyServer(echo)
      yield* server.up
      const pool = yield* Client.pool(Text, { size: 3, reconnect })
      yield* settle
      const taking = yield* Effect.forkChild(Stream.runCollect(Stream.take(pool.messages, 9)), now)
      for (let i = 0; i < 9; i++) yield* pool.send(`${i}`)
      assert.deepStrictEqual((yield* Fiber.join(taking)).toSorted(), [..."012345678"])
    }).pipe(provideMemory)
  )

  it.effect(
    "has the messages of those that are left where others have given up, and fails when all have",
    () =>
      Effect.gen(function* () {
        const server = yield* flakyServer(echo)
        yield* server.up
        const pool = yield* Client.pool(Text, { size: 2, reconnect: Schedule.recurs(0) })
        yield* settle
        const heard: Array<string> = []
        const taking = yield* Effect.forkChild(
          Effect.flip(Stream.runForEach(pool.messages, (message) => Effect.sync(() => heard.push(message)))),
          now
        )
        const [first, second] = yield* server.network.links
        yield* first?.reset ?? assert.fail()
        yield* settle
        assert.strictEqual((yield* pool.members).filter(({ up }) => up).length, 1)
        yield* pool.send("still here")
        yield* settle
        assert.deepStrictEqual(heard, ["still here"])
        yield* second?.reset ?? assert.fail()
        assert.strictEqual((yield* Fiber.join(taking))._tag, "ClientEnded")
      }).pipe(provideMemory)
  )
})
