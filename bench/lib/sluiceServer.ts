/** A server of this library as a process under test. */
import { Effect } from "effect"
import { type Handler, type Protocol, Server, TransportNode } from "effect-sluice"
import { announce } from "./serverProcess.ts"

export const serveSluice = <In, Out, E>(
  protocol: Protocol.Protocol<In, Out>,
  handler: Handler.Handler<In, Out, E>,
  options?: Server.ServerOptions<Out>,
  /** Hears of the server before anybody connects. */
  onServer?: (server: Server.Server["Service"]) => Effect.Effect<void>
): void => {
  const main = Effect.gen(function* () {
    const server = yield* Server.make(protocol, handler, options)
    if (onServer !== undefined) yield* onServer(server)
    if ("port" in server.address) announce(server.address.port)
    return yield* Effect.never
  })
  main.pipe(
    Effect.scoped,
    Effect.provide(TransportNode.layerTcp({ port: 0 })),
    Effect.tapCause((cause) => Effect.sync(() => console.error(cause))),
    Effect.runFork
  )
}
