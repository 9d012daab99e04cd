/**
 * Connections: what a handler holds of one peer.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { CloseReason, Fault } from "./CloseReason.ts"
import type { Deadline, Idle, Limit } from "./Deadlines.ts"
import type { Policy, Sent } from "./Outbound.ts"
import type { Protocol } from "./Protocol.ts"
import type { ConnectionClosed, InvalidConfig, MessageError, TransportError } from "./SluiceError.ts"
import type { StartTlsOptions } from "./Tls.ts"
import type { Address, ProxiedBy, TlsDetails } from "./Transport.ts"
import type { Agreement } from "./Versions.ts"

/**
 * Why a message could not be sent: it could not be encoded, or the connection is closed.
 *
 * @category models
 * @since 0.1.0
 */
export type SendError = ConnectionClosed | MessageError

/**
 * One peer: messages in, messages out.
 *
 * The connection lives as long as its handler runs and the peer listens. When the handler completes, what was sent
 * is flushed and our side ends; when the peer ends its side, `messages` ends after the last one and the handler
 * may still answer. A connection that breaks ends `messages` with {@link ConnectionClosed} after what was accepted.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection<out In, in Out> {
  /** Unique in this process, ascending from 1. */
  readonly id: number
  /** Unknown where it is asked for first when the connection is gone. */
  readonly localAddress: Address
  /** Where the peer is: the client, where a proxy has announced one. */
  readonly remoteAddress: Address
  /** The proxy that announced the client, and what it said; undefined where the peer came itself. See `ProxyProtocol`. */
  readonly proxy: ProxiedBy | undefined
  /** What TLS agreed on; undefined on a plain connection. */
  readonly tls: TlsDetails | undefined
  /** What the hello of a `Protocol.versioned` protocol agreed on; undefined where there is none. */
  readonly agreed: Agreement | undefined

  /**
   * The peer's messages, in order, as batches of what arrived together. While nobody takes them the inbound queue
   * fills, then reading stops, then the peer's sending does.
   *
   * Ends after an orderly end of the peer's side, or of the server's. Fails with {@link ConnectionClosed}, after all
   * that was accepted, where the connection broke. Two takers at once share the messages between them.
   */
  readonly messages: Stream.Stream<In, ConnectionClosed>
  /** Sends all that it gets, batch by batch, with the backpressure of `sendAll`. */
  readonly sink: Sink.Sink<void, Out, never, SendError>

  /**
   * Queues one message and suspends while the outbound queue is full, or does what the option `outbound.policy` says.
   * Messages leave in the order of their `send`.
   */
  readonly send: (message: Out) => Effect.Effect<void, SendError>
  /** Queues several messages at the cost of one; suspends while the queue is full. A failure leaves those before it sent. */
  readonly sendAll: (messages: ReadonlyArray<Out>) => Effect.Effect<void, SendError>
  /**
   * Queues one message if there is room, or if its policy makes some, and says whether it is in the queue. Never waits.
   */
  readonly trySend: (message: Out) => Effect.Effect<boolean, SendError>
  /**
   * Sends one message and returns once the kernel has it, and all before it. That the peer's program has read it
   * only a reply can tell.
   */
  readonly sendAwait: (message: Out) => Effect.Effect<void, SendError>
  /** Sends one message under a policy of its own, and says whether it was queued or dropped. */
  readonly sendWith: <Message extends Out>(
    message: Message,
    policy: Policy<NoInfer<Message>>
  ) => Effect.Effect<Sent, SendError>

  /**
   * Ends our side: everything sent so far is flushed, then the peer sees the end of our messages. Reading goes on;
   * later sends fail. Returns at once.
   */
  readonly end: Effect.Effect<void>
  /**
   * Closes the connection in good order: interrupts the handler, flushes what was sent, ends our side and waits,
   * bounded by `closeTimeout`, for the peer's end. Returns at once; `closed` awaits it. Closing twice is one close.
   */
  readonly close: Effect.Effect<void>
  /** Breaks the connection: the peer sees a reset, what was not sent yet is lost. */
  readonly abort: Effect.Effect<void>
  /** Awaits the end and says why. Everyone gets the same reason. */
  readonly closed: Effect.Effect<CloseReason>
  /** Completes when the server begins to stop: finish what was read, say goodbye, return. Never on a client. */
  readonly draining: Effect.Effect<void>
  /** Whether `draining` has completed, for an answer that says that it is among the last. */
  readonly isDraining: boolean

  /**
   * Changes a deadline of this connection for good, counted from when its wait began: one that has passed by then
   * passes at once. Times as in `Deadlines.DeadlineOptions`; anything else is a defect.
   */
  readonly setDeadline: (deadline: Deadline, limit: Limit) => Effect.Effect<void>
  /**
   * Lets the wait at hand for a deadline take so much longer, or the next one where there is none: this frame, this
   * silence. Once; what comes after it has the usual time. A second call replaces the first.
   */
  readonly extendDeadline: (deadline: Deadline, by: Duration.Input) => Effect.Effect<void>

  /**
   * Leaves the protocol at hand for another one, at once, and returns the same connection with its new messages. For a
   * connection whose protocol is `Protocol.switchable`; any other fails with `InvalidConfig`, as does a protocol with
   * problems.
   *
   * `next` is read from where the last message that was taken ends: the bytes behind it are its first ones, however the
   * network cut them. What was sent before leaves before all that is sent afterwards. This end has the server's part in
   * `next`; a client switches to `Protocol.flip(next)`.
   *
   * Id, scope, attributes, numbers, deadlines, rate and bounds go on. The heartbeat is that of `next`, with the intervals
   * that the server or client was given. The connection as it was held before ends: its `messages` end, and its sends fail with
   * `MessageError`; whatever else it has works on. The server's `goodbye`, broadcasts and `unicast` speak the server's
   * protocol and leave a connection out that has switched; its handler sees `draining`.
   */
  readonly switchProtocol: <NextIn, NextOut, Services, PeerServices>(
    next: Protocol<NextIn, NextOut, Services, PeerServices>,
    options?: SwitchOptions<NoInfer<NextOut>>
  ) => Effect.Effect<Connection<NextIn, NextOut>, ConnectionClosed | InvalidConfig, Services>
  /**
   * Goes on in TLS, as its server or as its client, and says what was agreed. For TCP and Unix sockets with a protocol that
   * is `Protocol.switchable`.
   *
   * In order: the options are checked and files read, and nothing has changed where that fails. Then nothing more is
   * taken as plain text, and what came behind the last message that was taken is discarded and counted: nobody vouches
   * for it, and a command smuggled in there would count as said under TLS. Then `ready`, the last message in plain text,
   * is sent behind what waits; sends from now on wait for TLS. Then comes the handshake. A server that answers STARTTLS
   * gives its answer as `ready`: sent before, it could bring the client's handshake here early, to be discarded.
   *
   * A handshake that fails, takes too long, or is interrupted closes the connection with the reason `TlsFailed`.
   */
  readonly startTls: (
    options: StartTlsOptions & { readonly ready?: Out | undefined }
  ) => Effect.Effect<StartedTls, ConnectionClosed | InvalidConfig | MessageError | TransportError>

  /**
   * Runs an effect once, so much later. Timers are entries in the server's one scheduler: no fiber sleeps for them.
   * An entry ends with the connection; what it runs is forked as by `fork`, and its failure counts as the handler's.
   * A delay of zero or less runs it as soon as others have had their turn. Timers keep no connection open: when the
   * handler is done, they are gone.
   */
  readonly runAfter: <A, E, R>(
    delay: Duration.Input,
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<Timer, never, R>
  /**
   * Runs an effect after each period, 1 millisecond or more, counted from now: it does not drift. It never runs twice at
   * a time; periods that pass while it runs, or while the process is busy, are left out. Otherwise as `runAfter`. A
   * period that cannot be is a defect.
   */
  readonly runEvery: <A, E, R>(
    period: Duration.Input,
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<Timer, never, R>
  /**
   * Runs an effect once, when the calendar says so; at once where that has passed. It goes by the clock on the wall: one
   * that is set back is waited for, one that is set forward is seen within 10 seconds. Otherwise as `runAfter`.
   */
  readonly runAt: <A, E, R>(
    moment: DateTime.DateTime,
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<Timer, never, R>

  /** What handlers attached to this connection. */
  readonly attributes: Attributes
  /** Forks work that belongs to the connection: interrupted when the handler is done. */
  readonly fork: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Fiber.Fiber<A, E>, never, R>
  /** The numbers of this moment. */
  readonly stats: ConnectionStats
}

/**
 * The numbers of a connection. Times are milliseconds of the Effect `Clock`; zero means never.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionStats {
  readonly bytesIn: number
  readonly bytesOut: number
  /** Messages decoded. */
  readonly messagesIn: number
  /** Messages handed to the transport. */
  readonly messagesOut: number
  /** Messages left out: undecodable ones under the policy `skip`, and frames longer than the maximum likewise. */
  readonly skipped: number
  /** Messages to the peer that an outbound policy dropped or replaced, and broadcasts that found no room. */
  readonly dropped: number
  /** Messages with an id that the protocol does not have. */
  readonly unknown: number
  /** Messages that `Handler.filter` kept from their handler. */
  readonly filtered: number
  readonly openedAt: number
  readonly lastReadAt: number
  readonly lastWriteAt: number
  /** Messages waiting for the handler. */
  readonly inboundMessages: number
  readonly inboundBytes: number
  /** Messages waiting for the wire. */
  readonly outboundMessages: number
  readonly outboundBytes: number
  /**
   * How long the last ping took to be answered, in milliseconds of the monotonic clock, the time left out in which we
   * did not read. Undefined before the first answer, and where we do not ping.
   */
  readonly roundTripMillis: number | undefined
}

/**
 * What a connection does in the protocol that it switches to, as far as that depends on the protocol's messages.
 *
 * @category options
 * @since 0.1.0
 */
export interface SwitchOptions<Out> {
  /** As in the options of a server or client. Default `close`. */
  readonly onMessageError?: "close" | "skip" | ((error: MessageError) => Out) | undefined
  /** As in the options of a server or client. Default `close`. */
  readonly onIdle?: "close" | IdleHandler<Out> | undefined
  /** As in the options of a server. Default: none. */
  readonly farewell?: Farewell<Out> | undefined
  /** As `outbound.policy` in the options of a server or client. Default `Outbound.suspend`. */
  readonly policy?: Policy<Out> | undefined
}

/**
 * How TLS began on a connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface StartedTls {
  readonly tls: TlsDetails
  /** Bytes in plain text that came behind the last message taken, and were discarded. From an honest peer none. */
  readonly discarded: number
}

/**
 * What a handler does about a connection on which nothing happens. A failure closes the connection as the handler's
 * own would.
 *
 * @category models
 * @since 0.1.0
 */
export type IdleHandler<out Out> = (
  connection: Connection<unknown, Out>,
  idle: Idle
) => Effect.Effect<unknown, unknown>

/**
 * What a server says last to a peer whose connection ends by somebody's fault: the peer's bytes, a deadline of its, our
 * handler. It makes the message from the reason, or says undefined for none.
 *
 * What was accepted before is handled first, as the reason allows: a frame that is broken ends the connection behind the
 * frames before it, a deadline interrupts the handler. Then this message goes out behind all that was sent, however full
 * the queue is, and our side ends. A peer that broke the connection, or that does not read, may miss it. A message that
 * cannot be made, within `closeTimeout`, is logged and left out.
 *
 * **Example** (A peer that is told why)
 *
 * ```ts
 * import { Codec, Framing, Handler, Protocol, Server } from "effect-sluice"
 *
 * const Text = Protocol.make("Text", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 *
 * const server = Server.make(Text, Handler.map((line) => line), {
 *   farewell: (fault) => {
 *     switch (fault._tag) {
 *       case "FrameError":
 *         return `error: ${fault.error.message}`
 *       case "DeadlineExceeded":
 *         return "error: too slow"
 *       default:
 *         return undefined
 *     }
 *   }
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Farewell<Out> = (fault: Fault, connection: Connection<unknown, Out>) => Out | undefined

/**
 * Something that is to run later.
 *
 * @category models
 * @since 0.1.0
 */
export interface Timer {
  /** Calls it off; says whether it would have run still. What runs already goes on. */
  readonly cancel: Effect.Effect<boolean>
  /**
   * Has it run so much later than now, and periodic ones each period from then on. Says whether that is so: one that
   * will not run any more stays that way.
   */
  readonly reset: (delay: Duration.Input) => Effect.Effect<boolean>
}

/**
 * A typed key for something attached to connections.
 *
 * @category attributes
 * @since 0.1.0
 */
export interface Attribute<in out A> {
  readonly name: string
  /** Only for the type. */
  readonly _A?: (a: A) => A
}

/**
 * A key of its own, even where two share a name.
 *
 * @category attributes
 * @since 0.1.0
 */
export const attribute = <A>(name: string): Attribute<A> => ({ name })

/**
 * What is attached to one connection, by typed key. Gone with the connection.
 *
 * @category attributes
 * @since 0.1.0
 */
export interface Attributes {
  readonly get: <A>(key: Attribute<A>) => Option.Option<A>
  readonly set: <A>(key: Attribute<A>, value: A) => Effect.Effect<void>
  readonly remove: <A>(key: Attribute<A>) => Effect.Effect<void>
}
