/** Permits and turns, as plain calls. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { Ticket, Turns, withPermit } from "../../src/internal/turns.ts"

/** Someone who holds a permit until told. */
const hold = Effect.fnUntraced(function* (turns: Turns, owner: object, order: Array<string>, name: string) {
  const gate = yield* Deferred.make<void>()
  const body = Effect.andThen(
    Effect.sync(() => order.push(name)),
    Deferred.await(gate)
  )
  const fiber = yield* Effect.forkChild(withPermit(turns, owner, body), { startImmediately: true })
  return { done: Effect.andThen(Deferred.succeed(gate, undefined), Fiber.join(fiber)), fiber }
})

describe("turns", () => {
  it.effect("L-W10: owners take turns, however often one of them waits", () =>
    Effect.gen(function* () {
      const turns = new Turns(1)
      const [flood, a, b] = [{}, {}, {}]
      const order: Array<string> = []
      const first = yield* hold(turns, flood, order, "flood")
      const rest = []
      for (let i = 0; i < 5; i++) rest.push(yield* hold(turns, flood, order, "flood"))
      rest.push(yield* hold(turns, a, order, "a"))
      rest.push(yield* hold(turns, b, order, "b"))
      rest.push(yield* hold(turns, b, order, "b"))
      assert.deepStrictEqual([turns.taken, turns.waiting], [1, 8])
      yield* first.done
      yield* Effect.forEach(rest, ({ done }) => done, { concurrency: "unbounded" })
      assert.deepStrictEqual(order.join(" "), "flood flood a b flood b flood flood flood")
      assert.deepStrictEqual([turns.taken, turns.waiting], [0, 0])
    })
  )

  it.effect(
    "L-W1: a permit comes back on success, failure and interruption, and a wait that is interrupted leaves the line",
    () =>
      Effect.gen(function* () {
        const turns = new Turns(2)
        yield* withPermit(turns, {}, Effect.void)
        yield* Effect.exit(withPermit(turns, {}, Effect.fail("failed")))
        yield* Effect.exit(withPermit(turns, {}, Effect.die("died")))
        assert.strictEqual(turns.taken, 0)
        const order: Array<string> = []
        const owner = {}
        const [first, second, third] = [
          yield* hold(turns, owner, order, "first"),
          yield* hold(turns, owner, order, "second"),
          yield* hold(turns, owner, order, "third")
        ]
        assert.deepStrictEqual([turns.taken, turns.waiting], [2, 1])
        yield* Fiber.interrupt(third.fiber)
        assert.deepStrictEqual([turns.taken, turns.waiting], [2, 0])
        const fourth = yield* hold(turns, owner, order, "fourth")
        yield* Fiber.interrupt(first.fiber)
        assert.deepStrictEqual(order, ["first", "second", "fourth"])
        yield* second.done
        yield* fourth.done
        assert.deepStrictEqual([turns.taken, turns.waiting], [0, 0])
      })
  )

  it.effect("can be resized: raised, it lets in at once; lowered, it waits for those who are in", () =>
    Effect.gen(function* () {
      const turns = new Turns(1)
      const order: Array<string> = []
      const held = []
      for (const name of ["a", "b", "c"]) held.push(yield* hold(turns, {}, order, name))
      turns.resize(2)
      assert.deepStrictEqual([order, turns.waiting], [["a", "b"], 1])
      turns.resize(1)
      yield* held[0]?.done ?? Effect.void
      assert.deepStrictEqual([order, turns.taken], [["a", "b"], 1])
      yield* held[1]?.done ?? Effect.void
      assert.deepStrictEqual(order, ["a", "b", "c"])
      yield* held[2]?.done ?? Effect.void
    })
  )

  it("ten thousand who wait and are done at once take no stack", () => {
    const turns = new Turns(1)
    const holder = new Ticket(turns, {})
    const begin = Effect.runFork(holder.take)
    assert.isDefined(begin.pollUnsafe())
    let done = 0
    for (let i = 0; i < 10_000; i++) {
      Effect.runFork(
        withPermit(
          turns,
          {},
          Effect.sync(() => done++)
        )
      )
    }
    assert.strictEqual(turns.waiting, 10_000)
    holder.give()
    assert.deepStrictEqual([done, turns.taken, turns.waiting], [10_000, 0, 0])
  })
})
