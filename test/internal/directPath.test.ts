/** That a run of the tests goes the way that it is meant to: directly, or with `npm run test:fibers` through fibers. */
import { assert, describe, inject, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { directPath } from "../../src/internal/directPath.ts"
import { InboundQueue } from "../../src/internal/inboundQueue.ts"
import { forEachBatch, streamOf } from "../../src/internal/messageStream.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** Whether the run goes the direct path; not there where it goes as usual. */
    directPath?: boolean
  }
}

describe("the direct path", () => {
  const direct = inject("directPath") ?? true

  it.effect(`is ${direct ? "taken" : "not taken"} in this run`, () =>
    Effect.gen(function* () {
      assert.strictEqual(directPath.enabled, direct)
      const queue = new InboundQueue<string>(4, 100, { roomAgain: () => {} })
      const ways: Array<string> = []
      const fiber = yield* Effect.forkChild(
        // The consumer is there where a batch is handled outside of its fiber.
        forEachBatch(streamOf(queue), ([message], consumer) =>
          Effect.sync(() => ways.push(`${message}: ${consumer === undefined ? "fiber" : "direct"}`))
        ),
        { startImmediately: true }
      )
      queue.push(["a"], 1)
      queue.push(["b"], 1)
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      const way = direct ? "direct" : "fiber"
      assert.deepStrictEqual(ways, [`a: ${way}`, `b: ${way}`])
    })
  )
})
