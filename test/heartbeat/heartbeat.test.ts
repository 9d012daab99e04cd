/** Heartbeats, to the millisecond, on the in-memory network. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Random, Schedule, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import type * as Connection from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import type { HeartbeatMessages, HeartbeatOptions } from "../../src/Heartbeat.ts"
import { coreOf } from "../../src/internal/coreOf.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"

const Plain = Protocol.make("Plain", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const ping = { make: () => "PING", is: (line: string) => line.startsWith("PING") }
const pong = {
  make: (line: string) => line.replace("PING", "PONG"),
  is: (line: string) => line.startsWith("PONG")
}

const serverPings: HeartbeatMessages<string, string> = { fromServer: { ping }, fromClient: { pong } }
const bothPing: HeartbeatMessages<string, string> = {
  fromServer: { ping, pong },
  fromClient: { ping, pong }
}

const steady: HeartbeatOptions = { jitter: 0 }
const noDeadlines = { hello: "off", readIdle: "off", frame: "off" } as const

type Peer = Connection.Connection<string, string>

const provideMemory = Effect.provide(TransportMemory.layer())

const settle = Effect.forEach([1, 2, 3], () => Effect.yieldNow, { discard: true })

/** A server on a protocol with a heartbeat, whose one connection is written down, and a raw client of it. */
const served = Effect.fnUntraced(function* (
  messages: HeartbeatMessages<string, string>,
  options: Server.ServerOptions<string> = {},
  handler: (connection: Peer) => Effect.Effect<unknown, unknown> = (connection) =>
    Stream.run(connection.messages, connection.sink)
) {
  const opened = yield* Deferred.make<Peer>()
  const seen = { reason: undefined as string | undefined }
  yield* Server.make(
    Protocol.heartbeat(Plain, messages),
    (connection) =>
      Effect.gen(function* () {
        yield* Effect.forkDetach(
          Effect.map(connection.closed, ({ _tag }) => {
            seen.reason = _tag
          }),
          { startImmediately: true }
        )
        yield* Deferred.succeed(opened, connection)
        yield* handler(connection)
      }),
    { heartbeat: steady, deadlines: noDeadlines, ...options }
  )
  const client = yield* rawClient
  const connection = yield* Deferred.await(opened)
  const lines = () => client.text().split("\n").slice(0, -1)
  const pings = () => lines().filter((line) => line === "PING").length
  return { client, connection, seen, lines, pings }
})

type Served = Effect.Success<ReturnType<typeof served>>

/** The server has given up. */
const lost = Effect.fnUntraced(function* ({ client, seen }: Served) {
  yield* eventually(() => client.state.ended, "the server ended its side")
  client.wire.end()
  yield* eventually(() => seen.reason !== undefined, "the connection has its reason")
  assert.strictEqual(seen.reason, "HeartbeatTimeout")
})

const adjust = (millis: number) => Effect.andThen(TestClock.adjust(millis), settle)

describe("a server that pings", () => {
  it.effect("L-T17, S-5, S-12: pings at 25 and 50 seconds of silence, and closes at 75", () =>
    Effect.gen(function* () {
      const it = yield* served(serverPings)
      yield* adjust(24_999)
      assert.strictEqual(it.pings(), 0)
      yield* adjust(1)
      assert.strictEqual(it.pings(), 1)
      yield* adjust(24_999)
      assert.strictEqual(it.pings(), 1)
      yield* adjust(1)
      assert.strictEqual(it.pings(), 2)
      yield* adjust(24_999)
      assert.isFalse(it.client.state.ended)
      yield* adjust(1)
      yield* lost(it)
      assert.strictEqual(it.pings(), 2)
    }).pipe(provideMemory)
  )

  it.effect("L-T17, S-12: any inbound byte starts the count over, half a message too", () =>
    Effect.gen(function* () {
      const it = yield* served(serverPings)
      yield* adjust(74_000)
      assert.strictEqual(it.pings(), 2)
      it.client.write("h")
      yield* settle
      yield* adjust(24_999)
      assert.strictEqual(it.pings(), 2)
      yield* adjust(1)
      assert.strictEqual(it.pings(), 3)
      yield* adjust(49_999)
      assert.isFalse(it.client.state.ended)
      yield* adjust(1)
      yield* lost(it)
    }).pipe(provideMemory)
  )

  it.effect("a peer that answers stays; its pongs never reach the handler and tell the round trip", () =>
    Effect.gen(function* () {
      const it = yield* served(serverPings)
      assert.isUndefined(it.connection.stats.roundTripMillis)
      for (let i = 1; i <= 10; i++) {
        yield* adjust(25_000)
        assert.strictEqual(it.pings(), i)
        yield* adjust(i * 10)
        it.client.write("PONG\n")
        yield* settle
        assert.strictEqual(it.connection.stats.roundTripMillis, i * 10)
      }
      assert.strictEqual(it.connection.stats.messagesIn, 0)
      assert.deepStrictEqual(
        it.lines().filter((line) => line !== "PING"),
        []
      )
      // A pong that nobody asked for changes nothing.
      it.client.write("PONG\nhello\n")
      yield* settle
      assert.strictEqual(it.connection.stats.roundTripMillis, 100)
      assert.strictEqual(it.lines().at(-1), "hello")
    }).pipe(provideMemory)
  )

  it.effect("no fiber sleeps from one ping to the next", () =>
    Effect.gen(function* () {
      const it = yield* served(serverPings)
      const core = coreOf(it.connection)
      assert.strictEqual(core?.ownFibers, 0)
      for (let i = 1; i <= 3; i++) {
        yield* adjust(25_000)
        assert.strictEqual(it.pings(), i)
        assert.strictEqual(core?.ownFibers, 0)
        it.client.write("PONG\n")
        yield* settle
      }
    }).pipe(provideMemory)
  )

  it.effect("a ping that takes its time is a fiber of the connection for as long, and ends with it", () =>
    Effect.gen(function* () {
      const slow = Codec.make<string>("slow", {
        encode: (line) => Effect.as(Effect.sleep("10 seconds"), new TextEncoder().encode(line)),
        decode: (frame) => Effect.succeed(new TextDecoder().decode(frame))
      })
      const opened = yield* Deferred.make<Peer>()
      yield* Server.make(
        Protocol.heartbeat({ ...Plain, fromServer: slow }, serverPings),
        (connection) =>
          Effect.andThen(Deferred.succeed(opened, connection), Stream.runDrain(connection.messages)),
        { heartbeat: steady, deadlines: noDeadlines }
      )
      const client = yield* rawClient
      const core = coreOf(yield* Deferred.await(opened))
      for (const expected of ["PING\n", "PING\nPING\n"]) {
        yield* adjust(25_000)
        assert.strictEqual(core?.ownFibers, 1)
        yield* adjust(10_000)
        assert.strictEqual(client.text(), expected)
        assert.strictEqual(core?.ownFibers, 0)
        client.write("PONG\n")
        yield* settle
      }
      yield* adjust(25_000)
      assert.strictEqual(core?.ownFibers, 1)
      client.wire.destroy()
      yield* eventually(() => core?.ownFibers === 0, "its fiber is gone")
    }).pipe(provideMemory)
  )

  it.effect("L-T19: what the server sends is no life: a half-open peer it streams to is closed", () =>
    Effect.gen(function* () {
      const it = yield* served(serverPings, {}, (connection) =>
        Effect.forever(Effect.andThen(connection.send("tick"), Effect.sleep("1 seconds")))
      )
      yield* adjust(74_999)
      assert.isFalse(it.client.state.ended)
      yield* adjust(1)
      yield* lost(it)
      assert.isAbove(it.lines().length, 70)
    }).pipe(provideMemory)
  )

  it.effect("L-T18: a slow handler never costs a healthy peer its connection", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const it = yield* served(serverPings, { inbound: { maxMessages: 2 } }, (connection) =>
        Effect.andThen(Deferred.await(gate), Stream.runDrain(connection.messages))
      )
      yield* adjust(20_000)
      it.client.write("1\n2\n3\n")
      yield* adjust(3_600_000)
      assert.isFalse(it.client.state.ended)
      assert.strictEqual(it.pings(), 0)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      // The silence begins where reading does.
      yield* adjust(24_999)
      assert.strictEqual(it.pings(), 0)
      yield* adjust(1)
      assert.strictEqual(it.pings(), 1)
      yield* adjust(50_000)
      yield* lost(it)
    }).pipe(provideMemory)
  )

  it.effect("L-T18: pongs pass while the handler is busy and the queue has room", () =>
    Effect.gen(function* () {
      const it = yield* served(serverPings, {}, () => Effect.sleep("1 hour"))
      for (let i = 1; i <= 20; i++) {
        yield* adjust(25_000)
        assert.strictEqual(it.pings(), i)
        it.client.write("PONG\n")
        yield* settle
      }
      assert.isFalse(it.client.state.ended)
      assert.strictEqual(it.connection.stats.inboundMessages, 0)
      // Lets the handler end, for the server waits for it.
      yield* TestClock.adjust("1 hour")
    }).pipe(provideMemory)
  )

  it.effect("there is no heartbeat after the peer's end: the handler may answer as late as it likes", () =>
    Effect.gen(function* () {
      const it = yield* served(serverPings, {}, (connection) =>
        Stream.runDrain(connection.messages).pipe(
          Effect.andThen(Effect.sleep("10 minutes")),
          Effect.andThen(connection.send("late"))
        )
      )
      it.client.wire.end()
      yield* adjust(600_000)
      yield* eventually(() => it.client.state.closed, "the connection is closed")
      assert.deepStrictEqual([it.lines(), it.seen.reason], [["late"], "PeerClosed"])
    }).pipe(provideMemory)
  )
})

describe("answering", () => {
  it.effect("a ping is answered at once with a pong made from it, ahead of queued data", () =>
    Effect.gen(function* () {
      const it = yield* served(bothPing, { heartbeat: "off" })
      it.client.wire.pause()
      yield* it.connection.send("x".repeat(70_000))
      yield* eventually(() => it.connection.stats.bytesOut > 0, "the wire is full")
      yield* it.connection.sendAll(["queued", "too"])
      it.client.write("PING 17\nhello\n")
      yield* settle
      it.client.wire.resume()
      yield* eventually(() => it.lines().length === 5, "everything arrived")
      assert.deepStrictEqual(it.lines().slice(1), ["PONG 17", "queued", "too", "hello"])
      assert.strictEqual(it.connection.stats.messagesIn, 1)
    }).pipe(provideMemory)
  )

  it.effect("a peer that pings for ever and never reads holds a bounded number of answers", () =>
    Effect.gen(function* () {
      const it = yield* served(bothPing, { heartbeat: "off" })
      it.client.wire.pause()
      yield* it.connection.send("x".repeat(70_000))
      yield* eventually(() => it.connection.stats.bytesOut > 0, "the wire is full")
      for (let i = 0; i < 100; i++) {
        it.client.write("PING\n".repeat(1000))
        yield* settle
      }
      assert.isBelow(it.connection.stats.outboundBytes, 70_000 + 17_000)
    }).pipe(provideMemory)
  )

  it.effect("a codec that answers with an effect is as good, in both directions", () =>
    Effect.gen(function* () {
      const slow: Codec.Codec<string> = {
        ...Codec.utf8,
        decode: (frame) => Effect.andThen(Effect.yieldNow, Codec.utf8.decode(frame)),
        encode: (message) => Effect.andThen(Effect.yieldNow, Codec.utf8.encode(message))
      }
      const Slow = Protocol.make("Slow", { framing: Framing.lines(), fromClient: slow, fromServer: slow })
      yield* Server.make(
        Protocol.heartbeat(Slow, bothPing),
        (connection) => Stream.run(connection.messages, connection.sink),
        { heartbeat: steady, deadlines: noDeadlines }
      )
      const client = yield* rawClient
      client.write("PING 1\n")
      yield* eventually(() => client.text() === "PONG 1\n", "the answer is here")
      yield* TestClock.adjust("25 seconds")
      yield* eventually(() => client.text() === "PONG 1\nPING\n", "the ping is here")
    }).pipe(provideMemory)
  )

  it.effect("a protocol function that throws closes its own connection as a failing handler would", () =>
    Effect.gen(function* () {
      const it = yield* served({
        ...bothPing,
        fromClient: {
          pong,
          ping: {
            make: () => "PING",
            is: () => {
              throw new Error("broken")
            }
          }
        }
      })
      it.client.write("x\n")
      yield* eventually(() => it.client.state.ended, "the server ended its side")
      it.client.wire.end()
      yield* eventually(() => it.seen.reason === "HandlerFailed", "the reason is our own fault")
    }).pipe(provideMemory)
  )
})

describe("signs of life that nobody answers", () => {
  const clientBeats: HeartbeatMessages<string, string> = { fromClient: { ping } }

  it.effect("S-5: the server sends nothing, and closes a client that stops beating after 75 seconds", () =>
    Effect.gen(function* () {
      const it = yield* served(clientBeats)
      for (let i = 0; i < 4; i++) {
        it.client.write("PING\n")
        yield* adjust(70_000)
      }
      it.client.write("PING\n")
      yield* settle
      yield* adjust(74_999)
      assert.isFalse(it.client.state.ended)
      yield* adjust(1)
      yield* lost(it)
      assert.deepStrictEqual(it.lines(), [])
    }).pipe(provideMemory)
  )

  it.effect("a client beats every 25 seconds, whatever else it says or hears", () =>
    Effect.gen(function* () {
      let beats = 0
      const counting: HeartbeatMessages<string, string> = {
        fromClient: {
          ping: {
            make: () => "PING",
            is: (line) => {
              if (line === "PING") beats++
              return line === "PING"
            }
          }
        }
      }
      const Beating = Protocol.heartbeat(Plain, counting)
      yield* Server.make(Beating, (connection) => Stream.run(connection.messages, connection.sink), {
        heartbeat: steady
      })
      const client = yield* Client.connect(Beating, { heartbeat: steady })
      for (let i = 1; i <= 8; i++) {
        yield* client.send("data")
        yield* adjust(24_999)
        assert.strictEqual(beats, i - 1)
        yield* adjust(1)
        assert.strictEqual(beats, i)
      }
      assert.isTrue(yield* client.trySend("still here"))
      assert.isUndefined(client.stats.roundTripMillis)
    }).pipe(provideMemory)
  )
})

describe("both ends", () => {
  it.effect("where both beat and neither answers, each minds the other's silence", () =>
    Effect.gen(function* () {
      const it = yield* served({ fromClient: { ping }, fromServer: { ping } })
      yield* adjust(20_000)
      it.client.write("PING\n")
      yield* settle
      yield* adjust(30_000)
      assert.deepStrictEqual(it.lines(), ["PING", "PING"])
      yield* adjust(44_999)
      assert.isFalse(it.client.state.ended)
      yield* adjust(1)
      yield* lost(it)
      assert.deepStrictEqual(it.lines(), ["PING", "PING", "PING"])
    }).pipe(provideMemory)
  )

  it("pings and pongs are messages of their direction, and the compiler says so", () => {
    const Numbered = Protocol.make("Numbered", {
      framing: Framing.lines(),
      fromClient: Codec.utf8,
      fromServer: Codec.json(Schema.Int)
    })
    const fine = Protocol.heartbeat(Numbered, {
      fromServer: { ping: { make: () => 0, is: (n) => n === 0 } },
      fromClient: { pong: { make: (n) => n.toFixed(), is: (line) => line === "0" } }
    })
    assert.deepStrictEqual(fine.problems, [])
    Protocol.heartbeat(Numbered, {
      // @ts-expect-error: the server sends numbers
      fromServer: { ping: { make: () => "PING", is: () => true } }
    })
  })

  it.effect("a server and a client of the library keep each other for hours, without a message", () =>
    Effect.gen(function* () {
      const Lively = Protocol.heartbeat(Plain, bothPing)
      let messages = 0
      yield* Server.make(
        Lively,
        (connection) => Stream.runForEach(connection.messages, () => Effect.sync(() => messages++)),
        { deadlines: { hello: "off" } }
      )
      const client = yield* Client.connect(Lively)
      yield* adjust(5 * 3_600_000)
      assert.isTrue(yield* client.trySend("still here"))
      yield* eventually(() => messages === 1, "the message is there")
      assert.isDefined(client.stats.roundTripMillis)
      assert.strictEqual(client.stats.messagesIn, 0)
    }).pipe(provideMemory)
  )

  it.effect("L-T19: a client gives up on a silent network, and so does its server", () =>
    Effect.gen(function* () {
      const network = yield* TransportMemory.Network
      const Lively = Protocol.heartbeat(Plain, bothPing)
      const server = yield* Server.make(
        Lively,
        (connection) => Stream.run(connection.messages, connection.sink),
        { heartbeat: steady }
      )
      const client = yield* Client.connect(Lively, {
        heartbeat: { interval: "5 seconds", misses: 1, jitter: 0 }
      })
      yield* network.setStalled(true)
      yield* adjust(9999)
      assert.isTrue(yield* client.trySend("into the void"))
      yield* adjust(1)
      assert.strictEqual((yield* Effect.flip(client.send("late")))._tag, "ConnectionClosed")
      yield* adjust(80_000)
      assert.strictEqual((yield* client.closed)._tag, "HeartbeatTimeout")
      yield* eventually(() => Effect.runSync(server.connectionCount) === 0, "the server gave up too")
    }).pipe(provideMemory)
  )

  it("flip exchanges the directions of the heartbeat too", () => {
    const flipped = Protocol.flip(Protocol.heartbeat(Plain, serverPings))
    assert.strictEqual(flipped.heartbeat?.fromClient?.ping, ping)
    assert.strictEqual(flipped.heartbeat?.fromServer?.pong, pong)
    assert.deepStrictEqual(flipped.problems, [])
  })
})

describe("options", () => {
  it.effect("jitter spreads the pings of many connections over 22.5 to 27.5 seconds", () =>
    Effect.gen(function* () {
      yield* Server.make(
        Protocol.heartbeat(Plain, serverPings),
        (connection) => Stream.runDrain(connection.messages),
        {
          deadlines: noDeadlines
        }
      )
      const clients = yield* Effect.forEach(Array.from({ length: 100 }), () => rawClient)
      const pinged = () => clients.filter((client) => client.text() !== "").length
      yield* adjust(22_499)
      assert.strictEqual(pinged(), 0)
      const steps: Array<number> = []
      for (let half = 0; half < 10; half++) {
        yield* adjust(500)
        steps.push(pinged())
      }
      yield* adjust(2)
      assert.strictEqual(pinged(), 100)
      steps.forEach((count, i) => {
        assert.isBelow(count - (steps[i - 1] ?? 0), 30)
      })
    }).pipe(provideMemory, Random.withSeed("pings"))
  )

  it.effect("a schedule says how long the silences are, starts over with life, and ends the patience", () =>
    Effect.gen(function* () {
      const it = yield* served(serverPings, {
        heartbeat: {
          schedule: Schedule.exponential("1 seconds").pipe(Schedule.upTo({ times: 3 })),
          misses: 10
        }
      })
      // After 1, 2 and 4 seconds of silence.
      for (const [millis, pings] of [
        [999, 0],
        [1, 1],
        [1999, 1],
        [1, 2],
        [3999, 2],
        [1, 3]
      ] as const) {
        yield* adjust(millis)
        assert.strictEqual(it.pings(), pings)
      }
      yield* lost(it)
    }).pipe(provideMemory)
  )

  it.effect("a schedule starts over with every sign of life", () =>
    Effect.gen(function* () {
      const it = yield* served(serverPings, {
        heartbeat: { schedule: Schedule.exponential("1 seconds"), misses: 3 }
      })
      yield* adjust(3000)
      assert.strictEqual(it.pings(), 2)
      it.client.write("PONG\n")
      yield* settle
      // The silence that was running is over, and the next one counts from the pong.
      yield* adjust(4000)
      const before = it.pings()
      it.client.write("PONG\n")
      yield* adjust(10_000)
      assert.isAbove(it.pings(), before)
      yield* adjust(30_000)
      yield* lost(it)
    }).pipe(provideMemory)
  )

  it.effect("off pings nobody and minds nobody", () =>
    Effect.gen(function* () {
      const it = yield* served(serverPings, { heartbeat: "off" })
      yield* adjust(10 * 3_600_000)
      assert.deepStrictEqual(it.lines(), [])
      assert.isFalse(it.client.state.ended)
    }).pipe(provideMemory)
  )

  it.effect("a protocol without heartbeats has no options of one, but may say off", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Server.make(Plain, () => Effect.void, { heartbeat: { misses: 3 }, closeTimeout: 0 })
      )
      assert.deepStrictEqual(error._tag === "InvalidConfig" ? error.problems : error._tag, [
        { path: "heartbeat", message: "the protocol has no heartbeat messages" },
        { path: "closeTimeout", message: "must be a duration from 1ms to 1h" }
      ])
      yield* Server.make(Plain, () => Effect.void, { heartbeat: "off" })
      const client = yield* Effect.flip(Client.connect(Plain, { heartbeat: {} }))
      assert.deepStrictEqual(
        client._tag === "InvalidConfig" ? client.problems.map(({ path }) => path) : client._tag,
        ["heartbeat"]
      )
      yield* Client.connect(Plain, { heartbeat: "off" })
    }).pipe(provideMemory)
  )

  it.effect("mistakes are told with their path, in the options and in the protocol", () =>
    Effect.gen(function* () {
      const mistaken: object = {
        heartbeat: { interval: 0, misses: 0, jitter: 2, schedule: "often", every: 1 }
      }
      const Lively = Protocol.heartbeat(Plain, bothPing)
      const options = yield* Effect.flip(Server.make(Lively, () => Effect.void, mistaken))
      assert.deepStrictEqual(
        options._tag === "InvalidConfig" ? options.problems.map(({ path }) => path).sort() : options._tag,
        ["every", "interval", "jitter", "misses", "schedule"].map((name) => `heartbeat.${name}`)
      )
      const problems = (messages: HeartbeatMessages<string, string>) =>
        Protocol.heartbeat(Plain, messages).problems.map(({ path }) => path)
      assert.deepStrictEqual(problems({}), ["heartbeat"])
      assert.deepStrictEqual(problems({ fromServer: { ping, pong } }), ["heartbeat.fromServer.pong"])
      assert.deepStrictEqual(problems({ fromClient: { ping, pong } }), ["heartbeat.fromClient.pong"])
      const protocol = yield* Effect.flip(Server.make(Protocol.heartbeat(Plain, {}), () => Effect.void))
      assert.strictEqual(protocol._tag, "InvalidConfig")
    }).pipe(provideMemory)
  )
})
