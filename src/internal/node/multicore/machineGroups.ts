/** Groups over all processes: each keeps its own members, and says which groups it wants to hear of. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { Codec } from "../../../Codec.ts"
import type { GroupChange, Groups, GroupsOptions } from "../../../Groups.ts"
import type { InvalidConfig } from "../../../SluiceError.ts"
import type { GroupTable } from "../../groups/groupTable.ts"
import { makeGroupTable } from "../../groups/makeGroupTable.ts"
import type { Answering } from "./answering.ts"
import type { Bus, GroupKey } from "./bus.ts"
import type { MachineGroups } from "./machine.ts"
import { defaultLimit, gather } from "./machineConnections.ts"
import { topicOf } from "./topic.ts"

interface Parts<Message> {
  readonly name: string
  readonly codec: Codec<Message>
  readonly bus: Bus
  readonly answering: Answering
  readonly fork: (effect: Effect.Effect<void>) => void
}

/** What this process wants to hear of: each group while it has members here. */
class Interest {
  private readonly parts: Parts<never>
  private readonly asking = new Map<GroupKey, Deferred.Deferred<void>>()
  private ending = new Set<GroupKey>()

  constructor(parts: Parts<never>) {
    this.parts = parts
  }

  begin(key: GroupKey): void {
    // Whose end has not been told yet is wanted still.
    if (this.ending.delete(key)) return
    const { bus, fork, name } = this.parts
    const asked = Deferred.makeUnsafe<void>()
    this.asking.set(key, asked)
    fork(
      Effect.catch(bus.subscribe(topicOf(name, key)), (error) =>
        Effect.logWarning(`${name}: ${String(key)} gets nothing from other processes: ${error.message}`)
      ).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            if (this.asking.get(key) === asked) this.asking.delete(key)
            Deferred.doneUnsafe(asked, Exit.void)
          })
        )
      )
    )
  }

  end(key: GroupKey): void {
    if (this.ending.size === 0) setImmediate(this.tellEnds)
    this.ending.add(key)
  }

  /** Waits until what others send comes here. */
  awaitBegun(key: GroupKey): Effect.Effect<void> {
    const asked = this.asking.get(key)
    return asked === undefined ? Effect.void : Deferred.await(asked)
  }

  private readonly tellEnds = (): void => {
    const { bus, name } = this.parts
    const topics = Array.from(this.ending, (key) => topicOf(name, key))
    this.ending = new Set()
    if (topics.length > 0) bus.unsubscribe(topics)
  }
}

/** Messages of other processes, one after the other, however long each takes. */
class Inbox<Key extends GroupKey, Message> {
  private readonly parts: Parts<Message>
  private readonly table: GroupTable<Key, Message>
  private readonly waiting: Array<{ readonly keys: ReadonlyArray<Key>; readonly payload: Uint8Array }> = []
  private running = false

  constructor(parts: Parts<Message>, table: GroupTable<Key, Message>) {
    this.parts = parts
    this.table = table
  }

  deliver(keys: ReadonlyArray<Key>, payload: Uint8Array): void {
    const { bus, fork, name } = this.parts
    if (this.waiting.length >= bus.maxMessages) {
      fork(Effect.logWarning(`${name}: a message of another process found no room`))
      return
    }
    this.waiting.push({ keys, payload })
    if (this.running) return
    this.running = true
    fork(this.run)
  }

  private get run(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const next = this.waiting.shift()
      if (next === undefined) {
        this.running = false
        return Effect.void
      }
      const { codec, name } = this.parts
      return Effect.flatMap(codec.decode(next.payload), (message) =>
        this.table.send(next.keys, message)
      ).pipe(
        Effect.catchCause((cause) =>
          Effect.logWarning(`${name}: a message of another process was not delivered`, cause)
        ),
        Effect.andThen(this.run)
      )
    })
  }
}

export const makeMachineGroups = <Key extends GroupKey, Message>(
  parts: Parts<Message>,
  options: GroupsOptions<Key, Message>
): Effect.Effect<MachineGroups<Key, Message>, InvalidConfig, Scope.Scope> => {
  const { answering, bus, name } = parts
  const interest = new Interest(parts as unknown as Parts<never>)
  const observe = (change: GroupChange<Key>) => {
    if (change._tag === "Created") interest.begin(change.group)
    else if (change._tag === "Vanished") interest.end(change.group)
  }
  return Effect.flatMap(makeGroupTable(options, observe), (table) => {
    const inbox = new Inbox(parts, table)
    const begin = Effect.sync(() => {
      answering.groups.set(name, {
        members: (key) => Effect.runSync(table.members(key as Key)),
        keys: () => Effect.runSync(table.groups)
      })
      // What others send to, they know as keys of the same groups.
      const unregister = bus.register(name, (keys, payload) =>
        inbox.deliver(keys as ReadonlyArray<Key>, payload)
      )
      return () => {
        answering.groups.delete(name)
        unregister()
      }
    })
    return Effect.as(
      Effect.acquireRelease(begin, (end) => Effect.sync(end)),
      groupsOver(parts, table, interest)
    )
  })
}

const groupsOver = <Key extends GroupKey, Message>(
  { answering, bus, codec, name }: Parts<Message>,
  table: GroupTable<Key, Message>,
  interest: Interest
): MachineGroups<Key, Message> => {
  const join: Groups<Key, Message>["join"] = (
    key: Key,
    ...rest: [Parameters<typeof table.join>[1], Parameters<typeof table.join>[2]?]
  ) =>
    Effect.flatMap(table.join(key, ...rest), (joined) =>
      joined ? Effect.as(interest.awaitBegun(key), true) : Effect.succeed(false)
    )
  const everywhere = (key: Key, limit: number) =>
    gather(bus, answering, { _tag: "Members", groups: name, key, limit })
  return {
    changes: table.changes,
    get groups() {
      return table.groups
    },
    groupsOf: table.groupsOf,
    join,
    leave: table.leave,
    leaveAll: table.leaveAll,
    members: table.members,
    send: (keys, message, options) =>
      Effect.flatMap(codec.encode(message), (payload) =>
        Effect.flatMap(table.send(keys, message, options), (result) =>
          Effect.map(bus.publish(name, listOf(keys), payload), (forwarded) => ({ ...result, forwarded }))
        )
      ),
    countEverywhere: (key) =>
      Effect.map(everywhere(key, 0), ({ missing, value }) => ({
        value: value.reduce((sum, [, { count }]) => sum + count, 0),
        missing
      })),
    membersEverywhere: (key, { limit = defaultLimit } = {}) =>
      Effect.map(everywhere(key, limit), ({ missing, value }) => ({
        value: value.flatMap(([worker, { ids }]) => ids.map((id) => ({ worker, id }))),
        missing
      })),
    groupsEverywhere: ({ limit = defaultLimit } = {}) =>
      Effect.map(gather(bus, answering, { _tag: "Groups", groups: name, limit }), ({ missing, value }) => ({
        // Other processes have keys of the same groups.
        value: Array.from(new Set(value.flatMap(([, keys]) => keys))) as Array<Key>,
        missing
      }))
  }
}

const listOf = <A extends GroupKey>(keys: A | ReadonlyArray<A>): ReadonlyArray<A> =>
  typeof keys === "object" ? keys : [keys]
