/**
 * Clients: a protocol, connected.
 *
 * {@link make} and {@link layer} give a client that comes back: it lives over many connections and hides their ends.
 * {@link connect} gives one connection, and its end is the end. {@link pool} gives several clients of one service.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type * as SubscriptionRef from "effect/SubscriptionRef"
import type { Connection } from "./Connection.ts"
import { connectOnce, makeClient, makePool } from "./internal/client/makeClient.ts"
import type { Protocol } from "./Protocol.ts"
import type { ConnectionOptions } from "./Server.ts"
import type {
  ClientDown,
  ClientEnded,
  ConnectError,
  ConnectFailure,
  ConnectionClosed,
  InvalidConfig,
  MessageError,
  PoolUnavailable,
  QueueFull,
  SendExpired
} from "./SluiceError.ts"
import type { Address, Connector } from "./Transport.ts"

/**
 * Why a client has not sent a message. None of them was sent, nor will be.
 *
 * - `MessageError`: it could not be encoded
 * - `ClientDown`, `QueueFull`, `SendExpired`: there is no connection, and `whenDown` says so
 * - `ClientEnded`: the client is closed, or has given up
 *
 * @category models
 * @since 0.1.0
 */
export type ClientSendError = MessageError | ClientDown | QueueFull | SendExpired | ClientEnded

/**
 * What a client is doing.
 *
 * - `Connecting`: the `attempt`th time since its schedule began, `onConnect` included
 * - `Up`: messages flow
 * - `Down`: has no connection, because of `failure`, and tries again in `retryIn`
 * - `GaveUp`: its schedule has ended; `failure` was the last one
 * - `Closed`: somebody closed it
 *
 * @category models
 * @since 0.1.0
 */
export type ClientStatus =
  | { readonly _tag: "Connecting"; readonly attempt: number }
  | { readonly _tag: "Up"; readonly connection: number; readonly remoteAddress: Address }
  | { readonly _tag: "Down"; readonly failure: ConnectFailure; readonly retryIn: Duration.Duration }
  | { readonly _tag: "GaveUp"; readonly failure: ConnectFailure }
  | { readonly _tag: "Closed" }

/**
 * The numbers of a client, since its beginning.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClientStats {
  /** Connections that were up. */
  readonly connections: number
  /** Attempts that failed, by the transport or by `onConnect`. */
  readonly failures: number
  /** Messages that wait for a connection at this moment. */
  readonly waiting: number
  /** Messages that waited too long, see `SendExpired`. */
  readonly expired: number
  /**
   * Messages that a connection had taken, and had not handed to the transport when it broke. Those that the transport
   * had and the peer has not read nobody can count.
   */
  readonly lost: number
  /** Messages that nobody had taken from `messages`, of connections long gone. */
  readonly dropped: number
}

/**
 * A client that comes back. It connects until its schedule gives up, and what is sent and taken here goes over the
 * connection of the moment.
 *
 * A message is delivered at most once: one that a connection has taken is not sent again on the next.
 *
 * @category models
 * @since 0.1.0
 */
export interface Client<out In, in Out> {
  /**
   * The messages of all connections, one after the other, in order. A connection's end is not seen here: what it brought
   * is followed by what the next one brings. While nobody takes them the inbound queue fills and reading stops.
   *
   * Ends once the client is closed; fails with {@link ClientEnded} once it has given up; both after all that came. Two
   * takers at once share the messages between them.
   */
  readonly messages: Stream.Stream<In, ClientEnded>
  /** Sends all that it gets as `send` does. */
  readonly sink: Sink.Sink<void, Out, never, ClientSendError>
  /**
   * Sends one message: returns once it is in the outbound queue of a connection. Without a connection it does what
   * `whenDown` says. Messages leave in the order of their `send`, those that waited before those that did not.
   */
  readonly send: (message: Out) => Effect.Effect<void, ClientSendError>
  /** Sends several, each as `send` does, in order. A failure leaves those before it sent. */
  readonly sendAll: (messages: ReadonlyArray<Out>) => Effect.Effect<void, ClientSendError>
  /**
   * Queues one message if there is a connection with room for it, and says whether it did. Never waits; without a
   * connection it says false, or fails where `whenDown` is to fail.
   */
  readonly trySend: (message: Out) => Effect.Effect<boolean, ClientSendError>
  /**
   * Sends one message and returns once the kernel has it. Fails with `ConnectionClosed` where the connection broke
   * before: then the peer may or may not have got it.
   */
  readonly sendAwait: (message: Out) => Effect.Effect<void, ClientSendError | ConnectionClosed>
  /**
   * Hands the connection of the moment to an effect: for a conversation that makes sense on one connection only.
   * Without a connection it does what `whenDown` says.
   */
  readonly use: <A, E, R>(
    f: (connection: Connection<In, Out>) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | ClientDown | QueueFull | SendExpired | ClientEnded, R>
  /** The connection of the moment. Its `messages` are the client's too: who takes them here, they miss there. */
  readonly connection: Effect.Effect<Option.Option<Connection<In, Out>>>
  /** Awaits a connection, whatever `whenDown` says. */
  readonly awaitUp: Effect.Effect<Connection<In, Out>, ClientEnded>
  /** The status and its changes. To be read: what is written to it changes nothing. */
  readonly status: SubscriptionRef.SubscriptionRef<ClientStatus>
  /**
   * Connects no more: whoever waits fails at once; the connection that is up is flushed and closed in good order, within
   * `closeTimeout`. Returns when that is done. Closing twice is one close.
   */
  readonly close: Effect.Effect<void>
  /** The numbers of this moment. */
  readonly stats: ClientStats
}

/**
 * How one connection of a client lives.
 *
 * @category options
 * @since 0.1.0
 */
export interface ClientOptions<Out> extends ConnectionOptions<Out> {}

/**
 * How a client that comes back lives.
 *
 * @category options
 * @since 0.1.0
 */
export interface MakeOptions<in out In, in out Out, out R = never> extends ClientOptions<Out> {
  /**
   * When to connect again, and when to give up: the delays of this schedule, and its end. It gets each failure as its
   * input, holds for the first connection too, and starts over after a connection that was up for `stableAfter`.
   * `Schedule.recurs(0)` never connects again. Default: 500 ms, half as much again each time, up to 5 s, each a fifth
   * more or less at random, without end.
   */
  readonly reconnect?: Schedule.Schedule<unknown, ConnectFailure, unknown> | undefined
  /** How long a connection must be up for the schedule to start over, 0 to 1 day. Default 30 seconds. */
  readonly stableAfter?: Duration.Input | undefined
  /**
   * What to do on each new connection before anything else goes over it: log in, subscribe. It holds the connection
   * itself, and takes answers by `next`, one message at a time; the client's `messages` begin after those. Its scope is
   * the connection's. Where it fails, the connection is closed and the attempt has failed.
   */
  readonly onConnect?:
    | ((
        connection: Connection<In, Out>,
        next: Effect.Effect<In, ConnectionClosed>
      ) => Effect.Effect<unknown, unknown, R>)
    | undefined
  /** How long `onConnect` may take, 1 millisecond to 1 hour. Default 10 seconds. Connecting has the transport's own. */
  readonly onConnectTimeout?: Duration.Input | undefined
  /**
   * What `send` does while there is no connection:
   *
   * - `suspend`: waits for one
   * - `fail`: fails with `ClientDown`
   * - `{ queue, deadline }`: waits, with at most `queue` messages at a time (1 to 1 000 000), beyond which it fails with
   *   `QueueFull`, and for at most `deadline` (1 millisecond to 1 day, default 30 seconds), after which it fails with
   *   `SendExpired`
   *
   * Default `suspend`.
   */
  readonly whenDown?:
    | "suspend"
    | "fail"
    | { readonly queue: number; readonly deadline?: Duration.Input | undefined }
    | undefined
}

/**
 * Connects once, and stays connected until the scope ends, or the connection does. The end of the scope flushes what
 * was sent and closes in good order, within `closeTimeout`.
 *
 * When the server ends its side, what was sent is flushed and the connection closes too; the messages that came before
 * can still be taken. A versioned protocol is connected once both ends have agreed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const connect = <FromClient, FromServer, ServerServices, ClientServices>(
  protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  options: NoInfer<ClientOptions<FromClient>> = {}
): Effect.Effect<
  Connection<FromServer, FromClient>,
  ConnectError,
  Connector | Scope.Scope | ClientServices
> => connectOnce(protocol, options)

/**
 * A client that comes back, until its scope ends. Returns at once, with the first attempt under way: a server that is
 * not there yet is waited for like one that is gone. `awaitUp` waits for the connection.
 *
 * Fails only where the options or the protocol cannot be; all else is in `status`, and in the errors of `send` and
 * `messages`.
 *
 * **Example** (Log in on every connection)
 *
 * ```ts
 * import { Client, Codec, Framing, Protocol } from "effect-sluice"
 * import { Effect, Schedule, Stream } from "effect"
 *
 * const Chat = Protocol.make("Chat", { framing: Framing.lines(), fromClient: Codec.utf8, fromServer: Codec.utf8 })
 *
 * const program = Effect.gen(function* () {
 *   const client = yield* Client.make(Chat, {
 *     reconnect: Schedule.jittered(Schedule.exponential("100 millis")),
 *     onConnect: (connection, next) =>
 *       Effect.gen(function* () {
 *         yield* connection.send("LOGIN ada")
 *         if ((yield* next) !== "OK") return yield* Effect.fail("not welcome")
 *       }),
 *     whenDown: { queue: 100, deadline: "5 seconds" }
 *   })
 *   yield* client.send("hello")
 *   yield* Stream.runForEach(client.messages, Effect.log)
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <FromClient, FromServer, ServerServices, ClientServices, R = never>(
  protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  options: MakeOptions<NoInfer<FromServer>, NoInfer<FromClient>, R> = {}
): Effect.Effect<
  Client<FromServer, FromClient>,
  InvalidConfig,
  Connector | Scope.Scope | ClientServices | Exclude<R, Scope.Scope>
> => makeClient(protocol, options)

/**
 * A client that comes back as a layer, under a key of one's own. The layer is there at once, as {@link make} is.
 *
 * **Example** (A chat client as a service)
 *
 * ```ts
 * import { Client, Codec, Framing, Protocol, TransportNode } from "effect-sluice"
 * import { Context, Layer } from "effect"
 *
 * const Chat = Protocol.make("Chat", { framing: Framing.lines(), fromClient: Codec.utf8, fromServer: Codec.utf8 })
 *
 * class ChatClient extends Context.Service<ChatClient, Client.Client<string, string>>()("app/ChatClient") {}
 *
 * const ChatClientLive = Client.layer(ChatClient, Chat).pipe(
 *   Layer.provide(TransportNode.layerTcpClient({ port: 7000 }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <Id, FromClient, FromServer, ServerServices, ClientServices, R = never>(
  key: Context.Key<Id, Client<FromServer, FromClient>>,
  protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  options?: MakeOptions<NoInfer<FromServer>, NoInfer<FromClient>, R>
): Layer.Layer<
  Id,
  InvalidConfig,
  Connector | Exclude<ClientServices | Exclude<R, Scope.Scope>, Scope.Scope>
> => Layer.effect(key, make(protocol, options))

/**
 * A client that comes back, whose options come from the environment or any other `ConfigProvider`. Those that no
 * configuration can hold, as `onConnect`, stand in `code`; the configuration goes before it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = <Id, FromClient, FromServer, ServerServices, ClientServices, R = never>(
  key: Context.Key<Id, Client<FromServer, FromClient>>,
  protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  options: Config.Wrap<MakeOptions<NoInfer<FromServer>, NoInfer<FromClient>>>,
  code: MakeOptions<NoInfer<FromServer>, NoInfer<FromClient>, R> = {}
): Layer.Layer<
  Id,
  InvalidConfig | Config.ConfigError,
  Connector | Exclude<ClientServices | Exclude<R, Scope.Scope>, Scope.Scope>
> =>
  Layer.unwrap(
    Effect.map(Config.unwrap(options), (unwrapped) => layer(key, protocol, { ...code, ...unwrapped }))
  )

/**
 * How a pool of clients lives.
 *
 * @category options
 * @since 0.1.0
 */
export interface PoolOptions<in out In, in out Out, out R = never>
  extends Omit<MakeOptions<In, Out, R>, "whenDown"> {
  /** How many clients, 1 to 1000. */
  readonly size: number
  /** How long to wait for a client that is up, 1 millisecond to 1 hour. Default 10 seconds. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * A client of a pool: whether it is up and over which connection, and how many effects use it.
 *
 * @category models
 * @since 0.1.0
 */
export interface PoolMember {
  readonly up: boolean
  readonly inFlight: number
  readonly connection: Option.Option<number>
}

/**
 * Several clients of one service, each of which comes back. Work goes to the one that has the least of it; one that is
 * down gets none until it is up again.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pool<out In, in Out> {
  /**
   * Hands the connection with the least in flight to an effect, which counts as in flight until it is done. Where
   * none is up it waits for one, and fails after `timeout`, or at once where all have given up.
   *
   * What fails because its connection broke fails here too: whether to do it again is for the caller to know.
   */
  readonly use: <A, E, R>(
    f: (connection: Connection<In, Out>) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | PoolUnavailable, R>
  /** Sends one message over the connection with the least in flight; over another one where that is closing. */
  readonly send: (message: Out) => Effect.Effect<void, MessageError | PoolUnavailable>
  /** Those of all connections, each in order; taken by nobody, they stop reading. Fails once all have given up. */
  readonly messages: Stream.Stream<In, ClientEnded>
  /** Its clients at this moment. */
  readonly members: Effect.Effect<ReadonlyArray<PoolMember>>
}

/**
 * A pool of clients, until the scope ends. Returns at once, like {@link make}. With several addresses in the transport
 * its connections are spread over them.
 *
 * **Example** (Work to the connection that has the least of it)
 *
 * ```ts
 * import { Client, Codec, Framing, Protocol } from "effect-sluice"
 * import { Effect } from "effect"
 *
 * const Jobs = Protocol.make("Jobs", { framing: Framing.lines(), fromClient: Codec.utf8, fromServer: Codec.utf8 })
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* Client.pool(Jobs, { size: 4 })
 *   yield* pool.use((connection) => connection.sendAwait("job 1"))
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const pool = <FromClient, FromServer, ServerServices, ClientServices, R = never>(
  protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  options: PoolOptions<NoInfer<FromServer>, NoInfer<FromClient>, R>
): Effect.Effect<
  Pool<FromServer, FromClient>,
  InvalidConfig,
  Connector | Scope.Scope | ClientServices | Exclude<R, Scope.Scope>
> => makePool(protocol, options)
