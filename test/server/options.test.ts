/** What a server or client refuses to start with, and how it says so. */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Layer, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import type { ConnectionClosed, InvalidConfig } from "../../src/SluiceError.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { connectorOf, temporaryDirectory } from "../transport/rigs.ts"
import { portOf, Text } from "./support.ts"

const provideMemory = Effect.provide(TransportMemory.layer())

const echo = Handler.fromStream((messages: Stream.Stream<string, ConnectionClosed>) => messages)

class TextClient extends Context.Service<TextClient, Client.Client<string, string>>()("test/TextClient") {}

/** What was wrong, by path. */
const problems = <A, R>(effect: Effect.Effect<A, { readonly _tag: string }, R>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.strictEqual(error._tag, "InvalidConfig")
    // The assertion above is the proof.
    return Object.fromEntries((error as InvalidConfig).problems.map(({ message, path }) => [path, message]))
  })

// Options as they come from a program without types, or from a file.
const untyped = (options: unknown) => options as Server.ServerOptions<string>

describe("options", () => {
  it.effect("a server tells all that is wrong at once, each with its path", () =>
    Effect.gen(function* () {
      const wrong = {
        inbound: { maxMessages: 0, maxBytes: 2 ** 31 },
        outbound: { maxMessages: -1, window: 3 },
        closeTimeout: 0,
        drainTimeout: "-1 seconds",
        killTimeout: "a while",
        onMessageError: "explode",
        memory: { maxBytes: 1000, shed: "all" },
        timeout: 5
      }
      assert.deepStrictEqual(yield* problems(Server.make(Text, echo, untyped(wrong))), {
        "inbound.maxMessages": "must be a whole number from 1 to 1000000",
        "inbound.maxBytes": "must be a whole number from 1 to 1073741824",
        "outbound.maxMessages": "must be a whole number from 1 to 1000000",
        "outbound.window": "is not an option",
        closeTimeout: "must be a duration from 1ms to 1h",
        drainTimeout: "must be a duration from 0 to 1h",
        killTimeout: "must be a duration from 0 to 1h",
        onMessageError: "must be close, skip, or a function from the error to a reply",
        "memory.maxBytes": "must be a whole number from 1024 to 1099511627776",
        "memory.shed": "is not an option",
        timeout: "is not an option"
      })
    }).pipe(provideMemory)
  )

  it.effect("a client tells all that is wrong at once, and knows no options of a server", () =>
    Effect.gen(function* () {
      const wrong = { inbound: { maxBytes: 0 }, closeTimeout: "2 hours", drainTimeout: 0 }
      assert.deepStrictEqual(Object.keys(yield* problems(Client.connect(Text, untyped(wrong)))).sort(), [
        "closeTimeout",
        "drainTimeout",
        "inbound.maxBytes"
      ])
    }).pipe(provideMemory)
  )

  it.effect("takes the least and the most there may be, and undefined for what is left out", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(
        Server.make(Text, echo, {
          inbound: { maxMessages: 1, maxBytes: 1 },
          outbound: { maxMessages: 1_000_000, maxBytes: 2 ** 30 },
          closeTimeout: 1,
          drainTimeout: 0,
          killTimeout: 0
        })
      )
      yield* Effect.scoped(
        Server.make(Text, echo, {
          inbound: undefined,
          outbound: { maxMessages: undefined, maxBytes: undefined },
          closeTimeout: "1 hour",
          drainTimeout: undefined,
          killTimeout: "1 hour",
          onMessageError: undefined
        })
      )
    }).pipe(provideMemory)
  )

  it.effect("a protocol that cannot work is refused by either end, with what is wrong in it", () =>
    Effect.gen(function* () {
      const Broken = Protocol.make("Broken", {
        framing: Framing.lines({ maxLength: 0 }),
        fromClient: Codec.utf8,
        fromServer: Codec.utf8
      })
      const expected = ["protocol.framing.maxLength"]
      assert.deepStrictEqual(Object.keys(yield* problems(Server.make(Broken, echo))), expected)
      assert.deepStrictEqual(Object.keys(yield* problems(Client.connect(Broken))), expected)
      // Nothing listens after a refusal.
      assert.propertyVal(yield* Effect.flip(Client.connect(Text)), "kind", "ConnectionRefused")
    }).pipe(provideMemory)
  )
})

describe("layers", () => {
  it.effect("the protocol's problems and the options' are told together", () =>
    Effect.gen(function* () {
      const Broken = Protocol.make("Broken", {
        framing: Framing.lines({ maxLength: 0 }),
        fromClient: Codec.utf8,
        fromServer: Codec.utf8
      })
      const error = yield* Effect.flip(
        Server.make(Broken, () => Effect.void, { inbound: { maxMessages: 1.5 }, closeTimeout: "2 days" })
      )
      assert.deepStrictEqual(
        error._tag === "InvalidConfig" ? error.problems.map(({ path }) => path) : error,
        ["protocol.framing.maxLength", "inbound.maxMessages", "closeTimeout"]
      )
    }).pipe(Effect.provide(TransportMemory.layer()))
  )

  it.effect("Server.layer listens with its scope; Client.layer is a service of one's own", () =>
    Effect.gen(function* () {
      const name = yield* Effect.gen(function* () {
        const client = yield* TextClient
        yield* client.send("through layers")
        const [first] = yield* Stream.runCollect(Stream.take(client.messages, 1))
        assert.strictEqual(first, "through layers")
        const { address, connectionCount } = yield* Server.Server
        assert.strictEqual(yield* connectionCount, 1)
        return address
      }).pipe(Effect.provide(Layer.provideMerge(Client.layer(TextClient, Text), Server.layer(Text, echo))))
      assert.deepStrictEqual(name, { _tag: "Memory", name: "network" })
      assert.propertyVal(yield* Effect.flip(Client.connect(Text)), "kind", "ConnectionRefused")
    }).pipe(provideMemory)
  )

  const options = {
    drainTimeout: Config.Duration("DRAIN_TIMEOUT"),
    inbound: { maxMessages: Config.Int("MAX_MESSAGES").pipe(Config.withDefault(7)) }
  }

  const withEnv = (env: Record<string, string>) =>
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))

  it.effect("Server.layerConfig takes its options from the configuration", () =>
    Effect.gen(function* () {
      const { address } = yield* Server.Server
      assert.strictEqual(address._tag, "Memory")
    }).pipe(
      Effect.provide(Server.layerConfig(Text, echo, options)),
      provideMemory,
      withEnv({ DRAIN_TIMEOUT: "3 seconds" })
    )
  )

  it.effect("Server.layerConfig fails with what is missing, and with what cannot be", () =>
    Effect.gen(function* () {
      const build = Effect.scoped(Layer.build(Server.layerConfig(Text, echo, options)))
      const missing = yield* Effect.flip(build.pipe(withEnv({})))
      assert.strictEqual(missing._tag, "ConfigError")
      assert.match(String(missing), /DRAIN_TIMEOUT/)
      const wrong = { DRAIN_TIMEOUT: "2 hours", MAX_MESSAGES: "0" }
      assert.deepStrictEqual(Object.keys(yield* problems(build.pipe(withEnv(wrong)))).sort(), [
        "drainTimeout",
        "inbound.maxMessages"
      ])
    }).pipe(provideMemory)
  )
})

describe("what a transport refuses", () => {
  it.live("L-A28, L-A29: a port in use is AddressInUse, and names it; freed, it is there again", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const first = yield* Server.make(Text, echo).pipe(
            Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 }))
          )
          const port = portOf(first.address)
          const again = Server.make(Text, echo).pipe(
            Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port }))
          )
          const error = yield* Effect.flip(again)
          assert.propertyVal(error, "_tag", "TransportError")
          assert.propertyVal(error, "kind", "AddressInUse")
          assert.include(error.message, `127.0.0.1:${port}`)
          yield* first.stop
          assert.strictEqual(portOf((yield* again).address), port)
        })
      )
    })
  )

  it.live("a host that is not ours and a certificate that cannot be read are typed errors", () =>
    Effect.gen(function* () {
      const foreign = Server.make(Text, echo).pipe(
        Effect.provide(TransportNode.layerTcp({ host: "192.0.2.1", port: 0 }))
      )
      assert.propertyVal(yield* Effect.flip(Effect.scoped(foreign)), "kind", "AddressNotAvailable")
      const directory = yield* temporaryDirectory
      const missing = Server.make(Text, echo).pipe(
        Effect.provide(
          TransportNode.layerTls({
            port: 0,
            tls: { certificateFile: `${directory}/none.pem`, keyFile: `${directory}/none.key` }
          })
        )
      )
      const error = yield* Effect.flip(Effect.scoped(missing))
      assert.propertyVal(error, "kind", "UnreadableFile")
      assert.include(error.message, "none.")
    })
  )

  it.live("L-C1: a refused connection is ConnectionRefused, and names the address", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Text, echo).pipe(
        Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 }))
      )
      const port = portOf(server.address)
      yield* server.stop
      const connector = yield* connectorOf(TransportNode.layerTcpClient({ port }))
      const error = yield* Effect.flip(connector.connect)
      assert.propertyVal(error, "kind", "ConnectionRefused")
      assert.include(error.message, `127.0.0.1:${port}`)
    })
  )
})
