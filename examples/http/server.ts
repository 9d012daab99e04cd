/** A web server: `curl -v http://127.0.0.1:8080/`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer } from "effect"
import { Server, Shutdown, Transport, TransportNode } from "effect-sluice"
import { http } from "./protocol.ts"
import { respond } from "./routes.ts"
import { farewell, serve } from "./serve.ts"

const HttpServer = Server.layer(http(), serve(respond), { farewell })

const Announce = Layer.effectDiscard(
  Effect.gen(function* () {
    const { address } = yield* Server.Server
    yield* Effect.log(`http listens on ${Transport.formatAddress(address)}`)
  })
)

Announce.pipe(
  Layer.provideMerge(Shutdown.layerForceOnSecondSignal),
  Layer.provide(HttpServer),
  Layer.provide(TransportNode.layerTcpConfig({ port: Config.Int("PORT").pipe(Config.withDefault(8080)) })),
  Layer.launch,
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
