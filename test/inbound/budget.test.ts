/** What all connections of a server hold together, and who goes when it is too much. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Stream } from "effect"
import * as Codec from "../../src/Codec.ts"
import type { Connection } from "../../src/Connection.ts"
import type { ServerEvent } from "../../src/Events.ts"
import * as Framing from "../../src/Framing.ts"
import { SeededRandom } from "../../src/internal/memory/random.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import { formatAddress } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { portOf, TcpPeer, Text } from "../server/support.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"

const provideMemory = Effect.provide(TransportMemory.layer({ window: 1000 }))

type Peer = Connection<string, string>

const echo = (connection: Peer) => Stream.run(connection.messages, connection.sink)

const x = (count: number) => "x".repeat(count)

const settle = Effect.promise(async () => {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve))
})

/** A server that keeps its events, and what it holds. */
const served = Effect.fnUntraced(function* (
  handler: (connection: Peer) => Effect.Effect<unknown, unknown>,
  options: Server.ServerOptions<string> = {},
  protocol: Protocol.Protocol<string, string> = Text
) {
  const server = yield* Server.make(protocol, handler, options)
  const events: Array<ServerEvent> = []
  yield* Effect.forkScoped(
    Stream.runForEach(server.events, (event) => Effect.sync(() => events.push(event))),
    { startImmediately: true }
  )
  const held = () => Effect.runSync(server.heldBytes)
  return {
    server,
    held,
    holds: (bytes: number) => eventually(() => held() === bytes, `${bytes} bytes are held`),
    /** Who ended, and why, with what the reason says of the budget. */
    ended: () =>
      events.flatMap((event) => {
        if (event._tag !== "Closed") return []
        const { reason, remoteAddress } = event
        const why =
          reason._tag === "MemoryExceeded" ? `MemoryExceeded ${reason.held} of ${reason.budget}` : reason._tag
        return [`${formatAddress(remoteAddress)} ${why}`]
      }),
    events
  }
})

type Raw = Effect.Success<typeof rawClient>

const named = ({ wire }: Raw, why: string) => `${formatAddress(wire.localAddress)} ${why}`

/** Answers each message with so many of 100 bytes. */
const flooding = (count: number) => (connection: Peer) =>
  Stream.runForEach(connection.messages, () => connection.sendAll(Array.from({ length: count }, () => x(99))))

describe("heldBytes", () => {
  it.effect("counts the unfinished frame, and nothing that is handled at once", () =>
    Effect.gen(function* () {
      const { held, holds } = yield* served(echo)
      const client = yield* rawClient
      client.write("hello\n")
      yield* eventually(() => client.text() === "hello\n", "the echo is here")
      assert.strictEqual(held(), 0)
      client.write("whole\nhal")
      yield* holds(3)
      client.write("f and more")
      yield* holds(13)
      client.write("\nab")
      yield* holds(2)
      client.write("c\n")
      yield* holds(0)
      assert.strictEqual(client.text(), "hello\nwhole\nhalf and more\nabc\n")
    }).pipe(provideMemory)
  )

  it.effect("counts what waits for the handler, until it takes it", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const { holds } = yield* served(
        (connection) => Effect.andThen(Deferred.await(gate), echo(connection)),
        {
          inbound: { maxMessages: 2 }
        }
      )
      const client = yield* rawClient
      client.write("hello\nyou\n")
      yield* holds(8)
      yield* Deferred.succeed(gate, undefined)
      yield* holds(0)
      yield* eventually(() => client.text() === "hello\nyou\n", "both are echoed")
    }).pipe(provideMemory)
  )

  it.effect("counts what waits for its turn", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      let heldNow = (): Effect.Effect<number> => Effect.succeed(0)
      const { server } = yield* served(
        (connection) =>
          Stream.runForEach(connection.messages, (text) =>
            Effect.map(heldNow(), (bytes) => {
              seen.push(`${text} ${bytes}`)
            })
          ),
        { inbound: { perTurn: 2 } }
      )
      heldNow = () => server.heldBytes
      const client = yield* rawClient
      client.write("a\nbb\nccc\ndddd\neeeee\nffffff")
      yield* eventually(() => seen.length === 5, "all are handled")
      // The sum is told at the end of each turn.
      assert.deepStrictEqual(seen, ["a 0", "bb 0", "ccc 18", "dddd 18", "eeeee 11"])
      assert.strictEqual(yield* server.heldBytes, 6)
    }).pipe(provideMemory)
  )

  it.effect("counts what waits for a codec", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const first = yield* Deferred.make<void>()
      const Slow = Protocol.make("Slow", {
        framing: Framing.lines(),
        fromClient: Codec.make<string>("slow", {
          decode: (frame) =>
            Effect.flatMap(Codec.utf8.decode(frame), (text) =>
              Effect.as(Deferred.await(text === "one" ? first : gate), text)
            ),
          encode: Codec.utf8.encode
        }),
        fromServer: Codec.utf8
      })
      const { holds } = yield* served(echo, { inbound: { perTurn: 2 } }, Slow)
      const client = yield* rawClient
      client.write("one\ntwo\nthree\nfour\nfi")
      // The codec has the first.
      yield* holds(3 + 5 + 4 + 2)
      yield* Deferred.succeed(first, undefined)
      yield* holds(5 + 4 + 2)
      yield* Deferred.succeed(gate, undefined)
      yield* holds(2)
      client.write("ve\n")
      yield* holds(0)
      yield* eventually(() => client.text() === "one\ntwo\nthree\nfour\nfive\n", "all are echoed")
    }).pipe(provideMemory)
  )

  it.effect("counts what a peer does not take, in the queue and in the transport", () =>
    Effect.gen(function* () {
      const { holds } = yield* served(flooding(30), { outbound: { maxMessages: 1000 } })
      const client = yield* rawClient
      client.wire.pause()
      client.write("go\n")
      yield* holds(3000)
      client.write("go\n")
      yield* holds(6000)
      client.wire.resume()
      yield* holds(0)
      assert.strictEqual(client.text().length, 6000)
    }).pipe(provideMemory)
  )

  it.effect("is 0 and nobody is closed where it is off", () =>
    Effect.gen(function* () {
      const { ended, held } = yield* served(echo, { memory: "off" })
      const client = yield* rawClient
      client.write(x(100_000))
      yield* settle
      assert.strictEqual(held(), 0)
      assert.deepStrictEqual(ended(), [])
    }).pipe(provideMemory)
  )

  it.effect("is 0 after a thousand connections with faults", () =>
    Effect.gen(function* () {
      const random = new SeededRandom(7)
      let most = 0
      const { ended, held, server } = yield* served(
        (connection) => {
          const style = random.between(0, 4)
          if (style === 0) return Effect.never
          if (style === 1) return Effect.andThen(Effect.yieldNow, Effect.fail("failed"))
          if (style === 2) return Stream.runDrain(Stream.take(connection.messages, 1))
          return style === 3 ? echo(connection) : flooding(30)(connection)
        },
        { memory: { maxBytes: 50_000 }, outbound: { maxMessages: 20 }, onMessageError: "skip" }
      )
      const one = Effect.scoped(
        Effect.gen(function* () {
          const client = yield* rawClient
          if (random.between(0, 1) === 0) client.wire.pause()
          for (let i = random.between(0, 4); i > 0; i--) {
            const bytes = Buffer.from(
              `hello\n\xff\n${x(random.between(0, 900))}\n${x(random.between(0, 900))}`,
              "latin1"
            )
            client.write(bytes)
            yield* Effect.yieldNow
            most = Math.max(most, held())
          }
          const end = random.between(0, 3)
          if (end === 0) client.wire.reset()
          if (end === 1) client.wire.end()
          if (end === 2) {
            client.wire.resume()
            client.wire.end()
            yield* Effect.yieldNow
          }
        })
      )
      yield* Effect.forEach(Array.from({ length: 1000 }), () => one, { concurrency: 200, discard: true })
      yield* Effect.forkScoped(server.kill, { startImmediately: true })
      yield* eventually(() => Effect.runSync(server.connectionCount) === 0, "all are gone")
      assert.isAbove(most, 20_000)
      assert.include(ended().join(), "MemoryExceeded")
      assert.strictEqual(held(), 0)
    }).pipe(provideMemory)
  )
})

describe("memory", () => {
  it.effect("above the budget, who holds the most is closed; the others lose nothing", () =>
    Effect.gen(function* () {
      const { ended, events, held, holds } = yield* served(echo, { memory: { maxBytes: 1024 } })
      const [a, b, c] = [yield* rawClient, yield* rawClient, yield* rawClient]
      a.write(x(300))
      b.write(x(424))
      c.write(x(300))
      yield* holds(1024)
      yield* settle
      assert.deepStrictEqual(ended(), [])
      c.write("x")
      yield* eventually(() => ended().length === 1, "one is closed")
      assert.deepStrictEqual(ended(), [named(b, "MemoryExceeded 424 of 1024")])
      yield* eventually(() => b.state.closed, "it knows")
      assert.isDefined(b.state.error)
      assert.strictEqual(held(), 601)
      a.write("a\n")
      c.write("c\n")
      yield* eventually(() => a.text() !== "" && c.text() !== "", "the others are served")
      assert.deepStrictEqual([a.text(), c.text()], [`${x(300)}a\n`, `${x(301)}c\n`])
      assert.strictEqual(held(), 0)
      assert.deepStrictEqual(
        events.filter(({ _tag }) => _tag === "HandlerFailed"),
        []
      )
    }).pipe(provideMemory)
  )

  it.effect("as many are closed as it takes, the largest first", () =>
    Effect.gen(function* () {
      const { ended, holds } = yield* served(echo, { memory: { maxBytes: 1024 } })
      const small = yield* Effect.forEach([150, 250, 200, 100], (count) =>
        Effect.map(rawClient, (client) => {
          client.write(x(count))
          return client
        })
      )
      yield* holds(700)
      const large = yield* rawClient
      large.write(x(1100))
      yield* holds(700)
      const other = yield* rawClient
      other.write(`${x(240)}`)
      yield* holds(940)
      // Together 1200 now: the one of 260 goes, which is not enough, and the one of 250.
      other.write(x(20))
      small[0]?.write(x(100))
      small[3]?.write(x(140))
      yield* eventually(() => ended().length >= 2, "two are closed")
      yield* settle
      assert.deepStrictEqual(ended()[0], named(large, "MemoryExceeded 1100 of 1024"))
      assert.strictEqual(ended().length, 2)
      assert.match(ended()[1] ?? "", /MemoryExceeded 2[56]0 of 1024$/)
    }).pipe(provideMemory)
  )

  it.effect("a handler is interrupted, and does not get what waited for it", () =>
    Effect.gen(function* () {
      const handled: Array<string> = []
      const { ended, holds } = yield* served(
        (connection) =>
          Effect.never.pipe(
            Effect.onInterrupt(() => Effect.sync(() => handled.push("interrupted"))),
            Effect.ensuring(
              Effect.ignore(
                Stream.runForEach(connection.messages, (text) => Effect.sync(() => handled.push(text)))
              )
            )
          ),
        { memory: { maxBytes: 1024 } }
      )
      const client = yield* rawClient
      client.write(`${x(600)}\n${x(600)}\n`)
      yield* eventually(() => ended().length === 1, "it is closed")
      assert.deepStrictEqual(ended(), [named(client, "MemoryExceeded 1200 of 1024")])
      yield* holds(0)
      assert.deepStrictEqual(handled, ["interrupted"])
    }).pipe(provideMemory)
  )

  it.effect("a peer that does not read is closed for what waits for it, and the loss is told", () =>
    Effect.gen(function* () {
      const { ended, events, holds } = yield* served(flooding(30), {
        outbound: { maxMessages: 1000 },
        memory: { maxBytes: 4096 }
      })
      const [reading, standing] = [yield* rawClient, yield* rawClient]
      standing.wire.pause()
      standing.write("go\n")
      yield* holds(3000)
      standing.write("go\n")
      reading.write("go\n")
      yield* eventually(() => ended().length === 1, "it is closed")
      assert.deepStrictEqual(ended(), [named(standing, "MemoryExceeded 6000 of 4096")])
      yield* holds(0)
      assert.deepStrictEqual(
        events.flatMap((event) => (event._tag === "Dropped" ? [[event.policy, event.bytes]] : [])),
        [[undefined, 6000]]
      )
      yield* eventually(() => reading.text().length === 3000, "the other has all of it")
    }).pipe(provideMemory)
  )

  it.effect("one that is ending already is cut, and keeps its reason", () =>
    Effect.gen(function* () {
      const { ended, holds } = yield* served(
        (connection) =>
          Stream.runForEach(Stream.take(connection.messages, 1), () =>
            connection.sendAll(Array.from({ length: 30 }, () => x(99)))
          ),
        { outbound: { maxMessages: 1000 }, memory: { maxBytes: 4096 } }
      )
      const [leaving, other] = [yield* rawClient, yield* rawClient]
      leaving.wire.pause()
      leaving.write("go\n")
      // Its handler is through; what it sent would have five seconds.
      yield* holds(3000)
      other.write(x(2000))
      yield* eventually(() => ended().length === 1, "it is cut")
      assert.deepStrictEqual(ended(), [named(leaving, "LocalClosed")])
      yield* holds(2000)
    }).pipe(provideMemory)
  )

  it.live("over TCP: a peer that stands still gives way to those who come", () =>
    Effect.gen(function* () {
      const { ended, held, server } = yield* served(
        (connection) =>
          Stream.runForEach(connection.messages, (text) =>
            text === "flood" ? Effect.forever(connection.send(x(10_000))) : connection.send(text)
          ),
        {
          outbound: { maxMessages: 1_000_000, maxBytes: 64 * 1024 * 1024 },
          memory: { maxBytes: 8 * 1024 * 1024 }
        }
      )
      const port = portOf(server.address)
      const standing = yield* Effect.acquireRelease(
        Effect.sync(() => new TcpPeer(port, { reading: false })),
        ({ socket }) => Effect.sync(() => socket.destroy())
      )
      const other = yield* Effect.acquireRelease(
        Effect.sync(() => new TcpPeer(port)),
        ({ socket }) => Effect.sync(() => socket.destroy())
      )
      standing.socket.write("flood\n")
      yield* eventually(() => ended().length === 1, "it is closed")
      assert.match(ended()[0] ?? "", /MemoryExceeded \d+ of 8388608$/)
      other.socket.write("hello\n")
      yield* eventually(() => other.text === "hello\n", "the other is served")
      assert.strictEqual(held(), 0)
    }).pipe(Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 })))
  )
})
