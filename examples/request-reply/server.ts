/** Answers requests: `npx tsx examples/request-reply/client.ts colour` asks. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer, Stream } from "effect"
import { Requests, Server, Shutdown, Transport, TransportNode } from "effect-sluice"
import { Store } from "./protocol.ts"

const texts = new Map([
  ["colour", "green"],
  ["number", "seven"]
])

const StoreServer = Server.layer(
  Store,
  Requests.handler(Store, {
    Get: ({ key }) => {
      const value = texts.get(key)
      return value === undefined ? Effect.fail({ key }) : Effect.succeed({ value })
    },
    List: () => Stream.map(Stream.fromIterable(texts.keys()), (key) => ({ key }))
  })
)

const Announce = Layer.effectDiscard(
  Effect.gen(function* () {
    const { address } = yield* Server.Server
    yield* Effect.log(`store listens on ${Transport.formatAddress(address)}`)
  })
)

Announce.pipe(
  Layer.provide(StoreServer),
  Layer.provide(TransportNode.layerTcpConfig({ port: Config.Int("PORT").pipe(Config.withDefault(7000)) })),
  Layer.launch,
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
