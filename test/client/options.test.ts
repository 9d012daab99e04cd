/** What a client refuses to start with, where its options come from, and what their types ask for. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Layer, type Scope } from "effect"
import * as Client from "../../src/Client.ts"
import type { InvalidConfig } from "../../src/SluiceError.ts"
import type { Connector } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { Text } from "../server/support.ts"
import { problemsOf } from "../transport/nodeSupport.ts"
import { hearingServer, settle, statusOf } from "./support.ts"

class TextClient extends Context.Service<TextClient, Client.Client<string, string>>()(
  "test/client/TextClient"
) {}

class Token extends Context.Service<Token, string>()("test/client/Token") {}

const provideMemory = Effect.provide(TransportMemory.layer())

const login = (connection: { readonly send: (message: string) => Effect.Effect<void, unknown> }) =>
  Effect.flatMap(Token, (token) => connection.send(token))

// Options as they come from a program without types.
const untyped = (options: unknown) => options as Client.PoolOptions<string, string>

describe("the options of a client", () => {
  it.effect("are refused all together, each with its path", () =>
    Effect.gen(function* () {
      const wrong = {
        reconnect: "often",
        stableAfter: "-1 seconds",
        onConnect: {},
        onConnectTimeout: 0,
        size: 0,
        timeout: "2 hours",
        whenDown: "suspend"
      }
      const pool = yield* Effect.flip(Client.pool(Text, untyped(wrong)))
      assert.deepStrictEqual(Object.fromEntries(pool.problems.map(({ message, path }) => [path, message])), {
        reconnect: "must be a Schedule",
        stableAfter: "must be a duration from 0 to 1d",
        onConnect: "must be a function from the connection to an effect",
        onConnectTimeout: "must be a duration from 1ms to 1h",
        size: "must be a whole number from 1 to 1000",
        timeout: "must be a duration from 1ms to 1h",
        whenDown: "is not an option"
      })
      for (const whenDown of ["wait", { queue: 0 }, { queue: 1, deadline: "never" }, { deadline: 5 }]) {
        const error = yield* Effect.flip(Client.make(Text, untyped({ whenDown })))
        assert.strictEqual(error._tag, "InvalidConfig")
        assert.isTrue(error.problems[0]?.path.startsWith("whenDown"))
      }
    }).pipe(provideMemory)
  )

  it.effect("of several addresses too", () =>
    Effect.gen(function* () {
      const problems = yield* problemsOf(
        TransportNode.layerTcpClient({
          port: 1,
          familyTimeout: "1 millis",
          alternatives: [{ port: 0 }, { host: "" }]
        })
      )
      assert.deepStrictEqual(
        problems.map(({ path }) => path),
        ["alternatives[0].port", "alternatives[1].host", "familyTimeout"]
      )
    })
  )

  it.effect("come from the configuration, with what only code can say beside them", () =>
    Effect.gen(function* () {
      const server = yield* hearingServer
      const live = Client.layerConfig(
        TextClient,
        Text,
        { onConnectTimeout: Config.Duration("TIMEOUT"), inbound: { maxMessages: Config.Int("MARK") } },
        { onConnect: login, whenDown: "fail" }
      )
      expectTypeOf(live).toEqualTypeOf<
        Layer.Layer<TextClient, InvalidConfig | Config.ConfigError, Connector | Token>
      >()
      yield* server.up
      yield* Effect.gen(function* () {
        const client = yield* TextClient
        yield* client.awaitUp
        yield* client.send("hello")
        yield* settle
        assert.deepStrictEqual(server.heard, ["secret", "hello"])
      }).pipe(
        Effect.provide(Layer.provide(live, Layer.succeed(Token, "secret"))),
        Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ TIMEOUT: "2 seconds", MARK: 5 })))
      )
      const missing = yield* Effect.flip(
        Effect.scoped(Layer.build(Layer.provide(live, Layer.succeed(Token, "secret"))))
      ).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ TIMEOUT: "2 seconds" }))))
      assert.strictEqual(missing._tag, "ConfigError")
    }).pipe(provideMemory)
  )

  it.effect("a layer needs what onConnect needs, but its scope, and is there before its server", () =>
    Effect.gen(function* () {
      const live = Client.layer(TextClient, Text, {
        onConnect: (connection) =>
          Effect.andThen(
            login(connection),
            Effect.addFinalizer(() => Effect.void)
          )
      })
      expectTypeOf(live).toEqualTypeOf<Layer.Layer<TextClient, InvalidConfig, Connector | Token>>()
      expectTypeOf(Client.make(Text)).toEqualTypeOf<
        Effect.Effect<Client.Client<string, string>, InvalidConfig, Connector | Scope.Scope>
      >()
      const client = yield* Effect.map(
        Layer.build(Layer.provide(live, Layer.succeed(Token, "secret"))),
        Context.get(TextClient)
      )
      assert.strictEqual(statusOf(client)._tag, "Connecting")
    }).pipe(provideMemory)
  )
})
