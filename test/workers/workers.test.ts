/** Workers of a server: its connections share permits, by turns, each in its order. */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Layer } from "effect"
import * as Handler from "../../src/Handler.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import * as Workers from "../../src/Workers.ts"
import { Gates, type Peer, serve, settle, Text } from "../handlers/support.ts"
import { portOf, tcpPeer } from "../server/support.ts"
import { eventually } from "../support/pair.ts"

const provide = (permits: number) =>
  Effect.provide(Layer.merge(TransportMemory.layer(), Workers.layer({ permits })))

const gated = (gates: Gates) =>
  Handler.each((line: string, connection: Peer) => Effect.andThen(gates.pass(line), connection.send(line)))

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

describe("the number of workers", () => {
  it.effect("is four for each core, or what is asked for", () =>
    Effect.gen(function* () {
      const default_ = yield* Workers.make()
      const { permits } = yield* default_.stats
      assert.strictEqual(permits % 4, 0)
      const asked = yield* Workers.make({ permits: 7 })
      assert.deepStrictEqual(yield* asked.stats, {
        permits: 7,
        inFlight: 0,
        waiting: 0,
        rejected: 0,
        dropped: 0
      })
    })
  )

  it.effect("is checked, by layers, from the environment, and at run time", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Workers.make({ permits: 0 }))
      assert.strictEqual(error.message, "invalid options: permits: must be a whole number from 1 to 1000000")
      const workers = yield* Workers.Workers
      assert.strictEqual((yield* workers.stats).permits, 5)
      const refused = yield* Effect.flip(workers.resize(-1))
      assert.strictEqual(refused._tag, "InvalidConfig")
      yield* workers.resize(6)
      assert.strictEqual((yield* workers.stats).permits, 6)
    }).pipe(
      Effect.provide(
        Workers.layerConfig({ permits: Config.Int("PERMITS") }).pipe(
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ PERMITS: 5 })))
        )
      )
    )
  )
})

describe("limit", () => {
  it.effect("L-W1: connections share the permits; a resize counts at once; the numbers are told", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const workers = yield* Workers.Workers
      const { client } = yield* serve(gated(gates).pipe(Workers.limit()))
      for (const name of ["a", "b", "c", "d"]) {
        const peer = yield* client
        peer.says(name)
        yield* settle
      }
      assert.deepStrictEqual(gates.begun, ["a", "b"])
      const { inFlight, waiting } = yield* workers.stats
      assert.deepStrictEqual([inFlight, waiting], [2, 2])
      yield* workers.resize(3)
      assert.deepStrictEqual(gates.begun, ["a", "b", "c"])
      yield* gates.open("a")
      assert.deepStrictEqual(gates.begun, ["a", "b", "c", "d"])
      yield* gates.open("b", "c", "d")
      assert.strictEqual((yield* workers.stats).inFlight, 0)
    }).pipe(provide(2))
  )

  it.effect("L-W10: one connection floods; the others have their turn after one message of it", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client } = yield* serve(gated(gates).pipe(Workers.limit()))
      const flood = yield* client
      flood.says("f1", "f2", "f3", "f4", "f5", "f6")
      yield* settle
      const others = [yield* client, yield* client]
      others[0]?.says("a1", "a2")
      yield* settle
      others[1]?.says("b1", "b2")
      yield* settle
      for (let i = 1; i <= 6; i++) yield* gates.open(`f${i}`, `a${i}`, `b${i}`)
      assert.strictEqual(gates.begun.join(" "), "f1 a1 b1 f2 a2 b2 f3 f4 f5 f6")
      assert.strictEqual(gates.mostInHand, 1)
    }).pipe(provide(1))
  )

  it.effect("L-W10: a flood of many messages at a time counts as one who waits, too", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client } = yield* serve(gated(gates).pipe(Workers.limit({ concurrency: 4 })))
      const flood = yield* client
      flood.says("f1", "f2", "f3", "f4", "f5")
      yield* settle
      const other = yield* client
      other.says("a1", "a2")
      yield* settle
      assert.deepStrictEqual(gates.begun, ["f1", "f2"])
      // The first place that comes free is for the one who has none, though the flood came before.
      yield* gates.open("f1")
      assert.deepStrictEqual(gates.begun.slice(2), ["a1"])
      yield* gates.open("f2")
      assert.deepStrictEqual(gates.begun.slice(3), ["f3"])
      yield* gates.open("f3", "f4", "f5", "a1", "a2")
      assert.strictEqual(gates.done.length, 7)
    }).pipe(provide(2))
  )

  it.effect("a connection that goes while it waits, or works, takes its permits with it to nobody", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const workers = yield* Workers.Workers
      const connections: Array<Peer> = []
      const { client } = yield* serve(
        gated(gates).pipe(
          Workers.limit(),
          Handler.onOpen((connection: Peer) => Effect.sync(() => connections.push(connection)))
        )
      )
      for (const name of ["a", "b", "c"]) {
        const peer = yield* client
        peer.says(name)
        yield* settle
      }
      yield* connections[1]?.close ?? Effect.void
      yield* settle
      assert.deepStrictEqual(gates.begun, ["a"])
      yield* connections[0]?.close ?? Effect.void
      yield* settle
      assert.deepStrictEqual([gates.begun, gates.interrupted], [["a", "c"], ["a"]])
      yield* gates.open("c")
      const { inFlight, waiting } = yield* workers.stats
      assert.deepStrictEqual([inFlight, waiting], [0, 0])
    }).pipe(provide(1))
  )

  it.effect("rejects, with an answer; drops; and counts both", () =>
    Effect.gen(function* () {
      for (const overflow of ["reject", "drop"] as const) {
        const gates = new Gates()
        const workers = yield* Workers.make({ permits: 1 })
        const limit =
          overflow === "drop"
            ? Workers.limit<string>({ overflow, maxWaiting: 1 })
            : Workers.limit({
                overflow,
                maxWaiting: 1,
                onBusy: (line: string, connection: Peer) => connection.send(`busy ${line}`)
              })
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { client } = yield* serve(limit(gated(gates)))
            const peers = [yield* client, yield* client, yield* client]
            for (const [index, peer] of peers.entries()) {
              peer.says(String(index))
              yield* settle
            }
            assert.deepStrictEqual(gates.begun, ["0"])
            assert.deepStrictEqual(peers[2]?.lines(), overflow === "reject" ? ["busy 2"] : [])
            yield* gates.open("0", "1")
            assert.deepStrictEqual(gates.done, ["0", "1"])
            const { dropped, rejected } = yield* workers.stats
            assert.deepStrictEqual([rejected, dropped], overflow === "reject" ? [1, 0] : [0, 1])
          }).pipe(Effect.provideService(Workers.Workers, workers))
        )
      }
    }).pipe(Effect.provide(TransportMemory.layer()))
  )

  it.effect("order by key holds under permits", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client } = yield* serve(
        gated(gates).pipe(Workers.limit({ orderBy: (line) => line[0], concurrency: 4 }))
      )
      const peer = yield* client
      peer.says("a1", "a2", "b1", "c1")
      yield* settle
      assert.deepStrictEqual(gates.begun, ["a1", "b1"])
      yield* gates.open("b1", "c1", "a2")
      assert.deepStrictEqual(gates.begun, ["a1", "b1", "c1"])
      yield* gates.open("a1")
      assert.deepStrictEqual(gates.begun, ["a1", "b1", "c1", "a2"])
    }).pipe(provide(2))
  )

  it.effect("a plain function takes one permit for a batch", () =>
    Effect.gen(function* () {
      const { client } = yield* serve(Handler.map((line: string) => `${line}!`).pipe(Workers.limit()))
      const peer = yield* client
      const lines = Array.from({ length: 500 }, (_, index) => String(index))
      peer.says(...lines)
      yield* eventually(() => peer.lines().length === lines.length, "all answers")
      assert.deepStrictEqual(
        peer.lines(),
        lines.map((line) => `${line}!`)
      )
    }).pipe(provide(1))
  )

  it.effect("other handlers take a permit by hand", () =>
    Effect.gen(function* () {
      const workers = yield* Workers.make({ permits: 1 })
      const seen = yield* workers.withPermit({})(workers.stats)
      assert.deepStrictEqual([seen.inFlight, (yield* workers.stats).inFlight], [1, 0])
    })
  )
})

describe("many connections", () => {
  it.effect("S-3: with 20 permits 20 messages are in hand at a time: no worker is out of reach", () =>
    Effect.gen(function* () {
      const gates = new Gates()
      const { client } = yield* serve(gated(gates).pipe(Workers.limit()))
      for (let i = 0; i < 25; i++) (yield* client).says(String(i))
      yield* settle
      assert.strictEqual(gates.inHand, 20)
      yield* gates.open(...Array.from({ length: 25 }, (_, i) => String(i)))
      assert.strictEqual(gates.mostInHand, 20)
    }).pipe(provide(20))
  )

  it.live("L-W9: 50 connections × 200 messages over TCP: each in order, and all permits at work", () =>
    Effect.gen(function* () {
      const permits = 16
      let inHand = 0
      let most = 0
      const server = yield* Server.make(
        Text,
        Handler.each((line: string, connection: Peer) =>
          Effect.gen(function* () {
            most = Math.max(most, ++inHand)
            for (let turns = Math.imul(Number(line) + connection.id, 7919) % 3; turns >= 0; turns--)
              yield* turn
            inHand--
            yield* connection.send(line)
          })
        ).pipe(Workers.limit())
      ).pipe(
        Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 })),
        Effect.provide(Workers.layer({ permits }))
      )
      const lines = Array.from({ length: 200 }, (_, i) => `${i}\n`).join("")
      const peers = yield* Effect.all(Array.from({ length: 50 }, () => tcpPeer(portOf(server.address))))
      for (const peer of peers) peer.socket.write(lines)
      yield* eventually(() => peers.every(({ text }) => text.length === lines.length), "all answers")
      assert.isTrue(peers.every(({ text }) => text === lines))
      assert.strictEqual(most, permits)
    })
  )
})
