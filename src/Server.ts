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
import type * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { AdmissionOptions, Limits } from "./Admission.ts"
import type { Connection, Farewell, IdleHandler } from "./Connection.ts"
import type { Connections } from "./Connections.ts"
import type { DeadlineOptions } from "./Deadlines.ts"
import type { DrainReport, ServerEvent, ServerStatus } from "./Events.ts"
import type { Handler } from "./Handler.ts"
import type { HeartbeatOptions } from "./Heartbeat.ts"
import { admissionSettings, limitsOf } from "./internal/admissionSettings.ts"
import { carriedBy } from "./internal/datagram/carriedBy.ts"
import { serverDeadlines } from "./internal/deadlineSettings.ts"
import { farewellOf, farewellSetting, goodbyeOf } from "./internal/lastWords.ts"
import { MemoryBudget, memorySettings } from "./internal/memoryBudget.ts"
import { durationOption, integerOption, withDefault } from "./internal/options.ts"
import { enterDirectory } from "./internal/serverDirectory.ts"
import { ServerLife } from "./internal/serverLife.ts"
import { connectionFields, decodeSettings, makeShared } from "./internal/settings.ts"
import type { Policy } from "./Outbound.ts"
import type { Protocol } from "./Protocol.ts"
import type { InvalidConfig, MessageError, TransportError } from "./SluiceError.ts"
import { type Address, Listener } from "./Transport.ts"

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
 * How much a peer may send in a second: messages, bytes, or both. What it does not use is saved up for `burst`.
 *
 * @category options
 * @since 0.1.0
 */
export interface RateOptions {
  /** Frames a second, those that are pings or no messages included, 1 to 1 000 000 000. Default: any number. */
  readonly messages?: number | undefined
  /** Bytes a second, as they come from the transport, 1 to 1 000 000 000 000. Default: any number. */
  readonly bytes?: number | undefined
  /**
   * So long a silence is saved up for what comes at once after it, 1 millisecond to 1 hour; at least one message and
   * one byte. Default 1 second.
   */
  readonly burst?: Duration.Input | undefined
  /**
   * What to do with a peer that sends more. `pause` stops reading until its share has caught up; what one read held
   * (at most 64 KiB) is handled at once and paid for afterwards; the peer's end is seen afterwards too. `close` handles exactly what was allowed, then the
   * connection breaks with `RateExceeded`. Default `pause`.
   */
  readonly exceeded?: "pause" | "close" | undefined
}

/**
 * The bounds of what waits for the handler, and how fast a peer may fill them.
 *
 * @category options
 * @since 0.1.0
 */
export interface InboundOptions extends QueueOptions {
  /** How much a peer may send. Default: as much as is taken. */
  readonly rate?: RateOptions | undefined
  /**
   * Messages of one peer that are handled before others have their turn, 1 to 1 000 000. Those that came in the same
   * read wait for a later turn of the scheduler, and nothing is read from that peer meanwhile. Default 1024.
   */
  readonly perTurn?: number | undefined
}

/**
 * The bounds of what waits for a peer, and what becomes of a message beyond them.
 *
 * @category options
 * @since 0.1.0
 */
export interface OutboundOptions<in Message> extends QueueOptions {
  /** For a message that finds the queue full, see `Outbound`. Default `Outbound.suspend`. */
  readonly policy?: Policy<Message> | undefined
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
  readonly inbound?: InboundOptions | undefined
  /** Messages that wait for the wire. When full, `send` suspends, or does what `policy` says. */
  readonly outbound?: OutboundOptions<Out> | undefined
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
  /** How long a peer may take for what it owes. On by default, on servers. */
  readonly deadlines?: DeadlineOptions | undefined
  /**
   * What to do when `readIdle`, `writeIdle` or `allIdle` passes: `close` the connection, or run an effect, again each
   * time that it passes, with the connection left open. Default `close`.
   */
  readonly onIdle?: "close" | IdleHandler<Out> | undefined
  /**
   * When to ping and when to give up, for a protocol that has pings; see `Protocol.heartbeat`. `off` sends none and
   * minds none, but still answers the peer's, and is all that may be said where the protocol has none. Default: pings
   * after 25 seconds of silence, gives up on the third.
   */
  readonly heartbeat?: HeartbeatOptions | "off" | undefined
}

/**
 * How much the connections of a server may hold together.
 *
 * What counts is what stays with the server beyond the turn in which it came: the bytes of unfinished frames, of
 * frames that wait for their turn or for a codec, of messages that wait for their handler, and of output for peers
 * that take no more, in the queue and in the transport. What a handler has taken is its own business, and what a
 * message is worth as an object is not known here; its frame's bytes count.
 *
 * The sum is looked at after each turn in which it has grown. It may be too low by what comes and leaves within one
 * turn, and by what a transport takes before it says that it has enough (at most 64 KiB a connection on Node).
 *
 * While it is above the budget, the connection that holds the most is closed, then the next, until it is not. Such a
 * connection ends with `MemoryExceeded`: it is reset, its handler is interrupted, and what it held is given up at
 * once, for nothing else would free it; one that was ending already keeps its reason. All others lose nothing.
 *
 * @category options
 * @since 0.1.0
 */
export interface MemoryOptions {
  /** The budget in bytes, 1 KiB to 1 TiB. Default 256 MiB. */
  readonly maxBytes?: number | undefined
}

/**
 * How a server lives.
 *
 * @category options
 * @since 0.1.0
 */
export interface ServerOptions<Out> extends ConnectionOptions<Out> {
  /**
   * How long a stop still accepts, with its status `draining` already, so that load balancers can look elsewhere
   * first: 0 to 1 hour. Default 0.
   */
  readonly preStopDelay?: Duration.Input | undefined
  /**
   * How long a stop waits for handlers to finish what was read and for peers to take what was sent, 0 to 1 hour. Then
   * the handlers are interrupted. Default 15 seconds.
   */
  readonly drainTimeout?: Duration.Input | undefined
  /** How long a stop then waits for the interrupted ones, 0 to 1 hour. Then they are cut. Default 5 seconds. */
  readonly killTimeout?: Duration.Input | undefined
  /**
   * A last word, sent to every connection when it begins to drain: the message, or a function that makes it for a
   * connection. It goes behind everything that was sent before, however full the queue is; what the handler still
   * answers goes behind it. Default: none.
   */
  readonly goodbye?: Out | ((connection: Connection<unknown, Out>) => Out) | undefined
  /** A last word to a peer whose connection ends by a fault; see `Connection.Farewell`. Default: none. */
  readonly farewell?: Farewell<Out> | undefined
  /**
   * How many events each subscriber of `events` may fall behind before it loses the oldest, 1 to 1 000 000.
   * Default 1024.
   */
  readonly eventBuffer?: number | undefined
  /** Who may become a connection, and how many. Default: everybody, 16384 at a time; see `Admission`. */
  readonly admission?: AdmissionOptions<Out> | undefined
  /** What all connections together may hold, or `off`. Default 256 MiB. */
  readonly memory?: MemoryOptions | "off" | undefined
}

const ServerSettings = Schema.Struct({
  ...connectionFields,
  deadlines: serverDeadlines,
  preStopDelay: withDefault(durationOption(0, "1 hour"), Duration.zero),
  drainTimeout: withDefault(durationOption(0, "1 hour"), Duration.seconds(15)),
  killTimeout: withDefault(durationOption(0, "1 hour"), Duration.seconds(5)),
  goodbye: Schema.optional(Schema.Unknown),
  farewell: farewellSetting,
  eventBuffer: withDefault(integerOption(1, 1_000_000), 1024),
  admission: admissionSettings,
  memory: memorySettings
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
    /** What all connections hold at this moment, in bytes, as `memory` counts; 0 where that is off. */
    readonly heldBytes: Effect.Effect<number>
    /**
     * The registry of the live connections, typed by the server's own protocol. Another protocol is a defect.
     */
    readonly connections: <In, Out, ServerServices, ClientServices>(
      protocol: Protocol<In, Out, ServerServices, ClientServices>
    ) => Effect.Effect<Connections<In, Out>>

    /**
     * The limits of who may come, to read and to change. A change counts from then on: raising one lets those who wait
     * in at once, lowering one keeps those who are in. A value that cannot be is logged as a warning, and the one before
     * it stays in force.
     */
    readonly limits: SubscriptionRef.SubscriptionRef<Limits>

    /** What it does at this moment. Ready is `running`. */
    readonly status: Effect.Effect<ServerStatus>
    /** The status, and then each change of it. Ends after `stopped`. */
    readonly statusChanges: Stream.Stream<ServerStatus>
    /** `Listening` while the server runs, then what happens from that moment on; see `Events`. Ends after `Stopped`. */
    readonly events: Stream.Stream<ServerEvent>
    /** Events that subscribers lost because they fell behind by more than `eventBuffer`. */
    readonly droppedEvents: Effect.Effect<number>

    /**
     * Stops listening, so that new peers are refused, and lets the connections live on. Returns when the address is
     * free. Of a server that does not run it asks nothing.
     */
    readonly suspend: Effect.Effect<void>
    /**
     * Listens again after `suspend`, at the same address. Fails where somebody else took it meanwhile; the server is
     * still suspended then. Of a server that is not suspended it asks nothing.
     */
    readonly resume: Effect.Effect<void, TransportError>

    /**
     * Stops the server as the end of its scope does, and tells how that went.
     *
     * In order: the status becomes `draining`; `preStopDelay` passes; peers who came before are still accepted, then
     * nobody; `goodbye` goes out and `connection.draining` completes; idle connections close at once, handlers finish
     * what was read, what they sent is flushed. After `drainTimeout` the handlers that are left are interrupted, after
     * `killTimeout` their wires are cut.
     *
     * Stopping twice, or by the scope too, is one stop with one report. It goes on where the caller is interrupted. A
     * handler forks it (`connection.fork(server.stop)`): the stop waits for the handler.
     */
    readonly stop: Effect.Effect<DrainReport>
    /**
     * Stops at once: begins a stop if there was none, and cuts every wait of it short. What has not ended by itself is
     * interrupted and cut. Returns the one report.
     */
    readonly kill: Effect.Effect<DrainReport>
    /** Awaits the end of a stop that somebody else asks for. */
    readonly stopped: Effect.Effect<DrainReport>
  }
>()("effect-sluice/Server") {}

/**
 * Starts a server that lives as long as its scope.
 *
 * Each connection is run by `handler` in fibers of its own. A handler that fails or dies closes its own connection and
 * is logged; the server goes on. Fails where the options or the protocol cannot be, or the transport cannot listen.
 *
 * The end of the scope stops it as {@link Server} says of `stop`, and returns in bounded time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: <In, Out, E, R, ServerServices, ClientServices>(
  protocol: Protocol<In, Out, ServerServices, ClientServices>,
  handler: Handler<NoInfer<In>, NoInfer<Out>, E, R>,
  options?: NoInfer<ServerOptions<Out>>
) => Effect.Effect<
  Server["Service"],
  InvalidConfig | TransportError,
  Listener | Scope.Scope | Exclude<R, Scope.Scope> | ServerServices
> = Effect.fnUntraced(function* <In, Out, E, R, ServerServices, ClientServices>(
  protocol: Protocol<In, Out, ServerServices, ClientServices>,
  handler: Handler<NoInfer<In>, NoInfer<Out>, E, R>,
  options: NoInfer<ServerOptions<Out>> = {}
) {
  const carried = carriedBy(protocol, yield* Listener)
  const settings = yield* decodeSettings(ServerSettings, options, carried)
  const shared = yield* makeShared({
    protocol: carried,
    decoder: protocol.fromClient,
    encoder: protocol.fromServer,
    side: "server",
    codecs: (protocol.versions?.codecs ?? []).map((codec) => {
      return { name: codec.name, decoder: codec.fromClient, encoder: codec.fromServer }
    }),
    settings,
    policy: options.outbound?.policy,
    onMessageError: options.onMessageError,
    onIdle: options.onIdle,
    beats: { ours: protocol.heartbeat?.fromServer, theirs: protocol.heartbeat?.fromClient }
  })
  if (options.farewell !== undefined) shared.farewell = options.farewell
  if (settings.memory !== "off") shared.memory = new MemoryBudget(settings.memory.maxBytes)
  const limits = yield* SubscriptionRef.make(limitsOf(options.admission))
  const life = new ServerLife({
    protocol,
    handler,
    shared,
    context: yield* Effect.context<Exclude<R, Scope.Scope>>(),
    listener: yield* Listener,
    limits: settings,
    goodbye: goodbyeOf(options.goodbye),
    eventBuffer: settings.eventBuffer,
    admission: {
      limits,
      policy: {
        overLimit: settings.admission.overLimit,
        farewell: farewellOf(options.admission?.farewell, shared.framing, shared.encode)
      }
    }
  })
  yield* enterDirectory(protocol, life.connections)
  yield* Effect.forkScoped(life.followLimits, { startImmediately: true })
  yield* Effect.addFinalizer(() => life.stop)
  const address = yield* life.start()
  return Server.of({
    address,
    connectionCount: Effect.sync(() => life.connections.size),
    heldBytes: Effect.sync(() => shared.memory?.held ?? 0),
    connections: (asked) => life.registry(asked),
    limits,
    status: Effect.sync(() => life.status.value),
    statusChanges: life.status.changes,
    events: life.events.stream,
    droppedEvents: Effect.sync(() => life.events.dropped),
    suspend: life.suspend,
    resume: life.resume,
    stop: life.stop,
    kill: life.kill,
    stopped: life.stopped
  })
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
  options?: NoInfer<ServerOptions<Out>>
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
  options: NoInfer<Config.Wrap<ServerOptions<Out>>>
): Layer.Layer<
  Server,
  InvalidConfig | TransportError | Config.ConfigError,
  Listener | Exclude<Exclude<R, Scope.Scope> | ServerServices, Scope.Scope>
> =>
  Layer.effect(
    Server,
    Effect.flatMap(Config.unwrap(options), (unwrapped) => make(protocol, handler, unwrapped))
  )
