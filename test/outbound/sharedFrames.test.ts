/** Frames that many queues hold: joined once, in order with all others, and left alone. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { ByteWriter } from "../../src/ByteWriter.ts"
import * as Framing from "../../src/Framing.ts"
import { OutboundQueue } from "../../src/internal/outboundQueue.ts"
import { SharedFrames } from "../../src/internal/sharedFrames.ts"
import { FakeWire } from "../internal/fakeWire.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text)

/** A wire that remembers the very bytes it was given. */
class KeepingWire extends FakeWire {
  readonly given: Array<Uint8Array> = []

  override write(frames: Uint8Array, written?: () => void): boolean {
    this.given.push(frames)
    return super.write(frames, written)
  }
}

const make = (limits: { readonly maxMessages?: number; readonly maxBytes?: number } = {}) => {
  const wire = new KeepingWire()
  const queue = new OutboundQueue(
    wire,
    Framing.lines({ maxLength: 10_000 }),
    { maxMessages: 1000, maxBytes: 1_000_000, ...limits },
    {
      written: () => {},
      outboundBlocked: () => {},
      startWriter: () => {},
      outboundEnded: () => wire.end(),
      account: () => {},
      outboundDropped: () => {}
    }
  )
  return { wire, queue }
}

const turns = (count: number) =>
  Array.from({ length: count }).reduce<Promise<void>>(
    (before) => before.then(() => new Promise((resolve) => setImmediate(resolve))),
    Promise.resolve()
  )

const steps = [
  "shared",
  "long",
  "own",
  "last",
  "apart",
  "keyed",
  "batch",
  "written",
  "control",
  "flush",
  "stop",
  "drain"
] as const

describe("SharedFrames", () => {
  it("are joined once for all who got the same", () => {
    const queues = Array.from({ length: 3 }, () => make())
    const frames = ["a\n", "b\n", "c\n"].map((text) => new SharedFrames(bytes(text)))
    for (const one of frames)
      for (const { queue } of queues) assert.strictEqual(queue.offerShared(one), "queued")
    assert.deepStrictEqual(
      queues.map(({ queue }) => [queue.messages, queue.waitingBytes, queue.full]),
      queues.map(() => [3, 6, false])
    )
    for (const { queue } of queues) queue.flush()
    const [first] = queues[0]!.wire.given
    for (const { queue, wire } of queues) {
      assert.deepStrictEqual(wire.writes, ["a\nb\nc\n"])
      assert.strictEqual(wire.given[0], first)
      assert.deepStrictEqual(
        [queue.messages, queue.messagesWritten, queue.bytesWritten, queue.idle],
        [0, 3, 6, true]
      )
    }
  })

  it("are each one's own selection where not all got the same", () => {
    const all = make()
    const some = make()
    const others = make()
    const [a, b, c] = ["a\n", "b\n", "c\n"].map((text) => new SharedFrames(bytes(text)))
    for (const one of [a, b, c]) {
      all.queue.offerShared(one!)
      if (one !== b) some.queue.offerShared(one!)
      if (one !== a) others.queue.offerShared(one!)
    }
    for (const { queue } of [all, some, others]) queue.flush()
    assert.deepStrictEqual(
      [all, some, others].map(({ wire }) => wire.writes.join("|")),
      ["a\nb\nc\n", "a\nc\n", "b\nc\n"]
    )
  })

  it("are full by the same marks, and by no messages of the turn before", () => {
    const { queue, wire } = make({ maxMessages: 2 })
    const one = new SharedFrames(bytes("1\n"))
    for (let i = 0; i < 5; i++) assert.strictEqual(queue.offerShared(one), "queued")
    assert.deepStrictEqual(wire.writes, ["1\n1\n", "1\n1\n"])
    wire.room = false
    queue.flush()
    for (let i = 0; i < 2; i++) assert.strictEqual(queue.offerShared(one), "queued")
    assert.strictEqual(queue.offerShared(one), "full")
    assert.strictEqual(queue.held, 6)
  })

  it("stay what they are while a wire has them", () => {
    const holding = make()
    const busy = make()
    for (const size of [5, 500, 3000, 20_000]) {
      // As a broadcast makes them.
      const writer = new ByteWriter()
      writer.writeBytes(new Uint8Array(size).fill(97))
      holding.queue.offerShared(new SharedFrames(writer.take()))
      holding.queue.flush()
      // Others have their buffers back at once.
      for (let i = 0; i < 3; i++) {
        busy.queue.offer(new Uint8Array(size).fill(98))
        busy.queue.flush()
      }
    }
    for (const given of holding.wire.given) assert.isTrue(given.every((byte) => byte === 97))
  })

  it.prop(
    "keep their place among all that is sent, whatever that is and whenever the wire has room",
    [Arbitrary.array(Arbitrary.schema(Schema.Literals(steps)), { maxLength: 40 })],
    ([sequence]) => {
      const { queue, wire } = make()
      const expected: Array<string> = []
      let pings = 0
      const next = (more = "") => {
        const text = `${expected.length}${more}`
        expected.push(text)
        return text
      }
      const shared = (text: string) => queue.offerShared(new SharedFrames(bytes(`${text}\n`)))
      const take: Record<(typeof steps)[number], () => void> = {
        shared: () => shared(next()),
        long: () => shared(next("x".repeat(5000))),
        own: () => queue.offer(bytes(next())),
        last: () => queue.offerLast(bytes(next())),
        apart: () => queue.offerEvicting(bytes(`${next()}\n`)),
        keyed: () => queue.offerKeyed(expected.length, bytes(`${next()}\n`), false),
        batch: () => {
          const batch = [bytes(next()), bytes(next())]
          for (let at = queue.offerAll(batch, 0, false); at < 2; at++) queue.offer(batch[at]!, true)
        },
        written: () => {
          const text = next()
          const write = (message: string, out: ByteWriter) => out.writeText(message) as undefined
          if (queue.offerWritten(text, write, false) === undefined) queue.offer(bytes(text))
        },
        control: () => {
          pings++
          queue.offerControl(bytes("ping"))
        },
        flush: () => queue.flush(),
        stop: () => {
          wire.room = false
        },
        drain: () => {
          wire.room = true
          queue.drained()
        }
      }
      queue.cork()
      for (const step of sequence) take[step]()
      take.drain()
      const heard = wire.writes.join("").split("\n").slice(0, -1)
      assert.deepStrictEqual(
        heard.filter((text) => text !== "ping"),
        expected
      )
      assert.strictEqual(heard.length, expected.length + pings)
      assert.strictEqual(queue.messagesWritten, expected.length)
      assert.strictEqual(queue.bytesWritten, wire.writes.join("").length)
      assert.isTrue(queue.idle)
    },
    { arbitrary: { runs: 500, size: 40 } }
  )

  it("are lost with the wire", () => {
    const { queue, wire } = make()
    queue.offerShared(new SharedFrames(bytes("1\n")))
    queue.abandon()
    assert.strictEqual(queue.abandoned, 1)
    assert.strictEqual(queue.waitingBytes, 0)
    assert.deepStrictEqual(wire.writes, [])
  })

  it("leave ahead of what another framing says", () => {
    const { queue, wire } = make()
    queue.offerShared(new SharedFrames(bytes("1\n")))
    queue.enter(Framing.delimiter(";"))
    queue.offer(bytes("2"))
    queue.flush()
    assert.strictEqual(wire.writes.join(""), "1\n2;")
  })
})

describe("a broadcast", () => {
  it("to few leaves with the microtask", async () => {
    const { queue, wire } = make()
    queue.offerShared(new SharedFrames(bytes("1\n")))
    assert.deepStrictEqual(wire.writes, [])
    await Promise.resolve()
    assert.deepStrictEqual(wire.writes, ["1\n"])
  })

  it("to many leaves with what the next turns bring, and with what is sent to one alone before", async () => {
    const members = Array.from({ length: 1000 }, () => make())
    const tell = (text: string) => {
      const one = new SharedFrames(bytes(text))
      for (const { queue } of members) queue.offerShared(one)
    }
    const [alone, ...others] = members
    tell("1\n")
    await Promise.resolve()
    assert.isTrue(members.every(({ wire }) => wire.writes.length === 0))
    setImmediate(() => tell("2\n"))
    await turns(1)
    assert.isTrue(members.every(({ wire }) => wire.writes.length === 0))
    alone!.queue.offer(bytes("for you"))
    await Promise.resolve()
    assert.deepStrictEqual(alone!.wire.writes, ["1\n2\nfor you\n"])
    await turns(1)
    for (const { wire } of others) assert.deepStrictEqual(wire.writes, ["1\n2\n"])
    assert.strictEqual(alone!.wire.writes.length, 1)
    // And again, with the next.
    tell("3\n")
    await turns(3)
    assert.isTrue(members.every(({ wire }) => wire.writes.length === 2 && wire.writes[1] === "3\n"))
  })
})
