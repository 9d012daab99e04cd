/** The heap and the timer behind all deadlines, on their own. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { DeadlineHeap, type HeapEntry } from "../../src/internal/deadlineHeap.ts"
import { DeadlineScheduler, type Scheduled } from "../../src/internal/deadlineScheduler.ts"
import { SeededRandom } from "../../src/internal/memory/random.ts"

interface Named extends HeapEntry {
  readonly name: number
}

const entry = (name: number): Named => ({ name, due: Number.POSITIVE_INFINITY, place: -1 })

const drainHeap = <Entry extends HeapEntry>(heap: DeadlineHeap<Entry>): Array<Entry> => {
  const all: Array<Entry> = []
  for (let first = heap.first; first !== undefined; first = heap.first) {
    all.push(first)
    heap.remove(first)
  }
  return all
}

describe("the heap of deadlines", () => {
  it("L-T22: insert, reset earlier, reset later, remove, several at once: the order is by time", () => {
    const heap = new DeadlineHeap<Named>()
    const entries = Array.from({ length: 6 }, (_, name) => entry(name))
    const [a, b, c, d, e, f] = entries as [Named, Named, Named, Named, Named, Named]
    heap.set(a, 10)
    heap.set(b, 20)
    heap.set(c, 30)
    heap.set(d, 40)
    heap.set(e, 40)
    heap.set(d, 5)
    heap.set(a, 35)
    heap.remove(b)
    heap.remove(b)
    heap.remove(f)
    assert.strictEqual(heap.size, 4)
    assert.deepStrictEqual([b.due, b.place], [Number.POSITIVE_INFINITY, -1])
    assert.deepStrictEqual(
      drainHeap(heap).map(({ name }) => name),
      [d, c, a, e].map(({ name }) => name)
    )
    assert.isUndefined(heap.first)
  })

  it("agrees with a sorted list, whatever is done to it", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed)
      const below = (limit: number) => random.between(0, limit - 1)
      const heap = new DeadlineHeap<Named>()
      const entries = Array.from({ length: 1 + below(60) }, (_, name) => entry(name))
      const model = new Map<number, number>()
      for (let step = 0; step < 150; step++) {
        const one = entries[below(entries.length)]!
        const what = below(10)
        if (what < 6) {
          const due = below(100)
          heap.set(one, due)
          model.set(one.name, due)
        } else if (what < 9) {
          heap.remove(one)
          model.delete(one.name)
        } else if (heap.first !== undefined) {
          model.delete(heap.first.name)
          heap.remove(heap.first)
        }
        const earliest = Math.min(...model.values())
        assert.strictEqual(heap.first?.due ?? Number.POSITIVE_INFINITY, earliest)
        assert.strictEqual(heap.size, model.size)
        for (const { due, name, place } of entries) {
          assert.strictEqual(place >= 0, model.has(name))
          assert.strictEqual(due, model.get(name) ?? Number.POSITIVE_INFINITY)
        }
      }
      assert.deepStrictEqual(
        drainHeap(heap).map(({ name }) => model.get(name)),
        [...model.values()].sort((left, right) => left - right)
      )
    }
  })

  it("moves an entry among 100 000 by looking at some dozens, and the first by looking at none", () => {
    let looks = 0
    class Counted implements HeapEntry {
      place = -1
      private moment = Number.POSITIVE_INFINITY
      get due(): number {
        looks++
        return this.moment
      }
      set due(due: number) {
        this.moment = due
      }
    }
    const heap = new DeadlineHeap<Counted>()
    const random = new SeededRandom(7)
    const entries = Array.from({ length: 100_000 }, () => new Counted())
    for (const one of entries) heap.set(one, random.between(1, 1_000_000))
    looks = 0
    assert.isDefined(heap.first)
    assert.strictEqual(looks, 0)
    for (let i = 0; i < 1000; i++) {
      const one = entries[random.between(0, entries.length - 1)]!
      looks = 0
      if (i % 3 === 0) heap.remove(one)
      else heap.set(one, random.between(1, 1_000_000))
      // Two comparisons a level, 17 levels, and both directions.
      assert.isBelow(looks, 150)
    }
  })
})

class Visitor implements Scheduled {
  due = Number.POSITIVE_INFINITY
  place = -1
  readonly visits: Array<number> = []
  readonly next: (now: number) => number

  constructor(next: (now: number) => number = () => Number.POSITIVE_INFINITY) {
    this.next = next
  }

  check(now: number): number {
    this.visits.push(now)
    return this.next(now)
  }
}

const makeScheduler = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  let forks = 0
  const scheduler = new DeadlineScheduler(
    clock,
    () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6,
    (effect) => {
      forks++
      return Effect.runForkWith(context)(effect)
    }
  )
  yield* Effect.addFinalizer(() => Effect.sync(() => scheduler.dispose()))
  return { scheduler, forks: () => forks }
})

describe("the timer", () => {
  it.effect("looks at each entry when it is due, not before and not twice", () =>
    Effect.gen(function* () {
      const { scheduler } = yield* makeScheduler
      const late = new Visitor()
      const early = new Visitor()
      const gone = new Visitor()
      const repeating = new Visitor((now) => (now < 900 ? now + 300 : Number.POSITIVE_INFINITY))
      scheduler.arm(late, 500)
      scheduler.arm(early, 100)
      scheduler.arm(gone, 50)
      scheduler.arm(repeating, 300)
      scheduler.cancel(gone)
      yield* TestClock.adjust(99)
      assert.deepStrictEqual(early.visits, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(early.visits, [100])
      scheduler.arm(late, 700)
      scheduler.arm(late, 650)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(late.visits, [650])
      assert.deepStrictEqual(early.visits, [100])
      assert.deepStrictEqual(gone.visits, [])
      assert.deepStrictEqual(repeating.visits, [300, 600, 900])
      assert.strictEqual(scheduler.size, 0)
    })
  )

  it.effect("sleeps once, however many come and go behind the first, and not at all when empty", () =>
    Effect.gen(function* () {
      const { forks, scheduler } = yield* makeScheduler
      assert.strictEqual(forks(), 0)
      const first = new Visitor()
      scheduler.arm(first, 10)
      for (let i = 0; i < 1000; i++) {
        const other = new Visitor()
        scheduler.arm(other, 1000 + i)
        scheduler.arm(other, 2000 + i)
        scheduler.cancel(other)
      }
      assert.strictEqual(forks(), 1)
      scheduler.cancel(first)
      yield* TestClock.adjust("1 day")
      assert.strictEqual(forks(), 1)
      assert.deepStrictEqual(first.visits, [])
    })
  )

  it.effect("an entry that always is due has its turn once a millisecond, and a disposed timer none", () =>
    Effect.gen(function* () {
      const { scheduler } = yield* makeScheduler
      const eager = new Visitor((now) => now)
      scheduler.arm(eager, 0)
      yield* TestClock.adjust(3)
      assert.isAtMost(eager.visits.length, 5)
      const before = eager.visits.length
      scheduler.dispose()
      scheduler.arm(new Visitor(), 5)
      yield* TestClock.adjust(100)
      assert.strictEqual(eager.visits.length, before)
    })
  )

  it.effect("an entry that throws does not stop the others", () =>
    Effect.gen(function* () {
      const { scheduler } = yield* makeScheduler
      const bad = new Visitor(() => {
        throw new Error("broken entry")
      })
      const good = new Visitor()
      scheduler.arm(bad, 10)
      scheduler.arm(good, 10)
      yield* TestClock.adjust(20)
      assert.deepStrictEqual(good.visits, [10])
    })
  )

  it.effect("of 100 000 armed entries it looks at those that are due, some at a time", () =>
    Effect.gen(function* () {
      const { scheduler } = yield* makeScheduler
      const entries = Array.from({ length: 100_000 }, () => new Visitor())
      // A hundred due in each second, and a thousand more in the tenth.
      entries.forEach((one, i) => {
        scheduler.arm(one, 1000 * (1 + Math.floor(i / 100)))
      })
      const crowd = Array.from({ length: 3000 }, () => new Visitor())
      for (const one of crowd) scheduler.arm(one, 10_000)
      const visited = () => entries.reduce((sum, { visits }) => sum + visits.length, 0)
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(visited(), 100)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(visited(), 500)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(visited(), 1000)
      assert.isTrue(crowd.every(({ visits }) => visits.length === 1))
      assert.strictEqual(scheduler.size, 99_000)
    })
  )
})
