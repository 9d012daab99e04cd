/** Servers on real sockets: stops that peers can see, and peers that go in every way there is. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, References, Stream } from "effect"
import type * as Connection from "../../src/Connection.ts"
import { SeededRandom } from "../../src/internal/memory/random.ts"
import * as Server from "../../src/Server.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { eventually } from "../support/pair.ts"
import { openSockets, portOf, type TcpPeer, Text, tcpPeer } from "./support.ts"

type Peer = Connection.Connection<string, string>

const echo = (connection: Peer) => Stream.run(connection.messages, connection.sink)

const listen = (options?: Server.ServerOptions<string>) =>
  Server.make(Text, echo, options).pipe(
    Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 }))
  )

/** What this process has open while no test runs. */
const atRest = openSockets()

const noSocketLeft = eventually(() => openSockets() === atRest, "no socket is left")

// That peers break frames is what these tests are about, and worth a line in the log each time.
const quietly = Effect.provideService(References.MinimumLogLevel, "Error")

const until = (server: Server.Server["Service"], count: number) =>
  eventually(() => Effect.runSync(server.connectionCount) === count, `${count} connections`)

describe("stop over TCP", () => {
  it.live("S-1: 200 live connections, and every peer sees the end of it, not a reset", () =>
    Effect.gen(function* () {
      const server = yield* listen()
      const port = portOf(server.address)
      const peers = yield* Effect.forEach(Array.from({ length: 200 }), () => tcpPeer(port))
      for (const [i, peer] of peers.entries()) {
        if (i % 2 === 0) peer.socket.write(`peer ${i}\n`)
      }
      yield* until(server, 200)
      yield* eventually(
        () => peers.every((peer, i) => i % 2 === 1 || peer.text === `peer ${i}\n`),
        "those who asked were answered"
      )
      yield* server.stop
      assert.strictEqual(yield* server.connectionCount, 0)
      yield* eventually(() => peers.every((peer) => peer.closed), "everyone is closed")
      assert.deepStrictEqual(
        peers.filter((peer) => !peer.sawEnd || peer.error !== undefined),
        []
      )
      const late = yield* tcpPeer(port)
      yield* eventually(() => late.closed, "a new connect fails")
      assert.strictEqual(late.error, "ECONNREFUSED")
    })
  )

  it.live("S-2, L-S22: replies that wait are delivered before the end", () =>
    Effect.gen(function* () {
      const big = "x".repeat(500_000)
      const server = yield* Server.make(Text, (connection) =>
        Stream.runForEach(connection.messages, () => connection.sendAll([big, big, "last"]))
      ).pipe(Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 })))
      const peer = yield* tcpPeer(portOf(server.address))
      peer.socket.write("go\n")
      yield* eventually(() => peer.text.length > 0, "the answer begins")
      yield* server.stop
      yield* eventually(() => peer.closed, "the peer is closed")
      assert.strictEqual(peer.text.length, 1_000_007)
      assert.isTrue(peer.text.endsWith("\nlast\n"))
      assert.isUndefined(peer.error)
    })
  )

  it.live("L-S18: during a burst of connects everyone is answered, ended or refused, and nobody hangs", () =>
    Effect.gen(function* () {
      const server = yield* listen()
      const port = portOf(server.address)
      const peers = yield* Effect.forEach(Array.from({ length: 200 }), () => tcpPeer(port))
      for (const [i, peer] of peers.entries()) peer.socket.write(`${i}\n`)
      yield* eventually(() => Effect.runSync(server.connectionCount) > 10, "some of them are here")
      yield* server.stop
      yield* eventually(() => peers.every((peer) => peer.closed), "everyone is closed")
      for (const [i, peer] of peers.entries()) assert.include([`${i}\n`, ""], peer.text)
      assert.strictEqual(yield* server.connectionCount, 0)
    })
  )

  it.live("L-S19, S-10: stopping twice over TCP is one stop, and the port is free after it", () =>
    Effect.gen(function* () {
      const server = yield* listen()
      const peer = yield* tcpPeer(portOf(server.address))
      yield* until(server, 1)
      yield* Effect.all([server.stop, server.stop], { concurrency: 2 })
      yield* server.stop
      yield* eventually(() => peer.closed, "the peer is closed")
      const port = portOf(server.address)
      const second = yield* Server.make(Text, echo).pipe(
        Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port }))
      )
      assert.strictEqual(portOf(second.address), port)
    })
  )
})

describe("peers that go", () => {
  const frame = "whole line\n"

  /** What a peer may do, at some moment or other. Each of them ends sooner or later. */
  const fates: ReadonlyArray<readonly [string, (peer: TcpPeer, random: SeededRandom) => void]> = [
    ["goes without a word", (peer) => peer.socket.destroy()],
    ["resets", (peer) => peer.socket.resetAndDestroy()],
    [
      "ends its side and reads on",
      (peer) => {
        peer.socket.end(frame)
      }
    ],
    [
      "breaks in the middle of a frame",
      (peer, random) => {
        peer.socket.write(frame.slice(0, random.between(1, frame.length - 1)))
        peer.socket.destroySoon()
      }
    ],
    [
      "resets in the middle of a frame",
      (peer, random) => {
        peer.socket.write(frame + frame.slice(0, random.between(1, frame.length - 1)), () =>
          peer.socket.resetAndDestroy()
        )
      }
    ],
    [
      "never reads and then resets",
      (peer) => {
        peer.socket.pause()
        peer.socket.write(frame.repeat(20_000), () => peer.socket.resetAndDestroy())
      }
    ],
    [
      "sends a flood and ends",
      (peer) => {
        peer.socket.end(frame.repeat(5000))
      }
    ]
  ]

  for (const seed of [1, 2, 3]) {
    it.live(`S-8, L-M5: 60 clients killed at random leave nothing behind (seed ${seed})`, () =>
      Effect.gen(function* () {
        yield* noSocketLeft
        const random = new SeededRandom(seed)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const server = yield* listen({ outbound: { maxBytes: 16_384 } })
            const port = portOf(server.address)
            const witness = yield* tcpPeer(port)
            yield* Effect.forEach(
              Array.from({ length: 60 }, () => random.between(0, fates.length - 1)),
              (fate) =>
                Effect.gen(function* () {
                  const peer = yield* tcpPeer(port)
                  // Some before they are even connected.
                  if (random.between(0, 4) > 0) yield* eventually(() => peer.connected, "it is connected")
                  if (random.between(0, 1) > 0) peer.socket.write(frame)
                  fates[fate]![1](peer, random)
                  yield* eventually(() => peer.closed, `the one that ${fates[fate]![0]} is gone`)
                }),
              { concurrency: 15, discard: true }
            )
            yield* until(server, 1)
            witness.socket.write("still served\n")
            yield* eventually(() => witness.text === "still served\n", "the one who stayed is served")
            const late = yield* tcpPeer(port)
            late.socket.write("late\n")
            yield* eventually(() => late.text === "late\n", "a new one is served")
          })
        )
        yield* noSocketLeft
      }).pipe(quietly)
    )
  }

  it.live(
    "L-H8: a server that ends while a peer never reads cuts it after closeTimeout, and leaves nothing",
    () =>
      Effect.gen(function* () {
        yield* noSocketLeft
        yield* Effect.scoped(
          Effect.gen(function* () {
            // Short, for this is real time: the wait for a peer that is never going to read.
            const server = yield* listen({ closeTimeout: "50 millis" })
            const peer = yield* tcpPeer(portOf(server.address), { reading: false })
            peer.socket.write(frame.repeat(200_000))
            yield* until(server, 1)
            yield* server.stop
            assert.strictEqual(yield* server.connectionCount, 0)
          })
        )
        yield* noSocketLeft
      })
  )
})
