/** What the compiler knows of requests. */
import { describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Schema, type Stream } from "effect"
import type { Connection } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import type { Handler } from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Requests from "../../src/Requests.ts"
import type { ConnectionClosed } from "../../src/SluiceError.ts"
import { type FromClient, type FromServer, messages, Store } from "../requests/support.ts"
import { compiles, Key } from "./support.ts"

declare const client: Connection<FromServer, FromClient>
declare const server: Connection<FromClient, FromServer>

interface Got {
  readonly _tag: "Got"
  readonly id: number
  readonly value: string
}

interface Failed {
  readonly _tag: "Failed"
  readonly id: number
  readonly why: string
}

const base = Protocol.tagged("Store", { framing: Framing.lengthPrefixed(), ...messages })

describe("requests", () => {
  it("have the type of their reply, and of their error", () => {
    compiles(() =>
      Effect.gen(function* () {
        const requests = yield* Requests.fromClient(Store, client)
        const got = requests.request({ _tag: "Get", key: "a" })
        expectTypeOf(got).toEqualTypeOf<Effect.Effect<Got, Failed | Requests.RequestError>>()
        const list = requests.stream({ _tag: "List", count: 1 })
        expectTypeOf<Stream.Error<typeof list>>().toEqualTypeOf<Failed | Requests.RequestError>()
        expectTypeOf<Stream.Success<typeof list>>().toEqualTypeOf<{
          readonly _tag: "Item"
          readonly id: number
          readonly index: number
        }>()
        const asked = (yield* Requests.fromServer(Store, server)).request({ _tag: "Ask", question: "?" })
        expectTypeOf<Effect.Error<typeof asked>>().toEqualTypeOf<Requests.RequestError>()
      })
    )
  })

  it("are those of their side, without an id, and of their kind", () => {
    compiles(() =>
      Effect.gen(function* () {
        const requests = yield* Requests.fromClient(Store, client)
        // @ts-expect-error what the other side asks
        requests.request({ _tag: "Ask", question: "?" })
        // @ts-expect-error no request
        requests.request({ _tag: "Note", text: "" })
        // @ts-expect-error answered by a stream
        requests.request({ _tag: "List", count: 1 })
        // @ts-expect-error answered by one reply
        requests.stream({ _tag: "Get", key: "a" })
        // @ts-expect-error the library chooses the id
        requests.request({ _tag: "Get", key: "a", id: 1 })
        // @ts-expect-error the key is missing
        requests.request({ _tag: "Get" })
        // @ts-expect-error the connection of the other end
        Requests.fromClient(Store, server)
      })
    )
  })

  it("are declared of messages that there are, with the field that there is", () => {
    compiles(() => {
      // @ts-expect-error no such request
      Requests.protocol(base, { id: "id", fromClient: { Git: { reply: "Got" } } })
      // @ts-expect-error no such reply
      Requests.protocol(base, { id: "id", fromClient: { Get: { reply: "Gut" } } })
      // @ts-expect-error a message of the other direction
      Requests.protocol(base, { id: "id", fromClient: { Get: { reply: "Cancel" } } })
      // @ts-expect-error a message without the field
      Requests.protocol(base, { id: "id", fromClient: { Get: { reply: "News" } } })
      // @ts-expect-error no such field
      Requests.protocol(base, { id: "ids", fromClient: { Get: { reply: "Got" } } })
      // @ts-expect-error the cancel holds more than the id
      Requests.protocol(base, { id: "id", fromClient: { Get: { reply: "Got", cancel: "Answer" } } })
      const from = String
      // @ts-expect-error ids of this protocol are numbers
      Requests.protocol(base, { id: { field: "id", from }, fromClient: { Get: { reply: "Got" } } })
    })
  })

  it("may have ids that are no numbers, which the protocol makes", () => {
    const id = Schema.String
    const Named = Requests.protocol(
      Protocol.tagged("Named", {
        framing: Framing.lengthPrefixed(),
        fromClient: { Get: { id: 1, schema: Schema.TaggedStruct("Get", { id }) } },
        fromServer: { Got: { id: 1, schema: Schema.TaggedStruct("Got", { id }) } }
      }),
      { id: { field: "id", from: (n) => `request-${n}` }, fromClient: { Get: { reply: "Got" } } }
    )
    expectTypeOf(Named.requests.fromClient).toEqualTypeOf<{ readonly Get: { readonly reply: "Got" } }>()
  })
})

describe("answers", () => {
  it("are asked for, each, and bring what they need", () => {
    compiles(() => {
      const Get = () => Effect.succeed({ value: "" })
      const List = () => Effect.succeed({ value: "" }) as never
      const handler = Requests.handler(Store, {
        Get: () => Effect.map(Key, () => ({ value: "" })),
        List
      })
      expectTypeOf(handler).toEqualTypeOf<Handler<FromClient, FromServer, ConnectionClosed, Key>>()
      // @ts-expect-error List is missing
      Requests.handler(Store, { Get })
      // @ts-expect-error the reply has a value
      Requests.handler(Store, { Get: () => Effect.succeed({}), List })
      // @ts-expect-error the error has a why
      Requests.handler(Store, { Get: () => Effect.fail({ what: "" }), List })
      // @ts-expect-error an answer to Ask has no error
      Requests.clientHandler(Store, { Ask: () => Effect.fail({ why: "" }) })
      Requests.handler(
        Store,
        { Get, List },
        {
          otherwise: (message) => {
            expectTypeOf(message._tag).toEqualTypeOf<"Note">()
            return Effect.void
          }
        }
      )
    })
  })
})
