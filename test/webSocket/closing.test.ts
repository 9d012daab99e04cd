/** Close codes, both ways, and the reasons that they stand for. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import { CloseReason } from "../../src/CloseReason.ts"
import type { Connection } from "../../src/Connection.ts"
import { closingOf } from "../../src/internal/webSocket/closeCodes.ts"
import type * as Server from "../../src/Server.ts"
import * as TransportWebSocket from "../../src/TransportWebSocket.ts"
import { connect, echo, host, Lines, request, say, serve } from "./support.ts"

type Person = Connection<string, string>

/** A server, its first connection's reason, and a peer of it. */
const meet = Effect.fnUntraced(function* (
  handler: (connection: Person) => Effect.Effect<unknown, unknown>,
  options: Server.ServerOptions<string> = {},
  transport: Partial<TransportWebSocket.ListenOptions> = {}
) {
  const reason = yield* Deferred.make<CloseReason>()
  const { port, server } = yield* serve(
    transport,
    (connection) =>
      Effect.andThen(
        Effect.forkDetach(
          Effect.flatMap(connection.closed, (closed) => Deferred.succeed(reason, closed)),
          { startImmediately: true }
        ),
        handler(connection)
      ),
    options
  )
  const peer = yield* connect(`ws://${host}:${port}`)
  return { peer, port, server, reason: Deferred.await(reason) }
})

const drained = (connection: Person) => Stream.runDrain(connection.messages)

describe("what a peer is told", () => {
  it.live("1000 when the handler is done", () =>
    Effect.gen(function* () {
      const { peer, reason } = yield* meet((connection) => connection.send("bye"))
      assert.strictEqual((yield* peer.closed)[0], 1000)
      assert.deepStrictEqual(peer.messages, ["bye"])
      assert.deepStrictEqual(yield* reason, CloseReason.LocalClosed())
    })
  )

  it.live("1001 at a drain, behind the goodbye", () =>
    Effect.gen(function* () {
      const { peer, reason, server } = yield* meet(drained, { goodbye: "until soon" })
      const report = yield* server.stop
      assert.deepInclude(report, { clean: 1, forced: 0 })
      assert.strictEqual((yield* peer.closed)[0], 1001)
      assert.deepStrictEqual(peer.messages, ["until soon"])
      assert.deepStrictEqual(yield* reason, CloseReason.ServerStopped())
    })
  )

  it.live("1011 when the handler fails, without a word of why", () =>
    Effect.gen(function* () {
      const { peer, reason } = yield* meet(() => Effect.fail("secret"))
      const [code, text] = yield* peer.closed
      assert.strictEqual(code, 1011)
      assert.notInclude(text, "secret")
      assert.strictEqual((yield* reason)._tag, "HandlerFailed")
    })
  )

  it.live("1007 over a message that is none of the protocol", () =>
    Effect.gen(function* () {
      const { peer, reason } = yield* meet(drained)
      peer.socket.send(Buffer.of(0xc3, 0x28))
      assert.strictEqual((yield* peer.closed)[0], 1007)
      assert.strictEqual((yield* reason)._tag, "MessageError")
    })
  )

  it.live("1009 over one that is too long, and the reason says how long it may be", () =>
    Effect.gen(function* () {
      const { peer, reason } = yield* meet(drained, {}, { maxMessageBytes: 100 })
      peer.socket.send("x".repeat(101))
      assert.strictEqual((yield* peer.closed)[0], 1009)
      const closed = yield* reason
      assert.strictEqual(closed._tag, "FrameError")
      assert.deepInclude(closed, { _tag: "FrameError" })
      if (closed._tag === "FrameError") assert.deepInclude(closed.error, { _tag: "FrameTooLong", limit: 100 })
    })
  )

  it.live("1008 over a deadline, 1013 where there is no room", () =>
    Effect.gen(function* () {
      const { peer, port } = yield* meet(drained, {
        admission: { maxConnections: 1, farewell: "full" },
        deadlines: { hello: "300 millis" }
      })
      const second = yield* connect(`ws://${host}:${port}`)
      assert.strictEqual((yield* second.closed)[0], 1013)
      assert.deepStrictEqual(second.messages, ["full"])
      assert.strictEqual((yield* peer.closed)[0], 1008)
    })
  )

  it("a code for every reason, which may be sent", () => {
    const codes = new Set<number>()
    const reasons: ReadonlyArray<CloseReason | undefined> = [
      undefined,
      CloseReason.PeerClosed({}),
      CloseReason.HeartbeatTimeout(),
      CloseReason.DeadlineExceeded({ deadline: "lifetime" }),
      CloseReason.DeadlineExceeded({ deadline: "send" }),
      CloseReason.RateExceeded({ limit: "bytes" }),
      CloseReason.SlowConsumer({ messages: 1, bytes: 1 }),
      CloseReason.MemoryExceeded({ held: 1, budget: 1 }),
      CloseReason.Refused({ reason: "denied" }),
      CloseReason.Refused({ reason: "rate" }),
      CloseReason.Refused({ reason: "unauthenticated" })
    ]
    for (const reason of reasons) codes.add(closingOf(reason).code)
    assert.deepStrictEqual([...codes].sort(), [1000, 1001, 1008, 1011, 1013])
  })
})

describe("what a peer's code says", () => {
  const expected: Readonly<Record<number, CloseReason["_tag"]>> = {
    1000: "PeerClosed",
    1001: "PeerClosed",
    1002: "PeerReset",
    1003: "PeerReset",
    1007: "PeerReset",
    1008: "PeerReset",
    1009: "PeerReset",
    1011: "PeerClosed",
    1012: "PeerClosed",
    1013: "PeerClosed",
    3000: "PeerClosed",
    4000: "PeerClosed",
    4009: "PeerReset"
  }
  for (const [code, tag] of Object.entries(expected)) {
    it.live(`${code} to a server: ${tag}`, () =>
      Effect.gen(function* () {
        const { peer, reason } = yield* meet(drained)
        peer.socket.close(Number(code), "because")
        assert.strictEqual((yield* peer.closed)[0], Number(code))
        const closed = yield* reason
        assert.deepInclude(closed, { _tag: tag, code: Number(code) })
        if (closed._tag === "PeerReset") assert.include(closed.detail, "because")
      })
    )
  }

  it.live("none is PeerClosed without a code", () =>
    Effect.gen(function* () {
      const { peer, reason } = yield* meet(drained)
      peer.socket.close()
      assert.deepStrictEqual(yield* reason, CloseReason.PeerClosed({}))
      assert.strictEqual((yield* peer.closed)[0], 1005)
    })
  )

  it.live("an end without a close frame is PeerReset", () =>
    Effect.gen(function* () {
      const { peer, reason } = yield* meet(drained)
      peer.socket.terminate()
      const closed = yield* reason
      assert.strictEqual(closed._tag, "PeerReset")
      assert.notProperty(closed, "code")
    })
  )

  it.live("comes to a client too", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({}, () => Effect.fail("no"))
      const client = yield* Effect.provide(
        Client.connect(Lines),
        TransportWebSocket.layerClient({ url: `ws://${host}:${port}` })
      )
      assert.deepStrictEqual(yield* client.closed, CloseReason.PeerClosed({ code: 1011 }))
    })
  )
})

describe("the closing handshake", () => {
  it.live("waits for what the handler still answers", () =>
    Effect.gen(function* () {
      const { peer, reason } = yield* meet((connection) =>
        Effect.gen(function* () {
          const all = yield* Stream.runCollect(connection.messages)
          yield* Effect.sleep("50 millis")
          yield* connection.send(`${all.length} messages`)
        })
      )
      peer.socket.send("one")
      peer.socket.send("two")
      peer.socket.close(1000)
      yield* peer.closed
      assert.deepStrictEqual(peer.messages, ["2 messages"])
      assert.deepStrictEqual(yield* reason, CloseReason.PeerClosed({ code: 1000 }))
    })
  )

  it.live("does not wait longer than it may", () =>
    Effect.gen(function* () {
      // The handler never ends, and the end of the test waits no longer for it than it must.
      const { peer } = yield* meet(
        () => Effect.never,
        { drainTimeout: "1 millis" },
        { closeDelay: "20 millis" }
      )
      peer.socket.close(1000)
      assert.strictEqual((yield* peer.closed)[0], 1000)
    })
  )

  it.live("answers at once where nothing is to be waited for", () =>
    Effect.gen(function* () {
      const { peer, reason } = yield* meet(drained, {}, { closeDelay: 0 })
      peer.socket.close(1001)
      assert.strictEqual((yield* peer.closed)[0], 1001)
      assert.deepStrictEqual(yield* reason, CloseReason.PeerClosed({ code: 1001 }))
    })
  )

  it.live("ends though the peer never answers", () =>
    Effect.gen(function* () {
      const { port, server } = yield* serve({}, () => Effect.void, { closeTimeout: "50 millis" })
      const heard = yield* say(port, request())
      assert.include(heard.toString("latin1"), "101 Switching")
      assert.strictEqual(yield* Effect.repeat(server.connectionCount, { until: (count) => count === 0 }), 0)
    })
  )

  it.live("of a client ends both, and sending is over", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({}, echo)
      const client = yield* Effect.provide(
        Client.connect(Lines),
        TransportWebSocket.layerClient({ url: `ws://${host}:${port}` })
      )
      yield* client.close
      yield* client.closed
      assert.isTrue(Exit.isFailure(yield* Effect.exit(client.send("late"))))
    })
  )
})
