/** A fiber may let others on between any two of its steps: what happens just then must not be missed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, References } from "effect"
import * as Framing from "../../src/Framing.ts"
import { InboundQueue } from "../../src/internal/inboundQueue.ts"
import { OutboundQueue } from "../../src/internal/outboundQueue.ts"
import { Turns, withPermit } from "../../src/internal/turns.ts"
import { runWriter } from "../../src/internal/writer.ts"
import { FakeWire } from "./fakeWire.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text)

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** With fewer steps at a time a fiber gets nowhere. */
const budget = 3

/** Forks a fiber that lets others on after very few steps each time, and returns it after so many turns. */
const begin = Effect.fnUntraced(function* <A, E>(effect: Effect.Effect<A, E>, turns: number) {
  const slow = Effect.provideService(effect, References.MaxOpsBeforeYield, budget)
  const fiber = yield* Effect.forkChild(slow, { startImmediately: true })
  for (let i = 0; i < turns; i++) yield* turn
  return fiber
})

/** Its result, for which it has as many turns as it likes; undefined where it waits for good. */
const outcome = Effect.fnUntraced(function* <A, E>(fiber: Fiber.Fiber<A, E>) {
  for (let i = 0; i < 50 && fiber.pollUnsafe() === undefined; i++) yield* turn
  return fiber.pollUnsafe() === undefined ? undefined : yield* Fiber.join(fiber)
})

/** Moments within the first steps of a fiber. */
const moments = Array.from({ length: 12 }, (_, i) => i)

const makeOutbound = () => {
  const wire = new FakeWire()
  const queue = new OutboundQueue(
    wire,
    Framing.lines({ maxLength: 100 }),
    { maxMessages: 1, maxBytes: 1000 },
    {
      written: () => {},
      outboundBlocked: () => {},
      startWriter: () => {},
      outboundEnded: () => wire.end(),
      account: () => {},
      outboundDropped: () => {}
    }
  )
  return { queue, wire }
}

const sendThird = (queue: OutboundQueue) =>
  Effect.suspend(() => {
    const offer = queue.offer(bytes("third"))
    return offer === "full"
      ? Effect.map(queue.awaitRoom(), () => queue.offer(bytes("third"), true))
      : Effect.succeed(offer)
  })

describe("at whatever moment it happens", () => {
  it.effect("a batch that is pushed is taken, and in its order", () =>
    Effect.gen(function* () {
      for (const moment of moments) {
        const queue = new InboundQueue<string>(10, 1000, { roomAgain: () => {} })
        const two = Effect.zip(queue.take(), queue.take())
        const fiber = yield* begin(two, moment)
        queue.push(["a"], 1)
        for (let i = 0; i < 12; i++) yield* turn
        queue.push(["b"], 1)
        assert.deepStrictEqual(yield* outcome(fiber), [["a"], ["b"]], `after ${moment} turns`)
      }
    })
  )

  it.effect("a sender without room is let on when the wire drains", () =>
    Effect.gen(function* () {
      for (const moment of moments) {
        const { queue, wire } = makeOutbound()
        wire.room = false
        queue.offer(bytes("first"))
        queue.flush()
        queue.offer(bytes("second"))
        const fiber = yield* begin(sendThird(queue), moment)
        wire.room = true
        queue.drained()
        assert.strictEqual(yield* outcome(fiber), "queued", `after ${moment} turns`)
      }
    })
  )

  it.effect("a sender without room finds the queue closed when it closes", () =>
    Effect.gen(function* () {
      for (const moment of moments) {
        const { queue, wire } = makeOutbound()
        wire.room = false
        queue.offer(bytes("first"))
        queue.flush()
        queue.offer(bytes("second"))
        const fiber = yield* begin(sendThird(queue), moment)
        queue.close()
        assert.strictEqual(yield* outcome(fiber), "closed", `after ${moment} turns`)
      }
    })
  )

  it.effect("what is offered is written", () =>
    Effect.gen(function* () {
      for (const moment of moments) {
        const { queue, wire } = makeOutbound()
        const fiber = yield* begin(runWriter(queue, { outboundEnded: () => wire.end() }), moment)
        queue.offer(bytes("a"))
        for (let i = 0; i < moment; i++) yield* turn
        queue.offer(bytes("b"))
        for (let i = 0; i < 20; i++) yield* turn
        assert.strictEqual(wire.writes.join(""), "a\nb\n", `after ${moment} turns`)
        queue.close()
        yield* outcome(fiber)
        assert.isTrue(wire.ended)
      }
    })
  )

  it.effect("a permit that is given back goes to who waits for it", () =>
    Effect.gen(function* () {
      for (const moment of moments) {
        const turns = new Turns(1)
        const [one, other] = [turns.owner({}), turns.owner({})]
        assert.isTrue(turns.tryTake(one))
        const fiber = yield* begin(withPermit(turns, other, Effect.succeed("done")), moment)
        turns.release(one)
        assert.strictEqual(yield* outcome(fiber), "done", `after ${moment} turns`)
        assert.strictEqual(turns.taken, 0)
      }
    })
  )
})
