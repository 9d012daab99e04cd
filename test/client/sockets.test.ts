/** Clients that come back, over real sockets. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { openSockets, portOf, Text } from "../server/support.ts"
import { eventually } from "../support/pair.ts"
import { temporaryDirectory } from "../transport/rigs.ts"
import { echo, now, type Peer, statusOf } from "./support.ts"

const host = "127.0.0.1"

const reconnect = Schedule.spaced("20 millis")

/** A server in a scope of its own. */
const serve = Effect.fnUntraced(function* (
  port: number,
  handler: (peer: Peer) => Effect.Effect<unknown, unknown>
) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const server = yield* Server.make(Text, handler).pipe(
    Effect.provide(TransportNode.layerTcp({ host, port })),
    Scope.provide(scope)
  )
  return { server, port: portOf(server.address), stop: Scope.close(scope, Exit.void) }
})

describe("a client over TCP", () => {
  it.live("comes back when its server does, on the same port; what was sent meanwhile arrives in order", () =>
    Effect.gen(function* () {
      const atRest = openSockets()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const heard: Array<string> = []
          const hear = (peer: Peer) =>
            Stream.runForEach(peer.messages, (message) => Effect.sync(() => heard.push(message)))
          let running = yield* serve(0, hear)
          const { port } = running
          const client = yield* Client.make(Text, { reconnect }).pipe(
            Effect.provide(TransportNode.layerTcpClient({ host, port }))
          )
          let sent = 0
          for (let round = 0; round < 5; round++) {
            yield* client.send(`${sent++}`)
            yield* eventually(() => heard.length === sent, "heard while up")
            // In turn: dragged down, or with a goodbye.
            yield* round % 2 === 0 ? Effect.andThen(running.server.kill, running.stop) : running.stop
            // What is sent before the end is seen goes down with the connection.
            yield* eventually(() => statusOf(client)._tag !== "Up", "down")
            const sending = []
            for (let i = 0; i < 10; i++) {
              sending.push(yield* Effect.forkChild(client.send(`${sent++}`), now))
            }
            running = yield* serve(port, hear)
            yield* Effect.forEach(sending, Fiber.join)
            yield* eventually(() => heard.length === sent, "heard after it came back")
          }
          assert.deepStrictEqual(
            heard,
            Array.from({ length: sent }, (_, i) => `${i}`)
          )
          assert.strictEqual(client.stats.connections, 6)
        })
      )
      yield* eventually(() => openSockets() === atRest, "no socket is left")
    })
  )

  it.live("tries several addresses in turn, and another one first when it comes back", () =>
    Effect.gen(function* () {
      const nobody = yield* serve(0, echo)
      yield* nobody.stop
      const name = (text: string) => (peer: Peer) =>
        Effect.andThen(peer.send(text), Stream.runDrain(peer.messages))
      const first = yield* serve(0, name("first"))
      const second = yield* serve(0, name("second"))
      const client = yield* Client.make(Text, { reconnect }).pipe(
        Effect.provide(
          TransportNode.layerTcpClient({
            port: nobody.port,
            alternatives: [{ port: first.port }, { host: "localhost", port: second.port }]
          })
        )
      )
      const hear = Stream.runCollect(Stream.take(client.messages, 1))
      assert.deepStrictEqual(yield* hear, ["first"])
      yield* Effect.flatMap(client.awaitUp, (connection) => connection.abort)
      assert.deepStrictEqual(yield* hear, ["second"])
      yield* first.stop
      yield* second.stop
      const failure = yield* Client.connect(Text).pipe(
        Effect.provide(
          TransportNode.layerTcpClient({ port: nobody.port, alternatives: [{ port: first.port }] })
        ),
        Effect.flip
      )
      assert.propertyVal(failure, "kind", "ConnectionRefused")
      assert.include(failure.message, `${host}:${nobody.port}`)
      assert.include(failure.message, `${host}:${first.port}`)
    })
  )

  it.live("reaches a server that is on one of the addresses of a name only (happy eyeballs)", () =>
    Effect.gen(function* () {
      const running = yield* serve(0, echo)
      const connection = yield* Client.connect(Text).pipe(
        Effect.provide(
          TransportNode.layerTcpClient({ host: "localhost", port: running.port, familyTimeout: "10 millis" })
        )
      )
      yield* connection.send("x")
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(connection.messages, 1)), ["x"])
    })
  )

  it.live("L-H23: a name that nobody knows is a typed failure, in the status too", () =>
    Effect.gen(function* () {
      const client = yield* Client.make(Text, { reconnect: Schedule.recurs(0) }).pipe(
        Effect.provide(TransportNode.layerTcpClient({ host: "nobody.invalid", port: 7 }))
      )
      const { failure } = yield* Effect.flip(client.awaitUp)
      assert.propertyVal(failure, "_tag", "TransportError")
      assert.propertyVal(failure, "kind", "UnknownHost")
    })
  )
})

describe("a proxy made of a server and a client", () => {
  const Raw = Protocol.make("Raw", {
    framing: Framing.none(),
    fromClient: Codec.bytes,
    fromServer: Codec.bytes
  })

  const backends = {
    tcp: Effect.succeed({
      listener: TransportNode.layerTcp({ host, port: 0 }),
      connector: (port: number) => TransportNode.layerTcpClient({ host, port })
    }),
    unix: Effect.map(temporaryDirectory, (directory) => {
      const path = join(directory, "backend.sock")
      return {
        listener: TransportNode.layerUnix({ path }),
        connector: (_port: number) => TransportNode.layerUnixClient({ path })
      }
    })
  }

  it.live.each(["tcp", "unix"] as const)(
    "L-C9: bytes are equal both ways and closes propagate, with a backend on %s",
    (kind) =>
      Effect.gen(function* () {
        const transport = yield* backends[kind]
        // Hears all until the end, then answers with all of it.
        const backend = yield* Server.make(Raw, (connection) =>
          Effect.flatMap(Stream.runCollect(connection.messages), (chunks) => connection.sendAll(chunks))
        ).pipe(Effect.provide(transport.listener))

        const proxy = yield* Server.make(Raw, (peer) =>
          Effect.gen(function* () {
            const onward = yield* Client.connect(Raw)
            const there = Effect.andThen(Stream.run(peer.messages, onward.sink), onward.end)
            const back = Effect.andThen(Stream.run(onward.messages, peer.sink), peer.end)
            yield* Effect.all([there, back], { concurrency: "unbounded" })
          })
        ).pipe(
          Effect.provide(TransportNode.layerTcp({ host, port: 0 })),
          Effect.provide(transport.connector(portOf(backend.address)))
        )

        const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff)
        const client = yield* Client.connect(Raw).pipe(
          Effect.provide(TransportNode.layerTcpClient({ host, port: portOf(proxy.address) }))
        )
        yield* client.send(bytes)
        // The backend sees the end only if the proxy hands it on, and so do we.
        yield* client.end
        const answer = Buffer.concat(yield* Stream.runCollect(client.messages))
        assert.isTrue(answer.equals(bytes))
        assert.strictEqual((yield* client.closed)._tag, "PeerClosed")
        yield* eventually(() => Effect.runSync(backend.connectionCount) === 0, "the backend's side is closed")
        yield* eventually(() => Effect.runSync(proxy.connectionCount) === 0, "the proxy's side is closed")
      })
  )
})
