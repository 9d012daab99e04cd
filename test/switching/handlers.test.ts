/** Handlers, groups, timers and visits on a connection that has switched, and on a client's. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import type { CloseReason } from "../../src/CloseReason.ts"
import type { Connection } from "../../src/Connection.ts"
import * as Groups from "../../src/Groups.ts"
import * as Handler from "../../src/Handler.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import * as Workers from "../../src/Workers.ts"
import { Gates, settle } from "../handlers/support.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"
import { Counted, counted, Plain } from "./support.ts"

const provideMemory = Effect.provide(TransportMemory.layer())

type Peer = Connection<string, string>

/** Switches at once, and goes on with the handler. */
const switched =
  <E, R>(handler: Handler.Handler<string, string, E, R>) =>
  (plain: Peer) =>
    Effect.flatMap(Effect.orDie(plain.switchProtocol(Counted)), handler)

const echo = Handler.each((text: string, connection: Peer) => connection.send(text))

describe("handlers on a connection that has switched", () => {
  it.effect("combinators, permits and hooks work as on any other", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const gates = new Gates()
      const workers = yield* Workers.Workers
      yield* Server.make(
        Plain,
        switched(
          Handler.each((text: string, connection: Peer) =>
            Effect.andThen(gates.pass(text), connection.send(text))
          ).pipe(
            Handler.filter((text) => text !== "no"),
            Workers.limit({ concurrency: 2 }),
            Handler.onClose((reason: CloseReason, _connection: Peer) =>
              Effect.sync(() => told.push(reason._tag))
            )
          )
        )
      )
      const peer = yield* rawClient
      peer.write(counted("a", "no", "b", "c"))
      yield* settle
      assert.deepStrictEqual([gates.begun, (yield* workers.stats).inFlight], [["a", "b"], 2])
      yield* gates.open("b", "c", "a")
      assert.strictEqual(peer.text(), counted("b", "c", "a").toString())
      peer.wire.end()
      yield* eventually(() => told.length > 0, "the hook")
      assert.deepStrictEqual([told, (yield* workers.stats).inFlight], [["PeerClosed"], 0])
    }).pipe(Effect.provide(Workers.layer({ permits: 2 })), provideMemory)
  )

  const stopping = (handler: Handler.Handler<string, string, unknown>) =>
    Effect.gen(function* () {
      const reasons: Array<string> = []
      const server = yield* Server.make(Plain, (connection: Peer) =>
        Effect.andThen(
          Effect.forkDetach(
            Effect.map(connection.closed, ({ _tag }) => reasons.push(_tag)),
            { startImmediately: true }
          ),
          handler(connection)
        )
      )
      const peer = yield* rawClient
      yield* settle
      const stop = yield* Effect.forkChild(server.stop, { startImmediately: true })
      yield* settle
      peer.wire.end()
      yield* Fiber.join(stop)
      return { text: peer.text(), reasons }
    }).pipe(Effect.scoped)

  it.effect("L-S2: a goodbye is said in the protocol at hand", () =>
    Effect.gen(function* () {
      const said = yield* stopping(
        switched(echo.pipe(Handler.goodbye((_connection: Peer) => Effect.succeed("bye"))))
      )
      assert.deepStrictEqual(said, { text: counted("bye").toString(), reasons: ["ServerStopped"] })
    }).pipe(provideMemory)
  )

  it.effect("a goodbye in a protocol that was left is not said, and no failure", () =>
    Effect.gen(function* () {
      const outer = Handler.goodbye((_connection: Peer) => Effect.succeed("bye"))
      assert.deepStrictEqual(yield* stopping(outer(switched(echo))), {
        text: "",
        reasons: ["ServerStopped"]
      })
    }).pipe(provideMemory)
  )
})

describe("a member that has switched", () => {
  it.effect("is a member as it is now, and cannot join as it was", () =>
    Effect.gen(function* () {
      const rooms = yield* Groups.make<string, string>()
      const joined: Array<boolean> = []
      let current: Peer | undefined
      yield* Server.make(Plain, (plain: Peer) =>
        switched((next: Peer) =>
          Effect.gen(function* () {
            current = next
            joined.push(yield* Effect.orDie(rooms.join("a", plain)))
            joined.push(yield* Effect.orDie(rooms.join("a", next)))
            yield* Stream.runDrain(next.messages)
          })
        )(plain)
      )
      const peer = yield* rawClient
      yield* settle
      assert.deepStrictEqual(joined, [false, true])
      const [member] = yield* rooms.members("a")
      assert.strictEqual(member, current)
      yield* rooms.send("a", "hi")
      yield* settle
      assert.strictEqual(peer.text(), counted("hi").toString())
    }).pipe(provideMemory)
  )
})

describe("visits", () => {
  it.effect("leave out who speaks another protocol by now", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Plain, (plain: Peer) =>
        Handler.each((line: string, connection: Peer) =>
          line === "SWITCH" ? switched(echo)(connection) : Effect.void
        )(plain)
      )
      const [leaver, stayer] = [yield* rawClient, yield* rawClient]
      leaver.write("SWITCH\n")
      yield* settle
      const people = yield* server.connections(Plain)
      yield* people.runEvery("1 second", (connection) => connection.send("tick"))
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.deepStrictEqual([leaver.text(), stayer.text()], ["", "tick\n"])
      leaver.write(counted("still here"))
      yield* settle
      assert.strictEqual(leaver.text(), counted("still here").toString())
    }).pipe(provideMemory)
  )

  it.effect("a reset in the middle of a round does not hold it up", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Plain, echo)
      for (let i = 0; i < 600; i++) yield* rawClient
      yield* settle
      const seen = new Set<number>()
      const people = yield* server.connections(Plain)
      const timer = yield* people.runEvery("1 second", ({ id }) => Effect.sync(() => seen.add(id)))
      yield* TestClock.adjust("1 second")
      assert.isBelow(seen.size, 600)
      yield* timer.reset("1 hour")
      for (let i = 0; i < 5; i++) yield* TestClock.adjust("1 millis")
      assert.strictEqual(seen.size, 600)
    }).pipe(provideMemory)
  )
})

describe("handlers on a client's connection", () => {
  it.effect("combinators and hooks work there too; one that comes too late has its hook all the same", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const heard: Array<string> = []
      const hook = Handler.onClose((reason: CloseReason, _connection: Peer) =>
        Effect.sync(() => told.push(reason._tag))
      )
      yield* Server.make(Plain, (connection: Peer) =>
        Effect.andThen(connection.sendAll(["a", "b", "c"]), connection.end)
      )
      const client = yield* Client.connect(Plain)
      const handler = Handler.each((line: string, _connection: Peer) =>
        Effect.sync(() => heard.push(line))
      ).pipe(
        Handler.orderBy((line) => line, { concurrency: 2 }),
        hook
      )
      yield* Effect.exit(handler(client))
      assert.deepStrictEqual(heard, ["a", "b", "c"])
      yield* client.close
      yield* client.closed
      assert.deepStrictEqual(told.length, 1)
      yield* Effect.exit(handler(client))
      yield* settle
      assert.deepStrictEqual(told.length, 2)
      assert.strictEqual(told[0], told[1])
    }).pipe(provideMemory)
  )
})
