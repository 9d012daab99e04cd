/** L-P2: who a client is, by its certificate. */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import * as Connection from "../../src/Connection.ts"
import * as Handler from "../../src/Handler.ts"
import * as Server from "../../src/Server.ts"
import { NotCertified } from "../../src/SluiceError.ts"
import type { TlsServerOptions } from "../../src/Tls.ts"
import type { TcpTlsOptions } from "../../src/TransportNode.ts"
import { connectTcp, serve as plainServe, Text } from "../proxy/support.ts"
import { eventually } from "../support/pair.ts"
import { certificates, type Issued, removeCertificates } from "../transport/certificates.ts"
import { portOf } from "../transport/rigs.ts"
import { identity } from "../transport/tlsSupport.ts"
import { secure, shake } from "./support.ts"

afterAll(removeCertificates)

const Device = Schema.Struct({
  subject: Schema.Struct({ CN: Schema.String.check(Schema.isStartingWith("device-")) }),
  names: Schema.Struct({ dns: Schema.Array(Schema.String), uri: Schema.Array(Schema.String) }),
  validTo: Schema.Date
})

type Device = typeof Device.Type

const device = Connection.attribute<Device>("device")

const serve = Effect.fnUntraced(function* (
  tls: Partial<TlsServerOptions> = {},
  options: Partial<TcpTlsOptions> = {}
) {
  const rejections: Array<unknown> = []
  const server = yield* Server.make(
    Text,
    Handler.authenticateTls(
      (certificate) => Schema.decodeUnknownEffect(Device)(certificate),
      (who) =>
        Handler.map((line: string, connection: Connection.Connection<string, string>) => {
          const kept = Option.getOrThrow(connection.attributes.get(device))
          return `${kept.subject.CN} (${[...who.names.dns, ...who.names.uri].join()}) said ${line}`
        }),
      {
        attribute: device,
        farewell: (rejection) => {
          rejections.push(rejection)
          return `no: ${rejection._tag}`
        }
      }
    ),
    { closeTimeout: "1 second" }
  ).pipe(
    Effect.provide(
      secure(
        { ...identity(), clientCertificate: "request", ca: certificates().authority.certificate, ...tls },
        options
      )
    )
  )
  return { server, rejections, port: portOf(server.address) }
})

const shown = ({ certificate, key }: Issued) => ({ cert: certificate, key })

describe("a client's certificate", () => {
  it.live("L-P2: is a typed identity, of the handler and as an attribute", () =>
    Effect.gen(function* () {
      const { issue, client } = certificates()
      const { port, rejections } = yield* serve()
      const named = issue("spiffe", "/CN=device-9", "DNS:device-9,URI:spiffe://example/device/9")
      for (const [issued, said] of [
        [client, "device-7 (device-7) said hello\n"],
        [named, "device-9 (device-9,spiffe://example/device/9) said hello\n"]
      ] as const) {
        const { heard, socket } = yield* shake(port, shown(issued))
        socket.write("hello\n")
        yield* eventually(() => heard() === said, said)
      }
      assert.deepStrictEqual(rejections, [])
    })
  )

  it.live("L-P2: that is missing, not trusted, or not what is expected, is a typed rejection", () =>
    Effect.gen(function* () {
      const { issue, stranger } = certificates()
      const { port, rejections, server } = yield* serve()
      const cases = [
        [{}, "no: NotCertified\n"],
        [shown(stranger), "no: NotCertified\n"],
        [shown(issue("person", "/CN=person-1")), "no: SchemaError\n"]
      ] as const
      for (const [options, farewell] of cases) {
        const { heard, socket } = yield* shake(port, options)
        socket.write("hello\n")
        yield* eventually(() => heard() === farewell && socket.destroyed, farewell)
      }
      const reasons = rejections.map((rejection) =>
        rejection instanceof NotCertified ? rejection.reason : "schema"
      )
      assert.deepStrictEqual(reasons, ["missing", "untrusted", "schema"])
      yield* Effect.repeat(server.connectionCount, { until: (count) => count === 0 })
    })
  )

  it.live("is asked of those in plain text in vain", () =>
    Effect.gen(function* () {
      const { port, rejections } = yield* serve({}, { plain: "accept" })
      const { text, socket } = yield* connectTcp(port)
      socket.write("hello\n")
      yield* eventually(() => text() === "no: NotCertified\n", "the farewell")
      assert.propertyVal(rejections[0], "reason", "plain")
    })
  )

  it.live("is not there, or not trusted, for who comes back without one", () =>
    Effect.gen(function* () {
      const { port, rejections } = yield* serve()
      for (const options of [{}, shown(certificates().stranger)]) {
        for (const maxVersion of ["TLSv1.3", "TLSv1.2"] as const) {
          const first = yield* shake(port, { ...options, maxVersion })
          yield* eventually(() => first.heard() !== "", "the farewell")
          const session = first.session()
          assert(session !== undefined)
          const again = yield* shake(port, { maxVersion, session })
          assert.isTrue(again.resumed)
          again.socket.write("back\n")
          yield* eventually(() => again.heard() === "no: NotCertified\n", "the farewell")
        }
      }
      assert.lengthOf(rejections, 8)
    })
  )

  it.live("never makes a client authorized who has none, though its session is resumed", () =>
    Effect.gen(function* () {
      const { port, seen } = yield* plainServe(
        secure({ ...identity(), clientCertificate: "request", ca: certificates().authority.certificate })
      )
      const first = yield* shake(port)
      yield* eventually(() => first.heard() !== "", "the greeting")
      const session = first.session()
      assert(session !== undefined)
      assert.isTrue((yield* shake(port, { session })).resumed)
      yield* eventually(() => seen.length === 2, "the connections")
      assert.deepStrictEqual(
        seen.map(({ tls }) => [tls?.resumed, tls?.authorized]),
        [
          [false, false],
          [true, false]
        ]
      )
    })
  )

  it.live("is the one of its session, for who comes back", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({ clientCertificate: "require" })
      for (const maxVersion of ["TLSv1.3", "TLSv1.2"] as const) {
        const options = { ...shown(certificates().client), maxVersion }
        const first = yield* shake(port, options)
        first.socket.write("hello\n")
        yield* eventually(() => first.heard() !== "", "the answer")
        const session = first.session()
        assert(session !== undefined)
        const again = yield* shake(port, { maxVersion, session })
        assert.isTrue(again.resumed)
        again.socket.write("back\n")
        yield* eventually(() => again.heard() === "device-7 (device-7) said back\n", "the answer")
      }
    })
  )
})
