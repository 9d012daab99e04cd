/** Peers that misbehave, and code of the user's that does: only their own connection ends, and nothing is left. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import type * as Connection from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import { SeededRandom } from "../../src/internal/memory/random.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually, take } from "../support/pair.ts"
import { rawClient, say, Text } from "./support.ts"

const provideMemory = Effect.provide(TransportMemory.layer())

type Peer = Connection.Connection<string, string>

const echo = (connection: Peer) => Stream.run(connection.messages, connection.sink)

const now = { startImmediately: true } as const

const until = (server: Server.Server["Service"], count: number) =>
  eventually(() => Effect.runSync(server.connectionCount) === count, `${count} connections`)

/** An echo that writes down why its connections ended. */
const witness = () => {
  const reasons: Array<string> = []
  return {
    reasons,
    handler: (connection: Peer) =>
      Effect.andThen(
        Effect.forkDetach(
          Effect.map(connection.closed, ({ _tag }) => {
            reasons.push(_tag)
          }),
          now
        ),
        echo(connection)
      )
  }
}

const lines = Framing.lines()

describe("connections", () => {
  it.effect("S-8, S-15, L-A22, L-A24: the count is exact after 1000 concurrent connects and closes", () =>
    Effect.gen(function* () {
      let opened = 0
      let live = 0
      let most = 0
      const server = yield* Server.make(Text, (connection) =>
        Effect.ensuring(
          Effect.suspend(() => {
            opened++
            most = Math.max(most, ++live)
            return echo(connection)
          }),
          Effect.sync(() => live--)
        )
      )
      const everyone = yield* Deferred.make<void>()
      let here = 0
      yield* Effect.forEach(
        Array.from({ length: 1000 }, (_, i) => i),
        (i) =>
          Effect.scoped(
            Effect.gen(function* () {
              const client = yield* Client.connect(Text)
              yield* client.send(`${i}`)
              assert.deepStrictEqual(yield* take(client, 1), [`${i}`])
              if (++here === 1000) {
                assert.strictEqual(yield* server.connectionCount, 1000)
                yield* Deferred.succeed(everyone, undefined)
              }
              yield* Deferred.await(everyone)
              // Some are told to close, some break, some just go.
              if (i % 3 === 0) yield* client.close
              if (i % 3 === 1) yield* client.abort
            })
          ),
        { concurrency: "unbounded", discard: true }
      )
      yield* until(server, 0)
      assert.deepStrictEqual([opened, live, most], [1000, 0, 1000])
    }).pipe(provideMemory)
  )

  it.effect(
    "L-H9: a handler that starts by closing, or by breaking, ends its connection and nobody else's",
    () =>
      Effect.gen(function* () {
        const starts: Array<(connection: Peer) => Effect.Effect<unknown, unknown>> = [
          (connection) => Effect.andThen(connection.close, Effect.never),
          (connection) => Effect.andThen(connection.send("bye"), connection.close),
          (connection) => Effect.andThen(connection.abort, Effect.never),
          (connection) => Effect.andThen(connection.end, Stream.runDrain(connection.messages)),
          echo
        ]
        const server = yield* Server.make(Text, (connection) => starts.shift()!(connection))
        const heard: Array<string> = []
        for (let i = 0; i < 4; i++) {
          const client = yield* Client.connect(Text)
          heard.push((yield* client.closed)._tag)
          heard.push(
            ...(yield* Stream.runCollect(client.messages).pipe(Effect.orElseSucceed(() => ["broken"])))
          )
        }
        assert.deepStrictEqual(heard, [
          "PeerClosed",
          "PeerClosed",
          "bye",
          "PeerReset",
          "broken",
          "PeerClosed"
        ])
        yield* until(server, 0)
        const client = yield* Client.connect(Text)
        yield* client.send("still here")
        assert.deepStrictEqual(yield* take(client, 1), ["still here"])
      }).pipe(provideMemory)
  )

  it.effect("L-A20, L-A21, S-17: handlers that fail, die, throw or are interrupted while they start", () =>
    Effect.gen(function* () {
      const starts: Array<(connection: Peer) => Effect.Effect<unknown, unknown>> = [
        () => Effect.fail("failed"),
        () => Effect.die("died"),
        () => {
          throw new Error("thrown")
        },
        () => Effect.interrupt,
        () => Effect.void,
        echo
      ]
      const reasons: Array<string> = []
      const server = yield* Server.make(Text, (connection) =>
        Effect.andThen(
          Effect.forkDetach(
            Effect.map(connection.closed, ({ _tag }) => reasons.push(_tag)),
            now
          ),
          Effect.suspend(() => starts.shift()!(connection))
        )
      )
      for (let i = 0; i < 5; i++) {
        const client = yield* Client.connect(Text)
        assert.deepStrictEqual(yield* Stream.runCollect(client.messages), [])
        yield* until(server, 0)
      }
      assert.deepStrictEqual(reasons, [
        "HandlerFailed",
        "HandlerFailed",
        "HandlerFailed",
        "LocalClosed",
        "LocalClosed"
      ])
      const client = yield* Client.connect(Text)
      yield* client.send("served")
      assert.deepStrictEqual(yield* take(client, 1), ["served"])
    }).pipe(provideMemory)
  )
})

describe("code of the user's that throws", () => {
  it.effect("a codec that throws or dies is a bad message of its own connection", () =>
    Effect.gen(function* () {
      const decodes: ReadonlyArray<(text: string) => Effect.Effect<string>> = [
        () => {
          throw new Error("thrown")
        },
        () => Effect.die("died"),
        () => Effect.andThen(Effect.yieldNow, Effect.die("died later"))
      ]
      for (const decode of decodes) {
        const { handler, reasons } = witness()
        const Throwing = Protocol.make("Throwing", {
          framing: lines,
          fromClient: Codec.make<string>("throwing", {
            decode: (frame) => {
              const text = Buffer.from(frame).toString()
              return text === "bad" ? decode(text) : Effect.succeed(text)
            },
            encode: (text) => Effect.succeed(Buffer.from(text))
          }),
          fromServer: Codec.utf8
        })
        yield* Effect.gen(function* () {
          const server = yield* Server.make(Throwing, handler)
          const bad = yield* rawClient
          const good = yield* rawClient
          say(bad, "before\nbad\nafter\n")
          yield* bad.ended
          bad.wire.end()
          yield* until(server, 1)
          assert.strictEqual(bad.text, "before\n")
          assert.deepStrictEqual(reasons, ["MessageError"])
          say(good, "good\n")
          yield* good.received(5)
        }).pipe(Effect.scoped, provideMemory)
      }
    })
  )

  it.effect("an encoder that throws fails its send, and the connection lives", () =>
    Effect.gen(function* () {
      const Throwing = Protocol.make("Throwing", {
        framing: lines,
        fromClient: Codec.utf8,
        fromServer: Codec.make<string>("throwing", {
          decode: (frame) => Effect.succeed(Buffer.from(frame).toString()),
          encode: (text) => {
            if (text === "bad") throw new Error("thrown")
            return Effect.succeed(Buffer.from(text))
          }
        })
      })
      yield* Server.make(Throwing, (connection) =>
        Stream.runForEach(connection.messages, (text) =>
          Effect.catchTag(connection.send(text), "MessageError", ({ direction }) =>
            connection.send(direction)
          )
        )
      )
      const client = yield* rawClient
      say(client, "a\nbad\nb\n")
      yield* client.received(13)
      assert.strictEqual(client.text, "a\noutbound\nb\n")
    }).pipe(provideMemory)
  )

  it.effect("a framing that throws, on bytes or on the end, is a broken frame of its own connection", () =>
    Effect.gen(function* () {
      const { handler, reasons } = witness()
      const framing = Framing.make({
        name: "throwing",
        makeDecoder: () => {
          const inner = lines.makeDecoder()
          return {
            push: (chunk, frames) => {
              const error = inner.push(chunk, frames)
              if (frames.some((frame) => Buffer.from(frame).toString() === "throw")) throw new Error("thrown")
              return error
            },
            end: () => {
              throw new Error("thrown at the end")
            },
            remaining: () => inner.remaining(),
            get buffered() {
              return inner.buffered
            },
            skipped: 0
          }
        },
        encode: (payload, out) => lines.encode(payload, out)
      })
      const server = yield* Server.make(
        Protocol.make("Throwing", { framing, fromClient: Codec.utf8, fromServer: Codec.utf8 }),
        handler
      )
      const bad = yield* rawClient
      const ending = yield* rawClient
      const good = yield* rawClient
      say(bad, "a\n")
      yield* bad.received(2)
      say(bad, "throw\n")
      yield* bad.ended
      bad.wire.end()
      say(ending, "b\n")
      ending.wire.end()
      yield* ending.closed
      yield* until(server, 1)
      assert.deepStrictEqual(reasons, ["FrameError", "FrameError"])
      assert.strictEqual(ending.text, "b\n")
      say(good, "good\n")
      yield* good.received(5)
    }).pipe(provideMemory)
  )
})

describe("peers that send garbage", () => {
  const framings: ReadonlyArray<readonly [string, Framing.Framing]> = [
    ["lines", Framing.lines({ maxLength: 64 })],
    ["lengthPrefixed", Framing.lengthPrefixed({ maxLength: 64 })],
    ["netstring", Framing.netstring({ maxLength: 64 })],
    ["varint", Framing.varint({ maxLength: 64 })]
  ]
  for (const [name, framing] of framings) {
    it.effect(`${name}: each ends its own connection at the most; who plays by the rules is served`, () =>
      Effect.gen(function* () {
        const Garbled = Protocol.make("Garbled", { framing, fromClient: Codec.utf8, fromServer: Codec.utf8 })
        const server = yield* Server.make(Garbled, (connection) =>
          Stream.runForEach(connection.messages, connection.send)
        )
        const good = yield* Client.connect(Garbled)
        const random = new SeededRandom(name.length)
        for (let peer = 0; peer < 20; peer++) {
          const bad = yield* rawClient
          for (let i = 0; i < 20; i++) {
            say(
              bad,
              Uint8Array.from({ length: random.between(1, 500) }, () => random.between(0, 255))
            )
          }
          yield* good.send(`${peer}`)
          assert.deepStrictEqual(yield* take(good, 1), [`${peer}`])
          bad.wire.end()
          yield* bad.closed
        }
        yield* until(server, 1)
      }).pipe(Effect.provide(TransportMemory.layer({ maxChunk: 100, seed: 7 })))
    )
  }
})

describe("a network that breaks", () => {
  it.effect("resets everyone at once: handlers end with PeerReset, and the server goes on", () =>
    Effect.gen(function* () {
      const { handler, reasons } = witness()
      const server = yield* Server.make(Text, handler)
      const network = yield* TransportMemory.Network
      const clients = yield* Effect.forEach(Array.from({ length: 50 }), () => Client.connect(Text))
      yield* until(server, 50)
      yield* network.reset
      for (const client of clients) {
        assert.strictEqual((yield* client.closed)._tag, "PeerReset")
        assert.isTrue(Exit.isFailure(yield* Effect.exit(client.send("late"))))
      }
      yield* until(server, 0)
      assert.deepStrictEqual(new Set(reasons), new Set(["PeerReset"]))
      assert.strictEqual(reasons.length, 50)
      const next = yield* Client.connect(Text)
      yield* next.send("again")
      assert.deepStrictEqual(yield* take(next, 1), ["again"])
    }).pipe(provideMemory)
  )
})
