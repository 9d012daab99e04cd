/** The queue between senders and the wire, on a wire that goes nowhere. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Framing from "../../src/Framing.ts"
import { OutboundQueue } from "../../src/internal/outboundQueue.ts"
import { SharedFrames } from "../../src/internal/sharedFrames.ts"
import { runWriter } from "../../src/internal/writer.ts"
import { FakeWire } from "./fakeWire.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text)

const make = (limits: { readonly maxMessages?: number; readonly maxBytes?: number } = {}) => {
  const wire = new FakeWire()
  let writes = 0
  let blocks = 0
  const queue = new OutboundQueue(
    wire,
    Framing.lines({ maxLength: 100 }),
    { maxMessages: 4, maxBytes: 1000, ...limits },
    {
      written: () => {
        writes++
      },
      outboundBlocked: () => {
        blocks++
      },
      startWriter: () => {},
      outboundEnded: () => wire.end(),
      account: () => {},
      outboundDropped: () => {}
    }
  )
  return { wire, queue, noted: () => writes, blocks: () => blocks }
}

const now = { startImmediately: true } as const

/** A sender that waits its turn and then offers, and writes down that it did. */
const waiter = (queue: OutboundQueue, text: string, log: Array<string>) =>
  Effect.forkChild(
    Effect.andThen(
      queue.awaitRoom(),
      Effect.sync(() => log.push(`${text}: ${queue.offer(bytes(text), true)}`))
    ),
    now
  )

describe("OutboundQueue", () => {
  it("hands what a turn offered to the wire in one write, at its end", () => {
    const { noted, queue, wire } = make()
    queue.cork()
    queue.cork()
    assert.strictEqual(queue.offer(bytes("a")), "queued")
    assert.strictEqual(queue.offer(bytes("b")), "queued")
    queue.uncork()
    assert.deepStrictEqual(wire.writes, [])
    assert.strictEqual(queue.messages, 2)
    assert.strictEqual(queue.bytes, 4)
    queue.uncork()
    assert.deepStrictEqual(wire.writes, ["a\nb\n"])
    assert.strictEqual(queue.messages, 0)
    assert.strictEqual(queue.messagesWritten, 2)
    assert.strictEqual(queue.bytesWritten, 4)
    assert.strictEqual(noted(), 1)
    assert.isTrue(queue.idle)
  })

  it("writes nothing at the end of a turn that offered nothing", () => {
    const { noted, queue, wire } = make()
    queue.cork()
    queue.uncork()
    queue.flush()
    assert.deepStrictEqual(wire.writes, [])
    assert.strictEqual(noted(), 0)
  })

  it.effect("outside a turn, the writer takes what a microtask offered in one write", () =>
    Effect.gen(function* () {
      const { queue, wire } = make()
      const writer = yield* Effect.forkChild(runWriter(queue, { outboundEnded: () => wire.end() }), now)
      queue.offer(bytes("a"))
      queue.offer(bytes("b"))
      assert.deepStrictEqual(wire.writes, [])
      yield* Effect.promise(() => Promise.resolve())
      assert.deepStrictEqual(wire.writes, ["a\nb\n"])
      queue.offer(bytes("c"))
      yield* Effect.promise(() => Promise.resolve())
      assert.deepStrictEqual(wire.writes, ["a\nb\n", "c\n"])
      queue.offer(bytes("last"))
      queue.close()
      yield* Fiber.join(writer)
      assert.deepStrictEqual(wire.writes, ["a\nb\n", "c\n", "last\n"])
      assert.isTrue(wire.ended)
    })
  )

  it.effect("the writer ends our side only when a full wire has drained and taken the rest", () =>
    Effect.gen(function* () {
      const { queue, wire } = make()
      const writer = yield* Effect.forkChild(runWriter(queue, { outboundEnded: () => wire.end() }), now)
      wire.room = false
      queue.offer(bytes("a"))
      yield* Effect.promise(() => Promise.resolve())
      queue.offer(bytes("b"))
      queue.close()
      yield* Effect.promise(() => Promise.resolve())
      assert.deepStrictEqual(wire.writes, ["a\n"])
      queue.drained()
      assert.deepStrictEqual(wire.writes, ["a\n", "b\n"])
      assert.isFalse(wire.ended)
      queue.drained()
      yield* Fiber.join(writer)
      assert.isTrue(wire.ended)
    })
  )

  it("is full by messages, also for those who would not wait; and has room again once they left", () => {
    const { queue, wire } = make({ maxMessages: 2 })
    wire.room = false
    queue.cork()
    assert.strictEqual(queue.offer(bytes("on the wire")), "queued")
    queue.flush()
    assert.isTrue(queue.blocked)
    assert.strictEqual(queue.bytes, 12)
    assert.strictEqual(queue.offer(bytes("1")), "queued")
    assert.isFalse(queue.full)
    assert.strictEqual(queue.offer(bytes("2")), "queued")
    assert.isTrue(queue.full)
    assert.strictEqual(queue.offer(bytes("3")), "full")
    assert.strictEqual(queue.offerShared(new SharedFrames(bytes("3\n"))), "full")
    assert.deepStrictEqual(wire.writes, ["on the wire\n"])
    wire.room = true
    queue.drained()
    assert.deepStrictEqual(wire.writes, ["on the wire\n", "1\n2\n"])
    assert.strictEqual(queue.offer(bytes("3")), "queued")
    assert.strictEqual(queue.offerShared(new SharedFrames(bytes("4\n"))), "queued")
    assert.strictEqual(queue.messages, 2)
    queue.uncork()
    assert.deepStrictEqual(wire.writes, ["on the wire\n", "1\n2\n", "3\n4\n"])
    assert.strictEqual(queue.messagesWritten, 5)
  })

  it("is full by bytes, those that the wire took without draining included", () => {
    const { queue, wire } = make({ maxBytes: 10, maxMessages: 100 })
    wire.room = false
    queue.cork()
    queue.offer(bytes("12345"))
    queue.flush()
    assert.strictEqual(queue.bytes, 6)
    assert.strictEqual(queue.offer(bytes("789")), "queued")
    assert.isTrue(queue.full)
    assert.isTrue(queue.bytesFull)
    assert.strictEqual(queue.offer(bytes("")), "full")
    assert.strictEqual(queue.offer(bytes(""), true), "full")
    wire.room = true
    queue.drained()
    assert.strictEqual(queue.bytes, 0)
    assert.strictEqual(queue.offer(bytes("")), "queued")
  })

  it("a mark that one turn reaches is no reason to wait while the wire has room", () => {
    const { queue, wire } = make({ maxMessages: 2 })
    queue.cork()
    for (const text of ["1", "2", "3", "4", "5"]) assert.strictEqual(queue.offer(bytes(text)), "queued")
    queue.uncork()
    assert.deepStrictEqual(wire.writes, ["1\n2\n", "3\n4\n", "5\n"])
  })

  it("the rest of a batch minds the mark in bytes only", () => {
    const { queue, wire } = make({ maxMessages: 2, maxBytes: 8 })
    wire.room = false
    queue.cork()
    queue.offer(bytes("x"))
    queue.flush()
    assert.strictEqual(queue.offer(bytes("1")), "queued")
    assert.strictEqual(queue.offer(bytes("2"), true), "queued")
    assert.strictEqual(queue.offer(bytes("3"), true), "queued")
    assert.isTrue(queue.bytesFull)
    assert.strictEqual(queue.offer(bytes("4"), true), "full")
    assert.strictEqual(queue.messages, 3)
  })

  it("the control lane overtakes data that waits, and is never full", () => {
    const { queue, wire } = make({ maxMessages: 1 })
    wire.room = false
    queue.cork()
    queue.offer(bytes("on the wire"))
    queue.flush()
    queue.offer(bytes("data"))
    assert.strictEqual(queue.offer(bytes("more")), "full")
    for (const ping of ["ping 1", "ping 2"]) assert.isUndefined(queue.offerControl(bytes(ping)))
    assert.strictEqual(queue.messages, 1)
    assert.strictEqual(queue.bytes, 12 + 5 + 14)
    wire.room = true
    queue.drained()
    assert.deepStrictEqual(wire.writes, ["on the wire\n", "ping 1\nping 2\n", "data\n"])
    assert.strictEqual(queue.messagesWritten, 2)
  })

  it("data waits on where the control lane alone has filled the wire", () => {
    const { queue, wire } = make()
    wire.room = false
    queue.cork()
    queue.offer(bytes("data"))
    queue.offerControl(bytes("ping"))
    queue.uncork()
    assert.deepStrictEqual(wire.writes, ["ping\n"])
    assert.strictEqual(queue.messages, 1)
    wire.room = true
    queue.drained()
    assert.deepStrictEqual(wire.writes, ["ping\n", "data\n"])
  })

  it.effect("senders that wait are let on in the order in which they came, and nobody passes them", () =>
    Effect.gen(function* () {
      const { queue, wire } = make({ maxMessages: 2 })
      const log: Array<string> = []
      wire.room = false
      queue.cork()
      queue.offer(bytes("0"))
      queue.flush()
      for (const text of ["1", "2"]) queue.offer(bytes(text))
      const waiting = [
        yield* waiter(queue, "3", log),
        yield* waiter(queue, "4", log),
        yield* waiter(queue, "5", log)
      ]
      assert.isFalse(queue.idle)
      // 1 and 2 leave and fill the wire again: nobody is let on yet, but as many as there is room for are.
      queue.drained()
      assert.deepStrictEqual(log, ["3: queued", "4: queued"])
      assert.strictEqual(queue.offer(bytes("6")), "full")
      wire.room = true
      queue.drained()
      yield* Effect.forEach(waiting, Fiber.join)
      assert.strictEqual(queue.offer(bytes("6")), "queued")
      queue.uncork()
      assert.deepStrictEqual(log, ["3: queued", "4: queued", "5: queued"])
      assert.strictEqual(wire.writes.join(""), "0\n1\n2\n3\n4\n5\n6\n")
    })
  )

  it.effect("a sender that is interrupted while it waits holds nobody up, and sends nothing", () =>
    Effect.gen(function* () {
      const { queue, wire } = make({ maxMessages: 1 })
      const log: Array<string> = []
      wire.room = false
      queue.cork()
      queue.offer(bytes("0"))
      queue.flush()
      queue.offer(bytes("1"))
      const first = yield* waiter(queue, "2", log)
      const second = yield* waiter(queue, "3", log)
      const third = yield* waiter(queue, "4", log)
      yield* Fiber.interrupt(second)
      yield* Fiber.interrupt(first)
      wire.room = true
      queue.drained()
      yield* Fiber.join(third)
      queue.uncork()
      assert.deepStrictEqual(log, ["4: queued"])
      assert.strictEqual(wire.writes.join(""), "0\n1\n4\n")
      assert.isTrue(queue.idle)
    })
  )

  it("refuses what the framing cannot carry, and leaves no trace of it", () => {
    const { queue, wire } = make()
    queue.cork()
    queue.offer(bytes("good"))
    assert.propertyVal(queue.offer(bytes("a\nb")), "_tag", "DelimiterInPayload")
    assert.propertyVal(queue.offer(bytes("x".repeat(101))), "_tag", "PayloadTooLong")
    assert.propertyVal(queue.offerControl(bytes("a\nb")), "_tag", "DelimiterInPayload")
    assert.strictEqual(queue.messages, 1)
    queue.uncork()
    assert.strictEqual(wire.writes.join(""), "good\n")
  })

  it("receipts come once the wire has what was offered before them, and not earlier", () => {
    const { queue, wire } = make()
    const log: Array<string> = []
    queue.cork()
    queue.offer(bytes("a"))
    queue.onceWritten(() => log.push("a"))
    queue.onceWritten(() => log.push("a too"))
    wire.confirm()
    assert.deepStrictEqual(log, [])
    queue.flush()
    assert.deepStrictEqual(log, [])
    wire.confirm()
    assert.deepStrictEqual(log, ["a", "a too"])
    // Nothing waits here, but the wire may still be at it.
    queue.onceWritten(() => log.push("nothing"))
    assert.deepStrictEqual(log, ["a", "a too"])
    wire.confirm()
    assert.deepStrictEqual(log, ["a", "a too", "nothing"])
    queue.uncork()
  })

  it.effect("close takes no more, lets those who wait find it closed, and still flushes", () =>
    Effect.gen(function* () {
      const { queue, wire } = make({ maxMessages: 1 })
      const log: Array<string> = []
      wire.room = false
      queue.cork()
      queue.offer(bytes("0"))
      queue.flush()
      queue.offer(bytes("1"))
      const waiting = yield* waiter(queue, "2", log)
      queue.close()
      queue.close()
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(log, ["2: closed"])
      assert.strictEqual(queue.offer(bytes("3")), "closed")
      assert.strictEqual(queue.offerShared(new SharedFrames(bytes("3\n"))), "closed")
      assert.isUndefined(queue.offerControl(bytes("ping")))
      assert.isFalse(queue.finished)
      wire.room = true
      queue.drained()
      assert.isTrue(queue.finished)
      assert.strictEqual(wire.writes.join(""), "0\n1\n")
    })
  )

  it.effect("abandon drops what waits, and lets everyone who waits go on", () =>
    Effect.gen(function* () {
      const { queue, wire } = make({ maxMessages: 1 })
      const log: Array<string> = []
      const writer = yield* Effect.forkChild(runWriter(queue, { outboundEnded: () => wire.end() }), now)
      wire.room = false
      queue.offer(bytes("0"))
      queue.flush()
      queue.offer(bytes("1"))
      queue.offerControl(bytes("ping"))
      queue.onceWritten(() => log.push("written"))
      const waiting = yield* waiter(queue, "2", log)
      queue.abandon()
      yield* Fiber.join(waiting)
      yield* Fiber.join(writer)
      assert.deepStrictEqual(log, ["2: closed"])
      assert.deepStrictEqual(wire.writes, ["0\n"])
      assert.strictEqual(queue.bytes, 0)
      assert.strictEqual(queue.messages, 0)
      assert.isTrue(queue.finished)
    })
  )
})

describe("receipts and the control lane", () => {
  it("the control lane's write does not settle the receipt of data that still waits", () => {
    const { queue, wire } = make()
    const log: Array<string> = []
    wire.room = false
    queue.cork()
    queue.offer(bytes("data"))
    queue.onceWritten(() => log.push("data"))
    queue.offerControl(bytes("ping"))
    queue.uncork()
    wire.confirm()
    assert.deepStrictEqual(log, [])
    wire.room = true
    queue.drained()
    wire.confirm()
    assert.deepStrictEqual(log, ["data"])
  })

  it("tells that it is blocked while it holds, once, so that no wait from before counts", () => {
    for (const room of [true, false]) {
      const { blocks, queue, wire } = make()
      queue.offer(bytes("a"))
      wire.room = room
      queue.hold(() => {})
      assert.isTrue(queue.blocked)
      assert.strictEqual(blocks(), 1)
    }
  })
})
