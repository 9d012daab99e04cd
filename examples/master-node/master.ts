/** The master. `PORT` (7000) is where it listens on this machine, `PING_EVERY` (5 seconds) how often it pings. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Duration, Effect } from "effect"
import { Shutdown, Transport, TransportNode } from "effect-sluice"
import { makeMaster } from "./registry.ts"

const program = Effect.gen(function* () {
  const pingEvery = yield* Config.Duration("PING_EVERY").pipe(Config.withDefault(Duration.seconds(5)))
  const server = yield* makeMaster({ pingEvery, say: Console.log })
  yield* Console.log(`listens on ${Transport.formatAddress(server.address)}`)
  return yield* Effect.never
})

program.pipe(
  Effect.provide(
    TransportNode.layerTcpConfig({
      host: Config.succeed("127.0.0.1"),
      port: Config.Int("PORT").pipe(Config.withDefault(7000))
    })
  ),
  Effect.scoped,
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
