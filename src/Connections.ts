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
import type { Attributes, Connection, ConnectionStats, Timer } from "./Connection.ts"
import type { ServerEvent } from "./Events.ts"
import type { Policy } from "./Outbound.ts"
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
 * What became of a message to one connection: it is in the outbound queue, the queue was full, the connection is
 * closed, on its way to it, or was never there, or it has switched to another protocol than the server's.
 *
 * @category models
 * @since 0.1.0
 */
export type Delivery = "queued" | "full" | "closed" | "switched"

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
  /**
   * Queues a message for one connection, under the server's policy. Never waits: `full` says that it is not in the
   * queue. Fails where the message cannot be encoded.
   */
  readonly unicast: (id: number, message: Out) => Effect.Effect<Delivery, MessageError>
  /**
   * Queues a message for every connection, or for those that `to` chooses. The message is encoded and framed once,
   * however many get it. Each connection's queue takes it under `policy`, by default the server's, and none waits: where
   * there is no room and the policy makes none, the connection is reported as `full`, and told as `Dropped`. A failure
   * of one does not keep the message from the others. Fails, with nothing sent, where it cannot be encoded. When it leaves
   * is as with `Groups.send`.
   */
  readonly broadcast: <Message extends Out>(
    message: Message,
    options?: {
      readonly to?: ((connection: Connection<In, Out>) => boolean) | undefined
      readonly policy?: Policy<NoInfer<Message>> | undefined
    }
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
  /**
   * Runs an effect for every connection, each period of 1 millisecond or more, from the first period's end until it is
   * cancelled or the server stopped. At most `concurrency` of them at a time, 1 or more, default 256; those that take
   * long hold up the others only where they are as many.
   *
   * No connection is visited twice at a time: one whose visit lasts longer than the period is left out until it is over.
   * Where not all visits of a round could begin in time, they go on, and the next round is left out. A visit ends with
   * its connection, and its failure closes that connection as the handler's would, and no other. A connection that has
   * switched to another protocol is left out.
   */
  readonly runEvery: <A, E, R>(
    period: Duration.Input,
    visit: (connection: Connection<In, Out>) => Effect.Effect<A, E, R>,
    options?: { readonly concurrency?: number | undefined }
  ) => Effect.Effect<Timer, never, R>
  /** Who comes and goes from now on. The oldest are lost to a reader that falls behind, as with `server.events`. */
  readonly changes: Stream.Stream<ConnectionChange>
}
