/** The client through `ws`, and what it says of servers that are none. */
import * as Http from "node:http"
import * as Net from "node:net"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Option, Schedule, Stream } from "effect"
import { WebSocketServer } from "ws"
import * as Client from "../../src/Client.ts"
import * as Server from "../../src/Server.ts"
import type { TransportError } from "../../src/SluiceError.ts"
import type { Connector } from "../../src/Transport.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import * as TransportWebSocket from "../../src/TransportWebSocket.ts"
import { certificates, removeCertificates } from "../transport/certificates.ts"
import { temporaryDirectory } from "../transport/rigs.ts"
import { echo, host, Lines, serve } from "./support.ts"

afterAll(removeCertificates)

/** Listens, as long as the scope lasts. */
const listening = (server: Net.Server) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, host, () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" ? (address?.port ?? 0) : 0))
      })
    }),
    () => Effect.sync(() => server.close())
  )

const failure = <E>(layer: Layer.Layer<Connector, E>) =>
  Effect.map(
    Effect.flip(Effect.scoped(Effect.provide(Client.connect(Lines), layer))),
    // What a client fails with here is the transport's.
    (error) => error as TransportError
  )

const failureOf = (port: number, options: Partial<TransportWebSocket.ConnectOptions> = {}) =>
  failure(TransportWebSocket.layerClient({ url: `ws://${host}:${port}/chat`, ...options }))

const echoes = Effect.fnUntraced(function* <E>(layer: Layer.Layer<Connector, E>) {
  const client = yield* Effect.provide(Client.connect(Lines), layer)
  yield* client.send("hello")
  assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(client.messages, 1)), ["hello"])
  return client
})

describe("a client", () => {
  it.live("says how a server answered that has no WebSockets", () =>
    Effect.gen(function* () {
      const port = yield* listening(
        Http.createServer((_, response) => {
          response.writeHead(401)
          response.end()
        })
      )
      const error = yield* failureOf(port)
      assert.deepInclude(error, {
        kind: "HandshakeFailed",
        address: `ws://${host}:${port}/chat`,
        detail: "HTTP 401 Unauthorized"
      })
    })
  )

  it.live("does not follow a redirect", () =>
    Effect.gen(function* () {
      const port = yield* listening(
        Http.createServer((_, response) => {
          response.writeHead(302, { Location: "ws://127.0.0.1:1/" })
          response.end()
        })
      )
      assert.strictEqual((yield* failureOf(port)).detail, "HTTP 302 Found")
    })
  )

  it.live("says that nobody listens, or answers, or speaks HTTP", () =>
    Effect.gen(function* () {
      const closed = yield* Effect.scoped(listening(Net.createServer()))
      assert.strictEqual((yield* failureOf(closed)).kind, "ConnectionRefused")
      const silent = yield* listening(Net.createServer((socket) => socket.on("error", () => {})))
      assert.strictEqual((yield* failureOf(silent, { connectTimeout: "50 millis" })).kind, "Timeout")
      const other = yield* listening(Net.createServer((socket) => socket.end("220 mail.example ESMTP\r\n")))
      assert.strictEqual((yield* failureOf(other)).kind, "HandshakeFailed")
      const wrong = yield* listening(
        Net.createServer((socket) => {
          socket.on("error", () => {})
          socket.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n"
          )
        })
      )
      const error = yield* failureOf(wrong)
      assert.strictEqual(error.kind, "HandshakeFailed")
      assert.include(error.detail, "Accept")
    })
  )

  it.live("leaves nothing behind where it is interrupted", () =>
    Effect.gen(function* () {
      const sockets: Array<Net.Socket> = []
      const port = yield* listening(
        Net.createServer((socket) => {
          socket.on("error", () => {})
          sockets.push(socket)
        })
      )
      yield* Effect.ignore(
        Effect.timeout(
          Effect.scoped(
            Effect.provide(
              Client.connect(Lines),
              TransportWebSocket.layerClient({ url: `ws://${host}:${port}` })
            )
          ),
          "100 millis"
        )
      )
      assert.strictEqual(sockets.length, 1)
      yield* Effect.callback<void>((resume) => {
        if (sockets[0]!.closed) resume(Effect.void)
        else sockets[0]!.resume().once("close", () => resume(Effect.void))
      })
    })
  )

  it.live("asks for subprotocols, shows headers, and knows the answer", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({ subprotocols: ["v2"] })
      const client = yield* echoes(
        TransportWebSocket.layerClient({ url: `ws://${host}:${port}/`, subprotocols: ["v3", "v2"] })
      )
      const handshake = Option.getOrThrow(TransportWebSocket.handshakeOf(client))
      assert.strictEqual(handshake.subprotocol, "v2")
      assert.strictEqual(handshake.headers.upgrade, "websocket")
      const error = yield* failureOf(port, { subprotocols: ["v9"] })
      assert.strictEqual(error.detail, "HTTP 400 Bad Request")
    })
  )

  it.live("talks to a server of the ws package", () =>
    Effect.gen(function* () {
      const http = Http.createServer()
      const seen: Array<string | undefined> = []
      const others = new WebSocketServer({ server: http, perMessageDeflate: true })
      others.on("connection", (socket, request) => {
        seen.push(request.headers.authorization, request.headers.host, request.url)
        socket.on("message", (data, binary) => socket.send(data, { binary }))
      })
      const port = yield* listening(http)
      const client = yield* echoes(
        TransportWebSocket.layerClient({
          url: `ws://${host}:${port}/a/b?c=d`,
          headers: { Authorization: "Bearer t" },
          compression: true
        })
      )
      assert.deepStrictEqual(seen, ["Bearer t", `${host}:${port}`, "/a/b?c=d"])
      for (const socket of others.clients) socket.close(1012, "restart")
      assert.deepInclude(yield* client.closed, { _tag: "PeerClosed", code: 1012 })
    })
  )

  it.live("comes back by itself", () =>
    Effect.gen(function* () {
      const first = yield* serve()
      const port = first.port
      const client = yield* Effect.provide(
        Client.make(Lines, { reconnect: Schedule.spaced("20 millis") }),
        TransportWebSocket.layerClient({ url: `ws://${host}:${port}` })
      )
      yield* client.send("one")
      yield* client.awaitUp
      yield* first.server.stop
      yield* serve({ port })
      yield* client.send("two")
      const heard = yield* Stream.runCollect(
        Stream.takeUntil(client.messages, (message) => message === "two")
      )
      assert.include(heard, "two")
    })
  )
})

describe("wss", () => {
  it.live("is TLS below, on both ends", () =>
    Effect.gen(function* () {
      const { authority, server: identity } = certificates()
      const server = yield* Effect.provide(
        Server.make(Lines, echo),
        Layer.merge(
          TransportWebSocket.layerOver({ path: "/chat" }).pipe(
            Layer.provide(
              TransportNode.layerTls({
                host,
                port: 0,
                tls: { certificateFile: identity.certificateFile, keyFile: identity.keyFile }
              })
            )
          ),
          Logger.layer([])
        )
      )
      const port = server.address._tag === "Tcp" ? server.address.port : 0
      const url = `wss://localhost:${port}/chat`
      const client = yield* echoes(
        TransportWebSocket.layerClient({ url, tls: { ca: authority.certificate } })
      )
      assert.strictEqual(client.tls?.authorized, true)
      assert.strictEqual((yield* failure(TransportWebSocket.layerClient({ url }))).kind, "BadCertificate")
      assert.strictEqual(
        (yield* failure(TransportWebSocket.layerClient({ url: url.replace("wss", "ws") }))).kind ===
          "Timeout",
        false
      )
    })
  )
})

describe("over other transports", () => {
  it.live("a Unix socket carries them", () =>
    Effect.gen(function* () {
      const path = `${yield* temporaryDirectory}/chat.sock`
      yield* Effect.provide(
        Server.make(Lines, echo),
        Layer.provide(TransportWebSocket.layerOver(), TransportNode.layerUnix({ path }))
      )
      yield* echoes(
        Layer.provide(
          TransportWebSocket.layerClientOver({ url: "ws://localhost/" }),
          TransportNode.layerUnixClient({ path })
        )
      )
    })
  )
})
