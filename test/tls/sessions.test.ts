/** Clients that come back without a whole handshake. */
import { constants } from "node:crypto"
import * as Net from "node:net"
import type * as NodeTls from "node:tls"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as Tls from "../../src/Tls.ts"
import { serve } from "../proxy/support.ts"
import { eventually } from "../support/pair.ts"
import { certificates, removeCertificates } from "../transport/certificates.ts"
import { host } from "../transport/nodeSupport.ts"
import { identity } from "../transport/tlsSupport.ts"
import { secure, shake } from "./support.ts"

afterAll(removeCertificates)

/** A whole handshake, and the session that comes of it. */
const begin = Effect.fnUntraced(function* (port: number, options: NodeTls.ConnectionOptions = {}) {
  const first = yield* shake(port, options)
  assert.isFalse(first.resumed)
  // Tickets of TLS 1.3 come behind the handshake, and the greeting behind them.
  yield* eventually(() => first.heard() !== "", "the greeting")
  const session = first.session()
  assert(session !== undefined)
  first.socket.destroy()
  return session
})

const returns = (port: number, session: Buffer, options: NodeTls.ConnectionOptions = {}) =>
  Effect.map(shake(port, { ...options, session }), ({ resumed }) => resumed)

const versions = [{ maxVersion: "TLSv1.3" }, { maxVersion: "TLSv1.2" }] as const

const secret = Redacted.make("0123456789abcdef0123456789abcdef")

/** Where what a client says reaches the server one byte at a time. */
const byteByByte = (port: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Net.Server>((resume) => {
        const server = Net.createServer((client) => {
          const upstream = Net.connect({ port, host, noDelay: true })
          upstream.pipe(client)
          upstream.on("error", () => client.destroy())
          client.on("error", () => upstream.destroy())
          client.on("data", (chunk: Buffer) => {
            for (const byte of chunk) upstream.write(Buffer.of(byte))
          })
          client.on("close", () => upstream.destroy())
        })
        server.listen(0, host, () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.sync(() => server.close())
    ),
    // A listening TCP server has an address of this kind.
    (server) => (server.address() as Net.AddressInfo).port
  )

/** Without tickets, TLS 1.2 has only ids. */
const ids = { maxVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_TICKET } as const

describe("tickets", () => {
  it.live("bring clients back, by TLS 1.3 and 1.2", () =>
    Effect.gen(function* () {
      const { port, seen } = yield* serve(secure(identity()))
      for (const version of versions) {
        const session = yield* begin(port, version)
        assert.isTrue(yield* returns(port, session, version))
      }
      yield* eventually(() => seen.length === 4, "the connections")
      assert.deepStrictEqual(
        seen.map(({ tls }) => tls?.resumed),
        [false, true, false, true]
      )
    })
  )

  it.live("outlive a reload of the certificates", () =>
    Effect.gen(function* () {
      const server = yield* Tls.make(identity())
      const { port } = yield* serve(secure(server))
      for (const version of versions) {
        const session = yield* begin(port, version)
        const { certificate, key } = certificates().issue("next", "/CN=localhost")
        yield* server.replace({ certificate, key })
        assert.isTrue(yield* returns(port, session, version))
      }
    })
  )

  it.live("serve certificates by name as well", () =>
    Effect.gen(function* () {
      const { certificate, key } = certificates().issue("named", "/CN=named.test", "DNS:named.test")
      const { port } = yield* serve(secure({ ...identity(), certificates: [{ certificate, key }] }))
      for (const version of versions) {
        const named = { ...version, servername: "named.test" }
        assert.isTrue(yield* returns(port, yield* begin(port, named), named))
      }
    })
  )

  it.live("are taken by every process with the same secret, and by no other", () =>
    Effect.gen(function* () {
      const [one, other, stranger] = [
        yield* serve(secure({ ...identity(), sessions: { secret } })),
        yield* serve(secure({ ...identity(), sessions: { secret } })),
        yield* serve(secure({ ...identity(), sessions: {} }))
      ]
      for (const version of versions) {
        const session = yield* begin(one.port, version)
        assert.isTrue(yield* returns(other.port, session, version))
        assert.isFalse(yield* returns(stranger.port, session, version))
      }
    })
  )

  it.effect("change their key with the time", () =>
    Effect.gen(function* () {
      const { port } = yield* serve(secure({ ...identity(), sessions: { rotation: "1 hour", secret } }))
      yield* TestClock.adjust("30 minutes")
      const session = yield* begin(port)
      yield* TestClock.adjust("29 minutes")
      assert.isTrue(yield* returns(port, session))
      yield* TestClock.adjust("2 minutes")
      assert.isFalse(yield* returns(port, session))
      assert.isTrue(yield* returns(port, yield* begin(port)))
    })
  )

  it.live("are off where that is said", () =>
    Effect.gen(function* () {
      const { port } = yield* serve(secure({ ...identity(), sessions: "off" }))
      for (const version of versions) {
        const first = yield* shake(port, version)
        yield* eventually(() => first.heard() !== "", "the greeting")
        const session = first.session()
        if (session !== undefined) assert.isFalse(yield* returns(port, session, version))
      }
    })
  )

  it.live("are worth nothing once other client certificates are valid", () =>
    Effect.gen(function* () {
      const { authority, client, stranger } = certificates()
      const trusts = (ca: string) =>
        secure({ ...identity(), clientCertificate: "request", ca, sessions: { secret } })
      const [same, strict] = [
        yield* serve(trusts(authority.certificate)),
        yield* serve(trusts(stranger.certificate))
      ]
      for (const version of versions) {
        const options = { ...version, cert: client.certificate, key: client.key }
        const session = yield* begin(same.port, options)
        assert.isTrue(yield* returns(same.port, session, options))
        assert.isFalse(yield* returns(strict.port, session, options))
      }
      yield* eventually(() => same.seen.length === 4, "the connections")
      // Who comes back is still known, and still believed.
      for (const { tls } of same.seen) {
        assert.strictEqual(tls?.peerCertificate?.subject.CN, "device-7")
        assert.isTrue(tls?.authorized)
      }
      for (const { tls } of strict.seen) assert.isFalse(tls?.authorized)
    })
  )
})

describe("session ids", () => {
  it.live("bring clients of TLS 1.2 back that know no tickets, so many as are remembered", () =>
    Effect.gen(function* () {
      const { port } = yield* serve(secure({ ...identity(), sessions: { remembered: 2 } }))
      const first = yield* begin(port, ids)
      assert.isTrue(yield* returns(port, first, ids))
      const second = yield* begin(port, ids)
      // Clients of TLS 1.3 need none of the room.
      yield* begin(port)
      yield* begin(port)
      assert.isTrue(yield* returns(port, first, ids))
      const third = yield* begin(port, ids)
      assert.isTrue(yield* returns(port, third, ids))
      assert.isTrue(yield* returns(port, second, ids))
      assert.isFalse(yield* returns(port, first, ids))
    })
  )

  it.live("are not remembered unless that is asked for", () =>
    Effect.gen(function* () {
      const { port } = yield* serve(secure(identity()))
      assert.isFalse(yield* returns(port, yield* begin(port, ids), ids))
    })
  )

  it.live("do not change how a handshake comes in pieces", () =>
    Effect.gen(function* () {
      const { port } = yield* serve(secure({ ...identity(), sessions: { remembered: 10 } }))
      const first = yield* begin(port, ids)
      const slow = yield* byteByByte(port)
      assert.isTrue(yield* returns(slow, first, ids))
      assert.isFalse((yield* shake(slow)).resumed)
    })
  )
})
