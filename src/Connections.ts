/**
 * Connections: who is connected to a server, by id, and how to reach and close them.
 *
 * `server.connections(protocol)` gives the registry, typed by the protocol that the server speaks.
 *
 * **Example** (Telling everyone)
 *
 * ```ts
 * import { Codec, Framing, Handler, Protocol, Server } from "effect-sluice"
 * import { Effect } from "effect"
 *
 * const Chat = Protocol.make("Chat", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 *
 * const program = Effect.gen(function* () {
 *   const server = yield* Server.make(Chat, Handler.map((line) => line))
 *   const connections = yield* server.connections(Chat)
 *   const { failed } = yield* connections.broadcast("the server restarts in a minute")
 *   for (const { id, reason } of failed) yield* Effect.log(`connection ${id} did not get it: ${reason}`)
 * })
 * ```
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { CloseReason } from "./CloseReason.ts"
import type { Attributes, Connection, ConnectionStats } from "./Connection.ts"
import type { ServerEvent } from "./Events.ts"
import type { CodecError, MessageError, PayloadError } from "./SluiceError.ts"
import type { Address } from "./Transport.ts"

/**
 * One connection of the registry, at the moment of the asking. `attributes` are the live ones.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionInfo {
  readonly id: number
  readonly localAddress: Address
  readonly remoteAddress: Address
  readonly age: Duration.Duration
  readonly stats: ConnectionStats
  readonly attributes: Attributes
}

/**
 * What became of a message to one connection: it is in the outbound queue, the queue was full, or the connection is
 * closed, on its way to it, or was never there.
 *
 * @category models
 * @since 0.1.0
 */
export type Delivery = "queued" | "full" | "closed"

/**
 * Who got a broadcast and who did not, in ascending order of the ids.
 *
 * @category models
 * @since 0.1.0
 */
export interface BroadcastResult {
  /** The ids whose outbound queue has the message. */
  readonly delivered: ReadonlyArray<number>
  readonly failed: ReadonlyArray<{ readonly id: number; readonly reason: Exclude<Delivery, "queued"> }>
}

/**
 * A connection that came or went.
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectionChange = Extract<ServerEvent, { readonly _tag: "Opened" | "Closed" }>

/**
 * The live connections of a server, those on their way out included until they are gone.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connections<out In, in Out> {
  readonly size: Effect.Effect<number>
  /** All of them, in ascending order of their ids. */
  readonly list: Effect.Effect<ReadonlyArray<ConnectionInfo>>
  readonly get: (id: number) => Effect.Effect<Option.Option<Connection<In, Out>>>
  /** Queues a message for one connection. Never waits: a full queue is `full`. Fails where the message cannot be encoded. */
  readonly unicast: (id: number, message: Out) => Effect.Effect<Delivery, MessageError>
  /**
   * Queues a message for every connection, or for those that `to` chooses. The message is encoded and framed once,
   * however many get it. Never waits: a connection whose queue is full is reported, and told as `Dropped`; a failure
   * of one does not keep it from the others. Fails, with nothing sent, where the message cannot be encoded.
   */
  readonly broadcast: (
    message: Out,
    options?: { readonly to?: (connection: Connection<In, Out>) => boolean }
  ) => Effect.Effect<BroadcastResult, CodecError | PayloadError>
  /**
   * Closes a connection in good order, for `reason` (default `LocalClosed`); says whether it was there. Returns at
   * once, the connection is gone a little later.
   */
  readonly closeById: (id: number, reason?: CloseReason) => Effect.Effect<boolean>
  /**
   * Closes all connections of a peer as `closeById` does, and returns their ids. The peer is an address, or a host
   * for whatever port of it.
   */
  readonly closeByAddress: (
    peer: Address | string,
    reason?: CloseReason
  ) => Effect.Effect<ReadonlyArray<number>>
  /** Who comes and goes from now on. The oldest are lost to a reader that falls behind, as with `server.events`. */
  readonly changes: Stream.Stream<ConnectionChange>
}
