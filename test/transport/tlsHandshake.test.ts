import * as NodeTls from "node:tls"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Address } from "../../src/Transport.ts"
import { certificates, removeCertificates } from "./certificates.ts"
import { failureOf, host } from "./nodeSupport.ts"
import { Recorder } from "./recorder.ts"
import { closeOf, connect, identity, plainSocket, serve, silentServer, trusting } from "./tlsSupport.ts"

afterAll(removeCertificates)

describe("handshake", () => {
  it.live("tells both ends what was agreed on", () =>
    Effect.gen(function* () {
      const { port, reception } = yield* serve({ ...identity(), alpn: ["chat/2", "chat/1"] })
      const client = yield* connect(port, {
        ...trusting(),
        alpn: ["chat/1", "chat/2"],
        servername: "localhost"
      })
      const server = yield* reception.take
      assert.strictEqual(client.tls?.protocol, "TLSv1.3")
      assert.strictEqual(client.tls?.applicationProtocol, "chat/2")
      assert.strictEqual(client.tls?.serverName, "localhost")
      assert.isTrue(client.tls?.authorized)
      assert.deepStrictEqual(client.tls?.peerCertificate?.subject, { CN: "localhost", O: "Sluice" })
      assert.deepStrictEqual(client.tls?.peerCertificate?.issuer, { CN: "Test Authority" })
      assert.strictEqual(client.tls?.peerCertificate?.subjectAltName, "DNS:localhost, IP Address:127.0.0.1")
      assert.match(client.tls?.peerCertificate?.fingerprint256 ?? "", /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
      assert.deepStrictEqual(server.tls, {
        protocol: "TLSv1.3",
        applicationProtocol: "chat/2",
        serverName: "localhost",
        authorized: false,
        resumed: false,
        peerCertificate: undefined
      })
      server.destroy()
    })
  )

  it.live("goes without ALPN and SNI", () =>
    Effect.gen(function* () {
      const { port, reception } = yield* serve()
      const client = yield* connect(port)
      const server = yield* reception.take
      assert.strictEqual(client.tls?.applicationProtocol, undefined)
      assert.strictEqual(server.tls?.applicationProtocol, undefined)
      assert.strictEqual(server.tls?.serverName, undefined)
      server.destroy()
    })
  )

  it.live("refuses a client whose protocols it does not speak", () =>
    Effect.gen(function* () {
      const { port, reception } = yield* serve({ ...identity(), alpn: ["chat/2"] })
      const error = yield* failureOf(connect(port, { ...trusting(), alpn: ["mail/1"] }))
      assert.strictEqual(error.kind, "HandshakeFailed")
      const reported = yield* reception.takeError
      assert.propertyVal(reported.address, "host", host)
      yield* connect(port)
      const server = yield* reception.take
      server.destroy()
    })
  )

  it.live("speaks 1.2 and refuses what is older", () =>
    Effect.gen(function* () {
      const { port, reception } = yield* serve()
      const attempt = (version: NodeTls.SecureVersion) =>
        Effect.callback<string>((resume) => {
          const socket = NodeTls.connect({
            host,
            port,
            minVersion: version,
            maxVersion: version,
            // Without this, our own side refuses first.
            ciphers: "DEFAULT@SECLEVEL=0",
            ca: certificates().authority.certificate
          })
          socket.on("secureConnect", () => {
            resume(Effect.succeed(socket.getProtocol() ?? ""))
            socket.destroy()
          })
          socket.on("error", () => resume(Effect.succeed("refused")))
        })
      assert.strictEqual(yield* attempt("TLSv1.1"), "refused")
      assert.include((yield* reception.takeError).detail, "unsupported protocol")
      assert.strictEqual(yield* attempt("TLSv1.2"), "TLSv1.2")
      const server = yield* reception.take
      assert.strictEqual(server.tls?.protocol, "TLSv1.2")
      server.destroy()
      const strict = yield* serve({ ...identity(), minVersion: "TLSv1.3" })
      const client = yield* connect(strict.port, { ...trusting(), minVersion: "TLSv1.3" })
      assert.strictEqual(client.tls?.protocol, "TLSv1.3")
      const accepted = yield* strict.reception.take
      accepted.destroy()
    })
  )

  it.live("L-T10: has a deadline for silent peers, and the server lives", () =>
    Effect.gen(function* () {
      const { port, reception } = yield* serve({ ...identity(), handshakeTimeout: "50 millis" })
      const socket = yield* plainSocket(port)
      const address: Address = { _tag: "Tcp", host, port: socket.localPort ?? 0 }
      yield* closeOf(socket)
      const error = yield* reception.takeError
      assert.deepStrictEqual(error.address, address)
      assert.include(error.detail, "within 50 ms")
      yield* connect(port)
      const server = yield* reception.take
      server.destroy()
      assert.deepStrictEqual(reception.errors, [])
    })
  )

  it.live("has the same deadline for peers that send a byte now and then", () =>
    Effect.gen(function* () {
      const { port, reception } = yield* serve({ ...identity(), handshakeTimeout: "100 millis" })
      const socket = yield* plainSocket(port)
      socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]))
      // Real time, for it is the system's sockets that are slow here.
      const trickle = Effect.forever(
        Effect.andThen(
          Effect.sleep("20 millis"),
          Effect.sync(() => socket.writable && socket.write(Buffer.from([1])))
        )
      )
      yield* Effect.raceFirst(closeOf(socket), trickle)
      assert.include((yield* reception.takeError).detail, "within 100 ms")
    })
  )

  it.live("tells once of a peer that talks nonsense, and of one that hangs up", () =>
    Effect.gen(function* () {
      // Who hangs up is told of when the time for its handshake is over.
      const { port, reception } = yield* serve({ ...identity(), handshakeTimeout: "1 second" })
      const nonsense = yield* plainSocket(port)
      nonsense.write("GET / HTTP/1.1\r\n\r\n")
      yield* closeOf(nonsense)
      const first = yield* reception.takeError
      assert.match(first.detail, /wrong version number|http request|packet length/i)
      const hangUp = yield* plainSocket(port)
      hangUp.destroy()
      yield* reception.takeError
      yield* connect(port)
      const server = yield* reception.take
      server.destroy()
      assert.deepStrictEqual(reception.errors, [])
    })
  )

  it.live("ends unfinished ones with the listener, and no others", () =>
    Effect.gen(function* () {
      const { listening, port, reception } = yield* serve()
      const client = new Recorder(yield* connect(port))
      const server = yield* reception.take
      const unfinished = yield* plainSocket(port)
      yield* Effect.sleep("50 millis") // Until the server has accepted it; it tells nobody of that.
      yield* listening.close
      yield* closeOf(unfinished)
      assert.deepStrictEqual(reception.errors, [])
      server.write(Buffer.from("alive"))
      yield* client.received(5)
      server.destroy()
    })
  )

  it.live("times out against a server that answers nothing", () =>
    Effect.gen(function* () {
      const { port, sockets } = yield* silentServer
      const error = yield* failureOf(connect(port, trusting(), { connectTimeout: 50 }))
      assert.strictEqual(error.kind, "Timeout")
      assert.include(error.detail, "50ms")
      yield* closeOf(sockets[0]!)
    })
  )

  it.live("leaves nothing behind when it is interrupted", () =>
    Effect.gen(function* () {
      const { port, sockets } = yield* silentServer
      const fiber = yield* Effect.forkChild(connect(port), { startImmediately: true })
      while (sockets.length === 0) {
        yield* Effect.sleep("5 millis") // Until the system has connected it.
      }
      yield* Fiber.interrupt(fiber)
      yield* closeOf(sockets[0]!)
    })
  )

  it.live("fails against a server that hangs up", () =>
    Effect.gen(function* () {
      const { port, sockets } = yield* silentServer
      const fiber = yield* Effect.forkChild(failureOf(connect(port)), { startImmediately: true })
      while (sockets.length === 0) {
        yield* Effect.sleep("5 millis") // Until the system has connected it.
      }
      sockets[0]!.destroy()
      assert.strictEqual((yield* Fiber.join(fiber)).kind, "HandshakeFailed")
    })
  )
})
