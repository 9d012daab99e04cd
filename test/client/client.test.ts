/** What a client is promised, however its server behaves. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import type * as Connection from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import { Connector, type Wire } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { openSockets, portOf, Text } from "../server/support.ts"
import { eventually, take } from "../support/pair.ts"
import { Reception, Recorder } from "../transport/recorder.ts"

const provideMemory = Effect.provide(TransportMemory.layer())

type Peer = Connection.Connection<string, string>

const echo = (connection: Peer) => Stream.run(connection.messages, connection.sink)

const now = { startImmediately: true } as const

/** A listener whose connections a test plays by hand. */
const manualServer = Effect.gen(function* () {
  const { listener } = yield* TransportMemory.Network
  const reception = new Reception()
  yield* listener.listen(reception)
  return Effect.map(reception.take, (wire) => new Recorder(wire))
})

describe("connecting", () => {
  it.effect("L-C1: nobody listens: a typed error that names the address", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Client.connect(Text))
      assert.propertyVal(error, "_tag", "TransportError")
      assert.propertyVal(error, "kind", "ConnectionRefused")
      assert.include(error.message, "memory:network")
    }).pipe(provideMemory)
  )

  it.live("L-C1: over TCP too", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Text, echo).pipe(
        Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 }))
      )
      const port = portOf(server.address)
      yield* server.stop
      const refused = yield* Effect.flip(Client.connect(Text)).pipe(
        Effect.provide(TransportNode.layerTcpClient({ port }))
      )
      assert.propertyVal(refused, "kind", "ConnectionRefused")
      assert.include(refused.message, `127.0.0.1:${port}`)
    })
  )

  it.effect("a client that is interrupted while it connects leaves nothing behind", () =>
    Effect.gen(function* () {
      let givenUp = false
      const connect: Effect.Effect<Wire> = Effect.onInterrupt(Effect.never, () =>
        Effect.sync(() => {
          givenUp = true
        })
      )
      const scope = yield* Scope.make()
      const connecting = yield* Client.connect(Text).pipe(
        Effect.provideService(Connector, { connect }),
        Scope.provide(scope),
        Effect.forkChild(now)
      )
      yield* Fiber.interrupt(connecting)
      assert.isTrue(givenUp)
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.live("interrupted at any moment over TCP, it leaves no connection and no socket", () =>
    Effect.gen(function* () {
      const atRest = openSockets()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const server = yield* Server.make(Text, echo).pipe(
            Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 }))
          )
          const port = portOf(server.address)
          for (let turns = 0; turns < 20; turns++) {
            const fiber = yield* Effect.scoped(Effect.andThen(Client.connect(Text), Effect.never)).pipe(
              Effect.provide(TransportNode.layerTcpClient({ port })),
              Effect.forkChild(now)
            )
            for (let turn = 0; turn < turns; turn++) {
              yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
            }
            yield* Fiber.interrupt(fiber)
          }
          // Those who were connected for the system only are accepted and gone in their time.
          const last = yield* Client.connect(Text).pipe(
            Effect.provide(TransportNode.layerTcpClient({ port }))
          )
          yield* last.send("last")
          assert.deepStrictEqual(yield* take(last, 1), ["last"])
          yield* eventually(() => Effect.runSync(server.connectionCount) === 1, "only the last one is left")
        })
      )
      yield* eventually(() => openSockets() === atRest, "no socket is left")
    })
  )

  it.effect("a bad option is refused before anything connects", () =>
    Effect.gen(function* () {
      let connects = 0
      const connect: Effect.Effect<Wire> = Effect.suspend(() => {
        connects++
        return Effect.never
      })
      const Broken = Protocol.make("Broken", { ...Text, framing: Framing.lengthPrefixed({ maxLength: -1 }) })
      for (const client of [Client.connect(Text, { closeTimeout: 0 }), Client.connect(Broken)]) {
        const error = yield* Effect.flip(client.pipe(Effect.provideService(Connector, { connect })))
        assert.strictEqual(error._tag, "InvalidConfig")
      }
      assert.strictEqual(connects, 0)
    })
  )
})

describe("the end of a client", () => {
  it.effect(
    "L-C8: when the server ends, the client flushes and closes, and what came is still readable",
    () =>
      Effect.gen(function* () {
        const next = yield* manualServer
        const client = yield* Client.connect(Text)
        const server = yield* next
        server.wire.write(Buffer.from("a\nb\nc\n"))
        server.wire.end()
        yield* client.send("while it ends")
        assert.strictEqual((yield* client.closed)._tag, "PeerClosed")
        yield* server.closed
        assert.strictEqual(server.text, "while it ends\n")
        assert.deepStrictEqual(yield* Stream.runCollect(client.messages), ["a", "b", "c"])
        const error = yield* Effect.flip(client.send("late"))
        assert.strictEqual(error._tag, "ConnectionClosed")
      }).pipe(provideMemory)
  )

  it.effect("the end of its scope delivers what was sent before the end of our side", () =>
    Effect.gen(function* () {
      const next = yield* manualServer
      const big = "x".repeat(100_000)
      const scope = yield* Scope.make()
      const client = yield* Scope.provide(Client.connect(Text), scope)
      const server = yield* next
      server.pause()
      yield* client.sendAll([big, big, "last"])
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), now)
      yield* Effect.yieldNow
      assert.isUndefined(closing.pollUnsafe())
      server.resume()
      yield* server.ended
      assert.strictEqual(server.length, 200_007)
      assert.isTrue(server.text.endsWith("\nlast\n"))
      // Our side has ended; the scope waits for theirs.
      assert.isUndefined(closing.pollUnsafe())
      server.wire.end()
      yield* Fiber.join(closing)
      yield* server.closed
      assert.isUndefined(server.error)
      assert.strictEqual((yield* client.closed)._tag, "LocalClosed")
    }).pipe(provideMemory)
  )

  it.effect("a server that never ends its side keeps the scope for closeTimeout, no longer", () =>
    Effect.gen(function* () {
      const next = yield* manualServer
      const scope = yield* Scope.make()
      yield* Scope.provide(Client.connect(Text, { closeTimeout: "2 seconds" }), scope)
      const server = yield* next
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), now)
      yield* server.ended
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
    }).pipe(provideMemory)
  )

  it.effect("L-H18: a reset is PeerReset at once, for everyone who waits, after what had come", () =>
    Effect.gen(function* () {
      const next = yield* manualServer
      const client = yield* Client.connect(Text)
      const server = yield* next
      server.pause()
      server.wire.write(Buffer.from("before\n"))
      assert.deepStrictEqual(yield* take(client, 1), ["before"])
      // More than the network holds, so that the last one waits for its turn.
      const sending = yield* Effect.forkChild(
        Effect.exit(Effect.forEach(Array.from({ length: 40 }), () => client.send("x".repeat(100_000)))),
        now
      )
      const reading = yield* Effect.forkChild(Effect.exit(Stream.runCollect(client.messages)), now)
      const awaiting = yield* Effect.forkChild(Effect.exit(client.sendAwait("y")), now)
      yield* Effect.yieldNow
      assert.isUndefined(sending.pollUnsafe())
      server.wire.reset()
      // The clock stands: nothing of this waits for a timeout.
      const reason = yield* client.closed
      assert.strictEqual(reason._tag, "PeerReset")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(sending)))
      assert.isTrue(Exit.isFailure(yield* Fiber.join(reading)))
      assert.isTrue(Exit.isFailure(yield* Fiber.join(awaiting)))
      for (const late of [
        client.send("z"),
        client.sendAll(["z"]),
        client.sendAwait("z"),
        client.trySend("z")
      ]) {
        const error = yield* Effect.flip(late)
        assert.strictEqual(error._tag, "ConnectionClosed")
        assert.deepStrictEqual(error._tag === "ConnectionClosed" ? error.reason : undefined, reason)
      }
    }).pipe(provideMemory)
  )

  it.effect("L-H19: a client that has ended its side still reads; draining never completes on it", () =>
    Effect.gen(function* () {
      const next = yield* manualServer
      const client = yield* Client.connect(Text)
      const server = yield* next
      yield* client.send("question")
      yield* client.end
      const draining = yield* Effect.forkChild(client.draining, now)
      yield* server.ended
      assert.strictEqual(server.text, "question\n")
      server.wire.write(Buffer.from("answer\n"))
      assert.deepStrictEqual(yield* take(client, 1), ["answer"])
      server.wire.end()
      assert.strictEqual((yield* client.closed)._tag, "PeerClosed")
      assert.isUndefined(draining.pollUnsafe())
      yield* Fiber.interrupt(draining)
    }).pipe(provideMemory)
  )

  it.effect("bytes that break the framing close it with FrameError, after what came before them", () =>
    Effect.gen(function* () {
      const Short = Protocol.make("Short", { ...Text, framing: Framing.lines({ maxLength: 4 }) })
      const next = yield* manualServer
      const client = yield* Client.connect(Short)
      const server = yield* next
      server.wire.write(Buffer.from("ok\ntoo long\n"))
      yield* server.ended
      server.wire.end()
      assert.strictEqual((yield* client.closed)._tag, "FrameError")
      const seen: Array<string> = []
      const error = yield* Effect.flip(
        Stream.runForEach(client.messages, (message) => Effect.sync(() => seen.push(message)))
      )
      assert.deepStrictEqual(seen, ["ok"])
      assert.strictEqual(error.reason._tag, "FrameError")
    }).pipe(provideMemory)
  )

  it.effect("close and abort end it for the server too; its scope has nothing left to do", () =>
    Effect.gen(function* () {
      const reasons: Array<string> = []
      const done = yield* Deferred.make<void>()
      yield* Server.make(Text, (connection) =>
        Effect.andThen(
          Effect.forkDetach(
            Effect.flatMap(connection.closed, ({ _tag }) =>
              reasons.push(_tag) === 2 ? Deferred.succeed(done, undefined) : Effect.void
            ),
            now
          ),
          echo(connection)
        )
      )
      for (const end of ["close", "abort"] as const) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const client = yield* Client.connect(Text)
            yield* client.send("x")
            yield* take(client, 1)
            yield* client[end]
            assert.strictEqual((yield* client.closed)._tag, "LocalClosed")
          })
        )
      }
      yield* Deferred.await(done)
      assert.deepStrictEqual(reasons, ["PeerClosed", "PeerReset"])
    }).pipe(provideMemory)
  )
})
