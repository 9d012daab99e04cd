/** What a server tells of messages after which their connection lives on. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Codec from "../../src/Codec.ts"
import { ServerEvent } from "../../src/Events.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"

const Numbers = Protocol.make("Numbers", {
  framing: Framing.lines(),
  fromClient: Codec.json(Schema.Finite),
  fromServer: Codec.json(Schema.Finite)
})

/** The same with a codec that takes its time. */
const SlowNumbers: Protocol.Protocol<number, number> = {
  ...Numbers,
  fromClient: Codec.make<number>("slow", {
    decode: (frame) => Effect.andThen(Effect.yieldNow, Numbers.fromClient.decode(frame)),
    encode: Numbers.fromClient.encode
  })
}

const provideMemory = Effect.provide(TransportMemory.layer())

/** A server, a client of it, and what was told, in short. */
const served = Effect.fnUntraced(function* (
  onMessageError: Server.ServerOptions<number>["onMessageError"],
  protocol: Protocol.Protocol<number, number> = Numbers
) {
  const told: Array<string> = []
  const server = yield* Server.make(
    protocol,
    (connection) => Stream.run(connection.messages, connection.sink),
    { onMessageError }
  )
  yield* Effect.forkScoped(
    Stream.runForEach(
      Stream.filter(server.events, (event) => event._tag !== "Listening"),
      (event) =>
        Effect.sync(() => {
          if (!ServerEvent.$is("MessageSkipped")(event)) {
            told.push(event._tag)
            return
          }
          const { error, messages, policy } = event
          told.push(
            `${policy} ${messages}, from message ${error.index}: ${Buffer.from(error.excerpt, "hex")}`
          )
        })
    ),
    { startImmediately: true }
  )
  const client = yield* rawClient
  /** Waits until the server has handled what was written. */
  const handled = Effect.gen(function* () {
    client.write("7\n")
    const before = client.text().split("7\n").length
    yield* eventually(() => client.text().split("7\n").length > before, "all before is handled")
  })
  return { client, handled, told }
})

describe("MessageSkipped", () => {
  for (const [name, protocol] of [
    ["at once", Numbers],
    ["slowly", SlowNumbers]
  ] as const) {
    it.effect(`skip, decoded ${name}: the first is told at once, a flood once a second`, () =>
      Effect.gen(function* () {
        const { client, handled, told } = yield* served("skip", protocol)
        client.write("1\nbad\n")
        yield* handled
        assert.deepStrictEqual(told, ["Opened", "skip 1, from message 1: bad"])
        for (let i = 0; i < 100; i++) client.write(`worse ${i}\n`)
        yield* handled
        yield* TestClock.adjust("999 millis")
        assert.strictEqual(told.length, 2)
        yield* TestClock.adjust("1 millis")
        yield* eventually(() => told.length === 3, "the flood is told")
        assert.strictEqual(told[2], "skip 100, from message 3: worse 0")
        // Each window that something falls into is followed by another.
        client.write("worst\n")
        yield* handled
        assert.strictEqual(told.length, 3)
        yield* TestClock.adjust("1 second")
        yield* eventually(() => told.length === 4, "and what came after it")
        yield* TestClock.adjust("1 second")
        client.write("later\n")
        yield* eventually(() => told.length === 5, "after a quiet one, at once again")
        assert.deepStrictEqual(told.slice(3), [
          "skip 1, from message 104: worst",
          "skip 1, from message 106: later"
        ])
      }).pipe(provideMemory)
    )
  }

  it.effect("reply: is told the same way, and none is left untold when the connection closes", () =>
    Effect.gen(function* () {
      const { client, told } = yield* served((error) => -error.index)
      client.write("1\nbad\nworse\nworst\n")
      yield* eventually(() => client.text() === "1\n-1\n-2\n-3\n", "all are answered")
      assert.deepStrictEqual(told, ["Opened", "reply 1, from message 1: bad"])
      client.wire.end()
      yield* eventually(() => told.length === 4, "the connection is closed")
      assert.deepStrictEqual(told.slice(2), ["reply 2, from message 2: worse", "Closed"])
    }).pipe(provideMemory)
  )

  it.effect("close: is told as MessageError, once", () =>
    Effect.gen(function* () {
      const { client, told } = yield* served("close")
      client.write("1\nbad\nworse\n")
      yield* eventually(() => client.state.ended, "it closes")
      client.wire.end()
      yield* eventually(() => told.length === 3, "the connection is closed")
      assert.deepStrictEqual(told, ["Opened", "MessageError", "Closed"])
    }).pipe(provideMemory)
  )
})
