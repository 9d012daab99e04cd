/** permessage-deflate (RFC 7692): agreed on or not, and never more than fits. */
import { deflateRawSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Logger, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import type { CloseReason } from "../../src/CloseReason.ts"
import * as Server from "../../src/Server.ts"
import { Connector } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import * as TransportWebSocket from "../../src/TransportWebSocket.ts"
import {
  codeOf,
  connect,
  echo,
  frame,
  framesOf,
  host,
  Lines,
  request,
  say,
  serve,
  splitHead
} from "./support.ts"

const deflate = "permessage-deflate"
const asked = request("/", { "Sec-WebSocket-Extensions": deflate })

/** A message as RFC 7692 has it: deflated, without the empty block at its end. */
const compressed = (text: string): Buffer =>
  frame(1, deflateRawSync(text, { finishFlush: 2 /* Z_SYNC_FLUSH */ }).subarray(0, -4), { rsv: 4 })

const bye = frame(8, Buffer.of(3, 232))

describe("compression", () => {
  it.live("is agreed on where both ends want it, and not otherwise", () =>
    Effect.gen(function* () {
      const off = yield* serve()
      const without = yield* connect(`ws://${host}:${off.port}`, { perMessageDeflate: true })
      assert.strictEqual(without.socket.extensions, "")
      const on = yield* serve({ compression: true })
      assert.strictEqual(
        (yield* connect(`ws://${host}:${on.port}`, { perMessageDeflate: true })).socket.extensions,
        deflate
      )
      const plain = yield* connect(`ws://${host}:${on.port}`, { perMessageDeflate: false })
      assert.strictEqual(plain.socket.extensions, "")
      plain.socket.send("plain")
      yield* plain.heard(1)
    })
  )

  it.live("makes long texts short, and leaves short ones as they are", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({ compression: { threshold: 100 } })
      const { rest } = splitHead(
        yield* say(port, asked, compressed("x".repeat(900)), compressed("y".repeat(99)), bye)
      )
      const [long, short] = framesOf(rest)
      assert.deepInclude(long, { opcode: 1, rsv: 4 })
      assert.isBelow(long!.payload.length, 50)
      assert.deepInclude(short, { opcode: 1, rsv: 0 })
      assert.strictEqual(short!.payload.toString(), "y".repeat(99))
    })
  )

  it.live("carries our own client's messages, with a context and without", () =>
    Effect.gen(function* () {
      for (const contextTakeover of [false, true]) {
        const compression = { threshold: 0, contextTakeover }
        const { port } = yield* serve({ compression })
        const client = yield* Effect.provide(
          Client.connect(Lines),
          TransportWebSocket.layerClient({ url: `ws://${host}:${port}`, compression })
        )
        const messages = Array.from({ length: 50 }, (_, index) => `${index}`.repeat(20))
        yield* client.sendAll(messages)
        assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(client.messages, 50)), messages)
      }
    })
  )

  it.live("of a bomb ends at the maximum, with 1009", () =>
    Effect.gen(function* () {
      const reason = yield* Deferred.make<CloseReason>()
      const { port } = yield* serve({ compression: true, maxMessageBytes: 10_000 }, (connection) =>
        Effect.andThen(
          Effect.forkDetach(
            Effect.flatMap(connection.closed, (closed) => Deferred.succeed(reason, closed)),
            { startImmediately: true }
          ),
          Stream.run(connection.messages, connection.sink)
        )
      )
      const bomb = deflateRawSync(Buffer.alloc(50_000_000), { finishFlush: 2, level: 9 }).subarray(0, -4)
      assert.isBelow(bomb.length, 60_000)
      const before = process.memoryUsage().arrayBuffers
      for (const parts of [[bomb], [bomb.subarray(0, 5000)]]) {
        const { rest } = splitHead(
          yield* say(port, asked, ...parts.map((part) => frame(1, part, { rsv: 4, fin: false })))
        )
        assert.strictEqual(codeOf(framesOf(rest).at(-1)), 1009)
      }
      assert.isBelow(process.memoryUsage().arrayBuffers - before, 10_000_000)
      const closed = yield* Deferred.await(reason)
      assert.strictEqual(closed._tag === "FrameError" && closed.error._tag, "FrameTooLong")
    })
  )

  it.live("that is none closes with 1007", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({ compression: true })
      const { rest } = splitHead(yield* say(port, asked, frame(1, Buffer.of(255, 255, 255, 255), { rsv: 4 })))
      assert.strictEqual(codeOf(framesOf(rest).at(-1)), 1007)
    })
  )

  it.live("is no way to bring the process down by what stands behind a mistake", () =>
    Effect.gen(function* () {
      const server = yield* Effect.provide(
        Server.make(Lines, echo),
        TransportWebSocket.layerOver({ compression: true })
      )
      const wire = yield* Effect.flatMap(Connector, ({ connect }) => connect)
      const heard = yield* Effect.callback<Buffer>((resume) => {
        const chunks: Array<Uint8Array> = []
        wire.attach({
          onData: (chunk) => void chunks.push(chunk),
          onEnd: () => wire.end(),
          onDrain: () => {},
          onClose: () => resume(Effect.succeed(Buffer.concat(chunks)))
        })
        // While the first message is inflated the others come, each in a chunk of its own.
        for (const piece of [asked, compressed("x"), frame(1, Buffer.of(0xc3, 0x28)), frame(1, "y"), bye]) {
          wire.write(Buffer.from(piece))
        }
      })
      assert.strictEqual(codeOf(framesOf(splitHead(heard).rest).at(-1)), 1007)
      assert.strictEqual(yield* Effect.repeat(server.connectionCount, { until: (count) => count === 0 }), 0)
    }).pipe(Effect.provide(Layer.merge(TransportMemory.layer(), Logger.layer([]))))
  )

  it.live("does not let one read bring more than it may while the handler does not take it", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({ compression: true, maxMessageBytes: 1_000_000 }, () => Effect.never, {
        inbound: { maxMessages: 1 },
        closeTimeout: "10 millis"
      })
      // Some 60 kB, which are 60 MB.
      const one = compressed("x".repeat(900_000))
      const { rest } = splitHead(
        yield* say(port, asked, Buffer.concat(Array.from({ length: 60 }, () => one)))
      )
      assert.strictEqual(codeOf(framesOf(rest).at(-1)), 1009)
    })
  )
})
