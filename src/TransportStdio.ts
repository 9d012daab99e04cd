/**
 * Standard input and output: a server that speaks on its own, as language servers do, and a client that starts a program
 * and speaks on the program's.
 *
 * What a program prints by the way goes to the same output as what it sends, and breaks the protocol. So a server writes
 * its logs to standard error: {@link serve} does, and elsewhere `Logger.LogToStderr` says so.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import type { CloseReason } from "./CloseReason.ts"
import type { Connection } from "./Connection.ts"
import type { Handler } from "./Handler.ts"
import { commandConnector } from "./internal/node/commandConnect.ts"
import { CommandSettings } from "./internal/node/commandOptions.ts"
import { stdioListener } from "./internal/node/stdioListen.ts"
import { decodeOptions } from "./internal/options.ts"
import type { Protocol } from "./Protocol.ts"
import * as Server from "./Server.ts"
import type { InvalidConfig, TransportError } from "./SluiceError.ts"
import { Connector, Listener } from "./Transport.ts"

/**
 * How a process ended: by itself with a code, or by a signal.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessExit {
  readonly code: number | undefined
  /** `SIGTERM`. */
  readonly signal: string | undefined
}

/**
 * Which program to start, and how to live with it.
 *
 * @category options
 * @since 0.1.0
 */
export interface CommandOptions {
  /** The name of a program, looked for in `PATH`, or its path. No shell reads it. */
  readonly command: string
  /** Default: none. */
  readonly args?: ReadonlyArray<string> | undefined
  /** The directory to start it in. Default: that of this process. */
  readonly cwd?: string | undefined
  /** Variables of its environment, above those that it inherits. Default: none. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Whether it inherits the environment of this process. Default true. */
  readonly inheritEnv?: boolean | undefined
  /** How long it has after SIGTERM, 0 to 1 hour; then SIGKILL. Default 2 seconds. */
  readonly killTimeout?: Duration.Input | undefined
  /**
   * Gets the lines of its standard error, one after the other; of each at most 8192 characters. While 256 wait nothing
   * more is read from there, which may hold the program up. Default: logs them at level `Debug`.
   */
  readonly onStderr?: ((line: string) => Effect.Effect<void>) | undefined
  /** Told when the process has ended, whoever ended it. */
  readonly onExit?: ((exit: ProcessExit) => Effect.Effect<void>) | undefined
}

/**
 * Standard input and output of this process, for one server. Its one peer is whoever is at the other end, and is there
 * from the start; its address is `Stdio`. The end of the input is the end of the peer's side.
 *
 * Standard output cannot be closed: `end` and `close` flush it, and the peer sees the end when the process exits. A layer
 * goes on when its peer is gone; {@link serve} returns.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Listener> = Layer.succeed(Listener, stdioListener)

/**
 * Serves standard input and output until the peer is gone, and returns why it is. Logs go to standard error meanwhile.
 *
 * Interruption stops the server, as the end of a server's scope does; afterwards let the process exit.
 *
 * **Example** (Lines in, lines out)
 *
 * ```ts
 * import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
 * import { Codec, Framing, Handler, Protocol, TransportStdio } from "effect-sluice"
 *
 * const Shout = Protocol.make("Shout", { framing: Framing.lines(), fromClient: Codec.utf8, fromServer: Codec.utf8 })
 *
 * NodeRuntime.runMain(TransportStdio.serve(Shout, Handler.map((line) => line.toUpperCase())))
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const serve = <In, Out, E, R, ServerServices, ClientServices>(
  protocol: Protocol<In, Out, ServerServices, ClientServices>,
  handler: Handler<NoInfer<In>, NoInfer<Out>, E, R>,
  options?: NoInfer<Server.ServerOptions<Out>>
): Effect.Effect<
  CloseReason,
  InvalidConfig | TransportError,
  Exclude<Exclude<R, Scope.Scope> | ServerServices, Scope.Scope>
> =>
  Effect.gen(function* () {
    const opened = yield* Deferred.make<Connection<In, Out>>()
    yield* Server.make(
      protocol,
      (connection) => Effect.andThen(Deferred.succeed(opened, connection), handler(connection)),
      options
    )
    const connection = yield* Deferred.await(opened)
    return yield* connection.closed
  }).pipe(Effect.scoped, Effect.provide(layer), Effect.provideService(Logger.LogToStderr, true))

/**
 * Starts a program for each connection, and speaks on its standard input and output. The address of the peer is
 * `Process`, with its number.
 *
 * The connection owns the process. When it ends here, by `close` or with its scope, what was sent is flushed and the
 * input ends, on which well-behaved programs exit; one that has not within the client's `closeTimeout` gets SIGTERM, and
 * after `killTimeout` SIGKILL. `abort` kills it at once. Processes that it started itself are its own business.
 *
 * A program that exits with code 0 has closed in good order, with `PeerClosed`. Another code or a signal is `PeerReset`,
 * with `exit code 3` or `signal SIGKILL` as its detail. Output from before the exit is read in either case. A program
 * that there is not fails to connect with `CommandNotFound`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerCommand = (options: CommandOptions): Layer.Layer<Connector, InvalidConfig> =>
  Layer.effect(
    Connector,
    Effect.map(decodeOptions(CommandSettings, options), (settings) => commandConnector(settings, options))
  )
