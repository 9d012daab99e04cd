/** What a tracer sees of handlers whose messages are handled without a turn of their fiber. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Tracer } from "effect"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"

const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const echo = Handler.each(Text, (line, connection) =>
  Effect.withSpan(
    Effect.flatMap(
      Effect.sync(() => line),
      connection.send
    ),
    `line ${line}`
  )
)

/** Serves two lines, one after the other, under a tracer. */
const served = (tracer: Tracer.Tracer) =>
  Effect.gen(function* () {
    yield* Server.make(Text, echo)
    const client = yield* rawClient
    for (const line of ["one", "two"]) {
      client.write(`${line}\n`)
      yield* eventually(() => client.text().endsWith(`${line}\n`), "is answered")
    }
  }).pipe(Effect.provide(TransportMemory.layer()), Effect.provideService(Tracer.Tracer, tracer))

describe("a tracer", () => {
  const spans: Array<Tracer.NativeSpan> = []
  const span: Tracer.Tracer["span"] = (options) => {
    const made = new Tracer.NativeSpan(options)
    spans.push(made)
    return made
  }
  const ofLines = () => spans.filter(({ name }) => name.startsWith("line"))

  it.effect("has a span for each message, and its end", () =>
    Effect.gen(function* () {
      spans.length = 0
      yield* served(Tracer.make({ span }))
      assert.deepStrictEqual(
        ofLines().map(({ name, status }) => [name, status._tag]),
        [
          ["line one", "Ended"],
          ["line two", "Ended"]
        ]
      )
    })
  )

  it.effect("that wants to run each step runs those of each message within its span", () =>
    Effect.gen(function* () {
      spans.length = 0
      const within = new Map<string, number>()
      yield* served(
        Tracer.make({
          span,
          context: (primitive, fiber) => {
            const { span: parent } = fiber.cache
            const name = parent?._tag === "Span" ? parent.name : "none"
            within.set(name, (within.get(name) ?? 0) + 1)
            return primitive["~effect/Effect/evaluate"](fiber)
          }
        })
      )
      assert.isAbove(within.get("line one") ?? 0, 1)
      assert.strictEqual(within.get("line one"), within.get("line two"))
    })
  )
})
