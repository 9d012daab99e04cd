/** Who may become a connection: every limit, its change while the server runs, and what is left after. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream, SubscriptionRef } from "effect"
import { TestClock } from "effect/testing"
import type { Limits } from "../../src/Admission.ts"
import type * as Server from "../../src/Server.ts"
import { open, type Peer, settle } from "./support.ts"

const change = (server: Server.Server["Service"], limits: Limits) =>
  Effect.andThen(
    SubscriptionRef.update(server.limits, (before) => ({ ...before, ...limits })),
    settle
  )

const served = (peers: ReadonlyArray<Peer>) => peers.filter(({ text }) => text !== "").length

describe("maxConnections", () => {
  it.effect("is 16384 for a server that says nothing, and everything else is off", () =>
    Effect.gen(function* () {
      const { server } = yield* open(undefined)
      assert.deepStrictEqual(yield* SubscriptionRef.get(server.limits), {
        maxConnections: 16_384,
        maxPerAddress: "off",
        rate: "off",
        allow: [],
        deny: []
      })
    })
  )

  it.effect("refuses at once, in good order, with one event that has the address", () =>
    Effect.gen(function* () {
      const { connect, refused, seen, server } = yield* open({ maxConnections: 1 })
      const first = yield* connect("10.0.0.1")
      const second = yield* connect("10.0.0.2")
      assert.strictEqual(first.text, "hello\n")
      assert.deepStrictEqual([second.text, second.ends, second.error], ["", 1, undefined])
      assert.deepStrictEqual(
        refused().map(({ reason, remoteAddress }) => [reason, remoteAddress]),
        [["full", { _tag: "Tcp", host: "10.0.0.2", port: 1000 }]]
      )
      assert.deepStrictEqual(
        seen.map(({ _tag }) => _tag),
        ["Opened", "Refused"]
      )
      assert.strictEqual(yield* server.connectionCount, 1)
      first.leave()
      yield* settle
      const third = yield* connect("10.0.0.3")
      assert.strictEqual(third.text, "hello\n")
    })
  )

  it.effect("L-A8, L-A11: counts as it is changed, and keeps those who are in", () =>
    Effect.gen(function* () {
      const { connect, refused, server } = yield* open({ maxConnections: 2 })
      const peers = [yield* connect(), yield* connect(), yield* connect()]
      assert.strictEqual(served(peers), 2)
      yield* change(server, { maxConnections: "off" })
      for (let i = 0; i < 10; i++) peers.push(yield* connect())
      assert.strictEqual(yield* server.connectionCount, 12)
      yield* change(server, { maxConnections: 3 })
      assert.strictEqual(yield* server.connectionCount, 12)
      const late = yield* connect()
      assert.strictEqual(late.text, "")
      assert.strictEqual(refused().length, 2)
      peers[0]?.say("still here\n")
      yield* settle
      assert.strictEqual(peers[0]?.text, "hello\nstill here\n")
    })
  )

  it.effect("L-A9: loses no room however often it is raised and lowered while peers come and go", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open({ maxConnections: 5, maxPerAddress: 3 })
      let here: Array<Peer> = []
      for (let round = 0; round < 60; round++) {
        yield* change(server, {
          maxConnections: 1 + ((round * 7) % 10),
          maxPerAddress: round % 3 === 0 ? "off" : 1 + (round % 4)
        })
        for (let i = 0; i < 3; i++) here.push(yield* connect(`10.0.0.${(round + i) % 4}`))
        const leaving = here.splice(0, round % 5)
        for (const peer of leaving) peer.leave()
      }
      for (const peer of here) peer.leave()
      here = []
      yield* settle
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* server.connectionCount, 0)
      yield* change(server, { maxConnections: 8, maxPerAddress: 2 })
      for (let i = 0; i < 20; i++) here.push(yield* connect(`10.0.0.${i % 5}`))
      assert.strictEqual(served(here), 8)
      assert.strictEqual(yield* server.connectionCount, 8)
    })
  )

  it.effect("L-A20, L-A21: a handler that fails as it starts leaves its room to the next", () =>
    Effect.gen(function* () {
      let starts = 0
      const { connect, seen, server } = yield* open({ maxConnections: 1, maxPerAddress: 1 }, (connection) => {
        starts++
        if (starts <= 3) return Effect.fail("cannot start")
        if (starts <= 6) throw new Error("cannot even begin")
        return Stream.run(connection.messages, connection.sink)
      })
      for (let i = 0; i < 6; i++) {
        const peer = yield* connect("10.0.0.1")
        assert.strictEqual(peer.ends, 1)
        yield* TestClock.adjust("10 millis")
        assert.strictEqual(yield* server.connectionCount, 0)
      }
      const next = yield* connect("10.0.0.1")
      assert.strictEqual(next.text, "hello\n")
      assert.strictEqual(seen.filter(({ _tag }) => _tag === "HandlerFailed").length, 6)
    })
  )

  it.effect("keeps what was in force where the change cannot be", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open({ maxConnections: 1 })
      yield* change(server, { maxConnections: -1, allow: ["nonsense"] })
      const peers = [yield* connect(), yield* connect()]
      assert.strictEqual(served(peers), 1)
      yield* change(server, { maxConnections: 2, allow: [] })
      peers.push(yield* connect())
      assert.strictEqual(served(peers), 2)
    })
  )
})

describe("overLimit wait", () => {
  it.effect("L-A3: serves who waited, with what it sent earlier, once there is room", () =>
    Effect.gen(function* () {
      const { connect, refused } = yield* open({ maxConnections: 1, overLimit: { wait: "1 minute" } })
      const a = yield* connect()
      const b = yield* connect(undefined, "first\nsecond\n")
      const c = yield* connect()
      assert.deepStrictEqual([a.text, b.text, c.text], ["hello\n", "", ""])
      a.leave()
      yield* settle
      assert.deepStrictEqual([b.text, c.text], ["first\nsecond\n", ""])
      b.leave()
      yield* settle
      assert.strictEqual(c.text, "hello\n")
      assert.deepStrictEqual(refused(), [])
    })
  )

  it.effect("L-A4, L-A5: refuses after its time, once, and lives on", () =>
    Effect.gen(function* () {
      const { connect, refused } = yield* open({ maxConnections: 1, overLimit: { wait: "500 millis" } })
      const a = yield* connect("10.0.0.1")
      const b = yield* connect("10.0.0.2")
      yield* TestClock.adjust("499 millis")
      assert.strictEqual(b.ends, 0)
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.deepStrictEqual([b.text, b.ends], ["", 1])
      assert.deepStrictEqual(
        refused().map(({ reason, remoteAddress }) => [
          reason,
          remoteAddress._tag === "Tcp" && remoteAddress.host
        ]),
        [["full", "10.0.0.2"]]
      )
      a.say("again\n")
      yield* settle
      assert.strictEqual(a.text, "hello\nagain\n")
      a.leave()
      yield* settle
      assert.strictEqual((yield* connect()).text, "hello\n")
    })
  )

  it.effect("L-A6, L-A8: lets those who wait in at once when the limit is raised", () =>
    Effect.gen(function* () {
      let starts = 0
      const { connect, server } = yield* open(
        { maxConnections: 10, overLimit: { wait: "1 minute" } },
        (connection) => {
          starts++
          return Stream.run(connection.messages, connection.sink)
        }
      )
      const peers: Array<Peer> = []
      for (let i = 0; i < 20; i++) peers.push(yield* connect())
      assert.strictEqual(starts, 10)
      peers[0]?.leave()
      yield* settle
      assert.strictEqual(starts, 11)
      yield* change(server, { maxConnections: 20 })
      assert.strictEqual(starts, 20)
      assert.strictEqual(served(peers), 20)
      assert.strictEqual((yield* SubscriptionRef.get(server.limits)).maxConnections, 20)
    })
  )

  it.effect("has room for so many, and refuses all of them when the server stops", () =>
    Effect.gen(function* () {
      const { connect, refused, server } = yield* open({
        maxConnections: 1,
        overLimit: { wait: "1 hour", maxWaiting: 2 }
      })
      const peers = [yield* connect(), yield* connect(), yield* connect(), yield* connect()]
      assert.deepStrictEqual(
        peers.map(({ ends }) => ends),
        [0, 0, 0, 1]
      )
      const stop = yield* Effect.forkChild(server.stop)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(stop)
      assert.strictEqual(refused().length, 3)
    })
  )
})

describe("maxPerAddress", () => {
  it.effect("counts each address for itself, IPv4 and the same one in IPv6 as one", () =>
    Effect.gen(function* () {
      const { connect, refused } = yield* open({ maxPerAddress: 2 })
      const a = yield* connect("10.0.0.1")
      yield* connect("::ffff:10.0.0.1")
      const third = yield* connect("::ffff:a00:1")
      const other = yield* connect("10.0.0.2")
      const local = [yield* connect(), yield* connect(), yield* connect()]
      assert.deepStrictEqual([third.text, other.text], ["", "hello\n"])
      assert.strictEqual(served(local), 3)
      assert.deepStrictEqual(
        refused().map(({ reason }) => reason),
        ["address"]
      )
      a.leave()
      yield* settle
      assert.strictEqual((yield* connect("10.0.0.1")).text, "hello\n")
    })
  )

  it.effect("set while the server runs, counts those who are in", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open({})
      yield* connect("10.0.0.1")
      yield* connect("10.0.0.1")
      yield* change(server, { maxPerAddress: 2 })
      assert.strictEqual((yield* connect("10.0.0.1")).text, "")
      yield* change(server, { maxPerAddress: 3 })
      assert.strictEqual((yield* connect("10.0.0.1")).text, "hello\n")
    })
  )

  it.effect("holds up nobody else who waits", () =>
    Effect.gen(function* () {
      const { connect } = yield* open({
        maxConnections: 2,
        maxPerAddress: 1,
        overLimit: { wait: "1 minute" }
      })
      yield* connect("10.0.0.1")
      const second = yield* connect("10.0.0.2")
      const same = yield* connect("10.0.0.1")
      const other = yield* connect("10.0.0.3")
      second.leave()
      yield* settle
      assert.deepStrictEqual([same.text, other.text], ["", "hello\n"])
    })
  )
})

describe("rate", () => {
  it.effect("lets a burst in and then so many in a time, each address for itself", () =>
    Effect.gen(function* () {
      const { connect, refused, server } = yield* open({
        rate: { connections: 10, per: "10 seconds", burst: 2 }
      })
      const come = Effect.map(connect("10.0.0.1"), ({ text }) => text !== "")
      assert.deepStrictEqual([yield* come, yield* come, yield* come], [true, true, false])
      assert.strictEqual((yield* connect("10.0.0.2")).text, "hello\n")
      yield* TestClock.adjust("999 millis")
      assert.isFalse(yield* come)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual([yield* come, yield* come], [true, false])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual([yield* come, yield* come, yield* come], [true, true, false])
      assert.deepStrictEqual(new Set(refused().map(({ reason }) => reason)), new Set(["rate"]))
      yield* change(server, { rate: "off" })
      assert.isTrue(yield* come)
    })
  )
})

describe("allow and deny", () => {
  it.effect("go by block, deny first, and change while the server runs", () =>
    Effect.gen(function* () {
      const { connect, refused, server } = yield* open({
        allow: ["10.0.0.0/8", "2001:db8::/32"],
        deny: ["10.1.0.0/16"]
      })
      const come = (ip?: string) => Effect.map(connect(ip), ({ text }) => text !== "")
      assert.isTrue(yield* come("10.2.3.4"))
      assert.isTrue(yield* come("::ffff:10.2.3.4"))
      assert.isFalse(yield* come("10.1.3.4"))
      assert.isFalse(yield* come("192.168.0.1"))
      assert.isTrue(yield* come("2001:db8:1::1"))
      assert.isFalse(yield* come("2001:db9::1"))
      assert.isTrue(yield* come())
      assert.deepStrictEqual(
        refused().map(({ reason }) => reason),
        ["denied", "denied", "denied"]
      )
      yield* change(server, { allow: [] })
      assert.isTrue(yield* come("192.168.0.1"))
      assert.isFalse(yield* come("10.1.3.4"))
    })
  )
})

describe("farewell", () => {
  it.effect("is what a refused peer hears last, by reason, whatever it sends meanwhile", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open({
        maxConnections: 1,
        deny: ["10.9.0.0/16"],
        farewell: (reason) => (reason === "denied" ? undefined : `sorry: ${reason}`)
      })
      yield* connect("10.0.0.1")
      const full = yield* connect("10.0.0.2", "a long story\n".repeat(1000))
      const denied = yield* connect("10.9.0.1")
      assert.deepStrictEqual([full.text, full.ends, full.error], ["sorry: full\n", 1, undefined])
      assert.deepStrictEqual([denied.text, denied.ends], ["", 1])
      // Who does not end its side is cut.
      yield* TestClock.adjust("1 second")
      full.say("hello?")
      denied.say("hello?")
      yield* settle
      assert.deepStrictEqual([full.closes, denied.closes], [1, 1])
      assert.strictEqual(yield* server.connectionCount, 1)
    })
  )

  it.effect("that cannot be made is left out", () =>
    Effect.gen(function* () {
      const { connect } = yield* open({
        maxConnections: 1,
        farewell: () => {
          throw new Error("no words")
        }
      })
      yield* connect()
      const second = yield* connect()
      assert.deepStrictEqual([second.text, second.ends], ["", 1])
    })
  )
})
