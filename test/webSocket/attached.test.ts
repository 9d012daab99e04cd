/** On an HTTP server beside other routes. */
import * as Http from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
import { WebSocketServer } from "ws"
import * as Handler from "../../src/Handler.ts"
import * as Server from "../../src/Server.ts"
import * as TransportWebSocket from "../../src/TransportWebSocket.ts"
import { connect, echo, host, Lines } from "./support.ts"

/** A server of Node with a page, and its port. */
const httpServer = Effect.acquireRelease(
  Effect.callback<{ readonly http: Http.Server; readonly port: number }>((resume) => {
    const http = Http.createServer((request, response) => {
      response.end(`page ${request.url}`)
    })
    http.listen(0, host, () => {
      const address = http.address()
      resume(Effect.succeed({ http, port: typeof address === "object" ? (address?.port ?? 0) : 0 }))
    })
  }),
  ({ http }) =>
    Effect.sync(() => {
      http.close()
      http.closeAllConnections()
    })
)

const attach = (
  http: Http.Server,
  path: TransportWebSocket.PathRule,
  handler: Handler.Handler<string, string, unknown, never> = echo,
  options: Partial<TransportWebSocket.AttachOptions> = {}
) =>
  Effect.provide(
    Server.make(Lines, handler),
    Layer.merge(TransportWebSocket.layerAttached(http, { ...options, path }), Logger.layer([]))
  )

const page = (port: number, path: string) =>
  Effect.promise(() => fetch(`http://${host}:${port}${path}`).then((response) => response.text()))

const says = (prefix: string) => Handler.map((message: string) => `${prefix} ${message}`)

const talk = Effect.fnUntraced(function* (port: number, path: string, message: string) {
  const peer = yield* connect(`ws://${host}:${port}${path}`)
  peer.socket.send(message)
  yield* peer.heard(1)
  return String(peer.messages[0])
})

describe("a WebSocket on somebody's HTTP server", () => {
  it.live("serves its path, beside pages and other paths of its kind", () =>
    Effect.gen(function* () {
      const { http, port } = yield* httpServer
      const first = yield* attach(http, "/one", says("one"))
      yield* attach(http, "/two", says("two"))
      assert.deepStrictEqual(first.address, { _tag: "Tcp", host, port })
      assert.strictEqual(yield* page(port, "/one"), "page /one")
      assert.strictEqual(yield* talk(port, "/one", "x"), "one x")
      assert.strictEqual(yield* talk(port, "/two?y", "x"), "two x")
      assert.include(yield* Effect.flip(connect(`ws://${host}:${port}/three`)), "404")
      assert.strictEqual(yield* page(port, "/three"), "page /three")
    })
  )

  it.live("keeps its peers from other listeners, and leaves them theirs", () =>
    Effect.gen(function* () {
      const { http, port } = yield* httpServer
      // It answers all that it hears of, and before us.
      const other = new WebSocketServer({ noServer: true })
      const heard: Array<string | undefined> = []
      http.on("upgrade", (request, socket, head) => {
        heard.push(request.url)
        other.handleUpgrade(request, socket, head, (webSocket) => webSocket.send("other"))
      })
      yield* attach(http, "/ours", says("ours"))
      assert.strictEqual(yield* talk(port, "/ours", "x"), "ours x")
      const theirs = yield* connect(`ws://${host}:${port}/theirs`)
      yield* theirs.heard(1)
      assert.deepStrictEqual(theirs.messages, ["other"])
      assert.deepStrictEqual(heard, ["/theirs"])
    })
  )

  it.live("lives beside Effect's HTTP server and its own WebSockets", () =>
    Effect.gen(function* () {
      const http = Http.createServer()
      const routes = HttpRouter.addAll([
        HttpRouter.route("GET", "/page", HttpServerResponse.text("a page")),
        HttpRouter.route(
          "GET",
          "/effect",
          Effect.gen(function* () {
            const socket = yield* Effect.flatMap(
              HttpServerRequest.HttpServerRequest,
              (request) => request.upgrade
            )
            const pull = yield* Socket.readerString(socket)
            const { write } = yield* socket.writer
            yield* write("effect")
            yield* Effect.ignore(Effect.forever(pull))
            return HttpServerResponse.empty()
          }).pipe(Effect.scoped)
        )
      ])
      yield* Layer.build(
        HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
          Layer.provide(NodeHttpServer.layer(() => http, { port: 0, host, gracefulShutdownTimeout: 0 }))
        )
      )
      const server = yield* attach(http, "/ours", says("ours"))
      const port = server.address._tag === "Tcp" ? server.address.port : 0
      assert.strictEqual(yield* page(port, "/page"), "a page")
      assert.strictEqual(yield* talk(port, "/ours", "x"), "ours x")
      const theirs = yield* connect(`ws://${host}:${port}/effect`)
      yield* theirs.heard(1)
      assert.deepStrictEqual(theirs.messages.map(String), ["effect"])
    }).pipe(Effect.scoped)
  )

  it.live("checks the origin against the host, and knows its peer's address", () =>
    Effect.gen(function* () {
      const { http, port } = yield* httpServer
      const server = yield* attach(http, "/ours", (connection) =>
        Effect.orDie(
          Stream.runForEach(connection.messages, () =>
            connection.send(connection.remoteAddress._tag === "Tcp" ? connection.remoteAddress.host : "?")
          )
        )
      )
      assert.strictEqual(yield* talk(port, "/ours", "who am I"), host)
      assert.include(
        yield* Effect.flip(connect(`ws://${host}:${port}/ours`, { origin: "http://evil.example" })),
        "403"
      )
      yield* connect(`ws://${host}:${port}/ours`, { origin: `http://${host}:${port}` })
      yield* server.stop
    })
  )

  it.live("ends with its server and leaves the other as it was", () =>
    Effect.gen(function* () {
      const { http, port } = yield* httpServer
      const emit = http.emit
      const peer = yield* Effect.scoped(
        Effect.gen(function* () {
          const server = yield* attach(http, "/ours")
          const peer = yield* connect(`ws://${host}:${port}/ours`)
          yield* server.stop
          assert.strictEqual((yield* peer.closed)[0], 1001)
          assert.include(
            yield* Effect.flip(connect(`ws://${host}:${port}/ours`)),
            "Unexpected server response"
          )
          return peer
        })
      )
      assert.strictEqual(peer.socket.readyState, peer.socket.CLOSED)
      assert.strictEqual(http.emit, emit)
      assert.strictEqual(http.listenerCount("upgrade"), 0)
      assert.strictEqual(http.listenerCount("error"), 0)
      assert.strictEqual(yield* page(port, "/"), "page /")
      const again = yield* attach(http, "/ours", says("again"))
      assert.strictEqual(yield* talk(port, "/ours", "x"), "again x")
      yield* again.suspend
      assert.include(yield* Effect.flip(connect(`ws://${host}:${port}/ours`)), "Unexpected server response")
      yield* again.resume
      assert.strictEqual(yield* talk(port, "/ours", "x"), "again x")
    })
  )
})
