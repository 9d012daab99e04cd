/** Permits and turns, as plain calls. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { Ticket, Turns, withPermit } from "../../src/internal/turns.ts"
import { Random } from "../../src/testing/random.ts"

/** Someone who holds a permit until told. */
const hold = Effect.fnUntraced(function* (turns: Turns, owner: object, order: Array<string>, name: string) {
  const gate = yield* Deferred.make<void>()
  const body = Effect.andThen(
    Effect.sync(() => order.push(name)),
    Deferred.await(gate)
  )
  const fiber = yield* Effect.forkChild(withPermit(turns, turns.owner(owner), body), {
    startImmediately: true
  })
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
      assert.deepStrictEqual(order.join(" "), "flood a b flood b flood flood flood flood")
      assert.deepStrictEqual([turns.taken, turns.waiting], [0, 0])
    })
  )

  it.effect("L-W10: whoever has no permit comes before those who have one and want more", () =>
    Effect.gen(function* () {
      const turns = new Turns(3)
      const [flood, a] = [{}, {}]
      const order: Array<string> = []
      const held = []
      for (let i = 0; i < 6; i++) held.push(yield* hold(turns, flood, order, `f${i}`))
      held.push(yield* hold(turns, a, order, "a0"))
      held.push(yield* hold(turns, a, order, "a1"))
      assert.deepStrictEqual(order, ["f0", "f1", "f2"])
      // The flood stood in the line before, with two permits in hand.
      yield* held[0]?.done ?? Effect.void
      assert.deepStrictEqual(order.slice(3), ["a0"])
      // Now both have some, and take turns.
      yield* held[1]?.done ?? Effect.void
      yield* held[2]?.done ?? Effect.void
      assert.deepStrictEqual(order.slice(4), ["f3", "a1"])
      yield* Effect.forEach(held.slice(3), ({ done }) => done, { concurrency: "unbounded" })
      assert.deepStrictEqual([turns.taken, turns.waiting], [0, 0])
    })
  )

  it.effect(
    "L-W1: a permit comes back on success, failure and interruption, and a wait that is interrupted leaves the line",
    () =>
      Effect.gen(function* () {
        const turns = new Turns(2)
        yield* withPermit(turns, turns.owner({}), Effect.void)
        yield* Effect.exit(withPermit(turns, turns.owner({}), Effect.fail("failed")))
        yield* Effect.exit(withPermit(turns, turns.owner({}), Effect.die("died")))
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
    const holder = new Ticket(turns, turns.owner({}))
    const begin = Effect.runFork(holder.take)
    assert.isDefined(begin.pollUnsafe())
    let done = 0
    for (let i = 0; i < 10_000; i++) {
      Effect.runFork(
        withPermit(
          turns,
          turns.owner({}),
          Effect.sync(() => done++)
        )
      )
    }
    assert.strictEqual(turns.waiting, 10_000)
    holder.give()
    assert.deepStrictEqual([done, turns.taken, turns.waiting], [10_000, 0, 0])
  })

  it("at random: no permit is lost, nobody is forgotten, nobody is passed over for one who has more", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed)
      let permits = 1 + random.below(4)
      const turns = new Turns(permits)
      const keys = Array.from({ length: 5 }, () => ({}))
      const held = new Map<object, number>(keys.map((key) => [key, 0]))
      const waiting: Array<Holder> = []
      const holding: Array<Holder> = []
      interface Holder {
        readonly key: object
        readonly ticket: Ticket
      }
      const begun = (holder: Holder) => {
        const place = waiting.indexOf(holder)
        if (place >= 0) {
          // Those who have nothing are served before those who have something, each in its own order.
          const mine = held.get(holder.key) ?? 0
          if (mine > 0) assert.isTrue(waiting.every(({ key }) => (held.get(key) ?? 0) > 0))
          assert.strictEqual(
            waiting.find(({ key }) => key === holder.key),
            holder
          )
          waiting.splice(place, 1)
        }
        holding.push(holder)
        held.set(holder.key, (held.get(holder.key) ?? 0) + 1)
      }
      const ask = () => {
        const key = keys[random.below(keys.length)] ?? {}
        const holder: Holder = { key, ticket: new Ticket(turns, turns.owner(key)) }
        const free = holding.length < permits && waiting.length === 0
        if (!free) waiting.push(holder)
        Effect.runFork(Effect.map(holder.ticket.take, () => begun(holder)))
        assert.strictEqual(holding.includes(holder), free)
      }
      const give = (holder: Holder | undefined, from: Array<Holder>) => {
        if (holder === undefined) return
        from.splice(from.indexOf(holder), 1)
        if (from === holding) held.set(holder.key, (held.get(holder.key) ?? 0) - 1)
        holder.ticket.give()
        // A second time is nothing.
        if (random.below(4) === 0) holder.ticket.give()
      }
      for (let step = 0; step < 400; step++) {
        const choice = random.below(10)
        if (choice < 5) ask()
        else if (choice < 8) give(holding[random.below(holding.length)], holding)
        else if (choice === 8) give(waiting[random.below(waiting.length)], waiting)
        else {
          permits = 1 + random.below(6)
          turns.resize(permits)
        }
        assert.deepStrictEqual([turns.taken, turns.waiting], [holding.length, waiting.length], `seed ${seed}`)
        // Nobody waits while there is a permit.
        assert.isTrue(waiting.length === 0 || holding.length >= permits, `seed ${seed}, step ${step}`)
      }
      while (holding.length > 0) give(holding[0], holding)
      assert.deepStrictEqual([turns.taken, turns.waiting, waiting.length], [0, 0, 0])
      for (const key of keys) assert.deepStrictEqual(turns.owner(key), { held: 0, waits: [] })
    }
  })
})
