/** What a worker knows of the whole machine, and may do there. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Codec } from "../../../Codec.ts"
import type { BroadcastResult, Delivery } from "../../../Connections.ts"
import type { GroupSendOptions, Groups, GroupsOptions } from "../../../Groups.ts"
import type { CodecError, NoAnswer, PayloadError } from "../../../SluiceError.ts"
import type { Address } from "../../../Transport.ts"
import type { MachineId } from "./model.ts"

/**
 * What the processes of the machine answered together. `missing` are the numbers of those that did not answer in
 * `answerTimeout`, or ended meanwhile: what they have is not in `value`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Gathered<out A> {
  readonly value: A
  readonly missing: ReadonlyArray<number>
}

/**
 * One connection of the machine, at the moment of the asking.
 *
 * @category models
 * @since 0.1.0
 */
export interface MachineConnection extends MachineId {
  readonly localAddress: Address
  readonly remoteAddress: Address
  readonly age: Duration.Duration
  readonly bytesIn: number
  readonly bytesOut: number
  readonly messagesIn: number
  readonly messagesOut: number
}

/**
 * Who got a broadcast of the whole machine, as a number, and who did not.
 *
 * @category models
 * @since 0.1.0
 */
export interface MachineBroadcast {
  readonly delivered: number
  readonly failed: ReadonlyArray<MachineId & { readonly reason: Exclude<Delivery, "queued"> }>
}

/**
 * The connections of all servers of a protocol, in all processes of the machine. Asking costs a message to each process
 * and back; where one does not answer, it is `missing`, and where the supervisor does not, it is a {@link NoAnswer}.
 *
 * @category models
 * @since 0.1.0
 */
export interface MachineConnections<in Out> {
  /** How many there are. */
  readonly size: Effect.Effect<Gathered<number>, NoAnswer>
  /** All of them by worker and id, at most `limit` of each process: 1 to 1 000 000, default 10 000. */
  readonly list: (options?: {
    readonly limit?: number | undefined
  }) => Effect.Effect<Gathered<ReadonlyArray<MachineConnection>>, NoAnswer>
  /**
   * Queues a message for every connection, under the policies of their servers, as `Connections.broadcast` does. It is
   * encoded and framed once for the machine, or once for each codec where the protocol is `versioned`. Under `conflate`
   * a message of another process replaces none.
   */
  readonly broadcast: (
    message: Out
  ) => Effect.Effect<Gathered<MachineBroadcast>, CodecError | PayloadError | NoAnswer>
  /** Queues a message for one connection, likewise. `closed` where its worker is gone. */
  readonly unicast: (
    to: MachineId,
    message: Out
  ) => Effect.Effect<Delivery, CodecError | PayloadError | NoAnswer>
  /** Closes a connection in good order; says whether it was there. */
  readonly closeById: (connection: MachineId) => Effect.Effect<boolean, NoAnswer>
  /** Closes all connections of a peer, which is an address or a host, and tells which they were. */
  readonly closeByAddress: (
    peer: Address | string
  ) => Effect.Effect<Gathered<ReadonlyArray<MachineId>>, NoAnswer>
}

/**
 * How groups of a machine are kept: as in each process, and with the codec of their messages on the way from one process
 * to another. Bounds and policies count in each process for itself.
 *
 * @category options
 * @since 0.1.0
 */
export interface MachineGroupsOptions<in Key, in out Message> extends GroupsOptions<Key, Message> {
  readonly codec: Codec<Message>
}

/**
 * Groups whose members may be connected to any process of the machine: what {@link Groups} has, of this process, and
 * more, of all of them.
 *
 * `join` completes when what is sent from then on, by whatever process, reaches the member. For the first member of a
 * group in its process that takes a word with the supervisor; where that gives no answer, a warning is logged.
 *
 * @category models
 * @since 0.1.0
 */
export interface MachineGroups<in out Key extends string | number, in out Message>
  extends Groups<Key, Message> {
  /**
   * As `Groups.send`, to the members in all processes. The result is that of this process. `forwarded` says that the
   * message is on its way to the others, where it is at most once delivered; false where the way there was full for
   * `answerTimeout`. A send waits while it is, so that who sends too much is slowed down.
   *
   * The message is encoded once for the machine by the codec of the groups, goes to the processes that have members, and
   * is encoded there once for each server. What one fiber sends arrives at each member in that order. `except` is a
   * connection of this process; `policy` counts in this process only, the others go by the groups' own.
   */
  readonly send: (
    keys: Key | ReadonlyArray<Key>,
    message: Message,
    options?: GroupSendOptions<NoInfer<Message>>
  ) => Effect.Effect<BroadcastResult & { readonly forwarded: boolean }, CodecError | PayloadError>
  /** How many members a group has in all processes. */
  readonly countEverywhere: (key: Key) => Effect.Effect<Gathered<number>, NoAnswer>
  /** The members of a group in all processes, at most `limit` of each: 1 to 1 000 000, default 10 000. */
  readonly membersEverywhere: (
    key: Key,
    options?: { readonly limit?: number | undefined }
  ) => Effect.Effect<Gathered<ReadonlyArray<MachineId>>, NoAnswer>
  /** The keys of all groups of all processes, each once; at most `limit` of each process. */
  readonly groupsEverywhere: (options?: {
    readonly limit?: number | undefined
  }) => Effect.Effect<Gathered<ReadonlyArray<Key>>, NoAnswer>
}
