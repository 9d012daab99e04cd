/** A node. `NAME` says which, `PORT` (7000) where the master is, `SILENCE` (10 seconds) how long it may say nothing. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Duration, Effect } from "effect"
import { Shutdown, TransportNode } from "effect-sluice"
import { runNode } from "./member.ts"

const program = Effect.gen(function* () {
  const name = yield* Config.NonEmptyString("NAME")
  const silence = yield* Config.Duration("SILENCE").pipe(Config.withDefault(Duration.seconds(10)))
  yield* runNode({ name, silence, say: Console.log })
})

program.pipe(
  Effect.provide(
    TransportNode.layerTcpClientConfig({ port: Config.Int("PORT").pipe(Config.withDefault(7000)) })
  ),
  Effect.scoped,
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
