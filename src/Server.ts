/**
 * Servers: a protocol and a handler, listening.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Handler } from "./Handler.ts"
import { ConnectionSet } from "./internal/connectionSet.ts"
import { drain } from "./internal/drain.ts"
import { decodeOptions, durationOption, withDefault } from "./internal/options.ts"
import { checkProtocol, connectionFields, makeShared } from "./internal/settings.ts"
import type { Protocol } from "./Protocol.ts"
import type { InvalidConfig, MessageError, TransportError } from "./SluiceError.ts"
import { type Address, formatAddress, Listener } from "./Transport.ts"

/**
 * The bounds of a connection's queue. Reaching either one makes it full.
 *
 * @category options
 * @since 0.1.0
 */
export interface QueueOptions {
  /** Messages, 1 to 1 000 000. Default 256. */
  readonly maxMessages?: number | undefined
  /** Bytes of their frames, 1 to 1 GiB. Default 1 MiB. */
  readonly maxBytes?: number | undefined
}

/**
 * How a connection lives: what servers and clients have in common.
 *
 * @category options
 * @since 0.1.0
 */
export interface ConnectionOptions<Out> {
  /**
   * Messages that wait for the handler. When full, reading stops until the handler takes some. What one read of the
   * socket held (at most 64 KiB) may stand above the mark.
   */
  readonly inbound?: QueueOptions | undefined
  /** Messages that wait for the wire. When full, `send` suspends. */
  readonly outbound?: QueueOptions | undefined
  /**
   * How long each step on the way out may take, 1 millisecond to 1 hour: a handler that goes on after its connection
   * broke, and the flush of what was sent with the wait for the peer's end. Then the connection is cut. Default 5 seconds.
   */
  readonly closeTimeout?: Duration.Input | undefined
  /**
   * What to do with a frame that is no message of the protocol: `close` the connection after what came before it,
   * `skip` it (counted), or answer with the message that a function makes of the error. Default `close`.
   */
  readonly onMessageError?: "close" | "skip" | ((error: MessageError) => Out) | undefined
}

/**
 * How a server lives.
 *
 * @category options
 * @since 0.1.0
 */
export interface ServerOptions<Out> extends ConnectionOptions<Out> {
  /**
   * How long a stop waits for handlers to finish what was read, 0 to 1 hour. Then they are interrupted.
   * Default 15 seconds.
   */
  readonly drainTimeout?: Duration.Input | undefined
  /** How long a stop then waits for the interrupted ones, 0 to 1 hour. Then they are cut. Default 5 seconds. */
  readonly killTimeout?: Duration.Input | undefined
}

const ServerSettings = Schema.Struct({
  ...connectionFields,
  drainTimeout: withDefault(durationOption(0, "1 hour"), Duration.seconds(15)),
  killTimeout: withDefault(durationOption(0, "1 hour"), Duration.seconds(5))
})

/**
 * A server that listens.
 *
 * @category services
 * @since 0.1.0
 */
export class Server extends Context.Service<
  Server,
  {
    /** Where it listens; with port 0, the port that the system chose. */
    readonly address: Address
    /** How many connections live at this moment, those on their way out included. */
    readonly connectionCount: Effect.Effect<number>
    /**
     * Stops the server as the end of its scope does: no new connections, handlers finish what was read, what they
     * sent is flushed. Returns when all connections are gone, after `drainTimeout` and `killTimeout` at the latest.
     * Stopping twice is one stop.
     */
    readonly stop: Effect.Effect<void>
  }
>()("effect-sluice/Server") {}

/**
 * Starts a server that lives as long as its scope.
 *
 * Each connection is run by `handler` in fibers of its own. A handler that fails or dies closes its own connection and
 * is logged; the server goes on. Fails where the options or the protocol cannot be, or the transport cannot listen.
 *
 * The end of the scope stops accepting, lets handlers finish what was read, flushes, closes, and returns in bounded time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: <In, Out, E, R, ServerServices, ClientServices>(
  protocol: Protocol<In, Out, ServerServices, ClientServices>,
  handler: Handler<NoInfer<In>, NoInfer<Out>, E, R>,
  options?: ServerOptions<NoInfer<Out>>
) => Effect.Effect<
  Server["Service"],
  InvalidConfig | TransportError,
  Listener | Scope.Scope | Exclude<R, Scope.Scope> | ServerServices
> = Effect.fnUntraced(function* <In, Out, E, R, ServerServices, ClientServices>(
  protocol: Protocol<In, Out, ServerServices, ClientServices>,
  handler: Handler<NoInfer<In>, NoInfer<Out>, E, R>,
  options: ServerOptions<NoInfer<Out>> = {}
) {
  yield* checkProtocol(protocol)
  const settings = yield* decodeOptions(ServerSettings, options)
  const shared = yield* makeShared({
    framing: protocol.framing,
    decoder: protocol.fromClient,
    encoder: protocol.fromServer,
    settings,
    onMessageError: options.onMessageError
  })
  const context = yield* Effect.context<Exclude<R, Scope.Scope>>()
  const connections = new ConnectionSet(shared, context, handler)

  const transport = yield* Listener
  let listening: { readonly close: Effect.Effect<void> } | undefined
  const stop = yield* Effect.cached(
    Effect.suspend(() => Effect.andThen(listening?.close ?? Effect.void, drain(connections, settings)))
  )
  yield* Effect.addFinalizer(() => stop)
  const bound = yield* transport.listen({
    onWire: (wire) => connections.open(wire),
    onError: ({ address, detail }) =>
      connections.run(Effect.logWarning(`${formatAddress(address)} did not become a connection: ${detail}`))
  })
  listening = bound
  return Server.of({ address: bound.address, connectionCount: Effect.sync(() => connections.size), stop })
})

/**
 * A server as a layer: it listens when the layer is built and stops when the layer's scope ends.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <In, Out, E, R, ServerServices, ClientServices>(
  protocol: Protocol<In, Out, ServerServices, ClientServices>,
  handler: Handler<NoInfer<In>, NoInfer<Out>, E, R>,
  options?: ServerOptions<NoInfer<Out>>
): Layer.Layer<
  Server,
  InvalidConfig | TransportError,
  Listener | Exclude<Exclude<R, Scope.Scope> | ServerServices, Scope.Scope>
> => Layer.effect(Server, make(protocol, handler, options))

/**
 * A server whose options come from the environment or any other `ConfigProvider`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = <In, Out, E, R, ServerServices, ClientServices>(
  protocol: Protocol<In, Out, ServerServices, ClientServices>,
  handler: Handler<NoInfer<In>, NoInfer<Out>, E, R>,
  options: Config.Wrap<ServerOptions<NoInfer<Out>>>
): Layer.Layer<
  Server,
  InvalidConfig | TransportError | Config.ConfigError,
  Listener | Exclude<Exclude<R, Scope.Scope> | ServerServices, Scope.Scope>
> =>
  Layer.effect(
    Server,
    Effect.flatMap(Config.unwrap(options), (unwrapped) => make(protocol, handler, unwrapped))
  )
