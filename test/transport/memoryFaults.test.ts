import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { lengths, linked, text } from "./memorySupport.ts"
import { Reception, Recorder } from "./recorder.ts"

describe("faults of memory", () => {
  it.effect("cuts writes at random, and the same way for the same seed", () =>
    Effect.gen(function* () {
      const cuts = Effect.fnUntraced(function* (seed: number) {
        const { left, right } = yield* linked({ maxChunk: 7, seed })
        left.wire.write(text("the quick brown fox jumps over the lazy dog"))
        yield* right.received(43)
        assert.strictEqual(right.text, "the quick brown fox jumps over the lazy dog")
        for (const length of lengths(right)) {
          assert.isAtLeast(length, 1)
          assert.isAtMost(length, 7)
        }
        return lengths(right)
      })
      const one = yield* cuts(1)
      assert.deepStrictEqual(yield* cuts(1), one)
      assert.notDeepEqual(yield* cuts(2), one)
      assert.isAbove(new Set(one).size, 2)
    })
  )

  it.effect("changes its cuts while it runs", () =>
    Effect.gen(function* () {
      const { left, network, right } = yield* linked()
      left.wire.write(text("whole"))
      yield* right.received(5)
      yield* network.setMaxChunk(1)
      left.wire.write(text("bits"))
      yield* right.received(9)
      yield* network.setMaxChunk(undefined)
      left.wire.write(text("again"))
      yield* right.received(14)
      assert.deepStrictEqual(lengths(right), [5, 1, 1, 1, 1, 5])
      const error = yield* Effect.flip(network.setMaxChunk(0))
      assert.strictEqual(error.problems[0]?.path, "maxChunk")
    })
  )

  it.effect("delays by the test's clock, each direction its own, and keeps the order", () =>
    Effect.gen(function* () {
      const { left, network, right } = yield* linked({ delay: "1 second", delayToClient: "3 seconds" })
      left.wire.write(text("a"))
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(right.length, 0)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(right.text, "a")
      right.wire.write(text("answer"))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(left.length, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(left.text, "answer")
      left.wire.write(text("b"))
      yield* network.setDelay(0, "toServer")
      left.wire.write(text("c"))
      left.wire.end()
      yield* Effect.yieldNow
      assert.strictEqual(right.text, "a", "nothing overtakes")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(right.text, "abc")
      assert.strictEqual(right.ends, 1)
      const error = yield* Effect.flip(network.setDelay("-1 seconds"))
      assert.strictEqual(error.problems[0]?.path, "delay")
    })
  )

  it.effect("carries a conversation through one adjustment of the clock", () =>
    Effect.gen(function* () {
      const network = yield* TransportMemory.makeNetwork({ delay: "10 millis" })
      const reception = new Reception()
      yield* network.listener.listen(reception)
      const client = yield* network.connector.connect
      const server = yield* reception.take
      new Recorder(server, (chunk) => server.write(chunk))
      const left = new Recorder(client, (_, recorder) => recorder.length < 5 && client.write(text("x")))
      client.write(text("x"))
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(left.length, 5)
    })
  )

  it.effect("breaks all links, or one, whatever the delay", () =>
    Effect.gen(function* () {
      const { left, network, right } = yield* linked({ delay: "1 hour" })
      left.wire.write(text("lost"))
      yield* network.reset
      yield* Effect.yieldNow
      assert.deepStrictEqual(left.events, ["close"])
      assert.deepStrictEqual(right.events, ["close"])
      assert.strictEqual(left.error, "ECONNRESET")
      assert.strictEqual(right.error, "ECONNRESET")
      const first = yield* network.connector.connect
      const second = yield* network.connector.connect
      const [link, ...others] = yield* network.links
      assert.strictEqual(link?.client, first)
      assert.lengthOf(others, 1)
      yield* link!.reset
      const broken = new Recorder(first)
      yield* broken.closed
      assert.strictEqual(broken.error, "ECONNRESET")
      assert.deepStrictEqual(
        (yield* network.links).map((item) => item.client),
        [second]
      )
    })
  )

  it.effect("half-closes a side from outside", () =>
    Effect.gen(function* () {
      const { left, network, right } = yield* linked()
      const [link] = yield* network.links
      yield* link!.halfClose("server")
      yield* left.ended
      left.wire.write(text("still"))
      yield* right.received(5)
      yield* link!.halfClose("client")
      yield* Effect.all([left.closed, right.closed])
      assert.deepStrictEqual([left.error, right.error], [undefined, undefined])
    })
  )

  it.effect("goes silent and comes back", () =>
    Effect.gen(function* () {
      const { left, network, right } = yield* linked()
      yield* network.setStalled(true)
      left.wire.write(text("held"))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(right.length, 0)
      yield* network.setStalled(false)
      yield* right.received(4)
    })
  )

  it.effect("resets a peer whose bytes nobody read", () =>
    Effect.gen(function* () {
      const { left, right } = yield* linked()
      right.pause()
      left.wire.write(text("unread"))
      yield* Effect.yieldNow
      right.wire.destroy()
      yield* Effect.all([left.closed, right.closed])
      assert.strictEqual(left.error, "ECONNRESET")
      assert.strictEqual(right.error, undefined)
    })
  )

  it.effect("answers bytes to an end that is gone by a reset", () =>
    Effect.gen(function* () {
      const { left, right } = yield* linked()
      right.wire.destroy()
      yield* left.ended
      assert.strictEqual(left.closes, 0)
      left.wire.write(text("anyone?"))
      yield* left.closed
      assert.strictEqual(left.error, "ECONNRESET")
    })
  )
})
