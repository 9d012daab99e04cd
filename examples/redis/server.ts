/**
 * A subset of Redis, in memory: `redis-cli -p 7000`.
 *
 * `APPENDONLY=path` keeps what changes in a file, and `APPENDFSYNC` says how safely: `always`, `everysec` (default), `no`.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Deferred, Effect, Option } from "effect"
import { Shutdown, Transport, TransportNode } from "effect-sluice"
import { make } from "./redis.ts"

const program = Effect.gen(function* () {
  const path = yield* Config.option(Config.String("APPENDONLY"))
  const policy = yield* Config.Literals(["always", "everysec", "no"], "APPENDFSYNC").pipe(
    Config.withDefault("everysec")
  )
  const { file, server } = yield* make({
    file: Option.isSome(path) ? { path: path.value, policy } : undefined
  })
  yield* Effect.log(`redis listens on ${Transport.formatAddress(server.address)}`)
  yield* Shutdown.forceOnSecondSignal(server)
  // A file that cannot be written is the end: no answer would hold.
  return yield* file === undefined ? Effect.never : Deferred.await(file.failed)
})

program.pipe(
  Effect.provide(TransportNode.layerTcpConfig({ port: Config.Int("PORT").pipe(Config.withDefault(7000)) })),
  Effect.provide(NodeFileSystem.layer),
  Effect.scoped,
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
