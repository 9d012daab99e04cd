import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { TlsServerOptions } from "../../src/Tls.ts"
import { certificates, removeCertificates } from "./certificates.ts"
import { failureOf, host } from "./nodeSupport.ts"
import { Recorder } from "./recorder.ts"
import { connect, identity, serve, trusting } from "./tlsSupport.ts"

afterAll(removeCertificates)

describe("trust", () => {
  it.live("refuses a server that nobody vouches for", () =>
    Effect.gen(function* () {
      const { stranger } = certificates()
      const { port, reception } = yield* serve({ certificate: stranger.certificate, key: stranger.key })
      const error = yield* failureOf(connect(port))
      assert.strictEqual(error.operation, "connect")
      assert.strictEqual(error.kind, "BadCertificate")
      assert.strictEqual(error.address, `${host}:${port}`)
      assert.include(error.detail, "SELF_SIGNED")
      const byDefault = yield* failureOf(connect(port, {}))
      assert.strictEqual(byDefault.kind, "BadCertificate")
      const client = yield* connect(port, { trust: "any" })
      assert.isFalse(client.tls?.authorized)
      for (const wire of reception.wires) {
        wire.destroy()
      }
    })
  )

  it.live("refuses a server of another name", () =>
    Effect.gen(function* () {
      const { port } = yield* serve()
      const error = yield* failureOf(connect(port, { ...trusting(), servername: "elsewhere.example" }))
      assert.strictEqual(error.kind, "BadCertificate")
      assert.include(error.detail, "elsewhere.example")
    })
  )

  it.live("finds the host's name in the certificate", () =>
    Effect.gen(function* () {
      const { port, reception } = yield* serve()
      const client = yield* connect(port, trusting(), { host: "localhost" })
      assert.strictEqual(client.tls?.serverName, "localhost")
      const server = yield* reception.take
      assert.strictEqual(server.tls?.serverName, "localhost")
      server.destroy()
    })
  )

  const mutual = (): TlsServerOptions => ({
    ...identity(),
    ca: certificates().authority.certificate,
    clientCertificate: "require"
  })

  it.live("lets in clients with a certificate, and says whose", () =>
    Effect.gen(function* () {
      const { client: device } = certificates()
      const { port, reception } = yield* serve(mutual())
      yield* connect(port, {
        ...trusting(),
        certificateFile: device.certificateFile,
        keyFile: device.keyFile
      })
      const server = yield* reception.take
      assert.isTrue(server.tls?.authorized)
      assert.deepStrictEqual(server.tls?.peerCertificate?.subject, { CN: "device-7" })
      server.destroy()
    })
  )

  it.live("refuses clients without a certificate, and with a stranger's", () =>
    Effect.gen(function* () {
      const { stranger } = certificates()
      const { port, reception } = yield* serve(mutual())
      for (const shown of [{}, { certificate: stranger.certificate, key: stranger.key }]) {
        // With TLS 1.3 the client may be through before the server has judged it.
        const outcome = connect(port, { ...trusting(), ...shown }).pipe(
          Effect.flatMap((wire) => new Recorder(wire).until((now) => now.ends + now.closes > 0)),
          Effect.catch(() => Effect.void)
        )
        yield* outcome
        const { detail } = yield* reception.takeError
        assert.match(detail, /peer did not return a certificate|client certificate: /)
      }
      assert.deepStrictEqual(reception.wires, [])
    })
  )

  it.live("asks for a certificate without insisting", () =>
    Effect.gen(function* () {
      const { client: device, stranger } = certificates()
      const { port, reception } = yield* serve({ ...mutual(), clientCertificate: "request" })
      yield* connect(port)
      const none = yield* reception.take
      assert.isFalse(none.tls?.authorized)
      yield* connect(port, { ...trusting(), certificate: stranger.certificate, key: stranger.key })
      const unknown = yield* reception.take
      assert.isFalse(unknown.tls?.authorized)
      assert.deepStrictEqual(unknown.tls?.peerCertificate?.subject, { CN: "localhost" })
      yield* connect(port, { ...trusting(), certificate: device.certificate, key: device.key })
      const known = yield* reception.take
      assert.isTrue(known.tls?.authorized)
      for (const wire of [none, unknown, known]) {
        wire.destroy()
      }
    })
  )
})
