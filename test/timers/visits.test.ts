/** What runs for every connection of a server, each period. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { house, Text } from "../groups/support.ts"
import { eventually, take } from "../support/pair.ts"

const settle = Effect.forEach([1, 2, 3], () => Effect.yieldNow, { discard: true })

const pass = (millis: number) => Effect.andThen(settle, Effect.andThen(TestClock.adjust(millis), settle))

/** Clients on a server, and who was visited, by their place. */
const visited = Effect.fnUntraced(function* (count: number) {
  const { guests, server } = yield* house(count, Text)
  const connections = yield* server.connections(Text)
  const visits: Array<number> = []
  const placeOf = (id: number) => guests.findIndex(({ peer }) => peer.id === id)
  return { connections, guests, placeOf, server, visits }
})

describe("runEvery of the connections", () => {
  it.effect("visits everyone who is there, each period, with the services of whoever asked for it", () =>
    Effect.gen(function* () {
      class Word extends Context.Service<Word, string>()("test/Word") {}
      const { connections, guests } = yield* visited(3)
      const timer = yield* connections
        .runEvery(1000, (connection) => Effect.flatMap(Word, (word) => connection.send(word)))
        .pipe(Effect.provideService(Word, "news"))
      yield* pass(999)
      for (const { peer } of guests) assert.strictEqual(peer.stats.messagesOut, 0)
      yield* pass(1)
      for (const { client } of guests) assert.deepStrictEqual(yield* take(client, 1), ["news"])
      yield* guests[0]!.leave
      yield* pass(1000)
      for (const { client } of guests.slice(1)) assert.deepStrictEqual(yield* take(client, 1), ["news"])
      assert.isTrue(yield* timer.cancel)
      assert.isFalse(yield* timer.cancel)
      yield* pass(5000)
      for (const { peer } of guests.slice(1)) assert.strictEqual(peer.stats.messagesOut, 2)
    })
  )

  it.effect("a slow visit holds up no other, and has no second beside it", () =>
    Effect.gen(function* () {
      const { connections, placeOf, visits } = yield* visited(4)
      yield* connections.runEvery(100, ({ id }) =>
        Effect.suspend(() => {
          visits.push(placeOf(id))
          return placeOf(id) === 1 ? Effect.sleep(250) : Effect.void
        })
      )
      for (let i = 0; i < 8; i++) yield* pass(50)
      assert.deepStrictEqual(visits, [0, 1, 2, 3, 0, 2, 3, 0, 2, 3, 0, 1, 2, 3])
    })
  )

  it.effect("no more at a time than is allowed; a round that is late goes on, and the next is left out", () =>
    Effect.gen(function* () {
      const { connections, placeOf, visits } = yield* visited(5)
      let now = 0
      let most = 0
      yield* connections.runEvery(
        100,
        ({ id }) =>
          Effect.gen(function* () {
            visits.push(placeOf(id))
            most = Math.max(most, ++now)
            yield* Effect.sleep(60)
            now--
          }),
        { concurrency: 2 }
      )
      // Five visits of 60 take three turns of two: from 100 to 280, so the round of 200 is left out.
      for (let i = 0; i < 29; i++) yield* pass(10)
      assert.deepStrictEqual(visits, [0, 1, 2, 3, 4])
      for (let i = 0; i < 3; i++) yield* pass(10)
      assert.deepStrictEqual(visits, [0, 1, 2, 3, 4, 0, 1])
      assert.strictEqual(most, 2)
    })
  )

  it.effect("a visit that fails ends its own connection; one that is interrupted by the end makes room", () =>
    Effect.gen(function* () {
      const { connections, guests, placeOf, visits } = yield* visited(3)
      yield* connections.runEvery(
        100,
        ({ id }) =>
          Effect.suspend((): Effect.Effect<void, string> => {
            visits.push(placeOf(id))
            if (placeOf(id) === 0) return Effect.never
            return placeOf(id) === 1 ? Effect.fail("no luck") : Effect.void
          }),
        { concurrency: 2 }
      )
      yield* pass(100)
      yield* pass(2)
      assert.deepStrictEqual(visits, [0, 1, 2])
      yield* guests[1]!.client.end
      assert.strictEqual((yield* guests[1]!.peer.closed)._tag, "HandlerFailed")
      yield* guests[0]!.leave
      yield* pass(98)
      yield* pass(2)
      assert.deepStrictEqual(visits, [0, 1, 2, 2])
    })
  )

  it.effect("visits thousands in turns, and all of them", () =>
    Effect.gen(function* () {
      const { connections, guests } = yield* visited(1000)
      const seen = new Set<number>()
      yield* connections.runEvery(100, ({ id }) => Effect.sync(() => seen.add(id)))
      yield* pass(100)
      assert.isBelow(seen.size, 1000)
      for (let i = 0; i < 5; i++) yield* pass(1)
      assert.strictEqual(seen.size, guests.length)
    })
  )

  it.effect("ends with the server, which does not wait for it", () =>
    Effect.gen(function* () {
      const { connections, server, visits } = yield* visited(2)
      const timer = yield* connections.runEvery(100, ({ id }) => Effect.sync(() => visits.push(id)))
      yield* pass(100)
      const stop = yield* Effect.forkChild(server.stop, { startImmediately: true })
      yield* eventually(() => stop.pollUnsafe() !== undefined, "it stops")
      assert.strictEqual((yield* Fiber.join(stop)).forced, 0)
      yield* pass(1000)
      assert.strictEqual(visits.length, 2)
      assert.isFalse(yield* timer.reset(1))
    })
  )

  it.effect("refuses what cannot be", () =>
    Effect.gen(function* () {
      const { connections } = yield* visited(0)
      const none = yield* Effect.exit(connections.runEvery(1, () => Effect.void, { concurrency: 0 }))
      assert.include(String(Exit.isFailure(none) ? none.cause : ""), "concurrency must be 1 or more")
      const never = yield* Effect.exit(connections.runEvery(0, () => Effect.void))
      assert.include(String(Exit.isFailure(never) ? never.cause : ""), "1ms or more")
    })
  )
})
