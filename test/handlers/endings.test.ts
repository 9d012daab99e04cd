/** What is left when messages, connections or functions of the user's end in the middle of something. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { SendError } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"
import { Gates, type Peer, provideMemory, serve, settle } from "./support.ts"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

describe("interruption", () => {
  const closing = (gates: Gates) =>
    Handler.each((line: string, connection: Peer) =>
      line === "close" ? Effect.andThen(connection.close, gates.pass(line)) : gates.pass(line)
    )

  it.effect("L-H7: a message that closes its own connection is interrupted as all others are", () =>
    Effect.gen(function* () {
      for (const around of [
        Handler.concurrency(3),
        Handler.orderBy((line: string) => line, { concurrency: 3 }),
        Handler.buffer(3)
      ]) {
        const gates = new Gates()
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { client } = yield* serve(closing(gates).pipe(around))
            const peer = yield* client
            peer.says("close")
            yield* settle
            assert.deepStrictEqual([gates.inHand, gates.done], [0, []])
            peer.wire.end()
          })
        )
      }
    }).pipe(provideMemory)
  )

  it.effect("a message that closes its own connection, and is not to be interrupted, is not left alone", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client, closed } = yield* serve(
        Handler.each((line: string, connection: Peer) =>
          Effect.andThen(Effect.uninterruptible(connection.close), gates.pass(line))
        ).pipe(Handler.concurrency(2))
      )
      const peer = yield* client
      peer.says("a")
      yield* settle
      assert.strictEqual(gates.inHand, 0)
      peer.wire.end()
      yield* closed
    }).pipe(provideMemory)
  )

  it.effect("nothing is handled twice, and nothing after the end, wherever a connection is closed", () =>
    Effect.gen(function* () {
      for (const around of [
        Handler.concurrency(3),
        Handler.orderBy((line: string) => line[0], { concurrency: 2 }),
        Handler.buffer(2)
      ]) {
        for (let at = 0; at < 8; at++) {
          const gates = new Gates()
          const begun: Array<string> = []
          let connection: Peer | undefined
          yield* Effect.scoped(
            Effect.gen(function* () {
              const { client } = yield* serve(
                Handler.each((line: string, peer: Peer) => {
                  connection = peer
                  begun.push(line)
                  return gates.pass(line)
                }).pipe(around)
              )
              const peer = yield* client
              const lines = ["a1", "a2", "b1", "a3", "c1", "b2", "d1", "a4"]
              peer.says(...lines)
              yield* settle
              yield* gates.open(...lines.slice(0, at))
              yield* connection?.close ?? Effect.void
              yield* settle
              const count = begun.length
              yield* gates.open(...lines)
              assert.strictEqual(begun.length, count)
              assert.strictEqual(new Set(begun).size, count)
              assert.strictEqual(gates.inHand, 0)
              peer.wire.end()
            })
          )
        }
      }
    }).pipe(provideMemory)
  )

  it.effect("a message that is not handled after all gives the rate of the server its place back", () =>
    Effect.gen(function* () {
      const { client, reasons } = yield* serve(
        Handler.each((line: string, connection: Peer) => connection.send(line)).pipe(
          Handler.rateLimit({ messages: 1, by: "server" })
        ),
        { closeTimeout: "1 second" }
      )
      const first = yield* client
      first.says("a")
      yield* settle
      // Each of them waits for its turn, and goes before it comes.
      for (let i = 0; i < 20; i++) {
        const peer = yield* client
        peer.says("never")
        yield* settle
        peer.wire.reset()
        yield* settle
      }
      yield* TestClock.adjust("1 second")
      yield* eventually(() => reasons.length === 20, "they are gone")
      yield* TestClock.adjust("1 second")
      // What those 20 had asked for would be 20 seconds.
      const last = yield* client
      last.says("b")
      yield* settle
      assert.deepStrictEqual(last.lines(), ["b"])
    }).pipe(provideMemory)
  )
})

describe("orderBy", () => {
  it.effect("forgets the keys of messages that are done", () =>
    Effect.gen(function* () {
      const keys: Array<WeakRef<object>> = []
      let handled = 0
      const { client } = yield* serve(
        Handler.each((_line: string) =>
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => handled++)
          )
        ).pipe(
          Handler.orderBy(() => {
            const key = {}
            keys.push(new WeakRef(key))
            return key
          })
        )
      )
      const peer = yield* client
      for (let i = 0; i < 1000; i++) peer.says(String(i))
      yield* eventually(() => handled === 1000, "all are handled")
      // Two turns: a reference that was looked at stays for the rest of its turn.
      for (let turn = 0; turn < 2; turn++) {
        yield* settle
        collect()
      }
      const left = keys.filter((key) => key.deref() !== undefined).length
      assert.isAtMost(left, 16)
    }).pipe(provideMemory)
  )
})

describe("close hooks", () => {
  it.effect("one that hangs does not keep the others from running", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const { client, reasons } = yield* serve(
        Handler.each((line: string, connection: Peer) => connection.send(line)).pipe(
          Handler.onClose((_reason, _connection: Peer) => Effect.sync(() => told.push("inner"))),
          Handler.onClose((_reason, _connection: Peer) => Effect.never),
          Handler.onClose((_reason, _connection: Peer) => Effect.sync(() => told.push("outer")))
        ),
        { closeTimeout: "1 second" }
      )
      const peer = yield* client
      peer.wire.end()
      yield* settle
      assert.deepStrictEqual(told.toSorted(), ["inner", "outer"])
      yield* TestClock.adjust("1 second")
      yield* eventually(() => reasons.length === 1, "the end")
    }).pipe(provideMemory)
  )
})

describe("defects of the user's functions", () => {
  const boom = (): never => {
    throw new Error("boom")
  }
  const boomEffect = (): Effect.Effect<void> => boom()
  const echo = Handler.each((line: string, connection: Peer) => connection.send(line))
  const isBad = (line: string): boolean => (line === "bad" ? boom() : true)
  const slow = Handler.each((line: string, connection: Peer) =>
    Effect.andThen(Effect.sleep("1 minute"), connection.send(line))
  )
  const failing = Handler.each(
    (line: string, connection: Peer): Effect.Effect<void, SendError | "failed"> =>
      line === "bad" ? Effect.fail("failed") : connection.send(line)
  )

  const handlers: Record<string, Handler.Handler<string, string, unknown>> = {
    filter: echo.pipe(Handler.filter(isBad)),
    "filter otherwise": echo.pipe(Handler.filter((line) => line !== "bad", { otherwise: boomEffect })),
    tap: echo.pipe(Handler.tap((line) => (line === "bad" ? boomEffect() : Effect.void))),
    orderBy: echo.pipe(Handler.orderBy(isBad)),
    onOverload: echo.pipe(
      Handler.concurrency(2),
      Handler.tap((line) => (line === "bad" ? boomEffect() : Effect.void)),
      Handler.loadShed(1, { onOverload: boomEffect })
    ),
    onTimeout: slow.pipe(
      Handler.timeout(1, { onTimeout: (line, peer) => (line === "bad" ? boomEffect() : peer.send(line)) })
    ),
    "retry while": failing.pipe(Handler.retry({ schedule: Schedule.recurs(1), while: boom })),
    "close hook": echo.pipe(
      Handler.tap((line) => (line === "bad" ? boomEffect() : Effect.void)),
      Handler.onClose(boomEffect)
    )
  }

  for (const [name, handler] of Object.entries(handlers)) {
    it.effect(`${name}: ends its own connection and no other`, () =>
      Effect.gen(function* () {
        const { client, closed, reasons } = yield* serve(handler)
        const bystander = yield* client
        const peer = yield* client
        peer.says("bad")
        yield* settle
        yield* TestClock.adjust(1)
        yield* settle
        yield* closed
        assert.deepStrictEqual(
          reasons.map(({ _tag }) => _tag),
          ["HandlerFailed"]
        )
        bystander.says("good")
        yield* settle
        yield* TestClock.adjust(1)
        yield* settle
        assert.deepStrictEqual(bystander.lines(), ["good"])
      }).pipe(provideMemory)
    )
  }
})

describe("messages whose id nobody knows", () => {
  const Pump = Protocol.tagged("Pump", {
    framing: Framing.typeLengthValue(),
    messages: { Reading: { id: 1, schema: Schema.TaggedStruct("Reading", { text: Schema.String }) } }
  })

  it.effect("go to `otherwise`, past predicates and keys that know nothing of them", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      yield* Server.make(
        Pump,
        Handler.route(
          Pump,
          { Reading: ({ text }) => Effect.sync(() => seen.push(text)) },
          { otherwise: ({ id }) => Effect.sync(() => seen.push(`unknown ${id}`)) }
        ).pipe(
          Handler.filter(({ text }) => text.length > 0),
          Handler.tap(({ text }) => Effect.sync(() => seen.push(`tap ${text.length}`))),
          Handler.orderBy(({ text }) => text.length)
        )
      )
      const peer = yield* rawClient
      peer.write(Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0))
      yield* settle
      assert.deepStrictEqual(seen, ["unknown 9", "unknown 9"])
      assert.isFalse(peer.state.ended)
    }).pipe(provideMemory)
  )
})
