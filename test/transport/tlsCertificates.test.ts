import * as Fs from "node:fs"
import * as Path from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { TlsClientOptions, TlsServerOptions } from "../../src/Tls.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { certificates, removeCertificates } from "./certificates.ts"
import { failureOf, host, problemsOf } from "./nodeSupport.ts"
import { Reception } from "./recorder.ts"
import { connectThrough, listenerOf, portOf } from "./rigs.ts"
import { connect, identity, serve } from "./tlsSupport.ts"

const pathsOf = <A, E>(layer: Layer.Layer<A, E>) =>
  Effect.map(problemsOf(layer), (problems) => problems.map(({ path }) => path).sort())

afterAll(removeCertificates)

describe("certificates and keys", () => {
  const failsToServe = (tls: TlsServerOptions) => failureOf(serve(tls))

  it.live("names a file that cannot be read", () =>
    Effect.gen(function* () {
      const { directory, server } = certificates()
      const keyFile = Path.join(directory, "missing.key")
      const error = yield* failsToServe({ certificateFile: server.certificateFile, keyFile })
      assert.strictEqual(error.operation, "listen")
      assert.strictEqual(error.kind, "UnreadableFile")
      assert.include(error.detail, keyFile)
      assert.include(error.detail, "ENOENT")
      const client = yield* failureOf(connect(1, { caFile: directory }))
      assert.strictEqual(client.operation, "connect")
      assert.strictEqual(client.kind, "UnreadableFile")
      assert.include(client.detail, directory)
    })
  )

  it.live("refuses what is no certificate, no key, or not the certificate's key", () =>
    Effect.gen(function* () {
      const { client, directory, server } = certificates()
      const garbage = Path.join(directory, "garbage.pem")
      Fs.writeFileSync(garbage, "no certificate at all")
      const broken = server.certificate.replace(/\n[A-Za-z0-9]/, "\n!")
      const cases: ReadonlyArray<readonly [TlsServerOptions, RegExp]> = [
        [{ certificateFile: garbage, key: server.key }, /certificate holds no PEM certificate/],
        [{ certificate: broken, key: server.key }, /certificate .*does not parse/],
        [{ certificate: server.certificate, keyFile: garbage }, /DECODER|PEM|no start line/i],
        [{ certificate: server.certificate, key: client.key }, /key values mismatch/],
        [{ ...identity(), caFile: garbage, clientCertificate: "require" }, /ca holds no PEM certificate/]
      ]
      for (const [options, detail] of cases) {
        const error = yield* failsToServe(options)
        assert.strictEqual(error.kind, "BadCertificate")
        assert.match(error.detail, detail)
        assert.notInclude(error.message, "PRIVATE KEY")
      }
    })
  )

  it.live("opens an encrypted key with its passphrase only", () =>
    Effect.gen(function* () {
      const { encryptedKeyFile, passphrase, server } = certificates()
      const options = { certificate: server.certificate, keyFile: encryptedKeyFile }
      const { port, reception } = yield* serve({ ...options, passphrase: Redacted.make(passphrase) })
      yield* connect(port)
      const wire = yield* reception.take
      wire.destroy()
      const wrong = yield* failsToServe({ ...options, passphrase: Redacted.make("wrong") })
      assert.strictEqual(wrong.kind, "BadCertificate")
      const none = yield* failsToServe(options)
      assert.strictEqual(none.kind, "BadCertificate")
    })
  )

  it.live("takes several authorities, and a renewed file at the next connect", () =>
    Effect.gen(function* () {
      const { authority, directory, stranger } = certificates()
      const { port, reception } = yield* serve()
      yield* connect(port, { ca: [stranger.certificate, authority.certificate] })
      const caFile = Path.join(directory, "renewed.pem")
      Fs.writeFileSync(caFile, stranger.certificate)
      const layer = TransportNode.layerTlsClient({ host, port, tls: { caFile } })
      assert.strictEqual((yield* failureOf(connectThrough(layer))).kind, "BadCertificate")
      Fs.writeFileSync(caFile, stranger.certificate + authority.certificate)
      yield* connectThrough(layer)
      for (const wire of reception.wires) {
        wire.destroy()
      }
    })
  )

  it.effect("tells all problems of the options at once", () =>
    Effect.gen(function* () {
      const { authority, server } = certificates()
      const file = "/tmp/some.pem"
      const paths = (tls: TlsServerOptions) => pathsOf(TransportNode.layerTls({ port: 0, tls }))
      const clientPaths = (tls: TlsClientOptions) => pathsOf(TransportNode.layerTlsClient({ port: 1, tls }))
      assert.deepStrictEqual(yield* paths({}), ["tls.certificate", "tls.key"])
      assert.deepStrictEqual(yield* paths({ ...identity(), certificateFile: file, keyFile: file }), [
        "tls.certificateFile",
        "tls.keyFile"
      ])
      assert.deepStrictEqual(yield* paths({ ...identity(), clientCertificate: "request" }), ["tls.ca"])
      // Wrong on purpose, as a caller without types could be.
      const wrong = {
        ...identity(),
        minVersion: "TLSv1.1",
        alpn: ["", "x".repeat(256)],
        handshakeTimeout: 0,
        pfx: 1
      }
      assert.deepStrictEqual(yield* paths(wrong as never), [
        "tls.alpn[0]",
        "tls.alpn[1]",
        "tls.handshakeTimeout",
        "tls.minVersion",
        "tls.pfx"
      ])
      assert.deepStrictEqual(yield* clientPaths({ ca: authority.certificate, caFile: file }), ["tls.caFile"])
      assert.deepStrictEqual(yield* clientPaths({ certificate: server.certificate }), ["tls.key"])
      assert.deepStrictEqual(yield* clientPaths({ key: server.key }), ["tls.certificate"])
      assert.deepStrictEqual(yield* clientPaths({ servername: "127.0.0.1" }), ["tls.servername"])
    })
  )

  it.live("come from the configuration", () =>
    Effect.gen(function* () {
      const { authority, server } = certificates()
      const reception = new Reception()
      const listener = yield* listenerOf(
        TransportNode.layerTlsConfig({
          port: Config.succeed(0),
          host: Config.succeed(host),
          tls: {
            certificate: Config.succeed(server.certificate),
            key: Config.succeed(Redacted.make(server.key))
          }
        })
      )
      const { address } = yield* listener.listen(reception)
      const client = TransportNode.layerTlsClientConfig({
        port: Config.succeed(portOf(address)),
        tls: { ca: Config.succeed(authority.certificate) }
      })
      yield* connectThrough(client)
      const wire = yield* reception.take
      wire.destroy()
    })
  )
})
