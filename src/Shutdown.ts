/**
 * Shutdown: how a program on Node or Bun ends by a signal.
 *
 * `NodeRuntime.runMain` interrupts the program at the first SIGINT or SIGTERM, and so its servers drain. Two things it
 * leaves to the program: that an exit in good order has code 0 ({@link teardown}), and what a second signal means,
 * which it ignores ({@link layerForceOnSecondSignal}).
 *
 * **Example** (Drain at the first signal, exit at once at the second)
 *
 * ```ts
 * import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
 * import { Codec, Framing, Handler, Protocol, Server, Shutdown, TransportNode } from "effect-sluice"
 * import { Layer } from "effect"
 *
 * const Echo = Protocol.make("Echo", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 *
 * export const main = Shutdown.layerForceOnSecondSignal.pipe(
 *   Layer.provide(Server.layer(Echo, Handler.map((line) => line))),
 *   Layer.provide(TransportNode.layerTcp({ port: 7000 })),
 *   Layer.launch
 * )
 *
 * export const start = () => NodeRuntime.runMain(main, { teardown: Shutdown.teardown })
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import { Server } from "./Server.ts"

/**
 * For `runMain`: a program that a signal stopped in good order has succeeded, so its exit code is 0, where Effect's
 * own is 130. Any other end has the code that Effect gives it.
 *
 * @category running
 * @since 0.1.0
 */
export const teardown: Runtime.Teardown = (exit, onExit) =>
  Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
    ? onExit(0)
    : Runtime.defaultTeardown(exit, onExit)

/**
 * Kills a server at the second SIGINT or SIGTERM that the process gets from now on, in any combination: every wait of
 * its drain is cut short, and so is every connection that is left. Returns at once, and lets go of the signals when
 * the server has stopped. The first signal does nothing here, and listening keeps Node from ending the process by it:
 * run the program by `runMain`.
 *
 * @category running
 * @since 0.1.0
 */
export const forceOnSecondSignal = (server: Server["Service"]): Effect.Effect<void> =>
  Effect.sync(() => {
    let signals = 0
    const onSignal = () => {
      if (++signals === 2) Effect.runFork(server.kill)
    }
    process.on("SIGINT", onSignal)
    process.on("SIGTERM", onSignal)
    const release = Effect.sync(() => {
      process.off("SIGINT", onSignal)
      process.off("SIGTERM", onSignal)
    })
    Effect.runFork(Effect.andThen(server.stopped, release))
  })

/**
 * {@link forceOnSecondSignal} as a layer.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerForceOnSecondSignal: Layer.Layer<never, never, Server> = Layer.effectDiscard(
  Effect.flatMap(Server, forceOnSecondSignal)
)
