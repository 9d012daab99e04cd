/** Who is in which group, and what is sent to them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Schema, Scope, Stream } from "effect"
import * as Context from "effect/Context"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Groups from "../../src/Groups.ts"
import type { ConnectionImpl } from "../../src/internal/connection.ts"
import * as Outbound from "../../src/Outbound.ts"
import * as Protocol from "../../src/Protocol.ts"
import { eventually, take } from "../support/pair.ts"
import * as rigs from "../transport/rigs.ts"
import { counted, house, Text } from "./support.ts"

const failure = (exit: Exit.Exit<unknown, unknown>): string => String(Exit.isFailure(exit) ? exit.cause : "")

describe("membership", () => {
  it.effect("is joined once and left once; a group is there while it has members", () =>
    Effect.gen(function* () {
      const { guests } = yield* house(2, Text)
      const [ada, bob] = guests
      const rooms = yield* Groups.make<string, string>()
      assert.isTrue(yield* rooms.join("a", ada!.peer))
      assert.isFalse(yield* rooms.join("a", ada!.peer))
      assert.isTrue(yield* rooms.join("a", bob!.peer))
      assert.isTrue(yield* rooms.join("b", ada!.peer))
      assert.deepStrictEqual(yield* rooms.groups, ["a", "b"])
      assert.deepStrictEqual(yield* rooms.groupsOf(ada!.peer), ["a", "b"])
      assert.deepStrictEqual(yield* rooms.members("a"), [ada!.peer, bob!.peer])
      assert.isTrue(yield* rooms.leave("b", ada!.peer))
      assert.isFalse(yield* rooms.leave("b", ada!.peer))
      assert.deepStrictEqual(yield* rooms.groups, ["a"])
      assert.deepStrictEqual(yield* rooms.members("b"), [])
      assert.deepStrictEqual(yield* rooms.leaveAll(bob!.peer), ["a"])
      assert.deepStrictEqual(yield* rooms.leaveAll(bob!.peer), [])
      assert.deepStrictEqual(yield* rooms.members("a"), [ada!.peer])
    })
  )

  it.effect("L-B3: ends with the connection; the empty group vanishes, and all is told in order", () =>
    Effect.gen(function* () {
      const { guests } = yield* house(2, Text)
      const [ada, bob] = guests
      const rooms = yield* Groups.make<string, string>()
      const told: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(rooms.changes, (change) =>
          Effect.sync(() => {
            const who = "connection" in change ? (change.connection === ada!.peer.id ? " ada" : " bob") : ""
            const how = change._tag === "Left" && change.closed ? " closed" : ""
            told.push(`${change._tag} ${change.group}${who}${how}`)
          })
        ),
        { startImmediately: true }
      )
      yield* rooms.join("a", ada!.peer)
      yield* rooms.join("a", bob!.peer)
      yield* rooms.join("b", bob!.peer)
      yield* rooms.leave("a", ada!.peer)
      yield* bob!.leave
      assert.deepStrictEqual(yield* rooms.groups, [])
      assert.deepStrictEqual(yield* rooms.groupsOf(bob!.peer), [])
      // Nobody joins who is closed.
      assert.isFalse(yield* rooms.join("a", bob!.peer))
      assert.deepStrictEqual(yield* rooms.groups, [])
      yield* eventually(() => told.at(-1) === "Vanished b", "all is told")
      assert.deepStrictEqual(told, [
        "Created a",
        "Joined a ada",
        "Joined a bob",
        "Created b",
        "Joined b bob",
        "Left a ada",
        "Left a bob closed",
        "Vanished a",
        "Left b bob closed",
        "Vanished b"
      ])
    })
  )

  it.effect("is bounded: members of a group, groups of a connection, groups in all", () =>
    Effect.gen(function* () {
      const { guests } = yield* house(3, Text)
      const [ada, bob, cid] = guests
      const rooms = yield* Groups.make<string, string>({
        maxMembers: 2,
        maxGroupsPerConnection: 2,
        maxGroups: 3
      })
      const limitOf = (key: string, guest: typeof ada) =>
        Effect.map(Effect.flip(rooms.join(key, guest!.peer)), ({ connection, limit, maximum }) => {
          assert.strictEqual(connection, guest!.peer.id)
          return `${limit} ${maximum}`
        })
      yield* rooms.join("a", ada!.peer)
      yield* rooms.join("a", bob!.peer)
      assert.strictEqual(yield* limitOf("a", cid), "maxMembers 2")
      yield* rooms.join("b", ada!.peer)
      assert.strictEqual(yield* limitOf("c", ada), "maxGroupsPerConnection 2")
      assert.isFalse(yield* rooms.join("a", ada!.peer))
      yield* rooms.join("c", bob!.peer)
      assert.strictEqual(yield* limitOf("d", cid), "maxGroups 3")
      // What was refused left nothing behind, and room that was made is room.
      assert.deepStrictEqual(yield* rooms.groups, ["a", "b", "c"])
      yield* rooms.leave("c", bob!.peer)
      assert.isTrue(yield* rooms.join("d", cid!.peer))
    })
  )

  it.effect("ends with the scope of the groups, whose changes end then", () =>
    Effect.gen(function* () {
      const { guests } = yield* house(1, Text)
      const scope = yield* Scope.make()
      const rooms = yield* Effect.provideService(Groups.make<string, string>(), Scope.Scope, scope)
      const changes = yield* Effect.forkChild(Stream.runCollect(rooms.changes), { startImmediately: true })
      yield* rooms.join("a", guests[0]!.peer)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(
        (yield* Fiber.join(changes)).map(({ _tag }) => _tag),
        ["Created", "Joined", "Left", "Vanished"]
      )
      assert.isFalse(yield* rooms.join("a", guests[0]!.peer))
      assert.deepStrictEqual((yield* rooms.send("a", "nobody")).delivered, [])
    })
  )

  it.effect(
    "is kept in a layer under a key of one's own, and refuses options that cannot be, all at once",
    () =>
      Effect.gen(function* () {
        class Rooms extends Context.Service<Rooms, Groups.Groups<string, string>>()("test/Rooms") {}
        const { guests } = yield* house(1, Text)
        const layer = Groups.layer(Rooms, { maxMembers: 5 })
        yield* Effect.gen(function* () {
          const rooms = yield* Rooms
          assert.isTrue(yield* rooms.join("a", guests[0]!.peer))
        }).pipe(Effect.provide(layer))
        const wrong = Groups.layer(Rooms, { maxMembers: 0, changeBuffer: 0.5 })
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(wrong)))
        assert.include(failure(exit), "maxMembers: must be a whole number from 1 to 10000000")
        assert.include(failure(exit), "changeBuffer")
      })
  )
})

describe("a message to groups", () => {
  it.effect("L-B1, L-B2: comes once to members of several, and not to those who are left out", () =>
    Effect.gen(function* () {
      const { guests } = yield* house(4, Text)
      const [ada, bob, cid, dan] = guests
      const rooms = yield* Groups.make<string, string>()
      for (const guest of [ada, bob, dan]) yield* rooms.join("a", guest!.peer)
      for (const guest of [bob, cid]) yield* rooms.join("b", guest!.peer)
      const { delivered, failed } = yield* rooms.send(["a", "b", "a", "none"], "both", {
        except: [dan!.peer]
      })
      assert.deepStrictEqual(delivered, [ada!.peer.id, bob!.peer.id, cid!.peer.id])
      assert.deepStrictEqual(failed, [])
      assert.deepStrictEqual((yield* rooms.send("a", "own", { except: ada!.peer })).delivered, [
        bob!.peer.id,
        dan!.peer.id
      ])
      for (const { peer } of guests) yield* peer.send("end")
      assert.deepStrictEqual(yield* take(ada!.client, 2), ["both", "end"])
      assert.deepStrictEqual(yield* take(bob!.client, 3), ["both", "own", "end"])
      assert.deepStrictEqual(yield* take(cid!.client, 2), ["both", "end"])
      assert.deepStrictEqual(yield* take(dan!.client, 2), ["own", "end"])
    })
  )

  it.effect("what one fiber sends comes in that order, with what is sent to one of them", () =>
    Effect.gen(function* () {
      const { guests } = yield* house(3, Text)
      const rooms = yield* Groups.make<string, string>()
      for (const { peer } of guests) yield* rooms.join("a", peer)
      const sent: Array<string> = []
      for (let i = 0; i < 100; i++) {
        // Long ones wait in another way than short ones.
        const text = `${i}${i % 7 === 0 ? "x".repeat(5000) : ""}`
        sent.push(text)
        if (i % 3 === 0) for (const { peer } of guests) yield* peer.send(text)
        else yield* rooms.send("a", text)
      }
      for (const { client } of guests) assert.deepStrictEqual(yield* take(client, 100), sent)
    })
  )

  it.effect("L-B8: is encoded once for each protocol and each of its renderings", () =>
    Effect.gen(function* () {
      const one = counted()
      const two = counted()
      const first = yield* house(20, one.protocol)
      const second = yield* house(20, two.protocol)
      const rooms = yield* Groups.make<string, string>()
      const loud = (text: string) => text.toUpperCase()
      for (const [i, { peer }] of first.guests.entries()) {
        if (i % 2 === 0) yield* rooms.join("a", peer)
        else yield* rooms.join("a", peer, { as: loud })
      }
      for (const { peer } of second.guests) yield* rooms.join("a", peer)
      const { delivered } = yield* rooms.send("a", "hello")
      assert.strictEqual(delivered.length, 40)
      assert.deepStrictEqual([one.count.encoded, two.count.encoded], [2, 1])
      assert.deepStrictEqual(yield* take(first.guests[0]!.client, 1), ["hello"])
      assert.deepStrictEqual(yield* take(first.guests[1]!.client, 1), ["HELLO"])
      assert.deepStrictEqual(yield* take(second.guests[0]!.client, 1), ["hello"])
    })
  )

  it.effect("is rendered for protocols that have other messages", () =>
    Effect.gen(function* () {
      const Said = Schema.Struct({ name: Schema.String, text: Schema.String })
      const Json = Protocol.make("Json", {
        framing: Framing.lines(),
        fromClient: Codec.json(Said),
        fromServer: Codec.json(Said)
      })
      const people = yield* house(1, Text)
      const programs = yield* house(1, Json)
      const rooms = yield* Groups.make<string, typeof Said.Type>()
      yield* rooms.join("a", people.guests[0]!.peer, { as: ({ name, text }) => `${name}: ${text}` })
      yield* rooms.join("a", programs.guests[0]!.peer)
      // @ts-expect-error a person's connection takes no such message as it is
      assert.isFalse(yield* rooms.join("a", people.guests[0]!.peer))
      yield* rooms.send("a", { name: "ada", text: "hi" })
      assert.deepStrictEqual(yield* take(people.guests[0]!.client, 1), ["ada: hi"])
      assert.deepStrictEqual(yield* take(programs.guests[0]!.client, 1), [{ name: "ada", text: "hi" }])
    })
  )

  it.effect("does not go to one that speaks another protocol by now, until it joins again", () =>
    Effect.gen(function* () {
      const { guests } = yield* house(2, Text)
      const [ada, bob] = guests
      const rooms = yield* Groups.make<string, string>()
      for (const { peer } of guests) yield* rooms.join("a", peer)
      // What a switch of protocols comes down to.
      Object.assign(ada!.peer, { shared: { ...(ada!.peer as ConnectionImpl<string, string>).shared } })
      assert.deepStrictEqual(yield* rooms.send("a", "one"), {
        delivered: [bob!.peer.id],
        failed: [{ id: ada!.peer.id, reason: "closed" }]
      })
      assert.isFalse(yield* rooms.join("a", ada!.peer, { as: (text) => `${text}!` }))
      assert.strictEqual((yield* rooms.send("a", "two")).delivered.length, 2)
      assert.deepStrictEqual(yield* take(ada!.client, 1), ["two!"])
    })
  )

  it.effect("goes to nobody where it cannot be encoded for one of the protocols", () =>
    Effect.gen(function* () {
      const { guests } = yield* house(2, Text)
      const rooms = yield* Groups.make<string, string>()
      yield* rooms.join("a", guests[0]!.peer)
      yield* rooms.join("a", guests[1]!.peer, { as: (text) => `${text}\nmore` })
      const exit = yield* Effect.exit(rooms.send("a", "one line"))
      assert.include(failure(exit), "delimiter")
      for (const { peer } of guests) assert.strictEqual(peer.stats.outboundMessages, 0)
      assert.strictEqual(guests[0]!.peer.stats.messagesOut, 0)
    })
  )

  it.effect("S-4: is kept from no other by a member that takes no more", () =>
    Effect.gen(function* () {
      const { guests } = yield* house(3, Text)
      const rooms = yield* Groups.make<string, string>()
      for (const { peer } of guests) yield* rooms.join("a", peer)
      yield* guests[0]!.peer.end
      assert.deepStrictEqual(yield* rooms.send("a", "hi"), {
        delivered: [guests[1]!.peer.id, guests[2]!.peer.id],
        failed: [{ id: guests[0]!.peer.id, reason: "closed" }]
      })
      assert.deepStrictEqual(yield* take(guests[2]!.client, 1), ["hi"])
    })
  )
})

describe("on real sockets", () => {
  it.live("a message comes to all members, and a peer that resets is a member no more", () =>
    Effect.gen(function* () {
      const { guests } = yield* house(20, Text, {}, rigs.tcp)
      const rooms = yield* Groups.make<number, string>({ policy: () => Outbound.disconnect })
      for (const [i, { peer }] of guests.entries()) yield* rooms.join(i % 2, peer)
      yield* guests[0]!.leave
      assert.strictEqual((yield* rooms.members(0)).length, 9)
      assert.strictEqual((yield* rooms.send([0, 1], "hello")).delivered.length, 19)
      for (const { client } of guests.slice(1)) assert.deepStrictEqual(yield* take(client, 1), ["hello"])
    })
  )
})
