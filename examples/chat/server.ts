/**
 * A chat with rooms: `nc 127.0.0.1 7000` or http://localhost:7002 for people, `npx tsx examples/chat/client.ts NAME` for
 * programs.
 *
 * `PORT` is where people connect by `nc` (7000), `JSON_PORT` where programs do (one above), `HTTP_PORT` where browsers do
 * (two above).
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect } from "effect"
import { Shutdown, Transport, TransportNode } from "effect-sluice"
import { JsonServer } from "./json.ts"
import { servePage } from "./page.ts"
import { Rooms } from "./rooms.ts"
import { TextServer } from "./text.ts"

const program = Effect.gen(function* () {
  const port = yield* Config.Int("PORT").pipe(Config.withDefault(7000))
  const jsonPort = yield* Config.Int("JSON_PORT").pipe(Config.withDefault(port === 0 ? 0 : port + 1))

  const httpPort = yield* Config.Int("HTTP_PORT").pipe(Config.withDefault(port === 0 ? 0 : port + 2))

  const text = yield* Effect.provide(TextServer, TransportNode.layerTcp({ port }))
  yield* Effect.log(`chat for people listens on ${Transport.formatAddress(text.address)}`)

  const json = yield* Effect.provide(JsonServer, TransportNode.layerTcp({ port: jsonPort }))
  yield* Effect.log(`chat for programs listens on ${Transport.formatAddress(json.address)}`)

  const page = yield* servePage(httpPort)
  yield* Effect.log(`chat in a browser: ${page.url}`)

  yield* Effect.forEach([text, json, page.server], Shutdown.forceOnSecondSignal)
  return yield* Effect.never
})

program.pipe(Effect.provide(Rooms.layer), Effect.scoped, NodeRuntime.runMain({ teardown: Shutdown.teardown }))
