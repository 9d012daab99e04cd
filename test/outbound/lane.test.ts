/** Frames that are dropped and replaced while they wait, on a wire that goes nowhere. */
import { assert, describe, it } from "@effect/vitest"
import { ByteWriter } from "../../src/ByteWriter.ts"
import * as Framing from "../../src/Framing.ts"
import { FrameLane } from "../../src/internal/frameLane.ts"
import { OutboundQueue } from "../../src/internal/outboundQueue.ts"
import { SharedFrames } from "../../src/internal/sharedFrames.ts"
import { FakeWire } from "../internal/fakeWire.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text)

/** A queue behind a wire that is full, so that everything waits. */
const stuck = (limits: { readonly maxMessages?: number; readonly maxBytes?: number } = {}) => {
  const wire = new FakeWire()
  wire.room = false
  const dropped: Array<string> = []
  const queue = new OutboundQueue(
    wire,
    Framing.lines({ maxLength: 100 }),
    { maxMessages: 3, maxBytes: 1000, ...limits },
    {
      written: () => {},
      outboundBlocked: () => {},
      startWriter: () => {},
      outboundEnded: () => wire.end(),
      account: () => {},
      outboundDropped: (policy, messages, size) => dropped.push(`${policy} ${messages} ${size}`)
    }
  )
  queue.offer(bytes("first"))
  queue.flush()
  const drained = (): string => {
    wire.room = true
    queue.drained()
    return wire.writes.slice(1).join("")
  }
  return { dropped, drained, queue, wire }
}

describe("OutboundQueue with frames apart", () => {
  it("drops the oldest that may be dropped, and no others", () => {
    const { drained, dropped, queue } = stuck()
    queue.offer(bytes("stays"))
    for (const text of ["a\n", "b\n", "c\n", "d\n"])
      assert.strictEqual(queue.offerEvicting(bytes(text)), "queued")
    assert.strictEqual(queue.messages, 3)
    assert.deepStrictEqual(dropped, ["DropOld 1 2", "DropOld 1 2"])
    assert.strictEqual(drained(), "stays\nc\nd\n")
    assert.isTrue(queue.idle)
    assert.strictEqual(queue.messagesWritten, 4)
  })

  it("drops as many as the bytes of the new one's queue ask for", () => {
    const { drained, dropped, queue } = stuck({ maxMessages: 100, maxBytes: 26 })
    // Six bytes are in the wire.
    queue.offerEvicting(bytes("aaaaaaaaa\n"))
    queue.offerEvicting(bytes("bbbbbbbbb\n"))
    queue.offerEvicting(bytes("c\n"))
    assert.deepStrictEqual(dropped, ["DropOld 1 10"])
    assert.strictEqual(drained(), "bbbbbbbbb\nc\n")
  })

  it("keeps the newest, one above the bounds, where nothing else may go", () => {
    const { drained, dropped, queue } = stuck()
    for (const text of ["1", "2", "3"]) queue.offer(bytes(text))
    assert.strictEqual(queue.offer(bytes("4")), "full")
    queue.offerEvicting(bytes("a\n"))
    queue.offerEvicting(bytes("b\n"))
    assert.strictEqual(queue.messages, 4)
    assert.deepStrictEqual(dropped, ["DropOld 1 2"])
    assert.strictEqual(drained(), "1\n2\n3\nb\n")
  })

  it("replaces what waits under the same key, in its place", () => {
    const { drained, dropped, queue } = stuck({ maxMessages: 4 })
    queue.offerKeyed("x", bytes("x1\n"), false)
    queue.offer(bytes("between"))
    queue.offerShared(new SharedFrames(bytes("framed\n")))
    queue.offerKeyed("y", bytes("y1\n"), false)
    // Full, and still there is a place for what has one.
    assert.strictEqual(queue.offerKeyed("z", bytes("z1\n"), false), "full")
    assert.strictEqual(queue.offerKeyed("x", bytes("x22\n"), false), "queued")
    assert.deepStrictEqual(dropped, ["Conflate 1 3"])
    assert.strictEqual(queue.messages, 4)
    assert.strictEqual(drained(), "x22\nbetween\nframed\ny1\n")
    assert.strictEqual(queue.bytes, 0)
  })

  it("does not outgrow its bytes by replacing", () => {
    const { queue } = stuck({ maxBytes: 20 })
    queue.offerKeyed("x", bytes("x\n"), false)
    assert.strictEqual(queue.offerKeyed("x", bytes("xxxxxxxxxxxxxxxxxx\n"), false), "full")
    assert.strictEqual(queue.offerKeyed("x", bytes("xxxxxxxxxxxxx\n"), false), "queued")
    assert.strictEqual(queue.bytes, 20)
  })

  it("goes back to one buffer after a flush, and forgets its keys", () => {
    const { drained, dropped, queue, wire } = stuck()
    queue.offerKeyed("x", bytes("x1\n"), false)
    drained()
    queue.offerKeyed("x", bytes("x2\n"), false)
    queue.offer(bytes("plain"))
    queue.flush()
    assert.deepStrictEqual(wire.writes, ["first\n", "x1\n", "x2\nplain\n"])
    assert.deepStrictEqual(dropped, [])
  })

  it("calls a receipt back for frames apart too, and drops them with the wire", () => {
    const { drained, queue, wire } = stuck()
    let receipts = 0
    queue.offerEvicting(bytes("a\n"))
    queue.onceWritten(() => receipts++)
    wire.confirm()
    assert.strictEqual(receipts, 0)
    drained()
    wire.confirm()
    assert.strictEqual(receipts, 1)
    const other = stuck().queue
    other.offerEvicting(bytes("a\n"))
    other.abandon()
    assert.strictEqual(other.bytes, 0)
    assert.strictEqual(other.offerEvicting(bytes("b\n")), "closed")
    assert.strictEqual(other.offerKeyed("k", bytes("b\n"), false), "closed")
  })
})

describe("FrameLane", () => {
  it("does not remember what a million drops took", () => {
    const lane = new FrameLane()
    const frame = bytes("0123456789")
    lane.push(bytes("stays "))
    for (let i = 0; i < 1_000_000; i++) {
      lane.pushEvictable(frame)
      if (i >= 3) lane.evict()
    }
    assert.strictEqual(lane.bytes, 36)
    // One that stays, three that wait, and no more gaps than 64.
    assert.isBelow(Reflect.get(lane, "entries").length, 200)
    const writer = new ByteWriter()
    lane.drainTo(writer)
    assert.strictEqual(Buffer.from(writer.take()).toString(), "stays 012345678901234567890123456789")
    assert.strictEqual(lane.evict() === undefined, false)
  })
})
