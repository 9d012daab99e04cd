/** Functions in threads of their own: results, failures, and an event loop that goes on. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Context, Effect, Fiber } from "effect"
import * as Offload from "../../src/Offload.ts"
import type { OffloadError } from "../../src/SluiceError.ts"
import { eventually } from "../support/pair.ts"

interface Module {
  readonly double: (number: number) => number
  readonly spin: (shared: SharedArrayBuffer) => string
  readonly fail: (text: string) => Promise<never>
  readonly exit: (code: number) => never
  readonly dieLater: (nothing: undefined) => string
  readonly missing: (nothing: undefined) => string
}

const tasks = new URL("./tasks.mjs", import.meta.url)

/** Something to keep threads busy with: cell 0 lets them go, cell 1 counts how many have begun. */
const makeLeash = () => {
  const shared = new SharedArrayBuffer(8)
  const cells = new Int32Array(shared)
  return {
    shared,
    begun: () => Atomics.load(cells, 1),
    release: Effect.sync(() => Atomics.store(cells, 0, 1))
  }
}

const now = { startImmediately: true } as const

const kindOf = <A>(effect: Effect.Effect<A, OffloadError>) =>
  Effect.map(Effect.flip(effect), ({ kind }) => kind)

describe("offload", () => {
  it.live("runs typed functions of a module", () =>
    Effect.gen(function* () {
      const offload = yield* Offload.make<Module>(tasks, { threads: 1 })
      const result = offload.run("double", 21)
      expectTypeOf(result).toEqualTypeOf<Effect.Effect<number, OffloadError>>()
      assert.strictEqual(yield* result, 42)
    })
  )

  it.live("the event loop answers while all threads are busy", () =>
    Effect.gen(function* () {
      const offload = yield* Offload.make<Module>(tasks, { threads: 2 })
      const leash = makeLeash()
      const busy = yield* Effect.forkChild(
        Effect.all([offload.run("spin", leash.shared), offload.run("spin", leash.shared)], {
          concurrency: 2
        }),
        now
      )
      yield* eventually(() => leash.begun() === 2, "both threads at work")
      // Each of them would stop the loop for good if it ran here.
      let ticks = 0
      for (let turn = 0; turn < 500; turn++) {
        yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
        ticks++
      }
      assert.deepStrictEqual([ticks, (yield* offload.stats).inFlight], [500, 2])
      yield* leash.release
      assert.deepStrictEqual(yield* Fiber.join(busy), ["done", "done"])
      assert.deepStrictEqual(yield* offload.stats, { threads: 2, inFlight: 0, waiting: 0 })
    })
  )

  it.live("a queue that is full fails at once, typed", () =>
    Effect.gen(function* () {
      const offload = yield* Offload.make<Module>(tasks, { threads: 1, maxQueue: 1 })
      const leash = makeLeash()
      const busy = yield* Effect.forkChild(offload.run("spin", leash.shared), now)
      yield* eventually(() => leash.begun() === 1, "the thread at work")
      const waiting = yield* Effect.forkChild(offload.run("double", 1), now)
      assert.strictEqual((yield* offload.stats).waiting, 1)
      assert.strictEqual(yield* kindOf(offload.run("double", 2)), "Full")
      yield* leash.release
      assert.deepStrictEqual([yield* Fiber.join(busy), yield* Fiber.join(waiting)], ["done", 2])
    })
  )

  it.live("a call that takes too long ends its thread, which is replaced", () =>
    Effect.gen(function* () {
      const offload = yield* Offload.make<Module>(tasks, { threads: 1 })
      const leash = makeLeash()
      assert.strictEqual(yield* kindOf(offload.run("spin", leash.shared, { timeout: 50 })), "Timeout")
      assert.strictEqual(yield* offload.run("double", 3), 6)
    })
  )

  it.live("an interrupted call ends its thread, one that waits leaves the queue", () =>
    Effect.gen(function* () {
      const offload = yield* Offload.make<Module>(tasks, { threads: 1 })
      const leash = makeLeash()
      const busy = yield* Effect.forkChild(offload.run("spin", leash.shared), now)
      yield* eventually(() => leash.begun() === 1, "the thread at work")
      const waiting = yield* Effect.forkChild(offload.run("spin", leash.shared), now)
      yield* Fiber.interrupt(waiting)
      yield* Fiber.interrupt(busy)
      assert.strictEqual(yield* offload.run("double", 4), 8)
      assert.strictEqual(leash.begun(), 1)
    })
  )

  it.live("what a function throws, and the end of its thread, fail its own call only", () =>
    Effect.gen(function* () {
      const offload = yield* Offload.make<Module>(tasks, { threads: 1 })
      const thrown = yield* Effect.flip(offload.run("fail", "no luck"))
      assert.deepStrictEqual([thrown.kind, thrown.detail, thrown.task], ["Threw", "no luck", "fail"])
      assert.strictEqual(yield* kindOf(offload.run("exit", 3)), "Crashed")
      assert.strictEqual(yield* kindOf(offload.run("missing", undefined)), "Unavailable")
      assert.strictEqual(yield* offload.run("double", 5), 10)
      // The thread dies with one of these calls in hand, or between two of them.
      const exits = [
        yield* Effect.exit(Effect.asVoid(offload.run("dieLater", undefined))),
        yield* Effect.exit(Effect.asVoid(offload.run("double", 6))),
        yield* Effect.exit(Effect.asVoid(offload.run("double", 6))),
        yield* Effect.exit(Effect.asVoid(offload.run("double", 6)))
      ]
      assert.isAtMost(exits.filter(({ _tag }) => _tag === "Failure").length, 1)
      assert.strictEqual((yield* offload.stats).threads, 1)
    })
  )

  it.live("the end of the scope ends all threads, whatever they are at", () =>
    Effect.gen(function* () {
      const leash = makeLeash()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const offload = yield* Offload.make<Module>(tasks, { threads: 1 })
          yield* Effect.forkChild(Effect.exit(offload.run("spin", leash.shared)), now)
          yield* eventually(() => leash.begun() === 1, "the thread at work")
        })
      )
      const threads = process.getActiveResourcesInfo().filter((name) => name === "Worker")
      assert.deepStrictEqual(threads, [])
    })
  )

  it.live("is refused with a module that cannot be loaded, and with options that cannot be", () =>
    Effect.gen(function* () {
      const missing = yield* Effect.flip(Offload.make<Module>(new URL("./none.mjs", import.meta.url)))
      assert.strictEqual(missing._tag === "OffloadError" && missing.kind, "Unavailable")
      const wrong = yield* Effect.flip(Offload.make<Module>(tasks, { threads: 0, maxQueue: -1 }))
      assert.deepStrictEqual(wrong._tag === "InvalidConfig" && wrong.problems.map(({ path }) => path), [
        "threads",
        "maxQueue"
      ])
    })
  )

  it.live("is a layer, too", () => {
    class Pool extends Context.Service<Pool, Offload.Offload<Module>>()("test/workers/Pool") {}
    return Effect.gen(function* () {
      const pool = yield* Pool
      assert.strictEqual(yield* pool.run("double", 7), 14)
    }).pipe(Effect.provide(Offload.layer(Pool, tasks, { threads: 1 })))
  })
})
