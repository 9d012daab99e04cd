/** The queue between reader and handler. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { CloseReason } from "../../src/CloseReason.ts"
import { InboundQueue } from "../../src/internal/inboundQueue.ts"
import { ConnectionClosed } from "../../src/SluiceError.ts"

const make = (maxMessages = 4, maxBytes = 100) => {
  let rooms = 0
  const queue = new InboundQueue<string>(maxMessages, maxBytes, {
    roomAgain: () => {
      rooms++
    }
  })
  return { queue, rooms: () => rooms }
}

const done: Exit.Exit<never, Cause.Done> = Exit.fail(Cause.Done())

const now = { startImmediately: true } as const

describe("InboundQueue", () => {
  it.effect("gives batches in their order, as they came", () =>
    Effect.gen(function* () {
      const { queue } = make()
      queue.push(["a", "b"], 2)
      queue.push(["c"], 1)
      assert.strictEqual(queue.messages, 3)
      assert.strictEqual(queue.bytes, 3)
      assert.deepStrictEqual(yield* queue.take(), ["a", "b"])
      assert.deepStrictEqual(queue.poll(), ["c"])
      assert.isUndefined(queue.poll())
      assert.strictEqual(queue.messages, 0)
      assert.strictEqual(queue.bytes, 0)
    })
  )

  it("is full at the mark in messages or in bytes, still takes what is here, and tells once there is room", () => {
    for (const [maxMessages, maxBytes, bytes] of [
      [4, 1000, 1],
      [1000, 40, 10]
    ] as const) {
      const { queue, rooms } = make(maxMessages, maxBytes)
      for (let i = 0; i < 3; i++) queue.push([`${i}`], bytes)
      assert.isFalse(queue.full)
      queue.push(["3"], bytes)
      assert.isTrue(queue.full)
      // Above the mark, for it was read together with what came before.
      queue.push(["4"], bytes)
      queue.poll()
      assert.isTrue(queue.full)
      assert.strictEqual(rooms(), 0)
      queue.poll()
      assert.isFalse(queue.full)
      assert.strictEqual(rooms(), 1)
      queue.poll()
      assert.strictEqual(rooms(), 1)
    }
  })

  it.effect("a taker that waits gets the batch within the call that brings it, past the marks", () =>
    Effect.gen(function* () {
      const { queue } = make(1, 1)
      assert.isFalse(queue.awaited)
      const taker = yield* Effect.forkChild(queue.take(), now)
      assert.isTrue(queue.awaited)
      queue.push(["a", "b"], 50)
      assert.isFalse(queue.awaited)
      assert.strictEqual(queue.messages, 0)
      assert.isFalse(queue.full)
      assert.deepStrictEqual(taker.pollUnsafe(), Exit.succeed(["a", "b"]))
    })
  )

  it.effect("takers are served in the order in which they came; one that was interrupted takes nothing", () =>
    Effect.gen(function* () {
      const { queue } = make()
      const takers = [
        yield* Effect.forkChild(queue.take(), now),
        yield* Effect.forkChild(queue.take(), now),
        yield* Effect.forkChild(queue.take(), now)
      ] as const
      yield* Fiber.interrupt(takers[1])
      queue.push(["first"], 1)
      queue.push(["second"], 1)
      assert.deepStrictEqual(yield* Fiber.join(takers[0]), ["first"])
      assert.deepStrictEqual(yield* Fiber.join(takers[2]), ["second"])
      assert.isFalse(queue.awaited)
      queue.push(["third"], 1)
      assert.deepStrictEqual(yield* queue.take(), ["third"])
    })
  )

  it.effect("ends after what is there, the same way for everyone, and takes nothing after it", () =>
    Effect.gen(function* () {
      const closed = new ConnectionClosed({ connection: 1, reason: CloseReason.PeerClosed({}) })
      const { queue } = make()
      queue.push(["a"], 1)
      queue.end(() => Exit.fail(closed))
      queue.end(() => done)
      queue.push(["late"], 1)
      assert.deepStrictEqual(yield* queue.take(), ["a"])
      assert.strictEqual(yield* Effect.flip(queue.take()), closed)
      assert.strictEqual(yield* Effect.flip(queue.take()), closed)
    })
  )

  it.effect("the end wakes everyone who waits", () =>
    Effect.gen(function* () {
      const { queue } = make()
      const takers = [
        yield* Effect.forkChild(Effect.exit(queue.take()), now),
        yield* Effect.forkChild(Effect.exit(queue.take()), now)
      ]
      queue.end(() => done)
      for (const taker of takers) {
        const exit = yield* Fiber.join(taker)
        assert.isTrue(Exit.isFailure(exit) && Cause.isDone(Cause.squash(exit.cause)))
      }
      assert.isFalse(queue.awaited)
    })
  )
})
