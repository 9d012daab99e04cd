/** Groups and their members: who is where, and who leaves with the end of their connection. */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { GroupChange, Groups, Member } from "../../Groups.ts"
import type { Policy } from "../../Outbound.ts"
import { GroupLimitReached } from "../../SluiceError.ts"
import { coreOf } from "../coreOf.ts"
import { Hub } from "../events.ts"
import { type Addressee, type Peer, sendToEach } from "../sendToEach.ts"

interface Limits {
  readonly maxMembers: number
  readonly maxGroups: number
  readonly maxGroupsPerConnection: number
  readonly changeBuffer: number
}

/** Holds a member whenever it is in the table. */
interface Group<Key, Message> {
  readonly key: Key
  readonly policy: Policy<Message>
  readonly members: Map<Peer, Addressee<Message>>
}

/** All that one connection is in. */
interface Belonging<Key, Message> {
  readonly groups: Set<Group<Key, Message>>
  /** Takes back the wish to be told of the connection's end. */
  readonly forget: () => void
}

export class GroupTable<Key, Message> implements Groups<Key, Message> {
  private readonly limits: Limits
  private readonly policyOf: (key: Key) => Policy<Message>
  private readonly table = new Map<Key, Group<Key, Message>>()
  private readonly belongings = new Map<Peer, Belonging<Key, Message>>()
  private readonly told: Hub<GroupChange<Key>>
  private readonly observe: ((change: GroupChange<Key>) => void) | undefined
  private ended = false

  /** `observe` hears of every change at once, before anybody else. */
  constructor(
    limits: Limits,
    policyOf: (key: Key) => Policy<Message>,
    observe?: (change: GroupChange<Key>) => void
  ) {
    this.limits = limits
    this.policyOf = policyOf
    this.observe = observe
    this.told = new Hub(limits.changeBuffer)
  }

  get changes(): Stream.Stream<GroupChange<Key>> {
    return this.told.stream
  }

  get groups(): Effect.Effect<ReadonlyArray<Key>> {
    return Effect.sync(() => Array.from(this.table.keys()))
  }

  // Functions of their own, so that they can be taken out of the groups and handed around.

  readonly join = (
    key: Key,
    member: Member,
    options?: { readonly as: (message: Message) => unknown }
  ): Effect.Effect<boolean, GroupLimitReached> =>
    Effect.suspend(() => {
      const connection = peerOf(member)
      if (this.ended || connection.ending || isPast(connection, member)) return Effect.succeed(false)
      const group = this.table.get(key)
      const before = group?.members.get(connection)
      if (group !== undefined && before !== undefined) {
        // Who speaks another protocol by now says anew what it takes.
        if (before.shared !== connection.shared) this.admit(group, connection, options?.as)
        return Effect.succeed(false)
      }
      const limit = this.limitReached(group, connection)
      if (limit !== undefined) {
        return Effect.fail(
          new GroupLimitReached({ connection: connection.id, limit, maximum: this.limits[limit] })
        )
      }
      this.enter(group ?? this.create(key), connection, options?.as)
      return Effect.succeed(true)
    })

  readonly leave: Groups<Key, Message>["leave"] = (key, member) =>
    Effect.sync(() => {
      const connection = peerOf(member)
      const group = this.table.get(key)
      if (group?.members.has(connection) !== true) return false
      this.part(group, connection, false)
      const belonging = this.belongings.get(connection)
      belonging?.groups.delete(group)
      if (belonging?.groups.size === 0) {
        this.belongings.delete(connection)
        belonging.forget()
      }
      return true
    })

  readonly leaveAll: Groups<Key, Message>["leaveAll"] = (member) =>
    Effect.sync(() => this.partFromAll(peerOf(member), false))

  readonly members: Groups<Key, Message>["members"] = (key) =>
    Effect.sync(() => Array.from(this.table.get(key)?.members.keys() ?? [], memberOf))

  readonly groupsOf: Groups<Key, Message>["groupsOf"] = (member) =>
    Effect.sync(() => Array.from(this.belongings.get(peerOf(member))?.groups ?? [], ({ key }) => key))

  readonly send: Groups<Key, Message>["send"] = (keys, message, options) =>
    Effect.suspend(() => sendToEach(this.addressees(keys, options?.except), message, options?.policy))

  /** The groups end, and all memberships with them. */
  end(): void {
    this.ended = true
    for (const connection of this.belongings.keys()) this.partFromAll(connection, false)
    this.told.end()
  }

  private limitReached(
    group: Group<Key, Message> | undefined,
    connection: Peer
  ): GroupLimitReached["limit"] | undefined {
    const { maxGroups, maxGroupsPerConnection, maxMembers } = this.limits
    if (group === undefined && this.table.size >= maxGroups) return "maxGroups"
    if (group !== undefined && group.members.size >= maxMembers) return "maxMembers"
    const mine = this.belongings.get(connection)?.groups.size ?? 0
    return mine >= maxGroupsPerConnection ? "maxGroupsPerConnection" : undefined
  }

  private create(key: Key): Group<Key, Message> {
    const group: Group<Key, Message> = { key, policy: this.policyOf(key), members: new Map() }
    this.table.set(key, group)
    this.tell({ _tag: "Created", group: key })
    return group
  }

  private enter(
    group: Group<Key, Message>,
    connection: Peer,
    as: ((message: Message) => unknown) | undefined
  ): void {
    this.admit(group, connection, as)
    let belonging = this.belongings.get(connection)
    if (belonging === undefined) {
      belonging = {
        groups: new Set(),
        forget: connection.onceOver(() => this.partFromAll(connection, true))
      }
      this.belongings.set(connection, belonging)
    }
    belonging.groups.add(group)
    this.tell({ _tag: "Joined", group: group.key, connection: connection.id })
  }

  private admit(
    group: Group<Key, Message>,
    connection: Peer,
    as: ((message: Message) => unknown) | undefined
  ): void {
    group.members.set(connection, { connection, shared: connection.shared, as, policy: group.policy })
  }

  private partFromAll(connection: Peer, closed: boolean): ReadonlyArray<Key> {
    const belonging = this.belongings.get(connection)
    if (belonging === undefined) return []
    this.belongings.delete(connection)
    belonging.forget()
    for (const group of belonging.groups) this.part(group, connection, closed)
    return Array.from(belonging.groups, ({ key }) => key)
  }

  private part(group: Group<Key, Message>, connection: Peer, closed: boolean): void {
    group.members.delete(connection)
    this.tell({ _tag: "Left", group: group.key, connection: connection.id, closed })
    if (group.members.size > 0) return
    this.table.delete(group.key)
    this.tell({ _tag: "Vanished", group: group.key })
  }

  private tell(change: GroupChange<Key>): void {
    this.observe?.(change)
    if (this.told.active) this.told.publish(change)
  }

  /** Those that a message goes to, once each. */
  private addressees(
    keys: Key | ReadonlyArray<Key>,
    except: Member | ReadonlyArray<Member> | undefined
  ): ReadonlyArray<Addressee<Message>> {
    const excluded = except === undefined ? none : new Set(listOf(except).map(peerOf))
    const groups = new Set(listOf(keys))
    const chosen = new Map<Peer, Addressee<Message>>()
    for (const key of groups) {
      const members = this.table.get(key)?.members
      if (members === undefined) continue
      // All of one group differ from each other already.
      if (groups.size === 1 && excluded.size === 0) return Array.from(members.values())
      for (const [connection, addressee] of members) {
        if (!excluded.has(connection) && !chosen.has(connection)) chosen.set(connection, addressee)
      }
    }
    return Array.from(chosen.values())
  }
}

const none: ReadonlySet<unknown> = new Set()

const listOf = <A>(value: A | ReadonlyArray<A>): ReadonlyArray<A> =>
  // No single value is an array.
  Array.isArray(value) ? (value as ReadonlyArray<A>) : [value as A]

/** Whether it is held as what it was before it switched: the messages of that protocol are not for it any more. */
const isPast = (connection: Peer, member: Member): boolean => memberOf(connection) !== member

const memberOf = (connection: Peer): Member =>
  // A connection whose messages nobody knows is one that nobody sends to by itself.
  connection.speaking as Member

const peerOf = (member: Member): Peer => {
  const core = coreOf(member)
  if (core === undefined) throw new TypeError("only connections of a server or client can be in groups")
  // What it takes is known by those who made it a member: the group's messages, or what `as` makes of them.
  return core as unknown as Peer
}
