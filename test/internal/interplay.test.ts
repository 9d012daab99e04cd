/** What one feature of a connection owes to the others. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Requests from "../../src/Requests.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { quiet, Store, settle } from "../requests/support.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"
import { Plain } from "../switching/support.ts"

const memory = Effect.provide(TransportMemory.layer())

const id = Schema.Int

/** A server that asks its clients for streams. */
const Feed = Requests.protocol(
  Protocol.tagged("Feed", {
    framing: Framing.lengthPrefixed(),
    fromClient: {
      Item: { id: 1, schema: Schema.TaggedStruct("Item", { id, index: Schema.Int }) },
      End: { id: 2, schema: Schema.TaggedStruct("End", { id }) }
    },
    fromServer: { Poll: { id: 1, schema: Schema.TaggedStruct("Poll", { id }) } }
  }),
  { id: "id", fromServer: { Poll: { each: "Item", end: "End" } } }
)

describe("a protocol that may be left", () => {
  it.effect("holds nothing of the server's memory once its messages are taken", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const seen: Array<string> = []
      const server = yield* Server.make(
        Plain,
        Handler.each((line: string) => {
          seen.push(line)
          return line === "wait" ? Deferred.await(gate) : Effect.void
        })
      )
      const client = yield* rawClient
      client.write("wait\ntwo\nthree\n")
      yield* eventually(() => Effect.runSync(server.heldBytes) === 10, "what waits is held")
      yield* Deferred.succeed(gate, undefined)
      yield* eventually(() => seen.length === 3, "all are taken")
      assert.strictEqual(yield* server.heldBytes, 0)
    }).pipe(memory)
  )

  it.effect("two who want to leave it at once, while a message is decoded, both get an answer", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const Slow = {
        ...Plain,
        fromClient: {
          ...Plain.fromClient,
          decode: (frame: Uint8Array) => Effect.andThen(Deferred.await(gate), Plain.fromClient.decode(frame))
        }
      }
      const tags: Array<string> = []
      yield* Server.make(Slow, (connection) =>
        Effect.gen(function* () {
          const taking = yield* connection.fork(Stream.runDrain(connection.messages))
          yield* Effect.yieldNow
          const leave = Effect.matchEffect(connection.switchProtocol(Store), {
            onFailure: ({ _tag }) => Effect.sync(() => tags.push(_tag)),
            onSuccess: () => Effect.sync(() => tags.push("switched"))
          })
          yield* Effect.all([leave, leave], { concurrency: 2 })
          yield* Fiber.await(taking)
        })
      )
      const client = yield* rawClient
      client.write("one\n")
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      yield* Deferred.succeed(gate, undefined)
      yield* eventually(() => tags.length === 2, "both know")
      assert.sameMembers(tags, ["switched", "InvalidConfig"])
    }).pipe(memory)
  )
})

describe("requests", () => {
  it.effect("work on a connection that has switched to their protocol, both ways", () =>
    Effect.gen(function* () {
      yield* Server.make(
        Plain,
        (plain) =>
          Effect.gen(function* () {
            yield* Stream.runDrain(Stream.take(plain.messages, 1))
            const next = yield* plain.switchProtocol(Store)
            yield* Requests.handler(Store, {
              Get: ({ key }, connection) =>
                Effect.gen(function* () {
                  const back = yield* Requests.fromServer(Store, connection)
                  const { yes } = yield* Effect.orDie(back.request({ _tag: "Ask", question: key }))
                  return { value: `${key} ${yes}` }
                }),
              List: () => Stream.empty
            })(next)
          }),
        { deadlines: quiet }
      )
      const plain = yield* Client.connect(Plain)
      yield* plain.send("SWITCH")
      const client = yield* plain.switchProtocol(Protocol.flip(Store))
      yield* client.fork(Requests.clientHandler(Store, { Ask: () => Effect.succeed({ yes: true }) })(client))
      const requests = yield* Requests.fromClient(Store, client)
      const { value } = yield* requests.request({ _tag: "Get", key: "a" })
      assert.strictEqual(value, "a true")
    }).pipe(memory)
  )

  it.effect("count the replies of a stream that nobody takes, until somebody does or leaves", () =>
    Effect.gen(function* () {
      for (const leaves of [false, true]) {
        const go = yield* Deferred.make<void>()
        const server = yield* Server.make(
          Feed,
          (connection) =>
            Effect.gen(function* () {
              const { stream } = yield* Requests.fromServer(Feed, connection)
              const taking = Stream.runForEach(stream({ _tag: "Poll" }), () => Deferred.await(go))
              yield* Effect.raceFirst(taking, leaves ? Deferred.await(go) : Effect.never)
              return yield* Effect.never
            }),
          { deadlines: quiet }
        )
        const client = yield* Client.connect(Feed)
        yield* client.fork(
          Requests.clientHandler(Feed, {
            Poll: () => Stream.range(1, 50).pipe(Stream.map((index) => ({ index })))
          })(client)
        )
        const held = () => Effect.runSync(server.heldBytes)
        yield* eventually(() => held() > 49 * 4, "they are held")
        yield* Deferred.succeed(go, undefined)
        yield* eventually(() => held() === 0, "nothing is held")
        yield* client.abort
        yield* server.kill
      }
    }).pipe(memory)
  )

  it.effect("drop a request that comes while the server stops, and still get the reply they wait for", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      let answered: boolean | undefined
      const server = yield* Server.make(
        Store,
        (connection) =>
          Effect.gen(function* () {
            const back = yield* Requests.fromServer(Store, connection)
            yield* Deferred.succeed(asked, undefined)
            const { yes } = yield* back.request({ _tag: "Ask", question: "?" })
            answered = yes
            yield* Stream.runDrain(connection.messages)
          }),
        // As many notes as the queue takes wait before the reply.
        { deadlines: quiet, inbound: { maxMessages: 2 } }
      )
      const client = yield* Client.connect(Store)
      yield* Deferred.await(asked)
      const question = yield* Effect.map(
        Stream.runCollect(Stream.take(client.messages, 1)),
        ([first]) => first
      )
      yield* client.send({ _tag: "Note", text: "one" })
      yield* client.send({ _tag: "Note", text: "two" })
      yield* settle
      const stop = yield* Effect.forkChild(server.stop, { startImmediately: true })
      yield* settle
      yield* client.send({ _tag: "Get", id: 1, key: "late" })
      yield* client.send({ _tag: "Answer", id: question?._tag === "Ask" ? question.id : 0, yes: true })
      yield* eventually(() => answered !== undefined, "the reply came")
      const { clean, forced } = yield* Fiber.join(stop)
      assert.deepStrictEqual([answered, clean, forced], [true, 1, 0])
    }).pipe(memory)
  )
})
