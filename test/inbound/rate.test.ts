/** How much a peer may send, and how much of it is handled in one turn. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Codec from "../../src/Codec.ts"
import type { Connection } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
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

const texts = (count: number) => Array.from({ length: count }, (_, i) => String(i))

/** A server that writes down what it hears, and why each connection ended. */
const listening = Effect.fnUntraced(function* (inbound: Server.InboundOptions, rig: rigs.Rig = rigs.memory) {
  const heard: Array<string> = []
  const ended: Array<string> = []
  const live: Array<Connection<string, string>> = []
  const { connect, server } = yield* open(
    rig,
    Text,
    (connection) => {
      live.push(connection)
      return Stream.runForEach(connection.messages, (text) => Effect.sync(() => heard.push(text)))
    },
    { server: { inbound } }
  )
  yield* Effect.forkScoped(
    Stream.runForEach(server.events, (event) =>
      Effect.sync(() => {
        if (event._tag !== "Closed") return
        const { reason } = event
        ended.push(reason._tag === "RateExceeded" ? `${reason._tag} ${reason.limit}` : reason._tag)
      })
    ),
    { startImmediately: true }
  )
  return { connect, ended, heard, live, server }
})

const settle = Effect.promise(async () => {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve))
})

describe("inbound.rate", () => {
  it.effect("pause: reads no more until the share has caught up", () =>
    Effect.gen(function* () {
      const { connect, heard } = yield* listening({ rate: { messages: 10 } })
      const client = yield* connect
      // The burst is ten; the other twenty are paid for by two seconds.
      yield* client.sendAll(texts(30))
      yield* eventually(() => heard.length === 30, "what one read held is handled")
      yield* client.send("later")
      yield* settle
      yield* TestClock.adjust("1999 millis")
      yield* settle
      assert.strictEqual(heard.length, 30)
      yield* TestClock.adjust("1 millis")
      yield* eventually(() => heard.length === 31, "reading goes on")
      // While its share is used up the end of a peer is not seen either, and this clock stands.
      yield* TestClock.adjust("5 seconds")
    })
  )

  it.effect("pause: counts bytes, and saves up no more than the burst", () =>
    Effect.gen(function* () {
      const { connect, heard } = yield* listening({ rate: { bytes: 100, burst: "2 seconds" } })
      const client = yield* connect
      yield* TestClock.adjust("5 seconds")
      yield* client.send("x".repeat(299))
      yield* eventually(() => heard.length === 1, "the first is handled")
      yield* client.send("later")
      yield* TestClock.adjust("999 millis")
      yield* settle
      assert.strictEqual(heard.length, 1)
      yield* TestClock.adjust("1 millis")
      yield* eventually(() => heard.length === 2, "reading goes on")
      // While its share is used up the end of a peer is not seen either, and this clock stands.
      yield* TestClock.adjust("5 seconds")
    })
  )

  it.effect("pause: the end of the peer is seen, and a close does not wait for the share", () =>
    Effect.gen(function* () {
      const { connect, ended, heard, live } = yield* listening({ rate: { messages: 1 } })
      const client = yield* connect
      yield* client.sendAll(texts(1000))
      yield* eventually(() => heard.length === 1000, "they are handled")
      yield* live[0]!.close
      yield* eventually(() => ended.length === 1, "it is closed")
      assert.deepStrictEqual(ended, ["LocalClosed"])
    })
  )

  for (const rig of [rigs.memory, rigs.memoryOneByte]) {
    it.effect(`close: handles exactly what was allowed, on ${rig.name}`, () =>
      Effect.gen(function* () {
        const { connect, ended, heard } = yield* listening({ rate: { messages: 10, exceeded: "close" } }, rig)
        const client = yield* connect
        yield* client.sendAll(texts(10))
        yield* eventually(() => heard.length === 10, "the burst is handled")
        yield* TestClock.adjust("200 millis")
        yield* client.sendAll(texts(3))
        yield* eventually(() => ended.length === 1, "it is closed")
        assert.strictEqual(heard.length, 12)
        assert.deepStrictEqual(ended, ["RateExceeded messages"])
      })
    )

    it.effect(`close: decodes exactly the bytes that were allowed, on ${rig.name}`, () =>
      Effect.gen(function* () {
        const { connect, ended, heard } = yield* listening({ rate: { bytes: 10, exceeded: "close" } }, rig)
        const client = yield* connect
        yield* client.sendAll(["1234", "5678", "90"])
        yield* eventually(() => ended.length === 1, "it is closed")
        assert.deepStrictEqual(heard, ["1234", "5678"])
        assert.deepStrictEqual(ended, ["RateExceeded bytes"])
      })
    )
  }

  it.live("holds on TCP too, for one peer and not for another", () =>
    Effect.gen(function* () {
      const { connect, ended, heard } = yield* listening(
        { rate: { messages: 5, exceeded: "close" } },
        rigs.tcp
      )
      const good = yield* connect
      const bad = yield* connect
      yield* bad.sendAll(["a", "b", "c", "d", "e", "f", "g"])
      yield* eventually(() => ended.length === 1, "the bad one is closed")
      assert.deepStrictEqual(ended, ["RateExceeded messages"])
      assert.deepStrictEqual(heard, ["a", "b", "c", "d", "e"])
      yield* good.send("still here")
      yield* eventually(() => heard.length === 6, "the other one is heard")
    })
  )

  it.effect("tells what is wrong with its options", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Server.make(Text, () => Effect.void, {
          // As it comes from a program without types.
          inbound: { perTurn: 0, rate: { messages: 0, bytes: 1.5, burst: 0, exceeded: "wait" as "pause" } }
        })
      )
      assert.deepStrictEqual(
        error._tag === "InvalidConfig" &&
          Object.fromEntries(error.problems.map(({ message, path }) => [path, message])),
        {
          "inbound.perTurn": "must be a whole number from 1 to 1000000",
          "inbound.rate.messages": "must be a whole number from 1 to 1000000000",
          "inbound.rate.bytes": "must be a whole number from 1 to 1000000000000",
          "inbound.rate.burst": "must be a duration from 1ms to 1h",
          "inbound.rate.exceeded": "must be pause or close"
        }
      )
    }).pipe(Effect.provide(TransportMemory.layer()))
  )
})

describe("inbound.perTurn", () => {
  for (const rig of [rigs.memory, rigs.tcp]) {
    it.live(`lets others have their turn before the rest of a read, in order, on ${rig.name}`, () =>
      Effect.gen(function* () {
        const { connect, heard } = yield* listening({ perTurn: 10 }, rig)
        const greedy = yield* connect
        const modest = yield* connect
        yield* greedy.sendAll(texts(1000))
        yield* modest.send("me too")
        yield* eventually(() => heard.length === 1001, "all are heard")
        assert.isBelow(heard.indexOf("me too"), 900)
        assert.deepStrictEqual(
          heard.filter((text) => text !== "me too"),
          texts(1000)
        )
      })
    )
  }

  it.effect("handles what came before the end of the peer, and ends then", () =>
    Effect.gen(function* () {
      const { connect, ended, heard } = yield* listening({ perTurn: 7 })
      const client = yield* connect
      yield* client.sendAll(texts(100))
      yield* client.end
      yield* eventually(() => ended.length === 1, "it is closed")
      assert.deepStrictEqual(heard, texts(100))
      assert.deepStrictEqual(ended, ["PeerClosed"])
    })
  )
})
