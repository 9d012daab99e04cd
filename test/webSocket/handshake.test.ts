/** From a connection to a WebSocket, or to an answer that says why not. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Fiber, Layer, Logger, Option, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import type { ServerEvent } from "../../src/Events.ts"
import * as Server from "../../src/Server.ts"
import type { InvalidConfig } from "../../src/SluiceError.ts"
import type { Origins } from "../../src/TransportWebSocket.ts"
import * as TransportWebSocket from "../../src/TransportWebSocket.ts"
import { connect, echo, host, Lines, request, say, serve, splitHead } from "./support.ts"

const statusOf = (answer: Buffer): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer.toString("latin1"))?.[1])

/** The status that a request gets. */
const ask = (port: number, path?: string, headers?: Readonly<Record<string, string | undefined>>) =>
  Effect.map(say(port, request(path, headers), Buffer.from("888012345678", "hex")), statusOf)

describe("a request", () => {
  const refused: Readonly<Record<string, readonly [status: number, text: string]>> = {
    "for another path": [404, request("/other")],
    "for a path that only begins alike": [404, request("/chatty")],
    "for nothing but a page": [426, `GET /chat HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
    "for a page elsewhere": [404, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
    "for another upgrade": [400, request("/chat", { Upgrade: "h2c" })],
    "without a key": [400, request("/chat", { "Sec-WebSocket-Key": undefined })],
    "with half a key": [400, request("/chat", { "Sec-WebSocket-Key": "dGhl" })],
    "of an old version": [426, request("/chat", { "Sec-WebSocket-Version": "8" })],
    "without a version": [426, request("/chat", { "Sec-WebSocket-Version": undefined })],
    "for subprotocols that nobody speaks": [400, request("/chat", { "Sec-WebSocket-Protocol": "v9, v8" })],
    "with a malformed subprotocol": [400, request("/chat", { "Sec-WebSocket-Protocol": "v1," })],
    "from another page": [403, request("/chat", { Origin: "http://evil.example" })],
    "from nowhere": [403, request("/chat", { Origin: "null" })],
    "that posts": [405, request("/chat").replace("GET", "POST")],
    "that is no HTTP": [400, "hello\r\n\r\n"],
    "with a header too long": [431, request("/chat", { Cookie: "x".repeat(20_000) })]
  }
  for (const [name, [status, text]] of Object.entries(refused)) {
    it.live(`${name} is answered with ${status}, told once, and closed`, () =>
      Effect.gen(function* () {
        const { port, server } = yield* serve({ path: "/chat", subprotocols: ["v1", "v2"] })
        const events: Array<ServerEvent> = []
        yield* Effect.forkScoped(
          Stream.runForEach(server.events, (event) => Effect.sync(() => events.push(event))),
          { startImmediately: true }
        )
        const answer = yield* say(port, text)
        assert.strictEqual(statusOf(answer), status)
        if (status === 426) assert.include(answer.toString(), "Sec-WebSocket-Version: 13")
        assert.include(answer.toString().toLowerCase(), "connection: close")
        const failed = () => events.filter(({ _tag }) => _tag === "AcceptFailed")
        while (failed().length === 0) yield* turn
        assert.strictEqual(failed().length, 1)
        assert.strictEqual(yield* server.connectionCount, 0)
      })
    )
  }

  it.live("for any path is served where none is named, and queries do not matter where one is", () =>
    Effect.gen(function* () {
      const open = yield* serve()
      assert.strictEqual(yield* ask(open.port, "/any/path?x=1"), 101)
      const one = yield* serve({ path: "/chat" })
      assert.strictEqual(yield* ask(one.port, "/chat?room=lobby"), 101)
      const rooms = yield* serve({ path: (path) => path.startsWith("/rooms/") })
      assert.strictEqual(yield* ask(rooms.port, "/rooms/lobby"), 101)
      assert.strictEqual(yield* ask(rooms.port, "/rooms"), 404)
    })
  )

  it.live("gets the first of its subprotocols that is spoken, or none where it asks for none", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({ subprotocols: ["v1", "v2"] })
      const url = `ws://${host}:${port}`
      assert.strictEqual((yield* connect(url, { protocols: ["v3", "v2", "v1"] })).socket.protocol, "v2")
      assert.strictEqual((yield* connect(url)).socket.protocol, "")
      const none = yield* serve()
      const { head } = splitHead(
        yield* say(
          none.port,
          request("/", { "Sec-WebSocket-Protocol": "v1" }),
          Buffer.from("888012345678", "hex")
        )
      )
      assert.match(head, /^HTTP\/1\.1 101 /)
      assert.notMatch(head, /sec-websocket-protocol/i)
    })
  )

  it.live("in pieces is one, and what comes with it is not lost", () =>
    Effect.gen(function* () {
      const { port } = yield* serve()
      const bytes = Buffer.concat([Buffer.from(request()), Buffer.from("8181000000006a888012345678", "hex")])
      const answer = yield* say(port, ...Array.from(bytes, (byte) => Buffer.of(byte)))
      assert.include(splitHead(answer).rest.toString("latin1"), "\x81\x01j")
      const whole = yield* say(port, bytes)
      assert.include(splitHead(whole).rest.toString("latin1"), "\x81\x01j")
    })
  )
})

describe("an origin", () => {
  const own = "http://127.0.0.1:1234"
  const cases: ReadonlyArray<readonly [Origins, string | undefined, string, number]> = [
    ["same", undefined, "127.0.0.1:1234", 101],
    ["same", own, "127.0.0.1:1234", 101],
    ["same", own, "127.0.0.1:1235", 403],
    ["same", "https://chat.example", "chat.example", 101],
    ["same", "https://chat.example", "chat.example:443", 101],
    ["same", "http://chat.example", "chat.example:443", 403],
    ["same", "https://CHAT.example", "chat.EXAMPLE", 101],
    ["same", "https://chat.example.evil", "chat.example", 403],
    ["any", "https://evil.example", "chat.example", 101],
    [["https://a.example", "http://b.example:8080"], "https://a.example", "chat.example", 101],
    [["https://a.example", "http://b.example:8080"], "http://b.example:8080", "chat.example", 101],
    [["https://a.example"], "http://a.example", "chat.example", 403],
    [["https://a.example"], "https://chat.example", "chat.example", 403],
    [["https://a.example"], undefined, "chat.example", 101],
    [[], "https://a.example", "a.example", 403],
    [(origin) => origin?.endsWith(".example") === true, "https://a.example", "x", 101],
    [(origin) => origin?.endsWith(".example") === true, undefined, "x", 403],
    [(_, { headers }) => headers.cookie === "id=1", undefined, "x", 403]
  ]
  it.live.each(cases)("(%s) of %s at %s gets %i", ([origins, origin, hostName, status]) =>
    Effect.gen(function* () {
      const { port } = yield* serve({ origins })
      assert.strictEqual(yield* ask(port, "/", { Origin: origin, Host: hostName }), status)
    })
  )

  it.live.each([
    ["http://[", "x"],
    ["http://x", "["]
  ])("%s at %s is none, whatever URL.canParse says", ([origin, hostName]) =>
    Effect.gen(function* () {
      // Node 20's is wrong about some that are no ASCII, once it has been called often.
      const canParse = vi.spyOn(URL, "canParse").mockReturnValue(true)
      yield* Effect.addFinalizer(() => Effect.sync(() => canParse.mockRestore()))
      const { port } = yield* serve({ origins: "same" })
      assert.strictEqual(yield* ask(port, "/", { Origin: origin, Host: hostName }), 403)
    })
  )
})

describe("a peer", () => {
  it.live("that says nothing, or half a request, is ended by the deadline", () =>
    Effect.gen(function* () {
      const { port, server } = yield* serve({ handshakeTimeout: "50 millis" })
      const told = yield* Effect.forkScoped(
        Stream.runCollect(
          Stream.take(
            Stream.filter(server.events, ({ _tag }) => _tag === "AcceptFailed"),
            2
          )
        ),
        { startImmediately: true }
      )
      assert.strictEqual((yield* say(port)).length, 0)
      assert.strictEqual((yield* say(port, "GET / HTTP/1.1\r\nHost: x\r\n")).length, 0)
      for (const event of yield* Fiber.join(told)) {
        assert.isTrue(event._tag === "AcceptFailed" && event.detail.includes("50 ms"))
      }
    })
  )

  it.live("that is underway when the server stops still gets in, within the sweep", () =>
    Effect.gen(function* () {
      const { port, server } = yield* serve()
      const answer = yield* Effect.forkScoped(say(port, request(), Buffer.from("888012345678", "hex")), {
        startImmediately: true
      })
      yield* server.stop
      assert.strictEqual(statusOf(yield* Fiber.join(answer)), 101)
    })
  )

  it.live("is counted by its address, and its handler knows what it asked for", () =>
    Effect.gen(function* () {
      const seen: Array<TransportWebSocket.Handshake | undefined> = []
      const { port } = yield* serve(
        { subprotocols: ["v1"] },
        (connection) => {
          seen.push(Option.getOrUndefined(TransportWebSocket.handshakeOf(connection)))
          return Stream.run(connection.messages, connection.sink)
        },
        { admission: { maxPerAddress: 1 } }
      )
      const url = `ws://${host}:${port}/rooms/lobby?token=t1`
      const first = yield* connect(url, { protocols: ["v1"], headers: { Cookie: "id=7" } })
      const second = yield* connect(url)
      assert.strictEqual((yield* second.closed)[0], 1013)
      first.socket.send("x")
      yield* first.heard(1)
      assert.deepInclude(seen[0], {
        path: "/rooms/lobby",
        query: "token=t1",
        origin: undefined,
        subprotocol: "v1"
      })
      assert.strictEqual(seen[0]?.headers.cookie, "id=7")
    })
  )
})

describe("options", () => {
  it.effect("that cannot be are told all at once", () =>
    Effect.gen(function* () {
      const bad = {
        port: 70_000,
        path: "chat",
        origins: ["https://a.example/"],
        subprotocols: ["a b"],
        maxMessageBytes: 0,
        messages: "both",
        compression: { threshold: -1 },
        surprise: true
      }
      // Not the type, but what configuration may hold.
      const layer = TransportWebSocket.layer(bad as unknown as TransportWebSocket.ListenOptions)
      const error: InvalidConfig = yield* Effect.flip(
        Effect.provide(
          Effect.orDie(Effect.scoped(Effect.provide(Server.make(Lines, echo), Logger.layer([])))),
          layer
        )
      )
      assert.deepStrictEqual(error.problems.map(({ path }) => path.replace(/[[.].*/, "")).toSorted(), [
        "compression",
        "maxMessageBytes",
        "messages",
        "origins",
        "path",
        "port",
        "subprotocols",
        "surprise"
      ])
    })
  )

  it.live("come from the configuration as well", () =>
    Effect.gen(function* () {
      const server = yield* Effect.provide(
        Server.make(Lines, echo),
        TransportWebSocket.layerConfig({
          port: Config.Int("PORT"),
          host: Config.succeed(host),
          path: Config.String("CHAT_PATH"),
          origins: Config.map(Config.String("ORIGIN"), (origin) => [origin])
        })
      )
      const port = server.address._tag === "Tcp" ? server.address.port : 0
      assert.strictEqual(yield* ask(port, "/chat", { Origin: "https://a.example" }), 101)
      assert.strictEqual(yield* ask(port, "/chat", { Origin: "https://b.example" }), 403)
      const url = `ws://${host}:${port}/chat`
      const client = yield* Effect.provide(
        Client.connect(Lines),
        TransportWebSocket.layerClientConfig({ url: Config.succeed(url) })
      )
      assert.strictEqual(client.remoteAddress._tag, "Tcp")
    }).pipe(
      Effect.provide([
        ConfigProvider.layer(
          ConfigProvider.fromEnv({ env: { PORT: "0", CHAT_PATH: "/chat", ORIGIN: "https://a.example" } })
        ),
        Logger.layer([])
      ])
    )
  )

  it.effect("of a client too", () =>
    Effect.gen(function* () {
      for (const url of ["http://x", "ws://x/#y", "nonsense"]) {
        const error: InvalidConfig = yield* Effect.flip(
          Effect.scoped(Layer.build(TransportWebSocket.layerClient({ url })))
        )
        assert.deepStrictEqual(
          error.problems.map(({ path }) => path),
          ["url"]
        )
      }
      const error: InvalidConfig = yield* Effect.flip(
        Effect.scoped(Layer.build(TransportWebSocket.layerClient({ url: "ws://x", tls: {} })))
      )
      assert.deepStrictEqual(
        error.problems.map(({ path }) => path),
        ["tls"]
      )
    })
  )
})

/** Lets the event loop go round once. */
const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
