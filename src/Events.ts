/**
 * Events: what happens to a server and its connections, as data.
 *
 * `server.events` is a stream of them. Each subscriber has a buffer of `eventBuffer` events of its own; when it falls
 * behind, the oldest go and `server.droppedEvents` counts them. Nobody who reads slowly, or not at all, ever holds up
 * a connection, and while nobody reads no event is made.
 *
 * **Example** (A line for every connection that ends)
 *
 * ```ts
 * import { Codec, Framing, Handler, Protocol, Server, Transport } from "effect-sluice"
 * import { Console, Effect, Stream } from "effect"
 *
 * const Echo = Protocol.make("Echo", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 *
 * const program = Effect.gen(function* () {
 *   const server = yield* Server.make(Echo, Handler.map((line) => line))
 *   yield* server.events.pipe(
 *     Stream.runForEach((event) =>
 *       event._tag === "Closed"
 *         ? Console.log(`${Transport.formatAddress(event.remoteAddress)}: ${event.reason._tag}`)
 *         : Effect.void
 *     )
 *   )
 * })
 * ```
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type { RefusedReason } from "./Admission.ts"
import type { CloseReason } from "./CloseReason.ts"
import type { PolicyName } from "./Outbound.ts"
import type * as Error from "./SluiceError.ts"
import type { AcceptFailure, Address, DroppedDatagrams } from "./Transport.ts"

/**
 * How a server stopped. Every connection that was there when the drain began, or came during it, is in one of the
 * two counts.
 *
 * @category models
 * @since 0.1.0
 */
export interface DrainReport {
  /** Connections that ended by themselves: handled what was read, sent what there was to send. */
  readonly clean: number
  /**
   * Connections that did not: their handler was interrupted after `drainTimeout`, or output was left that the peer
   * did not take in time.
   */
  readonly forced: number
  /** From the call of `stop` to the end of the last connection, `preStopDelay` included. */
  readonly duration: Duration.Duration
}

/**
 * Something that happened. `connection` is the id of the connection, `remoteAddress` the peer's.
 *
 * - `Listening`: the server accepts, at `address`: told to each subscriber first of all while the server is `running`,
 *   and again after each `resume`
 * - `Opened`: a peer has become a connection
 * - `Closed`: a connection ended, `age` after it opened; the last event of each connection
 * - `FrameError`: the peer's bytes broke the framing, and its connection closes
 * - `MessageError`: a frame was not a message of the protocol, and the policy is to close
 * - `MessageSkipped`: frames were not messages of the protocol, and by `onMessageError` they were left out (`skip`) or
 *   answered (`reply`); the connection lives. The first of a connection is told at once; those of the second that
 *   follows are told as one at its end, with the `error` of the first of them, and so on; none is left untold when
 *   `Closed` comes
 * - `HandlerFailed`: a handler failed or died, and its connection closes
 * - `Dropped`: messages that were to go to the peer did not: `policy` dropped them (`Suspend` where a broadcast found
 *   the queue full and could not wait), or they are what the peer had not taken when the connection was cut, and
 *   `policy` is undefined. `bytes` counts what is known of their frames. The first drop of a connection is told at
 *   once; those of the second that follows are told as one at its end, by policy, and so on; none is left untold
 *   when `Closed` comes
 * - `Refused`: a peer was turned away, see `Admission`. One that was a connection already, as it is while it proves who
 *   it is, has its id here, and `error` is what it was rejected with; others never are `Opened`
 * - `AcceptFailed`: a peer did not become a connection: a failed handshake, an accept error; `kind` says which, `detail`
 *   in what way. On Linux, one of the kind `Descriptors` comes once when new peers begin to wait for a file descriptor,
 *   and then for each peer that waited for 5 seconds in vain or found none at all; see `TransportNode`
 * - `DatagramsDropped`: datagrams of one or several peers were dropped, in or out, for one `cause`; at once, and then
 *   those of each second together. See `TransportUdp`
 * - `Draining`: the server began to stop, with so many connections
 * - `Stopped`: the server has stopped; the last event of all, with which the stream ends
 *
 * @category models
 * @since 0.1.0
 */
export type ServerEvent = Data.TaggedEnum<{
  Listening: { readonly address: Address }
  Opened: { readonly connection: number; readonly remoteAddress: Address }
  Closed: {
    readonly connection: number
    readonly remoteAddress: Address
    readonly reason: CloseReason
    readonly age: Duration.Duration
  }
  FrameError: {
    readonly connection: number
    readonly remoteAddress: Address
    readonly error: Error.FrameError
  }
  MessageError: {
    readonly connection: number
    readonly remoteAddress: Address
    readonly error: Error.MessageError
  }
  MessageSkipped: {
    readonly connection: number
    readonly remoteAddress: Address
    readonly policy: "skip" | "reply"
    readonly messages: number
    readonly error: Error.MessageError
  }
  HandlerFailed: {
    readonly connection: number
    readonly remoteAddress: Address
    readonly cause: Cause.Cause<unknown>
  }
  Dropped: {
    readonly connection: number
    readonly remoteAddress: Address
    readonly policy: PolicyName | undefined
    readonly messages: number
    readonly bytes: number
  }
  Refused: {
    readonly remoteAddress: Address
    readonly reason: RefusedReason
    readonly connection?: number
    readonly error?: unknown
  }
  AcceptFailed: { readonly address: Address; readonly kind: AcceptFailure; readonly detail: string }
  DatagramsDropped: DroppedDatagrams
  Draining: { readonly connections: number }
  Stopped: { readonly report: DrainReport }
}>

/**
 * Constructors, `$is` and `$match` of the events.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ServerEvent = Data.taggedEnum<ServerEvent>()

/**
 * What a server is doing. Ready, as a load balancer asks, means `running`.
 *
 * - `running`: it listens
 * - `suspended`: it does not listen, and its connections live on
 * - `draining`: it began to stop; during `preStopDelay` it still accepts
 * - `stopped`: all is over
 *
 * @category models
 * @since 0.1.0
 */
export type ServerStatus = "running" | "suspended" | "draining" | "stopped"
