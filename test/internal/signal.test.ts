/** What happens once. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Signal } from "../../src/internal/signal.ts"

const now = { startImmediately: true } as const

describe("Signal", () => {
  it("calls everyone back once, in the order in which they came", () => {
    const signal = new Signal()
    const log: Array<string> = []
    for (const name of ["a", "b", "c"]) signal.onFire(() => log.push(name))
    assert.isFalse(signal.fired)
    signal.fire()
    signal.fire()
    assert.isTrue(signal.fired)
    assert.deepStrictEqual(log, ["a", "b", "c"])
  })

  it("calls back at once where it has happened already", () => {
    const signal = new Signal()
    signal.fire()
    let called = 0
    const cancel = signal.onFire(() => called++)
    cancel()
    assert.strictEqual(called, 1)
  })

  it("does not call back who called it off, however often", () => {
    const signal = new Signal()
    const log: Array<string> = []
    const cancels = ["a", "b", "c"].map((name) => signal.onFire(() => log.push(name)))
    cancels[1]?.()
    cancels[1]?.()
    signal.fire()
    assert.deepStrictEqual(log, ["a", "c"])
    for (const cancel of cancels) cancel()
  })

  it("who waits anew while it fires is called at once", () => {
    const signal = new Signal()
    const log: Array<string> = []
    signal.onFire(() => {
      log.push("outer")
      signal.onFire(() => log.push("inner"))
    })
    signal.onFire(() => log.push("other"))
    signal.fire()
    assert.deepStrictEqual(log, ["outer", "inner", "other"])
  })

  it.effect("fibers wait for it, before and after; an interrupted one is forgotten", () =>
    Effect.gen(function* () {
      const signal = new Signal()
      const first = yield* Effect.forkChild(signal.await(), now)
      const second = yield* Effect.forkChild(signal.await(), now)
      yield* Fiber.interrupt(first)
      assert.isUndefined(second.pollUnsafe())
      signal.fire()
      yield* Fiber.join(second)
      yield* signal.await()
    })
  )
})
