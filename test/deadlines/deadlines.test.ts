/** Each deadline of a connection, to the millisecond, on the in-memory network. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import type { CloseReason } from "../../src/CloseReason.ts"
import * as Codec from "../../src/Codec.ts"
import type * as Connection from "../../src/Connection.ts"
import type { Idle } from "../../src/Deadlines.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"

const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

type Peer = Connection.Connection<string, string>

const provideMemory = Effect.provide(TransportMemory.layer())

/** A server whose connections are written down, and one raw client of it. */
const served = Effect.fnUntraced(function* (
  options: Server.ServerOptions<string>,
  handler: (connection: Peer) => Effect.Effect<unknown, unknown> = (connection) =>
    Stream.run(connection.messages, connection.sink),
  protocol: Protocol.Protocol<string, string> = Text
) {
  const opened = yield* Deferred.make<Peer>()
  const seen: { reason: CloseReason | undefined; handled: "yes" | "interrupted" | undefined } = {
    reason: undefined,
    handled: undefined
  }
  const server = yield* Server.make(
    protocol,
    (connection) =>
      Effect.gen(function* () {
        yield* Effect.forkDetach(
          Effect.map(connection.closed, (reason) => {
            seen.reason = reason
          }),
          { startImmediately: true }
        )
        yield* Deferred.succeed(opened, connection)
        yield* handler(connection).pipe(
          Effect.onInterrupt(() =>
            Effect.sync(() => {
              seen.handled = "interrupted"
            })
          )
        )
      }),
    options
  )
  const client = yield* rawClient
  const connection = yield* Deferred.await(opened)
  return { server, client, connection, seen }
})

/** Lets everything that is underway arrive. */
const settle = Effect.forEach([1, 2, 3], () => Effect.yieldNow, { discard: true })

/** The server has ended its side, for `deadline`, once the client ends too. */
const endedFor = Effect.fnUntraced(function* (
  { client, seen }: Effect.Success<ReturnType<typeof served>>,
  deadline: string
) {
  yield* eventually(() => client.state.ended, "the server ended its side")
  client.wire.end()
  yield* eventually(() => seen.reason !== undefined, "the connection has its reason")
  assert.deepStrictEqual(
    seen.reason?._tag === "DeadlineExceeded" ? seen.reason.deadline : seen.reason?._tag,
    deadline
  )
})

/** Nothing until a millisecond before, and the end then. */
const endsAfter = Effect.fnUntraced(function* (
  it: Effect.Success<ReturnType<typeof served>>,
  millis: number,
  deadline: string
) {
  yield* settle
  yield* TestClock.adjust(millis - 1)
  yield* settle
  assert.isFalse(it.client.state.ended, "not a millisecond early")
  yield* TestClock.adjust(1)
  yield* endedFor(it, deadline)
})

describe("hello", () => {
  it.effect("L-T1: a peer that connects and says nothing is closed after 10 seconds", () =>
    Effect.gen(function* () {
      yield* endsAfter(yield* served({}), 10_000, "hello")
    }).pipe(provideMemory)
  )

  it.effect("half a message is no message, and a whole one is enough", () =>
    Effect.gen(function* () {
      const silent = yield* served({})
      silent.client.write("no end")
      yield* endsAfter(silent, 10_000, "hello")
    }).pipe(provideMemory)
  )

  it.effect("after the first message it is over", () =>
    Effect.gen(function* () {
      const it = yield* served({ deadlines: { readIdle: "off" } })
      it.client.write("hello\n")
      yield* settle
      yield* TestClock.adjust("1 hour")
      yield* settle
      assert.isFalse(it.client.state.ended)
    }).pipe(provideMemory)
  )
})

describe("frame", () => {
  it.effect("L-T16: a frame that trickles in is closed 30 seconds after its first byte", () =>
    Effect.gen(function* () {
      const it = yield* served({ deadlines: { readIdle: "60 seconds" } })
      it.client.write("whole\n")
      yield* settle
      yield* TestClock.adjust("20 seconds")
      it.client.write("a")
      yield* settle
      yield* TestClock.adjust("29 seconds")
      it.client.write("b")
      yield* endsAfter(it, 1000, "frame")
      assert.strictEqual(it.client.text(), "whole\n")
    }).pipe(provideMemory)
  )

  it.effect("every frame has its own 30 seconds, however they are cut", () =>
    Effect.gen(function* () {
      const it = yield* served({})
      // Each chunk ends one frame and begins the next.
      for (const part of ["one\nt", "wo\nth", "ree\nfo", "ur\nfi"]) {
        it.client.write(part)
        yield* settle
        yield* TestClock.adjust("29 seconds")
      }
      yield* settle
      assert.isFalse(it.client.state.ended)
      yield* endsAfter(it, 1000, "frame")
      assert.strictEqual(it.client.text(), "one\ntwo\nthree\nfour\n")
    }).pipe(provideMemory)
  )
})

/** Framings that leave out what is longer than 10 bytes, with the front of such a frame and what ends it. */
const skipping: ReadonlyArray<readonly [Framing.Framing, front: string, rest: string, last: string]> = [
  [Framing.lines({ maxLength: 10, oversize: "skip" }), "x".repeat(8), "x".repeat(80), "\n"],
  [Framing.delimiter(";", { maxLength: 10, oversize: "skip" }), "x".repeat(8), "x".repeat(80), ";"],
  [Framing.netstring({ maxLength: 10, oversize: "skip" }), "10", `0:${"x".repeat(50)}`, `${"x".repeat(50)},`],
  [
    Framing.withChecksum(Framing.lengthPrefixed({ width: 1, maxLength: 14, oversize: "skip" })),
    "\x40",
    "x".repeat(50),
    "x".repeat(14)
  ]
]

describe("frame, of one that is left out", () => {
  for (const [framing, front, rest, last] of skipping) {
    const Skipping = { ...Text, framing }
    it.effect(`${framing.name}: is closed 30 seconds after its first byte, too`, () =>
      Effect.gen(function* () {
        const it = yield* served({ deadlines: { hello: "off" } }, undefined, Skipping)
        it.client.write(front)
        yield* settle
        yield* TestClock.adjust("20 seconds")
        // From here on it is too long, and its bytes are not held.
        it.client.write(rest)
        yield* settle
        yield* TestClock.adjust("9 seconds")
        it.client.write("x")
        yield* endsAfter(it, 1000, "frame")
      }).pipe(provideMemory)
    )

    it.effect(`${framing.name}: the next one has 30 seconds of its own`, () =>
      Effect.gen(function* () {
        const it = yield* served({ deadlines: { hello: "off" } }, undefined, Skipping)
        it.client.write(front)
        yield* settle
        yield* TestClock.adjust("20 seconds")
        it.client.write(rest)
        yield* settle
        yield* TestClock.adjust("9 seconds")
        // Ends the first, which is left out as a whole, and begins another that will be.
        it.client.write(last + front + rest)
        yield* settle
        yield* TestClock.adjust("20 seconds")
        it.client.write("x")
        yield* settle
        yield* TestClock.adjust("9 seconds")
        assert.isFalse(it.client.state.ended)
        assert.isAtLeast(it.connection.stats.skipped, 2)
        yield* endsAfter(it, 1000, "frame")
      }).pipe(provideMemory)
    )

    it.effect(`${framing.name}: none is pending between frames`, () =>
      Effect.gen(function* () {
        const it = yield* served({ deadlines: { hello: "off", readIdle: "off" } }, undefined, Skipping)
        it.client.write(front + rest)
        yield* settle
        it.client.write(last)
        yield* settle
        yield* TestClock.adjust("5 minutes")
        yield* settle
        assert.isFalse(it.client.state.ended)
        assert.strictEqual(it.connection.stats.skipped, 1)
      }).pipe(provideMemory)
    )
  }
})

describe("idle", () => {
  it.effect("L-T2, S-7: closes 60 seconds after the last byte, and not while bytes come", () =>
    Effect.gen(function* () {
      const it = yield* served({})
      for (let i = 0; i < 10; i++) {
        it.client.write("x\n")
        yield* settle
        yield* TestClock.adjust("59 seconds")
      }
      it.client.write("last\n")
      yield* endsAfter(it, 60_000, "readIdle")
    }).pipe(provideMemory)
  )

  it.effect("L-T15: a peer active every 50 ms stays, with an idle limit of 300", () =>
    Effect.gen(function* () {
      const it = yield* served({ deadlines: { readIdle: 300 } })
      for (let i = 0; i < 100; i++) {
        it.client.write("x\n")
        yield* settle
        yield* TestClock.adjust(50)
      }
      assert.isFalse(it.client.state.ended)
      yield* endsAfter(it, 250, "readIdle")
    }).pipe(provideMemory)
  )

  it.effect("S-7: what leaves is no life: a server that streams does not keep a silent peer", () =>
    Effect.gen(function* () {
      const it = yield* served({ deadlines: { hello: "off" } }, (connection) =>
        Effect.forever(Effect.andThen(connection.send("tick"), Effect.sleep("1 seconds")))
      )
      yield* endsAfter(it, 60_000, "readIdle")
      assert.strictEqual(it.seen.handled, "interrupted")
    }).pipe(provideMemory)
  )

  it.effect("L-T11, L-T12: tells a handler instead, the first flagged, the next ones counted", () =>
    Effect.gen(function* () {
      const told: Array<Idle> = []
      const it = yield* served({
        deadlines: { hello: "off", readIdle: "1 second", writeIdle: "1 second", allIdle: "1 second" },
        onIdle: (connection, idle) =>
          Effect.sync(() => {
            assert.strictEqual(connection.id, it.connection.id)
            told.push(idle)
          })
      })
      const kinds = () =>
        told
          .splice(0)
          .map(({ deadline, times }) => `${deadline} ${times}`)
          .sort()
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(kinds(), [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(kinds(), ["allIdle 1", "readIdle 1", "writeIdle 1"])
      yield* TestClock.adjust(1999)
      assert.deepStrictEqual(kinds(), ["allIdle 2", "readIdle 2", "writeIdle 2"])
      // Something comes in and is echoed just before the next.
      it.client.write("x\n")
      yield* settle
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(kinds(), [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(kinds(), ["allIdle 1", "readIdle 1", "writeIdle 1"])
      assert.isFalse(it.client.state.ended)
    }).pipe(provideMemory)
  )

  it.effect("what an idle handler fails with ends the connection as the handler's own failure would", () =>
    Effect.gen(function* () {
      const it = yield* served({
        deadlines: { writeIdle: "1 second" },
        onIdle: () => Effect.fail("no idea")
      })
      yield* TestClock.adjust("1 seconds")
      yield* endedFor(it, "HandlerFailed")
    }).pipe(provideMemory)
  )

  it.effect("L-T13: writeIdle: what the peer takes is progress, and then a silence has its full length", () =>
    Effect.gen(function* () {
      const told: Array<Idle> = []
      const it = yield* served({
        deadlines: { hello: "off", readIdle: "off", send: "off", writeIdle: "5 seconds" },
        onIdle: (_, idle) => Effect.sync(() => told.push(idle))
      })
      it.client.wire.pause()
      yield* it.connection.send("y".repeat(1000))
      yield* settle
      yield* TestClock.adjust("4 seconds")
      it.client.wire.resume()
      yield* settle
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(told, [])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(told, [{ deadline: "writeIdle", times: 1 }])
    }).pipe(provideMemory)
  )

  it.effect("after the peer has ended its side there is nothing to wait for from it", () =>
    Effect.gen(function* () {
      const it = yield* served({}, (connection) =>
        Effect.gen(function* () {
          yield* Stream.runDrain(connection.messages)
          yield* Effect.sleep("10 minutes")
          yield* connection.send("late")
        })
      )
      it.client.wire.end()
      yield* settle
      yield* TestClock.adjust("10 minutes")
      yield* eventually(() => it.client.state.closed, "the connection is closed")
      assert.strictEqual(it.client.text(), "late\n")
      assert.strictEqual(it.seen.reason?._tag, "PeerClosed")
    }).pipe(provideMemory)
  )
})

describe("the clock stands still while we refuse to read", () => {
  it.effect("for readIdle and frame, and goes on from where it was", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const it = yield* served({ inbound: { maxMessages: 2 } }, (connection) =>
        Effect.andThen(Deferred.await(gate), Stream.runDrain(connection.messages))
      )
      // Fills the queue, and begins a frame.
      it.client.write("1\n2\n3\nhalf")
      yield* settle
      yield* TestClock.adjust("10 minutes")
      yield* settle
      assert.isFalse(it.client.state.ended)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      yield* endsAfter(it, 30_000, "frame")
    }).pipe(provideMemory)
  )

  it.effect("for hello, while the first messages are being decoded", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const Slow = Protocol.make("Slow", {
        framing: Framing.lines(),
        fromClient: {
          ...Codec.utf8,
          decode: (frame) => Effect.andThen(Deferred.await(gate), Codec.utf8.decode(frame))
        },
        fromServer: Codec.utf8
      })
      yield* Server.make(Slow, (connection) => Stream.run(connection.messages, connection.sink))
      const client = yield* rawClient
      client.write("first\n")
      yield* settle
      yield* TestClock.adjust("5 minutes")
      yield* settle
      assert.isFalse(client.state.ended)
      yield* Deferred.succeed(gate, undefined)
      yield* eventually(() => client.text() === "first\n", "the echo is here")
      yield* TestClock.adjust(59_999)
      yield* settle
      assert.isFalse(client.state.ended)
      yield* TestClock.adjust(1)
      yield* eventually(() => client.state.ended, "idle for 60 seconds of reading")
    }).pipe(provideMemory)
  )
})

describe("send", () => {
  const stuck = served(
    { deadlines: { hello: "off", readIdle: "off" }, closeTimeout: "1 second" },
    (connection) => Effect.forever(connection.send("x".repeat(10_000)))
  )

  it.effect("L-T14: a peer that does not read is closed 30 seconds after the wire was full, once", () =>
    Effect.gen(function* () {
      const it = yield* stuck
      it.client.wire.pause()
      yield* eventually(() => it.connection.stats.bytesOut > 0, "the wire is full")
      yield* settle
      yield* TestClock.adjust(29_999)
      yield* settle
      assert.isUndefined(it.seen.handled)
      yield* TestClock.adjust(1)
      yield* eventually(() => it.seen.handled === "interrupted", "the handler is interrupted")
      yield* TestClock.adjust("1 second")
      yield* eventually(() => Effect.runSync(it.server.connectionCount) === 0, "the connection is gone")
      assert.deepStrictEqual(it.seen.reason, { _tag: "DeadlineExceeded", deadline: "send" } as CloseReason)
    }).pipe(provideMemory)
  )

  it.effect("L-T13: a peer that takes a little of a large message now and then stays, until it stops", () =>
    Effect.gen(function* () {
      const it = yield* served({ deadlines: { hello: "off", readIdle: "off" } }, (connection) =>
        Effect.andThen(connection.draining, connection.send("never"))
      )
      it.client.state.sip = true
      it.client.wire.pause()
      yield* it.connection.send("x".repeat(100_000))
      yield* settle
      for (let i = 1; i <= 10; i++) {
        yield* TestClock.adjust("20 seconds")
        const before = it.client.text().length
        it.client.wire.resume()
        yield* eventually(() => it.client.text().length > before, "some of it is here")
      }
      assert.isBelow(it.client.text().length, 5000)
      yield* TestClock.adjust(29_999)
      yield* settle
      assert.isUndefined(it.seen.handled)
      // Progress shows when one looks, four times in the 30 seconds.
      yield* TestClock.adjust(7501)
      yield* eventually(() => it.seen.handled === "interrupted", "the handler is interrupted")
      yield* TestClock.adjust("5 seconds")
      yield* eventually(() => it.seen.reason !== undefined, "the connection has its reason")
      assert.deepStrictEqual(it.seen.reason, { _tag: "DeadlineExceeded", deadline: "send" } as CloseReason)
    }).pipe(Effect.provide(TransportMemory.layer({ maxChunk: 200, window: 1000 })))
  )
})

describe("lifetime", () => {
  it.effect("ends politely: draining completes, the handler says goodbye", () =>
    Effect.gen(function* () {
      const it = yield* served(
        { deadlines: { hello: "off", readIdle: "off", lifetime: "60 seconds", lifetimeJitter: 0 } },
        (connection) => Effect.andThen(connection.draining, connection.send("goodbye"))
      )
      yield* endsAfter(it, 60_000, "lifetime")
      assert.strictEqual(it.client.text(), "goodbye\n")
      assert.isUndefined(it.seen.handled)
    }).pipe(provideMemory)
  )

  it.effect("says the server's goodbye, once, even where the server stops in the same moment", () =>
    Effect.gen(function* () {
      const it = yield* served(
        {
          deadlines: { hello: "off", readIdle: "off", lifetime: "60 seconds", lifetimeJitter: 0 },
          goodbye: "server says goodbye"
        },
        (connection) => Effect.andThen(connection.draining, Effect.sleep("1 seconds"))
      )
      yield* settle
      yield* TestClock.adjust("60 seconds")
      const stopping = yield* Effect.forkChild(it.server.stop, { startImmediately: true })
      yield* settle
      yield* TestClock.adjust("1 seconds")
      yield* endedFor(it, "lifetime")
      yield* Fiber.join(stopping)
      assert.strictEqual(it.client.text(), "server says goodbye\n")
    }).pipe(provideMemory)
  )

  it.effect("interrupts a handler that does not return within closeTimeout", () =>
    Effect.gen(function* () {
      const it = yield* served(
        {
          deadlines: { hello: "off", readIdle: "off", lifetime: "60 seconds", lifetimeJitter: 0 },
          closeTimeout: "3 seconds"
        },
        () => Effect.never
      )
      yield* endsAfter(it, 63_000, "lifetime")
      assert.strictEqual(it.seen.handled, "interrupted")
    }).pipe(provideMemory)
  )

  it.effect("L-T23: 100 connections of 60 seconds ± 10 % end spread over 54 to 66, each with a goodbye", () =>
    Effect.gen(function* () {
      yield* Server.make(
        Text,
        (connection) => Effect.andThen(connection.draining, connection.send("goodbye")),
        { deadlines: { hello: "off", readIdle: "off", lifetime: "60 seconds" } }
      )
      const clients = yield* Effect.forEach(Array.from({ length: 100 }), () => rawClient)
      const ended = () => clients.filter(({ state }) => state.ended).length
      const steps: Array<number> = []
      yield* TestClock.adjust(53_999)
      yield* settle
      assert.strictEqual(ended(), 0)
      for (let second = 54; second < 66; second++) {
        yield* TestClock.adjust("1 seconds")
        yield* settle
        steps.push(ended())
      }
      yield* TestClock.adjust(2)
      yield* eventually(() => ended() === 100, "all have ended")
      assert.isTrue(clients.every((client) => client.text() === "goodbye\n"))
      // Spread: no second takes a third of them.
      steps.forEach((count, i) => {
        assert.isBelow(count - (steps[i - 1] ?? 0), 34)
      })
    }).pipe(provideMemory, Random.withSeed("lifetimes"))
  )
})

describe("a handler's own deadlines", () => {
  it.effect("setDeadline changes one for good, counted from when its wait began", () =>
    Effect.gen(function* () {
      const it = yield* served({})
      yield* it.connection.setDeadline("readIdle", "5 seconds")
      yield* it.connection.setDeadline("hello", "off")
      it.client.write("a\n")
      yield* settle
      yield* TestClock.adjust(4999)
      it.client.write("b\n")
      yield* endsAfter(it, 5000, "readIdle")
    }).pipe(provideMemory)
  )

  it.effect("setDeadline can turn one on, off, and end a wait that is too long already", () =>
    Effect.gen(function* () {
      const it = yield* served({ deadlines: { readIdle: "off", hello: "off" } })
      yield* TestClock.adjust("1 hour")
      yield* it.connection.setDeadline("readIdle", "2 hours")
      yield* it.connection.setDeadline("readIdle", "off")
      yield* TestClock.adjust("5 hours")
      yield* settle
      assert.isFalse(it.client.state.ended)
      yield* it.connection.setDeadline("readIdle", "30 minutes")
      yield* TestClock.adjust(1)
      yield* endedFor(it, "readIdle")
    }).pipe(provideMemory)
  )

  it.effect("extendDeadline lets the wait at hand take longer, once", () =>
    Effect.gen(function* () {
      const it = yield* served({})
      it.client.write("a\n")
      yield* settle
      yield* it.connection.extendDeadline("readIdle", "40 seconds")
      yield* TestClock.adjust(99_999)
      yield* settle
      assert.isFalse(it.client.state.ended)
      it.client.write("b\n")
      yield* endsAfter(it, 60_000, "readIdle")
    }).pipe(provideMemory)
  )

  it.effect("extendDeadline before there is a wait counts for the next, a frame say", () =>
    Effect.gen(function* () {
      const it = yield* served({ deadlines: { readIdle: "off" } })
      it.client.write("a\n")
      yield* settle
      yield* it.connection.extendDeadline("frame", "10 seconds")
      yield* TestClock.adjust("10 minutes")
      it.client.write("first")
      yield* settle
      yield* TestClock.adjust(39_999)
      it.client.write(" done\nsecond")
      yield* endsAfter(it, 30_000, "frame")
    }).pipe(provideMemory)
  )

  it.effect("a limit that is none is a defect", () =>
    Effect.gen(function* () {
      const it = yield* served({})
      const defect = yield* Effect.flip(
        Effect.catchDefect(it.connection.setDeadline("send", -1), Effect.fail)
      )
      assert.match(String(defect), /must be a duration from 1ms to 365d, or off/)
    }).pipe(provideMemory)
  )
})

describe("options", () => {
  it.effect("mistakes are told with their path, all of them", () =>
    Effect.gen(function* () {
      const mistaken: object = {
        deadlines: { hello: 0, frame: "soon", lifetimeJitter: 2, linger: 1 },
        onIdle: "later"
      }
      const error = yield* Effect.flip(Server.make(Text, () => Effect.void, mistaken))
      assert.deepStrictEqual(
        error._tag === "InvalidConfig" ? error.problems.map(({ path }) => path).sort() : error._tag,
        ["deadlines.frame", "deadlines.hello", "deadlines.lifetimeJitter", "deadlines.linger", "onIdle"]
      )
    }).pipe(provideMemory)
  )

  it.effect("a client has only send by default, and the others where they are set", () =>
    Effect.gen(function* () {
      yield* Server.make(Text, (connection) => Stream.runDrain(connection.messages), {
        deadlines: { hello: "off", readIdle: "off" }
      })
      const patient = yield* Client.connect(Text)
      const strict = yield* Client.connect(Text, {
        deadlines: { readIdle: "2 seconds" },
        closeTimeout: "1 second"
      })
      yield* TestClock.adjust(1999)
      assert.strictEqual(yield* Effect.map(Effect.exit(strict.trySend("x")), ({ _tag }) => _tag), "Success")
      yield* TestClock.adjust("10 minutes")
      const reason = yield* strict.closed
      assert.deepStrictEqual(reason, { _tag: "DeadlineExceeded", deadline: "readIdle" } as CloseReason)
      assert.isTrue(yield* patient.trySend("still here"))
    }).pipe(provideMemory)
  )

  it.effect("all off: nothing is armed, nothing ends", () =>
    Effect.gen(function* () {
      const it = yield* served({
        deadlines: { hello: "off", frame: Number.POSITIVE_INFINITY, readIdle: "off", send: "off" }
      })
      it.client.write("half")
      yield* settle
      yield* TestClock.adjust("1000 days")
      yield* settle
      assert.isFalse(it.client.state.ended)
    }).pipe(provideMemory)
  )
})
