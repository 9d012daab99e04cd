/** L-P7, L-P9, L-P10, L-P11: listeners behind a proxy. */
import * as Path from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Option, Result, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import * as ProxyProtocol from "../../src/ProxyProtocol.ts"
import { formatAddress } from "../../src/Transport.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { eventually } from "../support/pair.ts"
import { certificates, removeCertificates } from "../transport/certificates.ts"
import { host, problemsOf } from "../transport/nodeSupport.ts"
import { portOf, temporaryDirectory } from "../transport/rigs.ts"
import { identity } from "../transport/tlsSupport.ts"
import { connectTcp, connectTls, connectUnix, serve, Text } from "./support.ts"

afterAll(removeCertificates)

const line = (source: string, port = 4711) => Buffer.from(`PROXY TCP4 ${source} 198.51.100.7 ${port} 443\r\n`)

const header = (source: string, options: ProxyProtocol.SendProxyOptions = {}) =>
  Result.getOrThrow(
    ProxyProtocol.encode({
      source: { _tag: "Tcp", host: source, port: 4711 },
      destination: { _tag: "Tcp", host: "198.51.100.7", port: 443 },
      ...options
    })
  )

const behind = (options: ProxyProtocol.ProxyProtocolOptions = { from: [host] }) =>
  TransportNode.layerTcp({ host, port: 0, proxyProtocol: options })

const text = (bytes: string) => Buffer.from(bytes)

/** Where a peer of the server is known by its client's address. */
const known = Effect.fnUntraced(function* (
  { events, seen, server }: Effect.Success<ReturnType<typeof serve>>,
  address: string
) {
  const connections = yield* server.connections(Text)
  const connection = seen.at(-1)
  assert(connection !== undefined)
  assert.strictEqual(formatAddress(connection.remoteAddress), address)
  assert.deepStrictEqual(
    (yield* connections.list).map((one) => formatAddress(one.remoteAddress)),
    [address]
  )
  const opened = events.findLast((event) => event._tag === "Opened")
  assert(opened?._tag === "Opened")
  assert.strictEqual(formatAddress(opened.remoteAddress), address)
  return connection
})

describe("behind a proxy", () => {
  it.live("L-P7: a peer is its client, by either version, and bytes behind the header come first", () =>
    Effect.gen(function* () {
      for (const first of [line("192.0.2.1"), header("192.0.2.1", { checksum: true })]) {
        const serving = yield* serve(behind())
        const peer = yield* connectTcp(serving.port)
        peer.socket.write(Buffer.concat([first, text("a\nb")]))
        yield* eventually(() => peer.text().includes("a\n"), "the echo")
        peer.socket.write("c\n")
        yield* eventually(() => peer.text() === "you are 192.0.2.1:4711\na\nbc\n", "the rest")
        const connection = yield* known(serving, "192.0.2.1:4711")
        assert.strictEqual(connection.proxy?.header.version, first[0] === 0x50 ? 1 : 2)
        assert.propertyVal(connection.proxy?.address, "port", peer.socket.localPort)
        assert.strictEqual(formatAddress(connection.proxy!.header.destination), "198.51.100.7:443")
      }
    })
  )

  it.live("L-P9: however the header was cut", () =>
    Effect.gen(function* () {
      const serving = yield* serve(behind())
      for (const first of [line("192.0.2.1"), header("192.0.2.1")]) {
        const peer = yield* connectTcp(serving.port)
        peer.socket.setNoDelay()
        for (const byte of first) {
          peer.socket.write(Buffer.of(byte))
          // A turn each, so that the server reads them one by one.
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        }
        peer.socket.write("hello\n")
        yield* eventually(() => peer.text() === "you are 192.0.2.1:4711\nhello\n", "the echo")
      }
    })
  )

  it.live("LOCAL and UNKNOWN leave a peer where it is", () =>
    Effect.gen(function* () {
      const serving = yield* serve(behind())
      for (const first of [text("PROXY UNKNOWN\r\n"), header("192.0.2.1", { command: "LOCAL" })]) {
        const peer = yield* connectTcp(serving.port)
        peer.socket.write(first)
        const own = () => `you are ${host}:${peer.socket.localPort}\n`
        yield* eventually(() => peer.text() === own(), "the greeting")
        assert.isDefined(serving.seen.at(-1)?.proxy)
        assert.deepStrictEqual(serving.seen.at(-1)?.proxy?.address, serving.seen.at(-1)?.remoteAddress)
      }
    })
  )

  it.live("values of the header are there, typed", () =>
    Effect.gen(function* () {
      const serving = yield* serve(behind())
      const peer = yield* connectTcp(serving.port)
      const ssl = { secure: true, certificate: "connection", verified: true, commonName: "device-7" } as const
      peer.socket.write(
        header("2001:db8::1", { values: { alpn: "chat/1", authority: "chat.example", ssl }, checksum: true })
      )
      yield* eventually(() => serving.seen.length > 0, "the connection")
      const { values } = serving.seen[0]!.proxy!.header
      assert.deepStrictEqual(values, { alpn: "chat/1", authority: "chat.example", ssl })
      assert.strictEqual(formatAddress(serving.seen[0]!.remoteAddress), "[2001:db8::1]:4711")
    })
  )

  it.live("L-P11: limits, lists and rates count the client", () =>
    Effect.gen(function* () {
      const { events, port, server } = yield* serve(behind(), {
        admission: { maxPerAddress: 2, deny: ["203.0.113.0/24"] }
      })
      const from = Effect.fnUntraced(function* (source: string) {
        const peer = yield* connectTcp(port)
        peer.socket.write(line(source))
        yield* eventually(() => peer.text() !== "" || peer.state.closed, "an answer")
        return peer
      })
      const first = yield* from("192.0.2.1")
      yield* from("192.0.2.1")
      yield* from("192.0.2.2")
      assert.strictEqual((yield* from("192.0.2.1")).text(), "")
      assert.strictEqual((yield* from("203.0.113.9")).text(), "")
      const refused = events.flatMap((event) =>
        event._tag === "Refused" ? `${formatAddress(event.remoteAddress)} ${event.reason}` : []
      )
      assert.deepStrictEqual(refused, ["192.0.2.1:4711 address", "203.0.113.9:4711 denied"])
      assert.strictEqual(yield* server.connectionCount, 3)
      // Who leaves makes room for another one of the same client.
      first.socket.destroy()
      yield* eventually(() => events.some((event) => event._tag === "Closed"), "the close")
      assert.include((yield* from("192.0.2.1")).text(), "you are 192.0.2.1")
    })
  )

  it.live("connections are found by the client's address", () =>
    Effect.gen(function* () {
      const { port, server } = yield* serve(behind())
      const peer = yield* connectTcp(port)
      peer.socket.write(line("192.0.2.1"))
      yield* eventually(() => peer.text() !== "", "the greeting")
      const connections = yield* server.connections(Text)
      assert.deepStrictEqual(yield* connections.closeByAddress(host), [])
      assert.lengthOf(yield* connections.closeByAddress("192.0.2.1"), 1)
      yield* eventually(() => peer.state.closed, "the close")
    })
  )
})

describe("what is no header", () => {
  it.live("closes at once and is told, and others are served", () =>
    Effect.gen(function* () {
      const { events, port, seen, server } = yield* serve(behind())
      const bad = [
        "hello\n",
        "PROXY TCP4 192.0.2.1\r\n",
        `PROXY UNKNOWN ${"x".repeat(200)}`,
        "\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0",
        "\x16\x03\x01\x00\x05\x01"
      ]
      for (const [index, bytes] of bad.entries()) {
        const peer = yield* connectTcp(port)
        yield* eventually(() => peer.socket.readyState === "open", "the connection")
        const own = peer.socket.localPort ?? -1
        peer.socket.write(Buffer.from(bytes, "latin1"))
        const failures = () => events.filter((event) => event._tag === "AcceptFailed")
        yield* eventually(() => peer.state.closed && failures().length > index, "the close, and its event")
        const told = failures()[index]!
        assert.strictEqual(told.kind, "ProxyHeader")
        assert.deepStrictEqual(told.address, { _tag: "Tcp", host, port: own })
      }
      assert.deepStrictEqual(seen, [])
      assert.strictEqual(yield* server.connectionCount, 0)
      const peer = yield* connectTcp(port)
      peer.socket.write(line("192.0.2.1"))
      yield* eventually(() => peer.text() !== "", "the greeting")
    })
  )

  it.live("L-P9: has a deadline for the whole of it", () =>
    Effect.gen(function* () {
      const { events, port } = yield* serve(behind({ from: [host], timeout: "100 millis" }))
      const peer = yield* connectTcp(port)
      const trickle = setInterval(() => peer.socket.writable && peer.socket.write("P".slice(0, 1)), 20)
      peer.socket.write("PROXY UNKNOWN ")
      yield* Effect.addFinalizer(() => Effect.sync(() => clearInterval(trickle)))
      yield* eventuallyTold(events)
      const [told] = events.filter((event) => event._tag === "AcceptFailed")
      assert.strictEqual(told?.kind, "Timeout")
      assert.include(told?.detail, "no PROXY header within 100 ms")
      clearInterval(trickle)
    })
  )

  it.live("is told where a peer ends or breaks in the middle of it", () =>
    Effect.gen(function* () {
      const { events, port } = yield* serve(behind())
      const ended = yield* connectTcp(port)
      ended.socket.end("PROXY TCP4")
      yield* eventuallyTold(events)
      const broken = yield* connectTcp(port)
      broken.socket.write("PROXY TCP4", () => broken.socket.resetAndDestroy())
      yield* eventually(
        () => events.filter((event) => event._tag === "AcceptFailed").length === 2,
        "the event"
      )
      assert.deepStrictEqual(
        events.flatMap((event) => (event._tag === "AcceptFailed" ? event.kind : [])),
        ["ProxyHeader", "ProxyHeader"]
      )
    })
  )
})

const eventuallyTold = (events: ReadonlyArray<{ readonly _tag: string }>) =>
  Effect.promise(async () => {
    // Real time, for it is the system's sockets that are slow here.
    while (!events.some((event) => event._tag === "AcceptFailed")) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })

describe("peers that only look whether somebody is here", () => {
  it.live("are gone without a warning, however they leave", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const logger = Logger.layer([
        Logger.make(({ logLevel, message }) => logged.push(`${logLevel}: ${message}`))
      ])
      const { events, port } = yield* Effect.provide(serve(behind()), logger)
      const told = () => events.filter((event) => event._tag === "AcceptFailed")
      const ending = yield* connectTcp(port)
      ending.socket.end()
      yield* eventually(() => told().length === 1, "the event")
      // At once, as HAProxy does: before it has been accepted, mostly.
      const resetting = yield* connectTcp(port)
      resetting.socket.once("connect", () => resetting.socket.resetAndDestroy())
      yield* eventually(() => told().length === 2, "the event")
      assert.deepStrictEqual(
        told().map((event) => event._tag === "AcceptFailed" && event.kind),
        ["Gone", "Gone"]
      )
      assert.deepStrictEqual(logged, [])
    })
  )
})

describe("peers that are no proxies", () => {
  it.live("L-P10: are turned away, unless something else is said", () =>
    Effect.gen(function* () {
      const { events, port, seen } = yield* serve(behind({ from: ["10.0.0.0/8"] }))
      const peer = yield* connectTcp(port)
      peer.socket.write(line("192.0.2.1"))
      yield* eventually(() => peer.state.closed, "the close")
      yield* eventually(() => events.some((event) => event._tag === "AcceptFailed"), "the event")
      const told = events.find((event) => event._tag === "AcceptFailed")
      assert.strictEqual(told?._tag === "AcceptFailed" && told.kind, "ProxyHeader")
      assert.deepStrictEqual(seen, [])
    })
  )

  it.live("L-P10: come by themselves, and no header of theirs is believed", () =>
    Effect.gen(function* () {
      const { events, port } = yield* serve(behind({ from: ["10.0.0.0/8"], others: "direct" }))
      // It is greeted before it has said anything.
      const honest = yield* connectTcp(port)
      yield* eventually(() => honest.text().startsWith(`you are ${host}:`), "the greeting")
      honest.socket.write("PROX")
      honest.socket.write("IES are fine\n")
      yield* eventually(() => honest.text().includes("PROXIES are fine\n"), "the echo")
      for (const first of [line("192.0.2.1"), header("192.0.2.1")]) {
        const liar = yield* connectTcp(port)
        const cut = 3
        liar.socket.write(first.subarray(0, cut), () => liar.socket.write(first.subarray(cut)))
        yield* eventually(() => liar.state.closed, "the close")
      }
      const errors = () => events.flatMap((event) => (event._tag === "FrameError" ? event.error : []))
      yield* eventually(() => errors().length === 2, "the events")
      assert.deepStrictEqual(
        errors().map((error) => error._tag === "UnexpectedPreamble" && error.preamble),
        ["ProxyHeader", "ProxyHeader"]
      )
    })
  )

  it.live("L-P10: send headers that are data", () =>
    Effect.gen(function* () {
      const { port, seen } = yield* serve(behind({ from: ["10.0.0.0/8"], others: "data" }))
      const peer = yield* connectTcp(port)
      peer.socket.write(line("192.0.2.1"))
      yield* eventually(() => peer.text().includes("PROXY TCP4 192.0.2.1"), "the echo")
      assert.strictEqual(seen[0]?.proxy, undefined)
    })
  )
})

describe("over TLS", () => {
  const secure = (options: ProxyProtocol.ProxyProtocolOptions = { from: [host] }) =>
    TransportNode.layerTls({ host, port: 0, proxyProtocol: options, tls: identity() })

  it.live("the header stands before the handshake", () =>
    Effect.gen(function* () {
      for (const first of [line("192.0.2.1"), header("192.0.2.1")]) {
        const serving = yield* serve(secure())
        const peer = yield* connectTls(serving.port, first)
        yield* eventually(() => peer.text() === "you are 192.0.2.1:4711\n", "the greeting")
        peer.socket.write("hello\n")
        yield* eventually(() => peer.text().endsWith("hello\n"), "the echo")
        const connection = yield* known(serving, "192.0.2.1:4711")
        assert.strictEqual(connection.tls?.serverName, "localhost")
      }
    })
  )

  it.live("a handshake that fails is the client's", () =>
    Effect.gen(function* () {
      const { events, port } = yield* serve(secure())
      const peer = yield* connectTcp(port)
      peer.socket.write(Buffer.concat([line("192.0.2.1"), text("GET / HTTP/1.1\r\n\r\n")]))
      yield* eventually(() => events.some((event) => event._tag === "AcceptFailed"), "the event")
      const told = events.find((event) => event._tag === "AcceptFailed")
      assert(told?._tag === "AcceptFailed")
      assert.strictEqual(formatAddress(told.address), "192.0.2.1:4711")
      assert.strictEqual(told.kind, "PlainText")
    })
  )

  it.live("a header of somebody who is no proxy is no handshake", () =>
    Effect.gen(function* () {
      const { events, port } = yield* serve(secure({ from: ["10.0.0.0/8"], others: "direct" }))
      const liar = yield* connectTls(port, line("192.0.2.1"))
      yield* eventually(() => liar.state.closed, "the close")
      yield* eventually(() => events.some((event) => event._tag === "AcceptFailed"), "the event")
      const honest = yield* connectTls(port, text(""))
      yield* eventually(() => honest.text().startsWith(`you are ${host}:`), "the greeting")
    })
  )
})

describe("over a Unix socket", () => {
  it.live("the client is who the header says", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* temporaryDirectory, "server.sock")
      const { seen } = yield* serve(TransportNode.layerUnix({ path, proxyProtocol: {} }))
      const peer = yield* connectUnix(path)
      peer.socket.write(Buffer.concat([header("192.0.2.1"), text("hello\n")]))
      yield* eventually(() => peer.text() === "you are 192.0.2.1:4711\nhello\n", "the echo")
      assert.deepStrictEqual(seen[0]?.proxy?.address, { _tag: "Unix", path })
    })
  )
})

describe("a connector", () => {
  it.live("announces a client, or itself, before everything else", () =>
    Effect.gen(function* () {
      const plain = yield* serve(behind())
      const secure = yield* serve(
        TransportNode.layerTls({ host, port: 0, proxyProtocol: { from: [host] }, tls: identity() })
      )
      const source = { _tag: "Tcp", host: "192.0.2.1", port: 1 } as const
      const greeting = (connector: ReturnType<typeof TransportNode.layerTcpClient>) =>
        Client.connect(Text).pipe(
          Effect.flatMap((client) => Stream.runHead(client.messages)),
          Effect.provide(connector),
          Effect.map(Option.getOrThrow),
          Effect.scoped
        )
      const { port } = plain
      assert.strictEqual(
        yield* greeting(TransportNode.layerTcpClient({ host, port, proxyHeader: { version: 1, source } })),
        "you are 192.0.2.1:1"
      )
      const itself = yield* greeting(TransportNode.layerTcpClient({ host, port, proxyHeader: {} }))
      assert.strictEqual(itself, `you are ${formatAddress(plain.seen.at(-1)!.proxy!.address)}`)
      assert.strictEqual(
        yield* greeting(
          TransportNode.layerTlsClient({
            host,
            port: secure.port,
            tls: { ca: certificates().authority.certificate },
            proxyHeader: { source, checksum: true }
          })
        ),
        "you are 192.0.2.1:1"
      )
    })
  )
})

describe("options", () => {
  it.effect("are checked all at once", () =>
    Effect.gen(function* () {
      const problems = yield* problemsOf(
        TransportNode.layerTcp({
          port: 0,
          proxyProtocol: {
            from: ["10.0.0.0/33"],
            others: "maybe" as "data",
            timeout: "0 millis",
            maxLength: 1
          }
        })
      )
      assert.deepStrictEqual(
        problems.map(({ path }) => path).toSorted(),
        ["from", "maxLength", "others", "timeout"].map((name) =>
          name === "from" ? "proxyProtocol.from[0]" : `proxyProtocol.${name}`
        )
      )
      // Whom to believe has to be said.
      assert.deepStrictEqual(
        (yield* problemsOf(
          TransportNode.layerTcp({ port: 0, proxyProtocol: {} as ProxyProtocol.ProxyProtocolOptions })
        )).map(({ path }) => path),
        ["proxyProtocol.from"]
      )
      assert.include(
        (yield* problemsOf(
          TransportNode.layerTcpClient({
            port: 1,
            proxyHeader: { values: { uniqueId: new Uint8Array(200) } }
          })
        ))[0]?.path,
        "proxyHeader.values.uniqueId"
      )
    })
  )
})

describe("the port of a server that ends", () => {
  it.live("lets go of those whose header is not there yet", () =>
    Effect.gen(function* () {
      const { port, server } = yield* serve(behind())
      const peer = yield* connectTcp(port)
      peer.socket.write("PROXY ")
      yield* eventually(() => peer.socket.readyState === "open", "the connection")
      yield* server.stop
      yield* eventually(() => peer.state.closed, "the close")
      assert.strictEqual(portOf(server.address), port)
    })
  )
})
