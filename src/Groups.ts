/**
 * Groups: named sets of connections that a message is sent to together.
 *
 * A group is there while it has members: the first to join makes it, the last to leave ends it. A connection leaves all
 * its groups when it ends, by itself. Members may be connections of several servers and protocols; a message is encoded
 * once for each server, and all its members get the same bytes.
 *
 * **Example** (Rooms of a chat)
 *
 * ```ts
 * import { Codec, Framing, Groups, Protocol, Server } from "effect-sluice"
 * import { Effect, Stream } from "effect"
 *
 * const Chat = Protocol.make("Chat", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 *
 * const program = Effect.gen(function* () {
 *   const rooms = yield* Groups.make<string, string>()
 *   yield* Server.make(Chat, Effect.fnUntraced(function* (connection) {
 *     yield* rooms.join("lobby", connection)
 *     yield* Stream.runForEach(connection.messages, (line) =>
 *       rooms.send("lobby", line, { except: connection }))
 *   }))
 * })
 * ```
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Connection } from "./Connection.ts"
import type { BroadcastResult } from "./Connections.ts"
import { makeGroupTable } from "./internal/groups/makeGroupTable.ts"
import type * as Outbound from "./Outbound.ts"
import type { CodecError, GroupLimitReached, InvalidConfig, PayloadError } from "./SluiceError.ts"

/**
 * A connection in a group, whatever its protocol.
 *
 * @category models
 * @since 0.1.0
 */
export type Member = Connection<unknown, never>

/**
 * How groups are kept.
 *
 * @category options
 * @since 0.1.0
 */
export interface GroupsOptions<in Key, in Message> {
  /**
   * What becomes of a message to a member whose outbound queue is full: one policy for all groups, or a function that
   * is asked once for each group when it comes to be. Nobody waits: under `suspend`, and under `conflate` where no
   * message of its key waits, the member does not get the message and is reported as `full`. Default
   * `Outbound.dropNew`.
   */
  readonly policy?: Outbound.Policy<Message> | ((key: Key) => Outbound.Policy<Message>) | undefined
  /** Members of one group, 1 to 10 000 000. Default 100 000. */
  readonly maxMembers?: number | undefined
  /** Groups at a time, 1 to 10 000 000. Default 100 000. */
  readonly maxGroups?: number | undefined
  /** Groups that one connection is in at a time, 1 to 1 000 000. Default 1000. */
  readonly maxGroupsPerConnection?: number | undefined
  /** How many changes each reader of `changes` may fall behind before it loses the oldest, 1 to 1 000 000. Default 1024. */
  readonly changeBuffer?: number | undefined
}

/**
 * Something that happened to a group. `connection` is the id of the connection.
 *
 * - `Created`: the group came to be; its first `Joined` follows
 * - `Joined`: a connection became a member
 * - `Left`: a member left, or was gone (`closed`)
 * - `Vanished`: the last member had left
 *
 * @category models
 * @since 0.1.0
 */
export type GroupChange<Key> =
  | { readonly _tag: "Created"; readonly group: Key }
  | { readonly _tag: "Joined"; readonly group: Key; readonly connection: number }
  | { readonly _tag: "Left"; readonly group: Key; readonly connection: number; readonly closed: boolean }
  | { readonly _tag: "Vanished"; readonly group: Key }

/**
 * Who gets a message, and how.
 *
 * @category options
 * @since 0.1.0
 */
export interface GroupSendOptions<in Message> {
  /** Members that do not get it, as its author. Default: nobody. */
  readonly except?: Member | ReadonlyArray<Member> | undefined
  /** For those whose queue is full, instead of the group's own policy. */
  readonly policy?: Outbound.Policy<Message> | undefined
}

/**
 * Groups by key. Keys are compared as those of a `Map`; no key is an array.
 *
 * @category models
 * @since 0.1.0
 */
export interface Groups<in out Key, in out Message> {
  /**
   * Makes a connection a member until it leaves or ends. True if it is one from now on; false if it was one before, or
   * is closed or about to be, or is held as what it was before it switched to another protocol. Fails where a bound of
   * the options is reached.
   *
   * A connection whose messages are others than the group's says with `as` what it gets instead. The same function for
   * all of a server, or the message is encoded for each function anew. One that throws is a defect of the sender's.
   *
   * A connection that switches to another protocol gets nothing from then on (`closed`), until it joins again as what the
   * switch gave.
   */
  readonly join: {
    (key: Key, connection: Connection<unknown, Message>): Effect.Effect<boolean, GroupLimitReached>
    <Out>(
      key: Key,
      connection: Connection<unknown, Out>,
      options: { readonly as: (message: Message) => Out }
    ): Effect.Effect<boolean, GroupLimitReached>
  }
  /** Ends a membership; says whether there was one. */
  readonly leave: (key: Key, connection: Member) => Effect.Effect<boolean>
  /** Ends all memberships of a connection, and returns the groups that it was in. */
  readonly leaveAll: (connection: Member) => Effect.Effect<ReadonlyArray<Key>>

  /** The members of a group, those who joined first before the others; none where there is no such group. */
  readonly members: (key: Key) => Effect.Effect<ReadonlyArray<Member>>
  /** The keys of all groups, which have a member each, in the order in which they came to be. */
  readonly groups: Effect.Effect<ReadonlyArray<Key>>
  /** The groups that a connection is in, in the order in which it joined them. */
  readonly groupsOf: (connection: Member) => Effect.Effect<ReadonlyArray<Key>>

  /**
   * Queues a message for all members of a group, or of several: one copy for each, however many of the groups it is in,
   * under the policy of the first of them. The message is encoded and framed once for each server and each `as`.
   *
   * Never waits for a member. One that has no room for the message and whose policy makes none is reported as `full`,
   * counts it as dropped, and its server tells `Dropped`; one that cannot be sent to any more is reported as `closed`.
   * A failure of one does not keep the message from the others. Fails, with nothing sent to anybody, where the message
   * cannot be encoded for one of the protocols.
   *
   * What one fiber sends arrives at each member in that order. Ids in the result are in the order of joining.
   *
   * All members get the same bytes, without a copy for each. To fewer than 128 they leave at the end of the microtask; to
   * more, two turns of the event loop later, in one write with what else these turns brought for the same member.
   */
  readonly send: (
    keys: Key | ReadonlyArray<Key>,
    message: Message,
    options?: GroupSendOptions<NoInfer<Message>>
  ) => Effect.Effect<BroadcastResult, CodecError | PayloadError>

  /**
   * What happens to the groups from the moment the stream is run. The oldest are lost to a reader that falls behind.
   * Ends with the groups.
   */
  readonly changes: Stream.Stream<GroupChange<Key>>
}

/**
 * Groups that live as long as the scope: at its end all memberships end, and nobody can join any more.
 *
 * `Message` is what is sent to them, `Key` names one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Key, Message>(
  options: GroupsOptions<Key, Message> = {}
): Effect.Effect<Groups<Key, Message>, InvalidConfig, Scope.Scope> => makeGroupTable(options)

/**
 * Groups as a layer, under a key of one's own.
 *
 * **Example** (Rooms as a service)
 *
 * ```ts
 * import { Groups } from "effect-sluice"
 * import { Context } from "effect"
 *
 * class Rooms extends Context.Service<Rooms, Groups.Groups<string, string>>()("app/Rooms") {}
 *
 * const RoomsLive = Groups.layer(Rooms, { maxMembers: 500 })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <Id, Key, Message>(
  key: Context.Key<Id, Groups<Key, Message>>,
  options?: GroupsOptions<NoInfer<Key>, NoInfer<Message>>
): Layer.Layer<Id, InvalidConfig> => Layer.effect(key, make<Key, Message>(options))
