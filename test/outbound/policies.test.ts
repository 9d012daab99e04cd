/** What becomes of messages to peers that do not keep up, by policy. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Codec from "../../src/Codec.ts"
import type { Connection } from "../../src/Connection.ts"
import type { ServerEvent } from "../../src/Events.ts"
import * as Framing from "../../src/Framing.ts"
import * as Outbound from "../../src/Outbound.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually, open } from "../support/pair.ts"
import * as rigs from "../transport/rigs.ts"

const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const wait = (connection: Connection<string, string>) => Stream.runDrain(connection.messages)

const big = "x".repeat(30_000)

/** A client that takes nothing, and its connection, as far that another byte does not leave. */
const withStuck = Effect.fnUntraced(function* (policy: Outbound.Policy<string>, rig: rigs.Rig = rigs.memory) {
  const { connect, server } = yield* open(rig, Text, wait, {
    server: { outbound: { maxMessages: 3, maxBytes: 100_000_000, policy } },
    client: { inbound: { maxMessages: 1 } }
  })
  const connections = yield* server.connections(Text)
  const client = yield* connect
  yield* eventually(() => Effect.runSync(connections.size) === 1, "it is there")
  const id = (yield* connections.list)[0]!.id
  const connection = Option.getOrThrow(yield* connections.get(id))
  const seen: Array<ServerEvent> = []
  yield* Effect.forkChild(
    Stream.runForEach(server.events, (event) => Effect.sync(() => seen.push(event))),
    { startImmediately: true }
  )
  yield* fill(connection)
  return { client, connect, connection, connections, dropped: () => droppedOf(seen), seen, server }
})

/** Sends until something stays in the queue although the event loop went round. */
const fill = Effect.fnUntraced(function* (connection: Connection<string, string>) {
  for (let round = 0; round < 10_000; round++) {
    if (connection.stats.outboundMessages > 0) return
    yield* connection.sendWith(big, Outbound.dropNew)
    yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
  }
  assert.fail("never full")
})

const droppedOf = (events: ReadonlyArray<ServerEvent>) =>
  events.flatMap((event) => (event._tag === "Dropped" ? [`${event.policy} ${event.messages}`] : []))

/** What comes once the client reads, up to the last one. */
const heardBy = (client: Connection<string, string>, last: string) =>
  client.messages.pipe(
    Stream.filter((text) => text !== big),
    Stream.takeUntil((text) => text === last),
    Stream.runCollect
  )

describe("Outbound", () => {
  it.effect("dropNew leaves out what comes, dropOld what waits", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* withStuck(Outbound.dropNew)
      // One of the three places is taken.
      yield* connection.sendAll(["1", "2", "3", "4"])
      assert.strictEqual(connection.stats.dropped, 2)
      assert.isFalse(yield* connection.trySend("5"))
      assert.strictEqual(connection.stats.dropped, 3)
      assert.strictEqual(yield* connection.sendWith("6", Outbound.dropOld), "queued")
      assert.strictEqual(yield* connection.sendWith("7", Outbound.dropOld), "queued")
      assert.strictEqual(connection.stats.dropped, 4)
      assert.deepStrictEqual(yield* heardBy(client, "7"), ["1", "2", "7"])
    })
  )

  it.effect("dropOld as the policy of all keeps the newest, and sends in order", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* withStuck(Outbound.dropOld)
      yield* connection.sendAll(["1", "2", "3", "4", "5"])
      yield* connection.send("6")
      assert.isTrue(yield* connection.trySend("7"))
      assert.strictEqual(connection.stats.outboundMessages, 3)
      assert.strictEqual(connection.stats.dropped, 5)
      assert.deepStrictEqual(yield* heardBy(client, "7"), ["6", "7"])
    })
  )

  it.effect("conflate keeps the newest of each key in the place of the first, and waits for other keys", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* withStuck(Outbound.conflate((text) => text[0]))
      yield* connection.sendAll(["a1", "b1"])
      const third = yield* Effect.forkChild(connection.send("c1"), { startImmediately: true })
      yield* connection.send("a2")
      assert.isTrue(yield* connection.trySend("a3"))
      assert.isFalse(yield* connection.trySend("d1"))
      assert.strictEqual(connection.stats.dropped, 2)
      assert.isUndefined(third.pollUnsafe())
      assert.deepStrictEqual(yield* heardBy(client, "c1"), ["a3", "b1", "c1"])
      yield* Fiber.join(third)
    })
  )

  it.effect("conflate replaces nothing for a message without a key", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* withStuck(Outbound.conflate(() => undefined))
      yield* connection.sendAll(["1", "2"])
      assert.strictEqual(connection.stats.dropped, 0)
      assert.deepStrictEqual(yield* heardBy(client, "2"), ["1", "2"])
    })
  )

  it.effect("disconnect closes with SlowConsumer, which the sender gets too", () =>
    Effect.gen(function* () {
      const { connection, dropped } = yield* withStuck(Outbound.disconnect)
      yield* connection.sendAll(["1", "2"])
      const error = yield* Effect.flip(connection.send("3"))
      assert.strictEqual(error._tag, "ConnectionClosed")
      const closed = yield* Effect.forkChild(connection.closed)
      yield* TestClock.adjust("1 minute")
      const reason = yield* Fiber.join(closed)
      assert.strictEqual(reason._tag, "SlowConsumer")
      if (reason._tag === "SlowConsumer") assert.strictEqual(reason.messages, 3)
      assert.strictEqual(dropped()[0], "Disconnect 1")
    })
  )

  it.effect("suspend waits, and drops nothing", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* withStuck(Outbound.suspend)
      const fiber = yield* Effect.forkChild(
        Effect.forEach(["1", "2", "3", "4"], (text) => connection.send(text)),
        {
          startImmediately: true
        }
      )
      assert.isUndefined(fiber.pollUnsafe())
      assert.deepStrictEqual(yield* heardBy(client, "4"), ["1", "2", "3", "4"])
      assert.strictEqual(connection.stats.dropped, 0)
    })
  )

  it.effect("a flood of drops is two events, and none is left untold at the end", () =>
    Effect.gen(function* () {
      const { connection, connections, dropped, seen } = yield* withStuck(Outbound.dropOld)
      for (let i = 0; i < 10_000; i++) yield* connection.send(String(i))
      yield* eventually(() => dropped().length === 1, "the first is told")
      yield* TestClock.adjust("1 seconds")
      yield* eventually(() => dropped().length === 2, "the others are told")
      assert.deepStrictEqual(dropped(), ["DropOld 1", "DropOld 9997"])
      yield* connection.send("one more")
      yield* connections.closeById(connection.id)
      yield* TestClock.adjust("1 minute")
      yield* eventually(() => seen.some(({ _tag }) => _tag === "Closed"), "it is closed")
      // The last is what the peer had not taken when it was cut.
      assert.deepStrictEqual(dropped().slice(2), ["DropOld 1", "undefined 3"])
      assert.strictEqual(connection.stats.dropped, 9999)
    })
  )

  for (const rig of [rigs.memory, rigs.tcp]) {
    it.live(`a broadcast to stuck peers reaches the others at once, under every policy, on ${rig.name}`, () =>
      Effect.gen(function* () {
        const { connect, connection, connections, server } = yield* withStuck(Outbound.suspend, rig)
        yield* connection.sendWith("1", Outbound.dropNew)
        yield* connection.sendWith("2", Outbound.dropNew)
        // It takes what comes at once.
        const good = yield* connect
        const heard: Array<string> = []
        yield* Effect.forkScoped(
          Stream.runForEach(good.messages, (text) => Effect.sync(() => heard.push(text)))
        )
        yield* eventually(() => Effect.runSync(server.connectionCount) === 2, "both are there")
        const refused = yield* connections.broadcast("suspend")
        assert.deepStrictEqual(refused.failed, [{ id: connection.id, reason: "full" }])
        assert.strictEqual(refused.delivered.length, 1)
        const droppedNew = yield* connections.broadcast("dropNew", { policy: Outbound.dropNew })
        assert.deepStrictEqual(droppedNew.failed, [{ id: connection.id, reason: "full" }])
        for (const text of ["dropOld 1", "dropOld 2"]) {
          const { delivered, failed } = yield* connections.broadcast(text, { policy: Outbound.dropOld })
          assert.deepStrictEqual([delivered.length, failed.length], [2, 0])
        }
        assert.strictEqual(connection.stats.dropped, 3)
        const parted = yield* connections.broadcast("disconnect", { policy: Outbound.disconnect })
        assert.deepStrictEqual(parted.failed, [{ id: connection.id, reason: "full" }])
        yield* eventually(() => heard.length === 5, "the other peer heard all")
        assert.deepStrictEqual(heard, ["suspend", "dropNew", "dropOld 1", "dropOld 2", "disconnect"])
        yield* server.kill
        assert.strictEqual((yield* connection.closed)._tag, "SlowConsumer")
      })
    )
  }

  it.effect("a broadcast conflates, with the key of the message", () =>
    Effect.gen(function* () {
      const { client, connection, connections } = yield* withStuck(Outbound.suspend)
      const policy = Outbound.conflate((text: string) => text[0])
      for (const text of ["a1", "b1", "a2", "b2"]) {
        const { delivered } = yield* connections.broadcast(text, { policy })
        assert.deepStrictEqual(delivered, [connection.id])
      }
      assert.strictEqual(connection.stats.dropped, 2)
      assert.deepStrictEqual(yield* heardBy(client, "b2"), ["a2", "b2"])
    })
  )

  it.effect("options that are no policy are refused with their path", () =>
    Effect.gen(function* () {
      for (const policy of ["dropOld", { _tag: "Other" }, { _tag: "Conflate" }]) {
        // As it comes from a program without types.
        const options = { outbound: { policy } } as unknown as Server.ServerOptions<string>
        const error = yield* Effect.flip(Server.make(Text, wait, options))
        assert.deepStrictEqual(error._tag === "InvalidConfig" && error.problems, [
          { path: "outbound.policy", message: "must be a policy of Outbound" }
        ])
      }
    }).pipe(Effect.provide(TransportMemory.layer()))
  )
})
