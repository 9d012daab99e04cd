/**
 * Connections: what a handler holds of one peer.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { CloseReason } from "./CloseReason.ts"
import type { Deadline, Idle, Limit } from "./Deadlines.ts"
import type { Policy, Sent } from "./Outbound.ts"
import type { ConnectionClosed, MessageError } from "./SluiceError.ts"
import type { Address, TlsDetails } from "./Transport.ts"

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
  readonly localAddress: Address
  readonly remoteAddress: Address
  /** What TLS agreed on; undefined on a plain connection. */
  readonly tls: TlsDetails | undefined

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
