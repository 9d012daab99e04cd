/** Groups at random, against plain maps of who is where. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Groups from "../../src/Groups.ts"
import * as Outbound from "../../src/Outbound.ts"
import { Random } from "../../src/testing/random.ts"
import { eventually, take } from "../support/pair.ts"
import { house, Text } from "./support.ts"

const limits = { maxMembers: 5, maxGroups: 4, maxGroupsPerConnection: 3 }
const keys = ["a", "b", "c", "d", "e", "f"]

/** Groups in the order in which they came to be, members in the order in which they joined. */
class Model {
  readonly groups = new Map<string, Array<number>>()
  readonly told: Array<string> = []
  /** By connection, in the order in which it joined them. */
  readonly belongings = new Map<number, Array<string>>()

  join(key: string, id: number): boolean | string {
    const members = this.groups.get(key)
    if (members?.includes(id) === true) return false
    if (members === undefined && this.groups.size >= limits.maxGroups) return "maxGroups"
    if (members !== undefined && members.length >= limits.maxMembers) return "maxMembers"
    const mine = this.belongings.get(id) ?? []
    if (mine.length >= limits.maxGroupsPerConnection) return "maxGroupsPerConnection"
    if (members === undefined) this.told.push(`Created ${key}`)
    this.groups.set(key, [...(members ?? []), id])
    this.belongings.set(id, [...mine, key])
    this.told.push(`Joined ${key} ${id}`)
    return true
  }

  leave(key: string, id: number, closed = false): boolean {
    const members = this.groups.get(key)
    if (members?.includes(id) !== true) return false
    this.told.push(`Left ${key} ${id} ${closed}`)
    this.belongings.set(
      id,
      this.groupsOf(id).filter((other) => other !== key)
    )
    if (members.length > 1) {
      this.groups.set(
        key,
        members.filter((member) => member !== id)
      )
      return true
    }
    this.groups.delete(key)
    this.told.push(`Vanished ${key}`)
    return true
  }

  leaveAll(id: number, closed = false): ReadonlyArray<string> {
    const mine = this.groupsOf(id)
    for (const key of mine) this.leave(key, id, closed)
    return mine
  }

  groupsOf(id: number): ReadonlyArray<string> {
    return this.belongings.get(id) ?? []
  }

  addressees(sentTo: ReadonlyArray<string>, except: ReadonlyArray<number>): ReadonlyArray<number> {
    const chosen = new Set(sentTo.flatMap((key) => this.groups.get(key) ?? []))
    for (const id of except) chosen.delete(id)
    return Array.from(chosen)
  }
}

const lineOf = (change: Groups.GroupChange<string>): string =>
  [
    change._tag,
    change.group,
    ...("connection" in change ? [change.connection] : []),
    ...("closed" in change ? [change.closed] : [])
  ].join(" ")

describe("groups at random", () => {
  it.effect("are what plain maps say, and tell of it in order", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 12; seed++) {
        const random = new Random(seed)
        const model = new Model()
        const { guests } = yield* house(10, Text)
        const rooms = yield* Groups.make<string, string>({ ...limits, changeBuffer: 10_000 })
        const told: Array<string> = []
        yield* Effect.forkChild(
          Stream.runForEach(rooms.changes, (change) => Effect.sync(() => told.push(lineOf(change)))),
          { startImmediately: true }
        )
        const some = <A>(from: ReadonlyArray<A>): ReadonlyArray<A> => from.filter(() => random.below(2) === 0)
        const heard = new Map<number, number>()
        for (let step = 0; step < 150; step++) {
          const where = `seed ${seed}, step ${step}`
          // Within the bounds, and neither list is ever empty.
          const guest = guests[random.below(guests.length)]!
          const key = keys[random.below(keys.length)]!
          const { id } = guest.peer
          const choice = random.below(12)
          if (choice < 5) {
            const joined = yield* rooms
              .join(key, guest.peer)
              .pipe(Effect.catch((error) => Effect.succeed(error.limit)))
            assert.strictEqual(joined, model.join(key, id), where)
          } else if (choice < 8) {
            assert.strictEqual(yield* rooms.leave(key, guest.peer), model.leave(key, id), where)
          } else if (choice === 8) {
            assert.deepStrictEqual(yield* rooms.leaveAll(guest.peer), model.leaveAll(id), where)
          } else if (choice < 11) {
            const sentTo = some([...keys, ...keys])
            const except = some(guests).map(({ peer }) => peer)
            const { delivered, failed } = yield* rooms.send(sentTo, where, { except })
            const expected = model.addressees(
              sentTo,
              except.map((peer) => peer.id)
            )
            assert.deepStrictEqual([delivered, failed], [expected, []], where)
            for (const member of delivered) heard.set(member, (heard.get(member) ?? 0) + 1)
          } else if (guests.length > 3 && random.below(3) === 0) {
            guests.splice(guests.indexOf(guest), 1)
            yield* guest.leave
            model.leaveAll(id, true)
            assert.isFalse(yield* rooms.join(key, guest.peer), where)
            assert.deepStrictEqual(yield* rooms.groupsOf(guest.peer), [], where)
          }
          assert.deepStrictEqual(yield* rooms.groups, Array.from(model.groups.keys()), where)
          for (const one of keys) {
            const members = (yield* rooms.members(one)).map((member) => member.id)
            assert.deepStrictEqual(members, model.groups.get(one) ?? [], where)
          }
          assert.deepStrictEqual(yield* rooms.groupsOf(guest.peer), model.groupsOf(id), where)
        }
        for (const { peer } of guests) {
          const { messagesOut, outboundMessages } = peer.stats
          assert.strictEqual(messagesOut + outboundMessages, heard.get(peer.id) ?? 0)
        }
        yield* eventually(() => told.length === model.told.length, "all is told")
        assert.deepStrictEqual(told, model.told)
      }
    })
  )

  it.effect(
    "a member that leaves while a message is on its way still has it: who gets it was settled before",
    () =>
      Effect.gen(function* () {
        const { guests } = yield* house(3, Text)
        const rooms = yield* Groups.make<string, string>()
        const [ada, bob, cid] = guests
        for (const { peer } of guests) yield* rooms.join("a", peer)
        // The rendering of one member makes another one leave, which was chosen before.
        yield* rooms.leave("a", cid!.peer)
        const leaving = (text: string): string => {
          Effect.runSync(rooms.leave("a", bob!.peer))
          return text
        }
        yield* rooms.join("a", cid!.peer, { as: leaving })
        const { delivered } = yield* rooms.send("a", "hi")
        assert.deepStrictEqual(delivered, [ada!.peer.id, bob!.peer.id, cid!.peer.id])
        assert.deepStrictEqual(
          (yield* rooms.members("a")).map(({ id }) => id),
          [ada!.peer.id, cid!.peer.id]
        )
      })
  )

  it.effect("under every policy, what one fiber sends comes in that order, whichever way it is sent", () =>
    Effect.gen(function* () {
      for (const policy of [
        Outbound.dropNew,
        Outbound.dropOld,
        Outbound.disconnect,
        Outbound.suspend,
        Outbound.conflate((text: string) => text)
      ]) {
        const random = new Random(7)
        const { guests } = yield* house(2, Text)
        const rooms = yield* Groups.make<string, string>({ policy })
        for (const { peer } of guests) yield* rooms.join("a", peer)
        const sent: Array<string> = []
        for (let i = 0; i < 300; i++) {
          const text = `${i} ${"x".repeat(random.below(8) === 0 ? 5000 : 5)}`
          sent.push(text)
          const way = random.below(3)
          if (way === 0) yield* rooms.send("a", text)
          else if (way === 1) for (const { peer } of guests) yield* peer.send(text)
          else for (const { peer } of guests) yield* peer.sendWith(text, policy)
          if (random.below(20) === 0) yield* Effect.yieldNow
        }
        for (const { client } of guests) {
          assert.deepStrictEqual(yield* take(client, sent.length), sent, policy._tag)
        }
      }
    })
  )
})
