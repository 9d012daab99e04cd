/**
 * A chat on every core: `nc 127.0.0.1 7000` from several terminals. Who is in which process makes no difference.
 *
 * This file is the supervisor, and runs itself again in each worker. `PORT` is where it listens (7000), `PROCESSES` how
 * many workers there are (2), `BALANCE` who gets the next peer. `kill -HUP` of the supervisor replaces the workers.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer } from "effect"
import { Codec, Multicore, Shutdown, TransportNode } from "effect-sluice"
import { ChatServer, Rooms } from "./chat.ts"
import { Watch } from "./watch.ts"

const Program = Shutdown.layerForceOnSecondSignal.pipe(
  Layer.provide(ChatServer),
  Layer.provide(Multicore.layerGroups(Rooms, { codec: Codec.utf8 })),
  Layer.provide(TransportNode.layerTcpConfig({ port: Config.Int("PORT").pipe(Config.withDefault(7000)) }))
)

const settings = Config.all({
  processes: Config.Int("PROCESSES").pipe(Config.withDefault(2)),
  balance: Config.Literals(["leastConnections", "roundRobin", "sourceHash", "kernel"], "BALANCE").pipe(
    Config.withDefault("leastConnections" as const)
  )
})

const main = Effect.map(settings, ({ balance, processes }) =>
  Multicore.layer({
    processes,
    balance,
    reloadSignal: "SIGHUP",
    hangTimeout: "5 seconds",
    supervisor: Watch
  })(Program)
)

Layer.unwrap(main).pipe(Layer.launch, NodeRuntime.runMain({ teardown: Shutdown.teardown }))
