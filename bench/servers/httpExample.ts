/** The server of `examples/http`, on a port of the system's choice. */
import { Effect } from "effect"
import { Server, TransportNode } from "effect-sluice"
import { http } from "../../examples/http/protocol.ts"
import { respond } from "../../examples/http/routes.ts"
import { farewell, serve } from "../../examples/http/serve.ts"
import { announce } from "../lib/serverProcess.ts"

Effect.gen(function* () {
  const { address } = yield* Server.make(http(), serve(respond), { farewell })
  if (address._tag === "Tcp") announce(address.port)
  return yield* Effect.never
}).pipe(Effect.scoped, Effect.provide(TransportNode.layerTcp({ port: 0, host: "127.0.0.1" })), Effect.runFork)
