/** Several messages of one connection at a time: who is begun, who waits, and in which order. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Handler from "../../src/Handler.ts"
import * as Server from "../../src/Server.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { portOf, tcpPeer } from "../server/support.ts"
import { eventually } from "../support/pair.ts"
import { Gates, type Peer, provideMemory, serve, settle, Text } from "./support.ts"

const gated = (gates: Gates) =>
  Handler.each((line: string, connection: Peer) => Effect.andThen(gates.pass(line), connection.send(line)))

describe("each without combinators", () => {
  it.effect("handles one message at a time, in order", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client } = yield* serve(gated(gates))
      const peer = yield* client
      peer.says("a", "b", "c")
      yield* gates.open("c", "b")
      assert.deepStrictEqual(gates.begun, ["a"])
      yield* gates.open("a")
      assert.deepStrictEqual(peer.lines(), ["a", "b", "c"])
      assert.strictEqual(gates.mostInHand, 1)
    }).pipe(provideMemory)
  )
})

describe("concurrency", () => {
  it.effect("L-W1: 2: the third waits until one is done", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client } = yield* serve(gated(gates).pipe(Handler.concurrency(2)))
      const peer = yield* client
      peer.says("a", "b", "c", "d")
      yield* settle
      assert.deepStrictEqual(gates.begun, ["a", "b"])
      yield* gates.open("b")
      assert.deepStrictEqual(gates.begun, ["a", "b", "c"])
      yield* gates.open("a", "c", "d")
      assert.deepStrictEqual(peer.lines(), ["b", "a", "c", "d"])
      assert.strictEqual(gates.mostInHand, 2)
    }).pipe(provideMemory)
  )

  it.effect(
    "L-W8: slow first, fast second: answers by completion; a stream keeps the order of the messages",
    () =>
      Effect.gen(function* () {
        for (const [ordered, expected] of [
          [false, ["fast", "slow"]],
          [true, ["slow", "fast"]]
        ] as const) {
          const gates = new Gates()
          const handler: Handler.Handler<string, string, unknown> = ordered
            ? Handler.fromStream((messages) =>
                Stream.mapEffect(messages, (line: string) => Effect.as(gates.pass(line), line), {
                  concurrency: 2
                })
              )
            : gated(gates).pipe(Handler.concurrency(2))
          yield* Effect.scoped(
            Effect.gen(function* () {
              const { client } = yield* serve(handler)
              const peer = yield* client
              peer.says("slow", "fast")
              yield* settle
              yield* gates.open("fast")
              yield* gates.open("slow")
              assert.deepStrictEqual(peer.lines(), expected)
            })
          )
        }
      }).pipe(provideMemory)
  )

  it.effect("takes no more than are in hand: the rest waits in the inbound queue", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      let connection: Peer | undefined
      const { client } = yield* serve(
        gated(gates).pipe(
          Handler.concurrency(2),
          Handler.onOpen((opened: Peer) =>
            Effect.sync(() => {
              connection = opened
            })
          )
        )
      )
      const peer = yield* client
      for (const line of ["a", "b", "c", "d", "e"]) {
        peer.says(line)
        yield* settle
      }
      // c is the batch that was taken and waits for room.
      assert.strictEqual(connection?.stats.inboundMessages, 2)
      yield* gates.open("a", "b", "c", "d", "e")
      assert.strictEqual(peer.lines().length, 5)
    }).pipe(provideMemory)
  )

  it.effect("a failure interrupts what else is in hand, and is the connection's reason", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client, closed, reasons } = yield* serve(gated(gates).pipe(Handler.concurrency(3)))
      const peer = yield* client
      peer.says("a", "b", "c")
      yield* settle
      yield* gates.fail("b")
      yield* closed
      assert.deepStrictEqual(gates.interrupted, ["a", "c"])
      assert.deepStrictEqual(
        reasons.map(({ _tag }) => _tag),
        ["HandlerFailed"]
      )
    }).pipe(provideMemory)
  )

  it.effect("a defect of the handler's own function counts as well", () =>
    Effect.gen(function* () {
      const { client, closed, reasons } = yield* serve(
        Handler.each((line: string): Effect.Effect<void> => {
          throw new Error(line)
        }).pipe(Handler.concurrency(3))
      )
      const peer = yield* client
      peer.says("a")
      yield* closed
      assert.strictEqual(reasons[0]?._tag, "HandlerFailed")
    }).pipe(provideMemory)
  )

  it.effect("after the peer's end all that is in hand is finished", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client, closed, reasons } = yield* serve(gated(gates).pipe(Handler.concurrency(2)))
      const peer = yield* client
      peer.says("a", "b", "c")
      peer.wire.end()
      yield* settle
      assert.deepStrictEqual(reasons, [])
      yield* gates.open("a", "b", "c")
      yield* closed
      assert.deepStrictEqual(peer.lines(), ["a", "b", "c"])
      assert.strictEqual(reasons[0]?._tag, "PeerClosed")
    }).pipe(provideMemory)
  )

  it.effect("L-H7: closing the connection interrupts everything in hand", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      let connection: Peer | undefined
      const { client } = yield* serve(
        gated(gates).pipe(
          Handler.concurrency(2),
          Handler.onOpen((opened: Peer) =>
            Effect.sync(() => {
              connection = opened
            })
          )
        )
      )
      const peer = yield* client
      peer.says("a", "b", "c")
      yield* settle
      yield* connection?.close ?? Effect.void
      yield* settle
      assert.deepStrictEqual(gates.interrupted, ["a", "b"])
      assert.strictEqual(gates.inHand, 0)
    }).pipe(provideMemory)
  )

  it.effect("synchronous handlers answer a batch in one go, in order", () =>
    Effect.gen(function* () {
      const { client } = yield* serve(
        Handler.each((line: string, connection: Peer) => connection.send(line)).pipe(Handler.concurrency(4))
      )
      const peer = yield* client
      const lines = Array.from({ length: 1000 }, (_, index) => String(index))
      peer.says(...lines)
      yield* eventually(() => peer.lines().length === 1000, "all answers")
      assert.deepStrictEqual(peer.lines(), lines)
    }).pipe(provideMemory)
  )

  it("RangeError for what cannot be", () => {
    for (const value of [0, 1.5, Number.NaN, 1_000_001]) {
      assert.throws(() => Handler.concurrency(value), RangeError)
    }
    assert.throws(() => Handler.buffer(-1), RangeError)
    assert.throws(() => Handler.orderBy(() => 1, { concurrency: 0 }), RangeError)
  })
})

describe("orderBy", () => {
  const byFirstLetter = (concurrency: number) => Handler.orderBy((line: string) => line[0], { concurrency })

  it.effect("keeps the order of each key, and lets others overtake", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client } = yield* serve(gated(gates).pipe(byFirstLetter(4)))
      const peer = yield* client
      peer.says("a1", "a2", "a3", "b1", "c1", "b2")
      yield* settle
      assert.deepStrictEqual(gates.begun, ["a1", "b1", "c1"])
      yield* gates.open("b1", "b2", "a3", "c1")
      assert.deepStrictEqual(gates.begun, ["a1", "b1", "c1", "b2"])
      yield* gates.open("a1", "a2")
      assert.deepStrictEqual(gates.begun, ["a1", "b1", "c1", "b2", "a2", "a3"])
      assert.strictEqual(peer.lines().length, 6)
    }).pipe(provideMemory)
  )

  it.effect("a key with many messages takes turns with the others", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client } = yield* serve(gated(gates).pipe(byFirstLetter(1)))
      const peer = yield* client
      peer.says("a1", "a2", "a3", "b1", "c1")
      yield* settle
      yield* gates.open("a1", "a2", "a3", "b1", "c1")
      assert.deepStrictEqual(gates.done, ["a1", "b1", "c1", "a2", "a3"])
    }).pipe(provideMemory)
  )

  it.effect("random delays: every key strictly in order, and as many at a time as may be", () =>
    Effect.gen(function* () {
      const handled = new Map<string, Array<number>>()
      let inHand = 0
      let most = 0
      const { client } = yield* serve(
        Handler.each((line: string) =>
          Effect.gen(function* () {
            most = Math.max(most, ++inHand)
            const [key = "", number = ""] = line.split(" ")
            for (let turns = Math.imul(Number(number), 7919) % 5; turns >= 0; turns--) {
              yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
            }
            handled.set(key, [...(handled.get(key) ?? []), Number(number)])
            inHand--
          })
        ).pipe(byFirstLetter(8))
      )
      const peer = yield* client
      const count = 600
      for (let i = 0; i < count; i++) peer.says(`${"abcdefghijkl"[Math.imul(i, 31) % 12]} ${i}`)
      yield* eventually(
        () => [...handled.values()].reduce((sum, { length }) => sum + length, 0) === count,
        "all handled"
      )
      for (const numbers of handled.values()) {
        assert.deepStrictEqual(
          numbers,
          numbers.toSorted((a, b) => a - b)
        )
      }
      assert.strictEqual(most, 8)
    }).pipe(provideMemory)
  )

  it.effect("takes as many as its buffer holds, and no more", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client } = yield* serve(gated(gates).pipe(byFirstLetter(2), Handler.buffer(2)))
      const peer = yield* client
      // a1 in hand, a2 and a3 behind it; b1 has no room until one of them is gone.
      peer.says("a1", "a2", "a3", "a4", "b1")
      yield* settle
      assert.deepStrictEqual(gates.begun, ["a1"])
      yield* gates.open("a1")
      assert.deepStrictEqual(gates.begun, ["a1", "a2"])
      yield* gates.open("a2")
      assert.deepStrictEqual(gates.begun.toSorted(), ["a1", "a2", "a3", "b1"])
      yield* gates.open("a3", "a4", "b1")
      assert.strictEqual(gates.done.length, 5)
    }).pipe(provideMemory)
  )
})

describe("buffer", () => {
  it.effect("takes messages ahead of the one in hand, which stay in order", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      let connection: Peer | undefined
      const { client } = yield* serve(
        gated(gates).pipe(
          Handler.buffer(2),
          Handler.onOpen((opened: Peer) =>
            Effect.sync(() => {
              connection = opened
            })
          )
        )
      )
      const peer = yield* client
      for (const line of ["a", "b", "c", "d", "e"]) {
        peer.says(line)
        yield* settle
      }
      // a in hand, b and c ahead, d waits for room, e in the queue.
      assert.strictEqual(connection?.stats.inboundMessages, 1)
      yield* gates.open("e", "d", "c", "b", "a")
      assert.deepStrictEqual(gates.done, ["a", "b", "c", "d", "e"])
    }).pipe(provideMemory)
  )

  it.effect("L-W4: a failure is everyone's: those that wait are not handled, the reason is the same", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client, closed, reasons } = yield* serve(gated(gates).pipe(Handler.buffer(3)))
      const peer = yield* client
      peer.says("a", "b", "c")
      yield* settle
      yield* gates.open("b", "c")
      yield* gates.fail("a")
      yield* closed
      assert.deepStrictEqual(gates.begun, ["a"])
      assert.deepStrictEqual(
        reasons.map(({ _tag }) => _tag),
        ["HandlerFailed"]
      )
    }).pipe(provideMemory)
  )
})

describe("over TCP", () => {
  it.live("messages by key come back, each key in order", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(
        Text,
        Handler.each((line: string, connection: Peer) =>
          Effect.andThen(Effect.sleep(line.length % 3), connection.send(line))
        ).pipe(Handler.orderBy((line) => line[0], { concurrency: 4 }))
      ).pipe(Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 })))
      const peer = yield* tcpPeer(portOf(server.address))
      const lines = Array.from({ length: 200 }, (_, i) => `${"abcde"[i % 5]}${"x".repeat(i % 7)} ${i}`)
      peer.socket.write(lines.map((line) => `${line}\n`).join(""))
      const heard = () => peer.text.split("\n").slice(0, -1)
      yield* eventually(() => heard().length === lines.length, "all answers")
      for (const key of "abcde") {
        assert.deepStrictEqual(
          heard().filter((line) => line.startsWith(key)),
          lines.filter((line) => line.startsWith(key))
        )
      }
    })
  )
})
