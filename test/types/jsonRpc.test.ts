/** What the compiler knows of methods. */
import { Context, Effect, Schema } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import type { Connection, SendError } from "../../src/Connection.ts"
import type { Handler } from "../../src/Handler.ts"
import * as JsonRpc from "../../src/JsonRpc.ts"
import type { RequestError } from "../../src/Requests.ts"
import type { ConnectionClosed } from "../../src/SluiceError.ts"

class Store extends Context.Service<Store, { readonly size: number }>()("test/Store") {}

const Shop = JsonRpc.make("Shop", {
  fromClient: {
    requests: {
      price: { params: Schema.Struct({ of: Schema.String }), result: Schema.Finite },
      raw: { params: Schema.Tuple([Schema.Finite]) },
      close: { result: Schema.Null }
    },
    notifications: { seen: { params: Schema.Struct({ at: Schema.Date }) }, bye: {} }
  },
  fromServer: { notifications: { news: { params: Schema.Tuple([Schema.String]) } } }
})

type Message = JsonRpc.JsonRpcMessage

// Never run: only its types count.
const typesOf = (connection: Connection<Message, Message>) =>
  Effect.gen(function* () {
    const calls = yield* JsonRpc.fromClient(Shop, connection)
    const back = yield* JsonRpc.fromServer(Shop, connection)

    expectTypeOf(calls.request("price", { of: "bread" })).toEqualTypeOf<
      Effect.Effect<number, JsonRpc.JsonRpcError | RequestError>
    >()
    expectTypeOf(calls.request("raw", [1])).toEqualTypeOf<
      Effect.Effect<unknown, JsonRpc.JsonRpcError | RequestError>
    >()
    expectTypeOf(calls.request("close", undefined, { timeout: "1 second" })).toEqualTypeOf<
      Effect.Effect<null, JsonRpc.JsonRpcError | RequestError>
    >()
    expectTypeOf(calls.notify("seen", { at: new Date() })).toEqualTypeOf<Effect.Effect<void, SendError>>()
    calls.notify("bye")
    back.notify("news", ["hot"])

    // @ts-expect-error there is no such method
    calls.request("prise", { of: "bread" })
    // @ts-expect-error it wants parameters
    calls.request("price")
    // @ts-expect-error it wants others
    calls.request("price", { off: "bread" })
    // @ts-expect-error a notification is no request
    calls.request("bye")
    // @ts-expect-error a request is no notification
    calls.notify("close")
    // @ts-expect-error it has no parameters
    calls.notify("bye", 1)
    // @ts-expect-error the server asks nothing
    back.request("price", { of: "bread" })
  })

describe("methods", () => {
  it("are typed by their schemas", () => {
    expectTypeOf(typesOf).parameter(0).toEqualTypeOf<Connection<Message, Message>>()
  })

  it("are answered with what they result in, and need what their answers need", () => {
    const requests = {
      price: ({ of }: { readonly of: string }) => Effect.map(Store, ({ size }) => size + of.length),
      raw: () => Effect.succeed("anything"),
      close: () => Effect.succeed(null)
    }
    const plain = JsonRpc.handler(Shop, { requests })
    expectTypeOf(plain).toEqualTypeOf<Handler<Message, Message, SendError | ConnectionClosed, Store>>()

    const noting = JsonRpc.handler(Shop, {
      requests: {
        price: ({ of }) => {
          expectTypeOf(of).toEqualTypeOf<string>()
          return Effect.succeed(1)
        },
        raw: ([n], connection) => {
          expectTypeOf(n).toEqualTypeOf<number>()
          return Effect.succeed(connection.id)
        },
        close: () => Effect.succeed(null)
      },
      notifications: { seen: ({ at }) => Effect.fail(at) }
    })
    expectTypeOf(noting).toEqualTypeOf<
      Handler<Message, Message, Date | SendError | ConnectionClosed, never>
    >()

    const client = JsonRpc.clientHandler(Shop, { requests: {} })
    expectTypeOf(client).toEqualTypeOf<Handler<Message, Message, SendError | ConnectionClosed, never>>()

    // @ts-expect-error one of them is not answered
    JsonRpc.handler(Shop, { requests: { price: requests.price, raw: requests.raw } })
    // @ts-expect-error a price is a number
    JsonRpc.handler(Shop, { requests: { ...requests, price: () => Effect.succeed("much") } })
    // @ts-expect-error it may only fail with an error of the protocol
    JsonRpc.handler(Shop, { requests: { ...requests, raw: () => Effect.fail("no") } })
  })
})
