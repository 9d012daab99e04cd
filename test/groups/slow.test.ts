/** Members that do not keep up, and those who do not notice. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Groups from "../../src/Groups.ts"
import * as Outbound from "../../src/Outbound.ts"
import { eventually, take } from "../support/pair.ts"
import { counted, house, type Peer, Text } from "./support.ts"

/** Fills the outbound queue of a peer whose client takes nothing. */
const stick = (peer: Peer) =>
  Effect.gen(function* () {
    let queued = true
    while (queued) {
      queued = yield* peer.trySend("x".repeat(30_000))
      yield* Effect.yieldNow
    }
  })

const limits = {
  server: { outbound: { maxMessages: 4, maxBytes: 100_000 } },
  // Whoever takes nothing is stuck soon.
  client: { inbound: { maxMessages: 1 } }
}

describe("slow members", () => {
  it.effect(
    "L-B7, L-B8: 10 of 1000 that are stuck are reported, dropped for and told, and hold up nobody",
    () =>
      Effect.gen(function* () {
        const { count, protocol } = counted()
        const { guests, server } = yield* house(1000, protocol, limits)
        const rooms = yield* Groups.make<string, string>()
        for (const { peer } of guests) yield* rooms.join("a", peer)
        const stuck = guests.slice(0, 10)
        for (const { peer } of stuck) yield* stick(peer)
        const events = yield* Effect.forkChild(Stream.runCollect(server.events), { startImmediately: true })
        const before = stuck.map(({ peer }) => peer.stats.dropped)
        count.encoded = 0
        const { delivered, failed } = yield* rooms.send("a", "all")
        assert.strictEqual(count.encoded, 1)
        assert.strictEqual(delivered.length, 990)
        assert.deepStrictEqual(
          failed,
          stuck.map(({ peer }) => ({ id: peer.id, reason: "full" as const }))
        )
        // The clock stands still: nobody waited for anything.
        for (const { client } of guests.slice(10)) assert.deepStrictEqual(yield* take(client, 1), ["all"])
        assert.deepStrictEqual(
          stuck.map(({ peer }) => peer.stats.dropped),
          before.map((dropped) => dropped + 1)
        )
        yield* server.kill
        const dropped = (yield* Fiber.join(events)).filter((event) => event._tag === "Dropped")
        assert.deepStrictEqual(
          dropped.slice(0, 10).map(({ bytes, connection, messages, policy }) => ({
            bytes,
            connection,
            messages,
            policy
          })),
          stuck.map(({ peer }) => ({
            bytes: 4,
            connection: peer.id,
            messages: 1,
            policy: "DropNew" as const
          }))
        )
      })
  )

  it.effect("are dealt with as their group says, or the message", () =>
    Effect.gen(function* () {
      const { guests } = yield* house(3, Text, limits)
      const [slow, other, third] = guests
      const rooms = yield* Groups.make<string, string>({
        policy: (key) => (key === "live" ? Outbound.dropOld : Outbound.dropNew)
      })
      yield* rooms.join("live", slow!.peer)
      yield* rooms.join("talk", slow!.peer)
      yield* rooms.join("talk", other!.peer)
      yield* rooms.join("must", third!.peer)
      yield* stick(slow!.peer)
      yield* stick(third!.peer)
      // What newer ones push out was sent under the same policy; the full queue itself stays.
      assert.deepStrictEqual((yield* rooms.send("live", "one")).delivered, [slow!.peer.id])
      assert.deepStrictEqual((yield* rooms.send("live", "two")).delivered, [slow!.peer.id])
      assert.deepStrictEqual(yield* rooms.send("talk", "hi"), {
        delivered: [other!.peer.id],
        failed: [{ id: slow!.peer.id, reason: "full" }]
      })
      // One copy, under the policy of the group that is named first.
      assert.deepStrictEqual((yield* rooms.send(["live", "talk"], "three")).failed, [])
      assert.deepStrictEqual((yield* rooms.send(["talk", "live"], "four")).failed.length, 1)
      // Nobody waits for anybody, whatever the policy.
      assert.deepStrictEqual(
        (yield* rooms.send("must", "five", { policy: Outbound.suspend })).failed.map(({ reason }) => reason),
        ["full"]
      )
      yield* rooms.send("must", "six", { policy: Outbound.disconnect })
      const reason = yield* Effect.forkChild(third!.peer.closed, { startImmediately: true })
      yield* eventually(() => Effect.runSync(rooms.groups).includes("must") === false, "it was a member")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(reason))._tag, "SlowConsumer")
    })
  )

  it.effect("keep of each key the newest under conflate, by the group's own messages", () =>
    Effect.gen(function* () {
      const { guests } = yield* house(2, Text, limits)
      interface Price {
        readonly symbol: string
        readonly price: number
      }
      const prices = yield* Groups.make<string, Price>({
        policy: Outbound.conflate(({ symbol }) => symbol)
      })
      for (const { peer } of guests) {
        yield* prices.join("all", peer, { as: ({ price, symbol }) => `${symbol} ${price}` })
      }
      for (const price of [1, 2, 3]) {
        yield* prices.send("all", { symbol: "A", price })
        yield* prices.send("all", { symbol: "B", price })
      }
      for (const { client } of guests) assert.deepStrictEqual(yield* take(client, 2), ["A 3", "B 3"])
    })
  )

  it.effect("share the bytes of a long message with all others while it waits", () =>
    Effect.gen(function* () {
      const { guests } = yield* house(50, Text, {
        server: { outbound: { maxMessages: 100, maxBytes: 1 << 20 } },
        client: { inbound: { maxMessages: 1 } }
      })
      const rooms = yield* Groups.make<string, string>()
      for (const { peer } of guests) {
        yield* rooms.join("a", peer)
        // Enough to fill the wire, so that what comes next waits in the queue.
        for (let i = 0; i < 8; i++) {
          yield* peer.send("x".repeat(30_000))
          yield* Effect.yieldNow
        }
      }
      const before = process.memoryUsage().arrayBuffers
      const { delivered } = yield* rooms.send("a", "y".repeat(500_000))
      assert.strictEqual(delivered.length, 50)
      // One copy, give or take, and not fifty.
      assert.isBelow(process.memoryUsage().arrayBuffers - before, 10 * 500_000)
    })
  )
})
