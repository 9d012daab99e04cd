/** Peers that prove who they are before their first message reaches the handler. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { TestClock } from "effect/testing"
import { attribute } from "../../src/Connection.ts"
import * as Handler from "../../src/Handler.ts"
import type { ConnectionClosed } from "../../src/SluiceError.ts"
import { open, settle, Text } from "./support.ts"

interface User {
  readonly name: string
}

const User = attribute<User>("user")

const guarded = Handler.authenticate(
  (next: Effect.Effect<string, ConnectionClosed>) =>
    Effect.flatMap(next, (line) =>
      line.startsWith("i am ")
        ? Effect.succeed<User>({ name: line.slice(5) })
        : Effect.fail({ code: 401, line } as const)
    ),
  ({ name }) => Handler.map((line: string) => `${name}: ${line}`),
  {
    timeout: "5 seconds",
    attribute: User,
    farewell: (rejection) => (rejection.line === "silence" ? undefined : `rejected ${rejection.code}`)
  }
)

describe("Handler.authenticate", () => {
  it.effect(
    "gives the handler the identity and every message but the first, and keeps it on the connection",
    () =>
      Effect.gen(function* () {
        const { connect, server } = yield* open({}, guarded)
        const peer = yield* connect("10.0.0.1", "i am Ada\none\ntwo\n")
        assert.strictEqual(peer.text, "Ada: one\nAda: two\n")
        peer.say("three\n")
        yield* settle
        assert.strictEqual(peer.text, "Ada: one\nAda: two\nAda: three\n")
        const connections = yield* server.connections(Text)
        const [info] = yield* connections.list
        assert.deepStrictEqual(info?.attributes.get(User), Option.some({ name: "Ada" }))
      })
  )

  it.effect("closes who is rejected, with a farewell, the typed reason and one event", () =>
    Effect.gen(function* () {
      const { connect, refused, seen, server } = yield* open({}, guarded)
      const peer = yield* connect("10.0.0.1", "let me in\nplease\n")
      assert.deepStrictEqual([peer.text, peer.ends], ["rejected 401\n", 1])
      const quiet = yield* connect("10.0.0.2", "silence\n")
      assert.deepStrictEqual([quiet.text, quiet.ends], ["", 1])
      yield* TestClock.adjust("1 second")
      yield* settle
      const error = { code: 401, line: "let me in" }
      assert.deepInclude(refused()[0], {
        reason: "unauthenticated",
        remoteAddress: { _tag: "Tcp", host: "10.0.0.1", port: 1000 },
        error
      })
      assert.strictEqual(refused().length, 2)
      const closed = seen.find(({ _tag }) => _tag === "Closed")
      assert.deepInclude(closed, { reason: { _tag: "Refused", reason: "unauthenticated", error } })
      assert.strictEqual(yield* server.connectionCount, 0)
    })
  )

  it.effect("takes no longer than its timeout, and counts for maxConnections meanwhile", () =>
    Effect.gen(function* () {
      const { connect, refused, server } = yield* open({ maxConnections: 1 }, guarded)
      const slow = yield* connect("10.0.0.1", "")
      assert.strictEqual((yield* connect("10.0.0.2")).ends, 1)
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(slow.ends, 0)
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.strictEqual(slow.ends, 1)
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual(yield* server.connectionCount, 0)
      assert.deepStrictEqual(
        refused().map(({ reason }) => reason),
        ["full", "unauthenticated"]
      )
    })
  )

  it.effect("does not refuse who leaves before, and takes a defect for the handler's own", () =>
    Effect.gen(function* () {
      const { connect, refused, seen } = yield* open({}, guarded)
      const peer = yield* connect("10.0.0.1", "")
      peer.wire.end()
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* settle
      const closed = seen.find(({ _tag }) => _tag === "Closed")
      assert.deepInclude(closed, { reason: { _tag: "PeerClosed" } })
      assert.deepStrictEqual(refused(), [])

      const broken = yield* open(
        {},
        Handler.authenticate(
          () => Effect.die("broken"),
          () => () => Effect.void
        )
      )
      yield* broken.connect()
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.isTrue(broken.seen.some(({ _tag }) => _tag === "HandlerFailed"))
    })
  )
})
