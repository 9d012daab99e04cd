/** The last word to a peer whose connection ends by a fault. In memory, where the clock is the test's. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, References, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Fault } from "../../src/CloseReason.ts"
import * as Codec from "../../src/Codec.ts"
import type { Connection } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Outbound from "../../src/Outbound.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import { FrameCorrupted } from "../../src/SluiceError.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"

const Lines = Protocol.make("Lines", {
  framing: Framing.lines({ maxLength: 20 }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

type Peer = Connection<string, string>
type Raw = Effect.Success<typeof rawClient>

const echo = Handler.map((line: string) => line)

// What goes wrong here is what these tests are about.
const quietly = Effect.provideService(References.MinimumLogLevel, "None")
const provideMemory = Effect.provide(TransportMemory.layer())

/** Says what it got. */
const farewell = (fault: Fault): string => {
  switch (fault._tag) {
    case "FrameError":
      return `bye: ${fault.error._tag}`
    case "DeadlineExceeded":
      return `bye: ${fault.deadline}`
    case "RateExceeded":
      return `bye: ${fault.limit}`
    default:
      return `bye: ${fault._tag}`
  }
}

interface Case {
  readonly name: string
  readonly options?: Server.ServerOptions<string>
  readonly handler?: (connection: Peer) => Effect.Effect<unknown, unknown>
  readonly act: (peer: Raw) => void
  /** How much later the server has had enough. */
  readonly seconds?: number
  readonly heard: string
}

const cases: ReadonlyArray<Case> = [
  {
    name: "a frame that is too long, behind the answers to those before it",
    act: (peer) => peer.write("a\nb\n123456789012345678901"),
    heard: "a\nb\nbye: FrameTooLong\n"
  },
  {
    name: "a frame that the peer's end cuts off",
    act: (peer) => {
      peer.write("a\nhal")
      peer.wire.end()
    },
    heard: "a\nbye: FrameTruncated\n"
  },
  {
    name: "a frame that is no message",
    act: (peer) => peer.write(Buffer.from("a\n\xff\nb\n", "latin1")),
    heard: "a\nbye: MessageError\n"
  },
  {
    name: "a handler that fails",
    handler: () => Effect.fail("no"),
    act: () => {},
    heard: "bye: HandlerFailed\n"
  },
  {
    name: "a handler that dies, behind what it sent",
    handler: (connection) => Effect.andThen(connection.send("so far"), Effect.die("no")),
    act: () => {},
    heard: "so far\nbye: HandlerFailed\n"
  },
  { name: "nothing at all for too long", act: () => {}, seconds: 10, heard: "bye: hello\n" },
  {
    name: "a frame that takes too long",
    act: (peer) => peer.write("a\nhal"),
    seconds: 30,
    heard: "a\nbye: frame\n"
  },
  {
    name: "a deadline, whose handler is interrupted",
    handler: () => Effect.never,
    act: (peer) => peer.write("a\nhal"),
    seconds: 30,
    heard: "bye: frame\n"
  },
  {
    name: "too much at once",
    options: { inbound: { rate: { messages: 2, exceeded: "close" } } },
    act: (peer) => peer.write("a\nb\nc\n"),
    heard: "a\nb\nbye: messages\n"
  },
  {
    name: "however full the queue is",
    options: { outbound: { maxMessages: 1, policy: Outbound.dropNew } },
    act: (peer) => peer.write("a\nb\n123456789012345678901"),
    heard: "a\nb\nbye: FrameTooLong\n"
  },
  {
    name: "nothing behind our own end",
    handler: (connection) => Effect.andThen(connection.end, Effect.fail("no")),
    act: () => {},
    heard: ""
  },
  {
    name: "nothing where the peer ends in good order",
    act: (peer) => {
      peer.write("a\n")
      peer.wire.end()
    },
    heard: "a\n"
  },
  {
    name: "nothing where our handler is done, or closes",
    handler: (connection) => connection.close,
    act: () => {},
    heard: ""
  },
  {
    name: "nothing at the polite end of a life",
    options: { deadlines: { lifetime: "10 seconds", lifetimeJitter: 0, hello: "off" }, goodbye: "goodbye" },
    act: () => {},
    seconds: 10,
    heard: "goodbye\n"
  },
  {
    name: "nothing where it says undefined",
    options: { farewell: () => undefined },
    act: (peer) => peer.write("123456789012345678901"),
    heard: ""
  },
  {
    name: "nothing where making it throws, and the end is the same",
    options: {
      farewell: () => {
        throw new Error("no")
      }
    },
    act: (peer) => peer.write("a\n123456789012345678901"),
    heard: "a\n"
  },
  {
    name: "nothing where it has no frame, and the end is the same",
    options: { farewell: () => "much too long for a frame" },
    act: (peer) => peer.write("a\n123456789012345678901"),
    heard: "a\n"
  }
]

describe("farewell", () => {
  it.effect.each(cases)("$name", ({ act, handler = echo, heard, options, seconds }) =>
    Effect.gen(function* () {
      yield* Server.make(Lines, handler, { farewell, ...options })
      const peer = yield* rawClient
      act(peer)
      if (seconds !== undefined) {
        yield* TestClock.adjust(`${seconds - 1} seconds`)
        assert.strictEqual(peer.state.ended, false)
        yield* TestClock.adjust("1 seconds")
      }
      yield* eventually(() => peer.state.ended, "the server has ended its side")
      assert.strictEqual(peer.text(), heard)
    }).pipe(quietly, provideMemory)
  )

  it.effect("nothing at a stop, which has its goodbye", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Lines, echo, { farewell, goodbye: "goodbye" })
      const peer = yield* rawClient
      peer.write("a\n")
      yield* eventually(() => peer.text() === "a\n", "the echo")
      const stopping = yield* Effect.forkChild(server.stop)
      yield* eventually(() => peer.state.ended, "the server has ended its side")
      assert.strictEqual(peer.text(), "a\ngoodbye\n")
      stopping.interruptUnsafe()
    }).pipe(quietly, provideMemory)
  )

  it.effect("finds what a framing of one's own knows of a broken frame", () =>
    Effect.gen(function* () {
      const framing = Framing.make({
        name: "strict",
        makeDecoder: () => ({
          push: () => new FrameCorrupted({ detail: "not today", cause: 418 }),
          end: () => undefined,
          remaining: () => new Uint8Array(0),
          buffered: 0,
          skipped: 0
        }),
        encode: (payload, out) => void out.writeBytes(payload)
      })
      const Strict = Protocol.make("Strict", { framing, fromClient: Codec.utf8, fromServer: Codec.utf8 })
      yield* Server.make(Strict, echo, {
        farewell: (fault) =>
          fault._tag === "FrameError" && fault.error._tag === "FrameCorrupted"
            ? `${fault.error.cause} ${fault.error.detail}`
            : undefined
      })
      const peer = yield* rawClient
      peer.write("a")
      yield* eventually(() => peer.state.ended, "the server has ended its side")
      assert.strictEqual(peer.text(), "418 not today")
    }).pipe(quietly, provideMemory)
  )

  it.effect("has the time of closeTimeout to be made", () =>
    Effect.gen(function* () {
      let asked = false
      const stuck = Codec.make<string>("stuck", {
        decode: () => Codec.fail("stuck", "no"),
        encode: () => {
          asked = true
          return Effect.never
        }
      })
      const Stuck = Protocol.make("Stuck", {
        framing: Framing.lines(),
        fromClient: stuck,
        fromServer: stuck
      })
      yield* Server.make(Stuck, echo, { farewell, closeTimeout: "2 seconds" })
      const peer = yield* rawClient
      peer.write("a\n")
      yield* eventually(() => asked, "the farewell is being made")
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(peer.state.ended, false)
      yield* TestClock.adjust("1 seconds")
      yield* eventually(() => peer.state.ended, "the server has ended its side")
      assert.strictEqual(peer.text(), "")
    }).pipe(quietly, provideMemory)
  )

  it.effect("is that of the protocol that was switched to", () =>
    Effect.gen(function* () {
      const Numbers = Protocol.make("Numbers", {
        framing: Framing.lines({ maxLength: 20 }),
        fromClient: Codec.json(Schema.Finite),
        fromServer: Codec.json(Schema.Finite)
      })
      yield* Server.make(
        Protocol.switchable(Lines),
        Handler.each((line, connection) =>
          Effect.gen(function* () {
            const next = yield* connection.switchProtocol(
              Numbers,
              line === "with" ? { farewell: () => 42 } : {}
            )
            yield* Stream.run(next.messages, next.sink)
          })
        ),
        { farewell }
      )
      for (const [first, last] of [
        ["with", "1\n42\n"],
        ["without", "1\n"]
      ] as const) {
        const peer = yield* rawClient
        peer.write(`${first}\n1\nx\n`)
        yield* eventually(() => peer.state.ended, "the server has ended its side")
        assert.strictEqual(peer.text(), last)
      }
    }).pipe(quietly, provideMemory)
  )

  it.effect("must be a function", () =>
    Effect.gen(function* () {
      // What JavaScript may pass.
      const wrong = { farewell: "bye" as unknown as () => string }
      const error = yield* Effect.flip(Server.make(Lines, echo, wrong))
      assert.strictEqual(error._tag, "InvalidConfig")
      assert.include(error.message, "farewell: must be a function")
    }).pipe(provideMemory)
  )
})
