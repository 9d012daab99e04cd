/** L-H29: plain text first, then TLS on the same connection. */
import { spawn, spawnSync } from "node:child_process"
import * as Net from "node:net"
import * as Path from "node:path"
import * as NodeTls from "node:tls"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import type { CloseReason } from "../../src/CloseReason.ts"
import * as Codec from "../../src/Codec.ts"
import type { Connection, StartedTls } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { eventually } from "../support/pair.ts"
import { certificates, removeCertificates } from "../transport/certificates.ts"
import { host } from "../transport/nodeSupport.ts"
import { portOf } from "../transport/rigs.ts"
import { identity } from "../transport/tlsSupport.ts"
import { Plain as Short } from "./support.ts"

afterAll(removeCertificates)

const Plain = Protocol.switchable(
  Protocol.make("Plain", {
    framing: Framing.lines({ newline: "\r\n" }),
    fromClient: Codec.utf8,
    fromServer: Codec.utf8
  })
)

/** What the server saw of its connections. */
interface Seen {
  readonly lines: Array<string>
  readonly started: Array<StartedTls>
  readonly reasons: Array<CloseReason>
  readonly failures: Array<string>
}

const nothingSeen = (): Seen => ({ lines: [], started: [], reasons: [], failures: [] })

const security = (connection: Connection<string, string>) => connection.tls?.protocol ?? "plain"

/** A little of SMTP: greets, and starts TLS on demand. */
const mail =
  (seen: Seen, handshakeTimeout = "5 seconds") =>
  (connection: Connection<string, string>) =>
    Effect.gen(function* () {
      yield* Effect.forkDetach(Effect.map(connection.closed, (reason) => seen.reasons.push(reason)))
      yield* connection.send("220 here is mail")
      yield* Handler.each((line: string, mail: Connection<string, string>) => {
        seen.lines.push(`${line} (${security(mail)})`)
        if (line.startsWith("EHLO")) return mail.sendAll(["250-mail", "250 STARTTLS"])
        if (line === "QUIT") return Effect.andThen(mail.send("221 bye"), mail.end)
        if (line !== "STARTTLS") return mail.send(`250 ${security(mail)}`)
        const server = { ...identity(), handshakeTimeout: handshakeTimeout as "5 seconds" }
        return mail.startTls({ server, ready: "220 go ahead" }).pipe(
          Effect.tap((started) => Effect.sync(() => seen.started.push(started))),
          Effect.tapError((error) =>
            Effect.sync(() => seen.failures.push(error._tag === "TransportError" ? error.kind : error._tag))
          )
        )
      })(connection)
    })

const listening = (seen: Seen, handshakeTimeout?: string) =>
  Effect.map(Server.make(Plain, mail(seen, handshakeTimeout), { closeTimeout: "1 second" }), ({ address }) =>
    portOf(address)
  )

const provideTcp = Effect.provide(TransportNode.layerTcp({ host, port: 0 }))

const trusted = () => ({ ca: certificates().authority.certificate, servername: "localhost" })

/** A plain socket that collects what it hears. */
const socketTo = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = Net.connect(port, host)
      const heard: Array<Buffer> = []
      const state = { closed: false }
      const collect = (chunk: Buffer) => heard.push(chunk)
      socket.on("data", collect)
      socket.on("error", () => {})
      socket.on("close", () => (state.closed = true))
      return { socket, state, collect, text: () => Buffer.concat(heard).toString() }
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const exchange = Effect.fnUntraced(function* (client: Connection<string, string>, line: string) {
  yield* client.send(line)
  return (yield* Stream.runCollect(Stream.take(client.messages, 1)))[0]
})

const upgrades = Effect.fnUntraced(function* (seen: Seen) {
  const client = yield* Client.connect(Plain)
  assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(client.messages, 1)), ["220 here is mail"])
  assert.strictEqual(yield* exchange(client, "NOOP"), "250 plain")
  assert.strictEqual(client.tls, undefined)
  assert.strictEqual(yield* exchange(client, "STARTTLS"), "220 go ahead")
  const started = yield* client.startTls({ client: trusted() })
  assert.strictEqual(started.tls.authorized, true)
  assert.strictEqual(started.discarded, 0)
  assert.strictEqual(client.tls, started.tls)
  const secured = yield* exchange(client, "NOOP")
  assert.strictEqual(secured, `250 ${started.tls.protocol}`)
  // What TLS cuts into several records, and more than a socket takes at once.
  const long = yield* exchange(client, "x".repeat(500_000))
  assert.strictEqual(long, secured)
  const again = yield* Effect.flip(client.startTls({ client: trusted() }))
  assert.strictEqual(again._tag === "TransportError" && again.kind, "NotSupported")
  // The end of one side under TLS leaves the other.
  yield* client.send("NOOP")
  yield* client.end
  assert.deepStrictEqual(yield* Stream.runCollect(client.messages), [secured ?? ""])
  yield* eventually(() => seen.reasons.length === 1, "the server has closed")
  assert.strictEqual(seen.reasons[0]?._tag, "PeerClosed")
  assert.strictEqual(seen.started[0]?.tls.serverName, "localhost")
  assert.strictEqual(seen.started[0]?.discarded, 0)
})

describe("startTls", () => {
  it.live("L-H29: over TCP, both ends greet in plain text and go on in TLS", () =>
    Effect.gen(function* () {
      const seen = nothingSeen()
      const port = yield* listening(seen)
      yield* upgrades(seen).pipe(Effect.provide(TransportNode.layerTcpClient({ host, port })))
    }).pipe(provideTcp)
  )

  it.live("L-H29: the same over a Unix socket", () =>
    Effect.gen(function* () {
      const path = Path.join(certificates().directory, "mail.sock")
      const seen = nothingSeen()
      yield* Server.make(Plain, mail(seen)).pipe(Effect.provide(TransportNode.layerUnix({ path })))
      yield* upgrades(seen).pipe(Effect.provide(TransportNode.layerUnixClient({ path })))
    })
  )

  const openssl = spawnSync("openssl", ["version"]).status === 0

  it.live.skipIf(!openssl)("openssl s_client -starttls smtp comes through", () =>
    Effect.gen(function* () {
      const seen = nothingSeen()
      const port = yield* listening(seen)
      const output = yield* Effect.callback<string>((resume) => {
        const child = spawn("openssl", [
          ...["s_client", "-starttls", "smtp", "-connect", `${host}:${port}`, "-crlf", "-quiet"],
          ...["-CAfile", Path.join(certificates().directory, "authority.pem"), "-verify_return_error"]
        ])
        let text = ""
        child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()))
        // Read once the handshake is through.
        child.stdin.write("NOOP\nQUIT\n")
        child.on("close", () => resume(Effect.succeed(text)))
        return Effect.sync(() => child.kill())
      })
      assert.match(output, /250 TLSv1\.[23]\r?\n221 bye/)
      assert.deepStrictEqual(
        seen.lines.slice(1).map((line) => line.replace(/v1\.[23]/, "")),
        ["STARTTLS (plain)", "NOOP (TLS)", "QUIT (TLS)"]
      )
    }).pipe(provideTcp)
  )

  it.live(
    "a command smuggled in behind STARTTLS is discarded and counted, and the handshake is none the worse",
    () =>
      Effect.gen(function* () {
        const seen = nothingSeen()
        const port = yield* listening(seen)
        const { collect, socket, text } = yield* socketTo(port)
        socket.write("STARTTLS\r\nRCPT TO:<evil>\r\nhal")
        yield* eventually(() => text().endsWith("220 go ahead\r\n"), "the server is ready")
        socket.off("data", collect)
        const secure = NodeTls.connect({
          socket,
          ca: certificates().authority.certificate,
          servername: "localhost"
        })
        let heard = ""
        secure.on("data", (chunk: Buffer) => (heard += chunk.toString()))
        secure.write("NOOP\r\n")
        yield* eventually(() => heard.includes("250 TLS"), "the answer under TLS")
        assert.deepStrictEqual(
          seen.lines.map((line) => line.replace(/v1\.[23]/, "")),
          ["STARTTLS (plain)", "NOOP (TLS)"]
        )
        assert.strictEqual(seen.started[0]?.discarded, "RCPT TO:<evil>\r\nhal".length)
        secure.destroy()
      }).pipe(provideTcp)
  )

  it.live("a client discards what its server says in plain text behind the go-ahead", () =>
    Effect.gen(function* () {
      const server = Net.createServer((socket) => {
        socket.on("error", () => {})
        socket.write("220 go ahead\r\n250 smuggled\r\n")
        const secure = new NodeTls.TLSSocket(socket, {
          isServer: true,
          cert: certificates().server.certificate,
          key: certificates().server.key
        })
        secure.on("error", () => {})
        secure.on("data", () => secure.write("250 honest\r\n"))
      })
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void server.listen(0, host, () => resume(Effect.void))),
        () => Effect.sync(() => server.close())
      )
      const { port } = server.address() as Net.AddressInfo
      yield* Effect.gen(function* () {
        const client = yield* Client.connect(Plain)
        yield* Stream.runCollect(Stream.take(client.messages, 1))
        const started = yield* client.startTls({ client: trusted() })
        assert.strictEqual(started.discarded, "250 smuggled\r\n".length)
        assert.strictEqual(yield* exchange(client, "NOOP"), "250 honest")
      }).pipe(Effect.provide(TransportNode.layerTcpClient({ host, port })), Effect.scoped)
    })
  )

  it.live("what is sent during the handshake waits for TLS", () =>
    Effect.gen(function* () {
      const seen = nothingSeen()
      const port = yield* listening(seen)
      yield* Effect.gen(function* () {
        const client = yield* Client.connect(Plain)
        yield* Stream.runCollect(Stream.take(client.messages, 1))
        yield* exchange(client, "STARTTLS")
        yield* Effect.all([client.startTls({ client: trusted() }), client.sendAwait("NOOP")], {
          concurrency: 2
        })
        yield* eventually(() => seen.lines.length === 2, "it has come")
        assert.match(seen.lines[1] ?? "", /NOOP \(TLS/)
      }).pipe(Effect.provide(TransportNode.layerTcpClient({ host, port })), Effect.scoped)
    }).pipe(provideTcp)
  )

  it.live("L-H29: bytes that are no handshake close the connection with the reason", () =>
    Effect.gen(function* () {
      const seen = nothingSeen()
      const port = yield* listening(seen)
      const { socket, state, text } = yield* socketTo(port)
      socket.write("STARTTLS\r\n")
      yield* eventually(() => text().endsWith("220 go ahead\r\n"), "the server is ready")
      socket.write("NOOP, in plain text as before\r\n")
      yield* eventually(() => state.closed && seen.reasons.length === 1, "it is closed")
      const [reason] = seen.reasons
      assert.strictEqual(reason?._tag === "TlsFailed" && reason.error.kind, "HandshakeFailed")
      assert.deepStrictEqual(seen.failures, ["HandshakeFailed"])
    }).pipe(provideTcp)
  )

  it.live("a server whom the client does not trust: both ends close with the reason", () =>
    Effect.gen(function* () {
      const seen = nothingSeen()
      // Node tells a server nothing of a client that goes without a word: what ends its wait is the timeout.
      const port = yield* listening(seen, "1 second")
      yield* Effect.gen(function* () {
        const client = yield* Client.connect(Plain)
        yield* Stream.runCollect(Stream.take(client.messages, 1))
        yield* exchange(client, "STARTTLS")
        const error = yield* Effect.flip(
          client.startTls({ client: { ca: certificates().stranger.certificate, servername: "localhost" } })
        )
        assert.strictEqual(error._tag === "TransportError" && error.kind, "BadCertificate")
        const reason = yield* client.closed
        assert.strictEqual(reason._tag, "TlsFailed")
        if (reason._tag === "TlsFailed") assert.propertyVal(reason.error, "kind", "BadCertificate")
      }).pipe(Effect.provide(TransportNode.layerTcpClient({ host, port })), Effect.scoped)
      // A real timeout passes in real time, however many turns that are.
      while (seen.reasons.length === 0) yield* Effect.sleep("5 millis")
      assert.strictEqual(seen.reasons[0]?._tag, "TlsFailed")
    }).pipe(provideTcp)
  )

  it.live("a peer that says nothing, or goes, has its time and no more", () =>
    Effect.gen(function* () {
      const seen = nothingSeen()
      // Real time, for a real socket; nothing depends on how long it is.
      const port = yield* listening(seen, "50 millis")
      for (const goes of [false, true]) {
        const { socket, state, text } = yield* socketTo(port)
        socket.write("STARTTLS\r\n")
        yield* eventually(() => text().endsWith("220 go ahead\r\n"), "the server is ready")
        if (goes) socket.resetAndDestroy()
        yield* Effect.callback<void>((resume) => {
          if (state.closed) resume(Effect.void)
          else socket.once("close", () => resume(Effect.void))
        })
      }
      yield* eventually(() => seen.reasons.length === 2, "both are closed")
      assert.strictEqual(seen.failures[0], "Timeout")
      assert.deepStrictEqual(
        seen.reasons.map(({ _tag }) => _tag),
        ["TlsFailed", seen.reasons[1]?._tag === "PeerReset" ? "PeerReset" : "TlsFailed"]
      )
    }).pipe(provideTcp)
  )

  it.live("options that cannot be, and files that are not there, leave the connection as it was", () =>
    Effect.gen(function* () {
      const failures: Array<string> = []
      const server = yield* Server.make(Plain, (connection) =>
        Effect.gen(function* () {
          for (const tls of [{}, { certificateFile: "/nowhere.pem", keyFile: "/nowhere.key" }]) {
            const error = yield* Effect.flip(connection.startTls({ server: tls, ready: "220 go" }))
            failures.push(error._tag === "TransportError" ? error.kind : error._tag)
          }
          yield* Stream.run(connection.messages, connection.sink)
        })
      )
      const { socket, text } = yield* socketTo(portOf(server.address))
      socket.write("still here\r\n")
      yield* eventually(() => text() === "still here\r\n", "the echo")
      assert.deepStrictEqual(failures, ["InvalidConfig", "UnreadableFile"])
    }).pipe(provideTcp)
  )

  it.effect(
    "where the transport has no TLS to start, or the protocol may not be left, an error says so",
    () =>
      Effect.gen(function* () {
        const Fixed = Protocol.make("Fixed", {
          framing: Framing.lines(),
          fromClient: Codec.utf8,
          fromServer: Codec.utf8
        })
        const found = yield* Deferred.make<string>()
        const handler = (connection: Connection<string, string>) =>
          Effect.flatMap(Effect.flip(connection.startTls({ server: {} })), (error) =>
            Deferred.succeed(found, error._tag === "TransportError" ? error.kind : error._tag)
          )
        yield* Effect.gen(function* () {
          yield* Server.make(Short, handler)
          yield* Client.connect(Short)
          assert.strictEqual(yield* Deferred.await(found), "NotSupported")
        }).pipe(Effect.scoped, Effect.provide(TransportMemory.layer()))
        const refused = yield* Deferred.make<string>()
        yield* Effect.gen(function* () {
          const server = yield* Server.make(Fixed, (connection) =>
            Effect.flatMap(Effect.flip(connection.startTls({ server: identity() })), ({ _tag }) =>
              Deferred.succeed(refused, _tag)
            )
          )
          yield* socketTo(portOf(server.address))
          assert.strictEqual(yield* Deferred.await(refused), "InvalidConfig")
        }).pipe(Effect.scoped, provideTcp)
      })
  )
})
