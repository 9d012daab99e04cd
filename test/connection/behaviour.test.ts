/** What every connection does, over every transport. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Stream } from "effect"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import { eventually, open, take } from "../support/pair.ts"
import * as rigs from "../transport/rigs.ts"

const Text = Protocol.make("Text", {
  framing: Framing.lengthPrefixed(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const Bytes = Protocol.make("Bytes", {
  framing: Framing.lengthPrefixed(),
  fromClient: Codec.bytes,
  fromServer: Codec.bytes
})

const all = [
  rigs.tcp,
  rigs.tls,
  rigs.unix,
  rigs.memory,
  rigs.memoryOneByte,
  rigs.memoryCutDelayed,
  rigs.socket,
  rigs.webSocket,
  rigs.webSocketStream,
  rigs.webSocketCompressed,
  rigs.webSocketCut,
  rigs.browser,
  rigs.udp
]

for (const rig of all) {
  describe(rig.name, () => {
    it.live("L-A1: serves each of two clients its own echo, whoever is idle", () =>
      Effect.gen(function* () {
        const { connect } = yield* open(
          rig,
          Text,
          Handler.fromStream((messages) => messages)
        )
        const first = yield* connect
        const second = yield* connect
        yield* second.send("second")
        assert.deepStrictEqual(yield* take(second, 1), ["second"])
        yield* first.send("first")
        assert.deepStrictEqual(yield* take(first, 1), ["first"])
      })
    )

    it.live("L-A2: gives 20 clients at once their own messages, in order, however they send them", () =>
      Effect.gen(function* () {
        const { connect, server } = yield* open(rig, Text, (connection) =>
          Stream.run(connection.messages, connection.sink)
        )
        const one = (client: number) =>
          Effect.scoped(
            Effect.gen(function* () {
              const connection = yield* connect
              const messages = Array.from({ length: 50 }, (_, i) => `${client}:${i}`)
              yield* connection.send(messages[0]!)
              yield* connection.sendAll(messages.slice(1, 25))
              yield* Effect.forEach(messages.slice(25), (message) => connection.sendAwait(message))
              assert.deepStrictEqual(yield* take(connection, 50), messages)
            })
          )
        yield* Effect.forEach(
          Array.from({ length: 20 }, (_, i) => i),
          one,
          // Of datagrams only so many are on their way as the system keeps.
          { concurrency: rig.connected ? "unbounded" : 3 }
        )
        if (rig.connected)
          yield* eventually(() => Effect.runSync(server.connectionCount) === 0, "no connection is left")
      })
    )

    it.live("carries large messages both ways, byte for byte", () =>
      Effect.gen(function* () {
        const { connect } = yield* open(rig, Bytes, (connection) =>
          Stream.run(connection.messages, connection.sink)
        )
        const client = yield* connect
        const message = Uint8Array.from({ length: rig.volume }, (_, i) => (i * 31) & 255)
        yield* client.send(message)
        const [back] = yield* take(client, 1)
        assert.strictEqual(Buffer.compare(back!, message), 0)
      })
    )

    if (rig.connected) {
      it.live("L-H1: a handler that returns ends the connection, after what it sent", () =>
        Effect.gen(function* () {
          const { connect } = yield* open(rig, Text, (connection) => connection.sendAll(["one", "two"]))
          const client = yield* connect
          assert.deepStrictEqual(yield* Stream.runCollect(client.messages), ["one", "two"])
          assert.strictEqual((yield* client.closed)._tag, "PeerClosed")
        })
      )
    }

    if (rig.connected) {
      it.live("L-H2: a handler that fails closes its own connection, tells why, and nobody else's", () =>
        Effect.gen(function* () {
          const closed = yield* Deferred.make<string>()
          const { connect } = yield* open(rig, Text, (connection) =>
            Stream.runForEach(
              connection.messages,
              (message): Effect.Effect<void, unknown> =>
                message === "fail"
                  ? Effect.flatMap(
                      Effect.forkDetach(
                        Effect.flatMap(connection.closed, ({ _tag }) => Deferred.succeed(closed, _tag))
                      ),
                      () => Effect.fail("failed")
                    )
                  : Effect.asVoid(connection.send(message))
            )
          )
          const bad = yield* connect
          const good = yield* connect
          yield* bad.sendAll(["before", "fail"])
          assert.deepStrictEqual(yield* Stream.runCollect(bad.messages), ["before"])
          assert.strictEqual(yield* Deferred.await(closed), "HandlerFailed")
          yield* good.send("still here")
          assert.deepStrictEqual(yield* take(good, 1), ["still here"])
        })
      )
    }

    if (rig.connected) {
      it.live("S-17: a defect in a handler is its own connection's end", () =>
        Effect.gen(function* () {
          const { connect } = yield* open(rig, Text, (connection) =>
            Stream.runForEach(connection.messages, () => Effect.die("defect"))
          )
          for (let i = 0; i < 3; i++) {
            const client = yield* connect
            yield* client.send("x")
            assert.deepStrictEqual(yield* Stream.runCollect(client.messages), [])
          }
        })
      )
    }

    if (rig.halfClose) {
      it.live("L-H19: a peer that has ended its side still gets late answers", () =>
        Effect.gen(function* () {
          const { connect } = yield* open(rig, Text, (connection) =>
            Effect.gen(function* () {
              const messages = yield* Stream.runCollect(connection.messages)
              yield* connection.sendAll(messages.toReversed())
            })
          )
          const client = yield* connect
          yield* client.sendAll(["a", "b", "c"])
          yield* client.end
          const late = yield* Effect.exit(client.send("d"))
          assert.isTrue(Exit.isFailure(late))
          assert.deepStrictEqual(yield* Stream.runCollect(client.messages), ["c", "b", "a"])
        })
      )
    }

    if (rig.connected) {
      it.live("stops reading while the handler does not take, and loses nothing", () =>
        Effect.gen(function* () {
          const gate = yield* Deferred.make<void>()
          const limits = { maxMessages: 8, maxBytes: 4096 }
          const payload = "x".repeat(1000)
          const count = 400
          let received = 0
          const { connect } = yield* open(
            rig,
            Text,
            (connection) =>
              Effect.gen(function* () {
                yield* Deferred.await(gate)
                yield* Stream.runForEach(connection.messages, () => Effect.sync(() => received++))
                yield* connection.send(String(received))
              }),
            { server: { inbound: limits, outbound: limits }, client: { inbound: limits, outbound: limits } }
          )
          const client = yield* connect
          const sending = yield* Effect.forkChild(
            Effect.andThen(
              Effect.forEach(Array.from({ length: count }), () => client.send(payload), { discard: true }),
              client.end
            )
          )
          yield* eventually(() => client.stats.bytesOut > 0, "something was sent")
          yield* Deferred.succeed(gate, undefined)
          yield* Fiber.join(sending)
          if (rig.halfClose)
            assert.deepStrictEqual(yield* Stream.runCollect(client.messages), [String(count)])
          else yield* eventually(() => received === count, "all was received")
        })
      )
    }

    if (rig.reset) {
      it.live("L-H18: abort resets the peer, whose stream fails after what it had", () =>
        Effect.gen(function* () {
          const seen: Array<string> = []
          const outcome = yield* Deferred.make<string>()
          const { connect, server } = yield* open(rig, Text, (connection) =>
            Stream.runForEach(connection.messages, (message) =>
              Effect.andThen(
                Effect.sync(() => seen.push(message)),
                connection.send("got it")
              )
            ).pipe(
              Effect.tapError((error) =>
                error._tag === "ConnectionClosed" ? Deferred.succeed(outcome, error.reason._tag) : Effect.void
              )
            )
          )
          const client = yield* connect
          yield* client.send("before")
          yield* take(client, 1)
          yield* client.abort
          assert.strictEqual(yield* Deferred.await(outcome), "PeerReset")
          assert.deepStrictEqual(seen, ["before"])
          assert.strictEqual((yield* client.closed)._tag, "LocalClosed")
          yield* eventually(() => Effect.runSync(server.connectionCount) === 0, "no connection is left")
        })
      )
    }

    if (rig.connected) {
      it.live("L-S19: stopping twice at once, and by the scope, is one stop", () =>
        Effect.gen(function* () {
          const { connect, server } = yield* open(rig, Text, (connection) =>
            Stream.run(connection.messages, connection.sink)
          )
          const client = yield* connect
          yield* client.send("hello")
          yield* take(client, 1)
          yield* Effect.all([server.stop, server.stop], { concurrency: 2 })
          assert.deepStrictEqual(yield* Stream.runCollect(client.messages), [])
          assert.strictEqual(yield* server.connectionCount, 0)
        })
      )
    }
  })
}
