/** The registry of a server's connections. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Option, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as CloseReason from "../../src/CloseReason.ts"
import * as Codec from "../../src/Codec.ts"
import * as Connection from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import { eventually, open, take } from "../support/pair.ts"
import * as rigs from "../transport/rigs.ts"

const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const wait = (connection: Connection.Connection<string, string>) => Stream.runDrain(connection.messages)

const times = (count: number) => Array.from({ length: count }, (_, i) => i)

/** A server, its registry, and so many clients, in the order of their ids. */
const withClients = Effect.fnUntraced(function* (
  count: number,
  options: Parameters<typeof open<string, string, unknown>>[3] = {}
) {
  const { connect, server } = yield* open(rigs.memory, Text, wait, options)
  const connections = yield* server.connections(Text)
  const clients = yield* Effect.forEach(times(count), () => connect)
  const ids = (yield* connections.list).map(({ id }) => id)
  return { connect, server, connections, clients, ids }
})

describe("the connections of a server", () => {
  it.effect("are listed with address, age, stats and attributes, and found by id", () =>
    Effect.gen(function* () {
      const Name = Connection.attribute<string>("name")
      const { connect, server } = yield* open(rigs.memory, Text, (connection) =>
        Effect.andThen(connection.attributes.set(Name, "nick"), wait(connection))
      )
      const connections = yield* server.connections(Text)
      const client = yield* connect
      yield* client.send("hello")
      yield* TestClock.adjust("3 seconds")
      const [info, ...others] = yield* connections.list
      assert.deepStrictEqual(others, [])
      assert.deepStrictEqual(info?.remoteAddress, client.localAddress)
      assert.deepStrictEqual(info?.age, Duration.seconds(3))
      assert.strictEqual(info?.stats.messagesIn, 1)
      assert.deepStrictEqual(info?.attributes.get(Name), Option.some("nick"))
      const found = yield* connections.get(info?.id ?? 0)
      assert.strictEqual(Option.getOrUndefined(found)?.id, info?.id)
      assert.isTrue(Option.isNone(yield* connections.get(0)))
      assert.strictEqual(yield* connections.size, 1)
    })
  )

  it.effect("are asked for by the server's own protocol and no other", () =>
    Effect.gen(function* () {
      const { server } = yield* withClients(0)
      const Other = Protocol.make("Other", {
        framing: Framing.lines(),
        fromClient: Codec.json(Schema.Finite),
        fromServer: Codec.json(Schema.Finite)
      })
      const exit = yield* Effect.exit(server.connections(Other))
      assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), "the server speaks Text")
    })
  )

  it.effect("get a message one by one, by id", () =>
    Effect.gen(function* () {
      const { clients, connections, ids } = yield* withClients(3)
      assert.strictEqual(yield* connections.unicast(ids[1]!, "for you"), "queued")
      assert.deepStrictEqual(yield* take(clients[1]!, 1), ["for you"])
      assert.strictEqual(yield* connections.unicast(0, "nobody"), "closed")
      const exit = yield* Effect.exit(connections.unicast(ids[0]!, "two\nlines"))
      assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), "delimiter")
    })
  )

  it.effect(
    "L-B8, L-B7: all get a broadcast that was encoded once; the stuck are reported and hold up nobody",
    () =>
      Effect.gen(function* () {
        let encoded = 0
        const Counted = Protocol.make("Counted", {
          framing: Framing.lines(),
          fromClient: Codec.utf8,
          fromServer: Codec.make<string>("counted", {
            decode: Codec.utf8.decode,
            encode: (text) => {
              encoded++
              return Codec.utf8.encode(text)
            }
          })
        })
        const { connect, server } = yield* open(
          rigs.memory,
          Counted,
          (connection) => Effect.andThen(connection.messages.pipe(Stream.runDrain), Effect.void),
          {
            server: { outbound: { maxMessages: 1_000_000, maxBytes: 100_000 } },
            client: { inbound: { maxMessages: 1 } }
          }
        )
        const connections = yield* server.connections(Counted)
        const clients = yield* Effect.forEach(times(1000), () => connect)
        const ids = (yield* connections.list).map(({ id }) => id)
        const stuck = ids.slice(0, 10)
        // Those clients take nothing, so their queues fill.
        for (const id of stuck) {
          let delivery = "queued"
          while (delivery === "queued") {
            delivery = yield* connections.unicast(id, "x".repeat(30_000))
            yield* Effect.yieldNow
          }
        }
        encoded = 0
        const events = yield* Effect.forkChild(Stream.runCollect(server.events), { startImmediately: true })
        const { delivered, failed } = yield* connections.broadcast("all")
        assert.strictEqual(encoded, 1)
        assert.deepStrictEqual(delivered, ids.slice(10))
        assert.deepStrictEqual(
          failed,
          stuck.map((id) => ({ id, reason: "full" as const }))
        )
        for (const client of clients.slice(10)) assert.deepStrictEqual(yield* take(client, 1), ["all"])
        yield* server.kill
        const dropped = (yield* Fiber.join(events)).filter((event) => event._tag === "Dropped")
        assert.deepStrictEqual(
          dropped.slice(0, 10).map(({ bytes, connection, messages }) => ({ bytes, connection, messages })),
          stuck.map((connection) => ({ bytes: 4, connection, messages: 1 }))
        )
      })
  )

  it.effect("S-4: one that is closed keeps a broadcast from no other, and may be left out", () =>
    Effect.gen(function* () {
      const { clients, connections, ids } = yield* withClients(4)
      const ending = yield* connections.get(ids[1]!)
      yield* Option.match(ending, { onNone: () => Effect.void, onSome: (connection) => connection.end })
      assert.deepStrictEqual(yield* connections.broadcast("hi", { to: ({ id }) => id !== ids[3] }), {
        delivered: [ids[0]!, ids[2]!],
        failed: [{ id: ids[1]!, reason: "closed" }]
      })
      assert.deepStrictEqual(yield* take(clients[0]!, 1), ["hi"])
      assert.deepStrictEqual(yield* take(clients[2]!, 1), ["hi"])
    })
  )

  it.effect("a broadcast that cannot be encoded goes to nobody", () =>
    Effect.gen(function* () {
      const { connections } = yield* withClients(2)
      const exit = yield* Effect.exit(connections.broadcast("two\nlines"))
      assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), "delimiter")
      for (const { stats } of yield* connections.list) assert.strictEqual(stats.outboundMessages, 0)
    })
  )

  it.effect("are closed by id or by address, for a reason", () =>
    Effect.gen(function* () {
      const { clients, connections, ids } = yield* withClients(3)
      const seen: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(connections.changes, (change) =>
          Effect.sync(() => {
            if (change._tag === "Closed") seen.push(`${change.connection} ${change.reason._tag}`)
          })
        ),
        { startImmediately: true }
      )
      assert.isTrue(yield* connections.closeById(ids[0]!))
      assert.isFalse(yield* connections.closeById(0))
      yield* eventually(() => seen.length === 1, "the first is closed")
      const address = clients[1]!.localAddress
      const reason = CloseReason.CloseReason.PeerReset({ detail: "banned" })
      assert.deepStrictEqual(yield* connections.closeByAddress(address, reason), [ids[1]!])
      assert.deepStrictEqual(yield* connections.closeByAddress("10.0.0.1"), [])
      yield* eventually(() => seen.length === 2, "the second is closed")
      assert.deepStrictEqual(seen, [`${ids[0]} LocalClosed`, `${ids[1]} PeerReset`])
      assert.deepStrictEqual(yield* Stream.runCollect(clients[1]!.messages), [])
      assert.strictEqual(yield* connections.size, 1)
    })
  )

  it.live("are closed by host, whatever their ports", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.tcp, Text, wait)
      const connections = yield* server.connections(Text)
      yield* connect
      yield* connect
      yield* eventually(() => Effect.runSync(connections.size) === 2, "both are there")
      assert.strictEqual((yield* connections.closeByAddress("127.0.0.1")).length, 2)
      yield* eventually(() => Effect.runSync(connections.size) === 0, "both are gone")
    })
  )

  for (const rig of [rigs.memory, rigs.tcp]) {
    it.live(`S-15, S-8, L-A22, L-A24: are exact after 1000 came and went at once, on ${rig.name}`, () =>
      Effect.gen(function* () {
        const { connect, server } = yield* open(rig, Text, wait, { server: { eventBuffer: 10_000 } })
        const connections = yield* server.connections(Text)
        const changes = yield* Effect.forkChild(Stream.runCollect(connections.changes), {
          startImmediately: true
        })
        // 500 that stay until told, and 500 that come and go meanwhile.
        const staying = yield* Effect.forEach(
          times(500),
          () => Effect.andThen(Effect.scoped(connect), connect),
          { concurrency: 50 }
        )
        yield* eventually(() => Effect.runSync(connections.size) === 500, "500 stay")
        const list = yield* connections.list
        assert.strictEqual(new Set(list.map(({ id }) => id)).size, 500)
        yield* Effect.forEach(staying, (client) => client.close, { concurrency: "unbounded" })
        yield* eventually(() => Effect.runSync(connections.size) === 0, "all are gone")
        assert.deepStrictEqual(yield* connections.list, [])
        assert.strictEqual(yield* server.connectionCount, 0)
        yield* server.stop
        const told = yield* Fiber.join(changes)
        const opened = told.filter(({ _tag }) => _tag === "Opened").map(({ connection }) => connection)
        const closed = told.filter(({ _tag }) => _tag === "Closed").map(({ connection }) => connection)
        assert.strictEqual(opened.length, 1000)
        assert.deepStrictEqual(closed.toSorted(), opened.toSorted())
      })
    )
  }
})
