/** Deadlines on real sockets, with margins for a busy machine. */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Stream } from "effect"
import type { CloseReason } from "../../src/CloseReason.ts"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportNode from "../../src/TransportNode.ts"

const Text = Protocol.make("Text", {
  framing: Framing.lines({ maxLength: 8_000_000 }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

/** A server with one socket connected to it, and the reason for which their connection ends. */
const connected = Effect.fnUntraced(function* (options: Server.ServerOptions<string>, greeting?: string) {
  const reason = yield* Deferred.make<CloseReason>()
  const server = yield* Server.make(
    Text,
    (connection) =>
      Effect.gen(function* () {
        yield* Effect.forkDetach(
          Effect.flatMap(connection.closed, (closed) => Deferred.succeed(reason, closed))
        )
        if (greeting !== undefined) yield* connection.send(greeting)
        yield* Stream.run(connection.messages, connection.sink)
      }),
    options
  ).pipe(Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 })))
  const { address } = server
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => Net.connect(address._tag === "Tcp" ? address.port : 0, "127.0.0.1")),
    (it) => Effect.sync(() => it.destroy())
  )
  socket.on("error", () => {})
  return { reason: Deferred.await(reason), socket }
})

/** What an effect gives, and after how many milliseconds. */
const timed = <A>(effect: Effect.Effect<A>): Effect.Effect<readonly [A, number]> =>
  Effect.suspend(() => {
    const begun = performance.now()
    return Effect.map(effect, (value) => [value, performance.now() - begun] as const)
  })

describe("over TCP", () => {
  it.live("L-T1: a silent peer is closed in good order, not much too late", () =>
    Effect.gen(function* () {
      const { reason, socket } = yield* connected({ deadlines: { hello: 200 } })
      socket.resume()
      const [closed, millis] = yield* timed(reason)
      assert.deepStrictEqual(closed, { _tag: "DeadlineExceeded", deadline: "hello" } as CloseReason)
      assert.isAbove(millis, 150)
      assert.isBelow(millis, 3000)
    })
  )

  it.live("L-T2, L-T15: bytes keep a peer, and their end ends it", () =>
    Effect.gen(function* () {
      const { reason, socket } = yield* connected({ deadlines: { readIdle: 400 } })
      socket.resume()
      const begun = performance.now()
      for (let i = 0; i < 20; i++) {
        socket.write("x\n")
        yield* Effect.sleep(50)
      }
      const closed = yield* reason
      assert.deepStrictEqual(closed, { _tag: "DeadlineExceeded", deadline: "readIdle" } as CloseReason)
      assert.isAbove(performance.now() - begun, 1300)
    })
  )

  it.live("L-T14: a peer that does not read is closed, with what it left", () =>
    Effect.gen(function* () {
      const { reason, socket } = yield* connected(
        { deadlines: { send: 200 }, closeTimeout: 100, outbound: { maxBytes: 16_000_000 } },
        "x".repeat(7_900_000)
      )
      socket.pause()
      assert.deepStrictEqual(yield* reason, { _tag: "DeadlineExceeded", deadline: "send" } as CloseReason)
    })
  )

  it.live("L-T13: a peer that reads slowly stays, for one large message too", () =>
    Effect.gen(function* () {
      const length = 7_900_000
      const { reason, socket } = yield* connected(
        { deadlines: { send: 400, hello: "off" }, outbound: { maxBytes: 16_000_000 } },
        "x".repeat(length)
      )
      let heard = 0
      socket.on("data", (chunk) => {
        heard += chunk.length
        socket.pause()
      })
      const reading = yield* Effect.forkChild(
        Effect.forever(
          Effect.andThen(
            Effect.sync(() => socket.resume()),
            Effect.sleep(8)
          )
        )
      )
      const outcome = yield* Effect.raceFirst(
        Effect.map(reason, ({ _tag }) => _tag),
        Effect.gen(function* () {
          while (heard <= length) yield* Effect.sleep(10)
          return "all of it"
        })
      )
      reading.interruptUnsafe()
      assert.strictEqual(outcome, "all of it")
    })
  )
})
