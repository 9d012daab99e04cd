/** What stands around the handler of a connection. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { CloseReason } from "../../src/CloseReason.ts"
import type { SendError } from "../../src/Connection.ts"
import * as Handler from "../../src/Handler.ts"
import type * as Server from "../../src/Server.ts"
import { eventually } from "../support/pair.ts"
import { Gates, type Peer, provideMemory, serve, settle } from "./support.ts"

const echo = Handler.each(
  (line: string, connection: Peer): Effect.Effect<void, SendError | "failed"> =>
    line === "fail" ? Effect.fail("failed") : connection.send(line)
)

/** What the close hook was told, and whether it was told more. */
const watched = () => {
  const told: Array<string> = []
  const hook = Handler.onClose((reason: CloseReason, _connection: Peer) =>
    Effect.sync(() => told.push(reason._tag))
  )
  return { told, hook }
}

describe("onOpen and onClose", () => {
  it.effect("onOpen runs before the first message, which waits for it", () =>
    Effect.gen(function* () {
      const opened = yield* Deferred.make<void>()
      const { client } = yield* serve(
        echo.pipe(
          Handler.onOpen((connection: Peer) =>
            Effect.andThen(connection.send("welcome"), Deferred.await(opened))
          )
        )
      )
      const peer = yield* client
      peer.says("a")
      yield* settle
      assert.deepStrictEqual(peer.lines(), ["welcome"])
      yield* Deferred.succeed(opened, undefined)
      yield* settle
      assert.deepStrictEqual(peer.lines(), ["welcome", "a"])
    }).pipe(provideMemory)
  )

  it.effect("L-H1, L-H6: a handler that is done at once: the peer reads the end, one close hook", () =>
    Effect.gen(function* () {
      const { hook, told } = watched()
      const { client, closed, reasons } = yield* serve(hook(() => Effect.void))
      const peer = yield* client
      yield* settle
      assert.isTrue(peer.state.ended)
      peer.wire.end()
      yield* closed
      assert.deepStrictEqual(told, ["LocalClosed"])
      assert.strictEqual(reasons[0]?._tag, "LocalClosed")
    }).pipe(provideMemory)
  )

  it.effect("L-H2: a handler that fails: the end, the reason, one error in the log", () =>
    Effect.gen(function* () {
      const { hook, told } = watched()
      const errors: Array<unknown> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel === "Error") errors.push(message)
      })
      yield* Effect.gen(function* () {
        const { client, closed } = yield* serve(echo.pipe(hook))
        const peer = yield* client
        peer.says("fail")
        yield* settle
        assert.isTrue(peer.state.ended)
        peer.wire.end()
        yield* closed
      }).pipe(Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(told, ["HandlerFailed"])
      assert.strictEqual(errors.length, 1)
    }).pipe(provideMemory)
  )

  it.effect("L-H5: the peer closes: one close hook, and no error", () =>
    Effect.gen(function* () {
      const { hook, told } = watched()
      const { client, closed } = yield* serve(echo.pipe(hook))
      const peer = yield* client
      peer.says("a")
      peer.wire.end()
      yield* closed
      assert.deepStrictEqual(told, ["PeerClosed"])
    }).pipe(provideMemory)
  )

  it.effect("L-H9: an open hook that closes: the peer reads the end, the close hook runs once", () =>
    Effect.gen(function* () {
      const { hook, told } = watched()
      const { client, closed } = yield* serve(
        echo.pipe(
          Handler.onOpen((connection: Peer) => connection.close),
          hook
        )
      )
      const peer = yield* client
      yield* settle
      assert.isTrue(peer.state.ended)
      peer.wire.end()
      yield* closed
      assert.deepStrictEqual(told, ["LocalClosed"])
    }).pipe(provideMemory)
  )

  it.effect("L-H9: an open hook that stops the server, and a close hook too, do not hang", () =>
    Effect.gen(function* () {
      const running = yield* Deferred.make<Server.Server["Service"]>()
      const stop = (connection: Peer) =>
        Effect.flatMap(Deferred.await(running), (server) => connection.fork(server.stop))
      const told: Array<string> = []
      const { client, server } = yield* serve(
        echo.pipe(
          Handler.onOpen(stop),
          Handler.onClose(({ _tag }, _connection: Peer) =>
            Effect.flatMap(Deferred.await(running), (server) => {
              told.push(_tag)
              return Effect.forkDetach(server.stop)
            })
          )
        )
      )
      const peer = yield* client
      yield* Deferred.succeed(running, server)
      yield* settle
      peer.wire.end()
      const report = yield* server.stopped
      assert.deepStrictEqual([report.clean, told], [1, ["ServerStopped"]])
    }).pipe(provideMemory)
  )

  it.effect("all hooks get the one reason, in their order, before anybody else is told", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const note = (name: string) =>
        Handler.onClose((_reason, connection: Peer) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.forkChild(connection.closed, { startImmediately: true })
            order.push(`${name} ${fiber.pollUnsafe() === undefined ? "before" : "after"}`)
          })
        )
      const { client, closed } = yield* serve(echo.pipe(note("inner"), note("outer")))
      const peer = yield* client
      peer.wire.end()
      yield* closed
      assert.deepStrictEqual(order.toSorted(), ["inner before", "outer before"])
    }).pipe(provideMemory)
  )

  it.effect("a hook that hangs has the close timeout, one that dies is logged", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client, reasons } = yield* serve(
        echo.pipe(
          Handler.onClose((_reason, _connection: Peer) => Effect.die("died")),
          Handler.onClose((_reason, _connection: Peer) => Effect.ignore(gates.pass("hook")))
        ),
        { closeTimeout: "1 second" }
      )
      const peer = yield* client
      peer.wire.end()
      yield* settle
      assert.deepStrictEqual([gates.begun, reasons], [["hook"], []])
      yield* TestClock.adjust("1 second")
      yield* eventually(() => reasons.length === 1, "the end")
      assert.deepStrictEqual(gates.interrupted, ["hook"])
    }).pipe(provideMemory)
  )
})

describe("catchReason", () => {
  it.effect("runs for its reasons only, and knows what they carry", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const { client, reasons } = yield* serve(
        echo.pipe(
          Handler.catchReason("DeadlineExceeded", ({ deadline }, _connection: Peer) =>
            Effect.sync(() => told.push(`deadline ${deadline}`))
          ),
          Handler.catchReason(["PeerReset", "PeerClosed"], ({ _tag }, _connection: Peer) =>
            Effect.sync(() => told.push(_tag))
          )
        ),
        { deadlines: { hello: "1 second" } }
      )
      const silent = yield* client
      const leaving = yield* client
      leaving.says("a")
      leaving.wire.end()
      yield* eventually(() => reasons.length === 1, "the first end")
      yield* TestClock.adjust("1 second")
      silent.wire.end()
      yield* eventually(() => reasons.length === 2, "the second end")
      assert.deepStrictEqual(told, ["PeerClosed", "deadline hello"])
    }).pipe(provideMemory)
  )
})

describe("goodbye", () => {
  it.effect("L-S2: is the last word of each connection, its own, behind what was sent before", () =>
    Effect.gen(function* () {
      const { client, server } = yield* serve(
        echo.pipe(
          Handler.goodbye((connection: Peer) => Effect.succeed(`goodbye ${connection.stats.messagesIn}`))
        ),
        { goodbye: "the server stops" }
      )
      const peers = [yield* client, yield* client]
      peers[0]?.says("a", "b")
      yield* settle
      const stop = yield* Effect.forkChild(server.stop, { startImmediately: true })
      yield* settle
      for (const peer of peers) peer.wire.end()
      yield* Fiber.join(stop)
      assert.deepStrictEqual(
        peers.map((peer) => peer.lines()),
        [
          ["a", "b", "the server stops", "goodbye 2"],
          ["the server stops", "goodbye 0"]
        ]
      )
    }).pipe(provideMemory)
  )

  it.effect("that needs time is waited for", () =>
    Effect.gen(function* () {
      const { client, server } = yield* serve(
        echo.pipe(Handler.goodbye((_connection: Peer) => Effect.as(Effect.sleep("1 second"), "bye")))
      )
      const peer = yield* client
      const stop = yield* Effect.forkChild(server.stop, { startImmediately: true })
      yield* settle
      assert.deepStrictEqual(peer.lines(), [])
      yield* TestClock.adjust("1 second")
      yield* settle
      peer.wire.end()
      yield* Fiber.join(stop)
      assert.deepStrictEqual(peer.lines(), ["bye"])
    }).pipe(provideMemory)
  )

  it.effect("is not said to a connection that ends otherwise", () =>
    Effect.gen(function* () {
      const { client, closed } = yield* serve(
        echo.pipe(Handler.goodbye((_connection: Peer) => Effect.succeed("bye")))
      )
      const peer = yield* client
      peer.says("a")
      peer.wire.end()
      yield* closed
      assert.deepStrictEqual(peer.lines(), ["a"])
    }).pipe(provideMemory)
  )

  it.effect("is left out where our side has ended already: no failure", () =>
    Effect.gen(function* () {
      const { client, reasons, server } = yield* serve(
        Handler.goodbye((_connection: Peer) => Effect.succeed("bye"))((connection) =>
          Effect.andThen(connection.end, Stream.runDrain(connection.messages))
        )
      )
      const peer = yield* client
      yield* settle
      const stop = yield* Effect.forkChild(server.stop, { startImmediately: true })
      yield* settle
      peer.wire.end()
      yield* Fiber.join(stop)
      assert.deepStrictEqual(
        reasons.map(({ _tag }) => _tag),
        ["ServerStopped"]
      )
    }).pipe(provideMemory)
  )
})
