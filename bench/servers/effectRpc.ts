/** Effect's RPC over its own socket server: one call an echo, as JSON lines. */
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { Effect, Layer, Schema } from "effect"
import { Rpc, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"
import { SocketServer } from "effect/socket"
import { announce } from "../lib/serverProcess.ts"

const Calls = RpcGroup.make(Rpc.make("Echo", { payload: Schema.String, success: Schema.String }))

const Announced = Layer.effectDiscard(
  Effect.map(SocketServer.SocketServer, ({ address }) => {
    if ("port" in address) announce(address.port)
  })
)

const Main = RpcServer.layer(Calls, { disableTracing: true }).pipe(
  Layer.provide(Calls.toLayer({ Echo: (text) => Effect.succeed(text) })),
  Layer.provide(RpcServer.layerProtocolSocketServer),
  Layer.merge(Announced),
  Layer.provide(RpcSerialization.layerNdjson),
  Layer.provide(NodeSocketServer.layer({ port: 0, host: "127.0.0.1", backlog: 1024, noDelay: true }))
)

Effect.runFork(Layer.launch(Main))
