/** What servers, clients and handlers ask for and fail with, as the compiler knows it. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Config, Context, Effect, type Layer, type Scope, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import type { Connection, SendError } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import type {
  ConnectionClosed,
  InvalidConfig,
  TransportError,
  VersionMismatch
} from "../../src/SluiceError.ts"
import type { Connector, Listener } from "../../src/Transport.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import {
  type Alarm,
  compiles,
  Denied,
  type Key,
  Pump,
  type Reading,
  type Seal,
  Sealed,
  Secret,
  Split,
  type Stop,
  Store,
  type StoreFull,
  Sum
} from "./support.ts"

type Services<T> = T extends Effect.Effect<infer _A, infer _E, infer R> ? R : never
type Failure<T> = T extends Effect.Effect<infer _A, infer E, infer _R> ? E : never
type HandlerError<H> = H extends Handler.Handler<infer _In, infer _Out, infer E, infer _R> ? E : never
type HandlerServices<H> = H extends Handler.Handler<infer _In, infer _Out, infer _E, infer R> ? R : never

const save = Effect.flatMap(Store, ({ save }) => save)

describe("requirements of a server", () => {
  it("are the transport and a scope, where nothing else is used", () => {
    const server = Server.make(
      Sum,
      Handler.map(() => "text")
    )
    expectTypeOf(server).toEqualTypeOf<
      Effect.Effect<Server.Server["Service"], InvalidConfig | TransportError, Listener | Scope.Scope>
    >()
    const layer = Server.layer(
      Sum,
      Handler.map(() => "text")
    )
    expectTypeOf(layer).toEqualTypeOf<Layer.Layer<Server.Server, InvalidConfig | TransportError, Listener>>()
    assert.isDefined(layer)
  })

  it("are those of the handler too", () => {
    const server = Server.make(Sum, () => save)
    expectTypeOf<Services<typeof server>>().toEqualTypeOf<Listener | Scope.Scope | Store>()
    const layer = Server.layer(Sum, () => save)
    expectTypeOf(layer).toEqualTypeOf<
      Layer.Layer<Server.Server, InvalidConfig | TransportError, Listener | Store>
    >()
  })

  it("are those of its codecs too, and not of the client's", () => {
    const server = Server.make(Sealed, () => save)
    expectTypeOf<Services<typeof server>>().toEqualTypeOf<Listener | Scope.Scope | Store | Key>()
    const layer = Server.layer(Sealed, () => Effect.void)
    expectTypeOf(layer).toEqualTypeOf<
      Layer.Layer<Server.Server, InvalidConfig | TransportError, Listener | Key>
    >()
    const flipped = Server.layer(Protocol.flip(Sealed), () => Effect.void)
    expectTypeOf(flipped).toEqualTypeOf<
      Layer.Layer<Server.Server, InvalidConfig | TransportError, Listener | Seal>
    >()
  })

  it("a handler's own scope is not asked for from outside", () => {
    const handler = () =>
      Effect.andThen(
        Effect.addFinalizer(() => Effect.void),
        save
      )
    const layer = Server.layer(Sum, handler)
    expectTypeOf(layer).toEqualTypeOf<
      Layer.Layer<Server.Server, InvalidConfig | TransportError, Listener | Store>
    >()
    const config = Server.layerConfig(Sum, handler, {
      closeTimeout: Config.succeed("1 second" as const)
    })
    expectTypeOf(config).toEqualTypeOf<
      Layer.Layer<Server.Server, InvalidConfig | TransportError | Config.ConfigError, Listener | Store>
    >()
  })

  it("errors of a handler are not errors of the server", () => {
    const server = Server.make(Sum, () => Effect.fail(new Denied()))
    expectTypeOf<Failure<typeof server>>().toEqualTypeOf<InvalidConfig | TransportError>()
  })

  it("a transport provides for it, and what is missing does not compile", () => {
    compiles(() => {
      const run = (_layer: Layer.Layer<Server.Server, InvalidConfig | TransportError>) => undefined
      const layer = Server.layer(Sealed, () => Effect.void)
      // @ts-expect-error
      run(layer)
      expectTypeOf(TransportNode.layerTcp({ port: 0 })).toExtend<Layer.Layer<Listener, InvalidConfig>>()
    })
  })
})

describe("requirements of a client", () => {
  it("are the transport and a scope, where nothing else is used", () => {
    const client = Client.connect(Sum)
    expectTypeOf(client).toEqualTypeOf<
      Effect.Effect<
        Connection<string, { readonly numbers: ReadonlyArray<number> }>,
        InvalidConfig | TransportError | VersionMismatch,
        Connector | Scope.Scope
      >
    >()
    assert.isDefined(client)
  })

  it("are those of its codecs too, and not of the server's", () => {
    const client = Client.connect(Sealed)
    expectTypeOf<Services<typeof client>>().toEqualTypeOf<Connector | Scope.Scope | Seal>()
    const flipped = Client.connect(Protocol.flip(Sealed))
    expectTypeOf<Services<typeof flipped>>().toEqualTypeOf<Connector | Scope.Scope | Key>()
  })

  it("a layer asks for no scope", () => {
    class SealedClient extends Context.Service<SealedClient, Client.Client<string, string>>()(
      "test/types/SealedClient"
    ) {}
    const layer = Client.layer(SealedClient, Sealed)
    expectTypeOf(layer).toEqualTypeOf<Layer.Layer<SealedClient, InvalidConfig, Connector | Seal>>()
    class WrongClient extends Context.Service<WrongClient, Client.Client<number, string>>()(
      "test/types/WrongClient"
    ) {}
    // @ts-expect-error
    compiles(() => Client.layer(WrongClient, Sealed))
  })

  it("a codec that needs the same service on both ends is provided on both", () => {
    const Both = Protocol.make("Both", {
      framing: Framing.lines(),
      fromClient: Codec.json(Secret),
      fromServer: Codec.json(Secret)
    })
    expectTypeOf(Both).toEqualTypeOf<Protocol.Protocol<string, string, Key | Seal, Key | Seal>>()
  })
})

describe("errors of handlers", () => {
  it("each, map and fromStream name theirs and the connection's", () => {
    const each = Handler.each((_message: string) => save)
    expectTypeOf<HandlerError<typeof each>>().toEqualTypeOf<StoreFull | ConnectionClosed>()
    expectTypeOf<HandlerServices<typeof each>>().toEqualTypeOf<Store>()

    const map = Handler.map((message: string) => message.length)
    expectTypeOf(map).toEqualTypeOf<Handler.PerMessage<string, number, SendError>>()

    const stream = Handler.fromStream((messages: Stream.Stream<string, ConnectionClosed>) =>
      Stream.mapEffect(messages, (message) => Effect.as(save, message.length))
    )
    expectTypeOf(stream).toEqualTypeOf<Handler.Handler<string, number, SendError | StoreFull, Store>>()
    assert.isFunction(stream)
  })
})

describe("route", () => {
  it("hands each route its own message, and the connection of the protocol", () => {
    const handler = Handler.route(Pump, {
      Reading: (reading, connection) => {
        expectTypeOf(reading).toEqualTypeOf<Reading>()
        return connection.send(reading)
      },
      Alarm: (alarm) => {
        expectTypeOf(alarm).toEqualTypeOf<Alarm>()
        return Effect.void
      },
      Stop: (stop) => {
        expectTypeOf(stop).toEqualTypeOf<Stop>()
        return Effect.log(stop.at.getTime())
      }
    })
    expectTypeOf(handler).toEqualTypeOf<
      Handler.PerMessage<Reading | Alarm | Stop, Reading | Alarm | Stop, SendError, never>
    >()
    assert.isFunction(handler)
  })

  it("needs a route for each tag", () => {
    compiles(() =>
      Handler.route(
        Pump,
        // @ts-expect-error
        { Reading: () => Effect.void, Alarm: () => Effect.void }
      )
    )
    // @ts-expect-error
    compiles(() => Handler.route(Pump, {}))
  })

  it("has routes for the messages of the client only", () => {
    const handler = Handler.route(Split, {
      Reading: (reading, connection) => connection.send({ _tag: "Alarm", text: `${reading.litres}` })
    })
    expectTypeOf(handler).toEqualTypeOf<Handler.PerMessage<Reading, Alarm | Stop, SendError, never>>()
    compiles(() =>
      Handler.route(Split, {
        // @ts-expect-error
        Reading: (reading, connection) => connection.send(reading)
      })
    )
  })

  it("collects errors and services of all routes and of otherwise", () => {
    const handler = Handler.route(
      Pump,
      {
        Reading: () => save,
        Alarm: () => Effect.fail(new Denied()),
        Stop: () => Effect.void
      },
      {
        otherwise: (unknown, connection) => {
          expectTypeOf(unknown).toEqualTypeOf<Protocol.UnknownMessage>()
          expectTypeOf(connection.id).toEqualTypeOf<number>()
          return Effect.flatMap(Effect.scope, () => Effect.fail("unknown" as const))
        }
      }
    )
    expectTypeOf<HandlerError<typeof handler>>().toEqualTypeOf<
      StoreFull | Denied | "unknown" | ConnectionClosed
    >()
    expectTypeOf<HandlerServices<typeof handler>>().toEqualTypeOf<Store | Scope.Scope>()
    const layer = Server.layer(Pump, handler)
    expectTypeOf(layer).toEqualTypeOf<
      Layer.Layer<Server.Server, InvalidConfig | TransportError, Listener | Store>
    >()
  })

  it("takes no route whose message is another one's", () => {
    compiles(() =>
      Handler.route(Split, {
        // @ts-expect-error
        Reading: (alarm: Alarm) => Effect.log(alarm.text)
      })
    )
  })

  it("takes no route that is no effect", () => {
    compiles(() =>
      Handler.route(Split, {
        // @ts-expect-error
        Reading: () => 1
      })
    )
  })

  it("takes no protocol without tags", () => {
    compiles(() =>
      Handler.route(
        // @ts-expect-error
        Sum,
        {}
      )
    )
  })

  it("a route that no message has does not compile", () => {
    compiles(() =>
      Handler.route(Split, {
        Reading: () => Effect.void,
        // @ts-expect-error
        Nobody: () => Effect.void
      })
    )
  })
})
