/** Requests whose codecs need services, and take their time. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Schema, SchemaGetter } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Requests from "../../src/Requests.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"

/** What travels has a mark, which each end knows, and may have to wait for. */
class Mark extends Context.Service<Mark, { readonly mark: Effect.Effect<string> }>()("test/Mark") {}

const Marked = Schema.String.pipe(
  Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transformEffect((text: string) =>
      Effect.gen(function* () {
        return text.slice((yield* (yield* Mark).mark).length)
      })
    ),
    encode: SchemaGetter.transformEffect((text: string) =>
      Effect.gen(function* () {
        return `${yield* (yield* Mark).mark}${text}`
      })
    )
  })
)

const id = Schema.Int
const Echo = Requests.protocol(
  Protocol.tagged("Echo", {
    framing: Framing.lengthPrefixed(),
    fromClient: {
      Ask: { id: 1, schema: Schema.TaggedStruct("Ask", { id, text: Marked }) },
      Cancel: { id: 2, schema: Schema.TaggedStruct("Cancel", { id }) }
    },
    fromServer: { Answer: { id: 1, schema: Schema.TaggedStruct("Answer", { id, text: Marked }) } }
  }),
  { id: "id", fromClient: { Ask: { reply: "Answer", cancel: "Cancel" } } }
)

const now = { startImmediately: true } as const

const provided = (mark: Effect.Effect<string>) => Effect.provideService(Mark, { mark })

describe("requests with codecs that need services", () => {
  it.effect("have those that each end was made with", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      yield* Server.make(
        Echo,
        Requests.handler(Echo, {
          Ask: ({ text }) => {
            heard.push(text)
            return Effect.succeed({ text })
          }
        })
      ).pipe(provided(Effect.succeed("[server]")))
      const client = yield* Client.make(Echo).pipe(
        provided(Effect.andThen(Effect.yieldNow, Effect.succeed("[client]")))
      )
      const texts = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, index) => `${index}-`.repeat(8)),
        (text) =>
          client.use((connection) =>
            Effect.flatMap(Requests.fromClient(Echo, connection), (requests) =>
              Effect.map(requests.request({ _tag: "Ask", text }), (reply) => [text, reply.text])
            )
          ),
        { concurrency: "unbounded" }
      )
      // Both marks are as long as each other: what arrives is the text.
      for (const [text, reply] of texts) assert.strictEqual(reply, text)
      assert.strictEqual(heard.length, 20)
    }).pipe(Effect.provide(TransportMemory.layer()))
  )

  it.effect("time out while they are encoded, and were never sent then", () =>
    Effect.gen(function* () {
      let asked = 0
      yield* Server.make(
        Echo,
        Requests.handler(Echo, { Ask: ({ text }) => Effect.sync(() => ({ text: `${text}${asked++}` })) })
      ).pipe(provided(Effect.succeed("")))
      const gate = yield* Deferred.make<string>()
      const connection = yield* Client.connect(Echo).pipe(provided(Deferred.await(gate)))
      const requests = yield* Requests.fromClient(Echo, connection, { timeout: "1 second" })
      const late = yield* Effect.forkChild(Effect.flip(requests.request({ _tag: "Ask", text: "a" })), now)
      const left = yield* Effect.forkChild(requests.request({ _tag: "Ask", text: "b" }), now)
      yield* Fiber.interrupt(left)
      assert.strictEqual(requests.stats.inFlight, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(late))._tag, "RequestTimeout")
      assert.strictEqual(requests.stats.inFlight, 0)
      yield* Deferred.succeed(gate, "")
      assert.strictEqual((yield* requests.request({ _tag: "Ask", text: "c" })).text, "c0")
    }).pipe(Effect.provide(TransportMemory.layer()))
  )
})
