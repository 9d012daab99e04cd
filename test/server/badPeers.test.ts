/** Each kind of bad peer, and the exact reason with which its connection ends. In memory, to the millisecond. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, References, Stream } from "effect"
import { TestClock } from "effect/testing"
import { CloseReason } from "../../src/CloseReason.ts"
import * as Codec from "../../src/Codec.ts"
import type { Connection } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Outbound from "../../src/Outbound.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import { FrameTooLong, FrameTruncated } from "../../src/SluiceError.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"
import { portOf, tcpPeer } from "./support.ts"

const ping = { make: () => "PING", is: (line: string) => line === "PING" }
const pong = { make: () => "PONG", is: (line: string) => line === "PONG" }

const Lines = Protocol.heartbeat(
  Protocol.make("Lines", {
    framing: Framing.lines({ maxLength: 64_000 }),
    fromClient: Codec.utf8,
    fromServer: Codec.utf8
  }),
  { fromServer: { ping, pong }, fromClient: { ping, pong } }
)

type Peer = Connection<string, string>
type Raw = Effect.Success<typeof rawClient>

const echo = (connection: Peer) => Stream.run(connection.messages, connection.sink)

// That peers misbehave is what these tests are about, and worth a line in the log each time.
const quietly = Effect.provideService(References.MinimumLogLevel, "None")

interface Case {
  readonly name: string
  readonly options?: Server.ServerOptions<string>
  readonly handler?: (connection: Peer) => Effect.Effect<unknown, unknown>
  /** What the peer does at first. */
  readonly begin?: (peer: Raw) => void
  /** What it does again and again, that often. */
  readonly again?: { readonly seconds: number; readonly act: (peer: Raw) => void }
  /** When the server has had enough; undefined for at once. */
  readonly after?: Duration.Input
  readonly reason: CloseReason
}

const steady = { jitter: 0 }
const deadline = (name: "hello" | "frame" | "readIdle" | "send" | "lifetime") =>
  CloseReason.DeadlineExceeded({ deadline: name })

const cases: ReadonlyArray<Case> = [
  { name: "says nothing", after: "10 seconds", reason: deadline("hello") },
  {
    name: "says nothing but answers",
    begin: (peer) => peer.write("PONG\n"),
    after: "60 seconds",
    options: { heartbeat: "off" },
    reason: deadline("readIdle")
  },
  {
    name: "begins a frame and stalls",
    begin: (peer) => peer.write("hello\nhal"),
    after: "30 seconds",
    reason: deadline("frame")
  },
  {
    name: "trickles a frame",
    begin: (peer) => peer.write("hello\nh"),
    again: { seconds: 1, act: (peer) => peer.write("x") },
    after: "30 seconds",
    reason: deadline("frame")
  },
  {
    name: "answers no ping",
    begin: (peer) => peer.write("hello\n"),
    options: { deadlines: { readIdle: "off" } },
    after: "75 seconds",
    reason: CloseReason.HeartbeatTimeout()
  },
  {
    name: "pings for ever, where lives are bounded",
    begin: (peer) => peer.write("PING\n"),
    again: { seconds: 1, act: (peer) => peer.write("PING\n") },
    options: { deadlines: { lifetime: "10 minutes", lifetimeJitter: 0 } },
    after: "10 minutes",
    reason: deadline("lifetime")
  },
  {
    name: "pings as fast as it can, where the rate is bounded",
    begin: (peer) => peer.write("PING\n".repeat(1000)),
    options: { inbound: { rate: { messages: 100, exceeded: "close" } } },
    reason: CloseReason.RateExceeded({ limit: "messages" })
  },
  {
    name: "floods with messages",
    begin: (peer) => peer.write("hello\n".repeat(1000)),
    options: { inbound: { rate: { messages: 100, exceeded: "close" } } },
    reason: CloseReason.RateExceeded({ limit: "messages" })
  },
  {
    name: "floods with bytes",
    begin: (peer) => peer.write("x".repeat(20_000)),
    options: { inbound: { rate: { bytes: 10_000, exceeded: "close" } } },
    reason: CloseReason.RateExceeded({ limit: "bytes" })
  },
  {
    name: "sends garbage without an end",
    begin: (peer) => peer.write("\u0000".repeat(64_001)),
    reason: CloseReason.FrameError({ error: new FrameTooLong({ limit: 64_000, seen: 64_001 }) })
  },
  {
    name: "ends its side",
    begin: (peer) => {
      peer.write("hello\n")
      peer.wire.end()
    },
    reason: CloseReason.PeerClosed({})
  },
  {
    name: "ends its side in the midst of a frame (L-H27)",
    begin: (peer) => {
      peer.write("hello\nhal")
      peer.wire.end()
    },
    reason: CloseReason.FrameError({ error: new FrameTruncated({ pending: 3 }) })
  },
  {
    name: "resets (L-H17)",
    begin: (peer) => peer.wire.reset(),
    reason: CloseReason.PeerReset({ detail: "ECONNRESET" })
  },
  {
    name: "resets in the midst of a frame",
    begin: (peer) => {
      peer.write("hello\nhal")
      peer.wire.reset()
    },
    reason: CloseReason.PeerReset({ detail: "ECONNRESET" })
  },
  {
    name: "reads nothing",
    begin: (peer) => {
      peer.wire.pause()
      peer.write("go\n")
    },
    handler: (connection) =>
      Stream.runForEach(connection.messages, () => Effect.forever(connection.send("x".repeat(10_000)))),
    options: { heartbeat: "off" },
    after: "30 seconds",
    reason: deadline("send")
  },
  {
    name: "reads too slowly, where that is minded",
    begin: (peer) => {
      peer.wire.pause()
      peer.write("go\n")
    },
    handler: (connection) =>
      Stream.runForEach(connection.messages, () => Effect.forever(connection.send("x".repeat(60_000)))),
    options: { outbound: { maxMessages: 3, policy: Outbound.disconnect } },
    // With the one that is underway.
    reason: CloseReason.SlowConsumer({ messages: 3, bytes: 240_004 })
  }
]

/** Lets everything arrive that needs no time. */
const settle = Effect.forEach(
  Array.from({ length: 20 }),
  () => Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve))),
  { discard: true }
)

/** A server whose connections' reasons are written down, in order. */
const witnessed = Effect.fnUntraced(function* (
  options: Server.ServerOptions<string> = {},
  handler: (connection: Peer) => Effect.Effect<unknown, unknown> = echo
) {
  const reasons: Array<CloseReason> = []
  const opened = yield* Deferred.make<void>()
  const server = yield* Server.make(
    Lines,
    (connection) =>
      Effect.gen(function* () {
        yield* Effect.forkDetach(
          Effect.map(connection.closed, (reason) => reasons.push(reason)),
          { startImmediately: true }
        )
        yield* Deferred.succeed(opened, undefined)
        yield* handler(connection)
      }),
    { heartbeat: steady, ...options }
  )
  return { opened, reasons, server }
})

describe("a peer that", () => {
  for (const { after, again, begin, handler, name, options, reason } of cases) {
    it.effect(`${name} is closed with ${reason._tag}`, () =>
      Effect.gen(function* () {
        const { opened, reasons, server } = yield* witnessed(options, handler)
        const peer = yield* rawClient
        yield* Deferred.await(opened)
        begin?.(peer)
        yield* settle
        if (after !== undefined) {
          const end = Duration.toMillis(after)
          const step = again === undefined ? end : again.seconds * 1000
          for (let time = step; time < end; time += step) {
            yield* TestClock.adjust(step)
            again?.act(peer)
            yield* settle
          }
          yield* TestClock.adjust(step - 1)
          yield* settle
          assert.isFalse(peer.state.ended || peer.state.closed, "not a moment too early")
          assert.deepStrictEqual(reasons, [])
          yield* TestClock.adjust(1)
          yield* settle
        }
        // The reason stands; what is left is the peer's own end.
        peer.wire.destroy()
        yield* eventually(() => reasons.length === 1, "the connection is over")
        assert.deepStrictEqual(reasons, [reason])
        assert.strictEqual(yield* server.connectionCount, 0)
        const good = yield* rawClient
        good.write("still served\n")
        yield* eventually(() => good.text() !== "", "a good one is served")
      }).pipe(Effect.provide(TransportMemory.layer()), quietly)
    )
  }

  it.effect("sends no message of the protocol is closed with MessageError, which says where", () =>
    Effect.gen(function* () {
      const { reasons } = yield* witnessed()
      const peer = yield* rawClient
      peer.write("fine\n")
      peer.write(Buffer.of(0xff, 0xfe, 0x0a))
      yield* eventually(() => peer.state.ended, "the server has ended its side")
      peer.wire.destroy()
      yield* eventually(() => reasons.length === 1, "the connection is over")
      const [reason] = reasons
      if (reason?._tag !== "MessageError") return assert.fail(String(reason?._tag))
      assert.deepInclude(reason.error, { direction: "inbound", index: 1, excerpt: "fffe" })
      assert.strictEqual(peer.text(), "fine\n")
    }).pipe(Effect.provide(TransportMemory.layer()), quietly)
  )

  for (const [name, act, reason] of [
    ["resets", (peer) => peer.socket.resetAndDestroy(), CloseReason.PeerReset({ detail: "ECONNRESET" })],
    ["ends its side", (peer) => peer.socket.end(), CloseReason.PeerClosed({})],
    [
      "ends its side in the midst of a frame",
      (peer) => peer.socket.end("hal"),
      CloseReason.FrameError({ error: new FrameTruncated({ pending: 3 }) })
    ]
  ] satisfies ReadonlyArray<
    readonly [string, (peer: Effect.Success<ReturnType<typeof tcpPeer>>) => void, CloseReason]
  >) {
    it.live(`${name} on a real socket is closed with ${reason._tag}`, () =>
      Effect.gen(function* () {
        const { reasons, server } = yield* witnessed()
        const peer = yield* tcpPeer(portOf(server.address))
        peer.socket.write("hello\n")
        yield* eventually(() => peer.text === "hello\n", "it is served")
        act(peer)
        yield* eventually(() => reasons.length === 1, "the connection is over")
        assert.deepStrictEqual(reasons, [reason])
        assert.strictEqual(peer.text, "hello\n")
      }).pipe(Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 })), quietly)
    )
  }
})
