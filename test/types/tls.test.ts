/** What TLS and the PROXY protocol ask for and give, as the compiler knows it. */
import { describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import * as Alpn from "../../src/Alpn.ts"
import type { Connection } from "../../src/Connection.ts"
import * as Connections from "../../src/Connection.ts"
import * as Handler from "../../src/Handler.ts"
import type * as Server from "../../src/Server.ts"
import type { InvalidConfig, NotCertified, TransportError } from "../../src/SluiceError.ts"
import * as Tls from "../../src/Tls.ts"
import type { Listener, PeerCertificate, ProxiedBy } from "../../src/Transport.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { Denied, Store } from "./support.ts"

interface Device {
  readonly serial: string
}

describe("types", () => {
  it("an identity is typed from the certificate to the handler, the attribute and the farewell", () => {
    const attribute = Connections.attribute<Device>("device")
    const handler = Handler.authenticateTls(
      (certificate, connection: Connection<string, number>) => {
        expectTypeOf(certificate).toEqualTypeOf<PeerCertificate>()
        expectTypeOf(connection.proxy).toEqualTypeOf<ProxiedBy | undefined>()
        return Effect.flatMap(Store, () =>
          certificate.serialNumber === ""
            ? Effect.fail(new Denied())
            : Effect.succeed<Device>({ serial: certificate.serialNumber })
        )
      },
      (device) => {
        expectTypeOf(device).toEqualTypeOf<Device>()
        return Handler.map((line: string) => line.length)
      },
      {
        attribute,
        farewell: (rejection) => {
          expectTypeOf(rejection).toEqualTypeOf<Denied | NotCertified>()
          return 0
        }
      }
    )
    expectTypeOf(handler).toExtend<Handler.Handler<string, number, unknown, Store>>()
    const numbers = (certificate: PeerCertificate) => Effect.succeed(certificate.serialNumber.length)
    const shout = () => Handler.map((line: string) => line)
    // @ts-expect-error The attribute is for devices.
    Handler.authenticateTls(numbers, shout, { attribute })
  })

  it("a server of a protocol by ALPN needs the port, and no other does", () => {
    expectTypeOf(Alpn.layer(["a"])).toEqualTypeOf<Layer.Layer<Listener, InvalidConfig, Alpn.AlpnPort>>()
    expectTypeOf(Alpn.layerPort).returns.toEqualTypeOf<Layer.Layer<Alpn.AlpnPort, InvalidConfig>>()
    expectTypeOf(TransportNode.layerTls).returns.toEqualTypeOf<Layer.Layer<Listener, InvalidConfig>>()
  })

  it("a TLS server stands where its options do, and fails in its own ways", () => {
    expectTypeOf(Tls.layer).returns.toEqualTypeOf<
      Layer.Layer<Tls.TlsServer, InvalidConfig | TransportError>
    >()
    expectTypeOf<Tls.TlsServer["Service"]>().toExtend<TransportNode.TcpTlsOptions["tls"]>()
    expectTypeOf<Tls.TlsServer["Service"]>().toExtend<NonNullable<Tls.StartTlsOptions["server"]>>()
    expectTypeOf<Tls.TlsServer["Service"]["reload"]>().toEqualTypeOf<Effect.Effect<void, TransportError>>()
    // @ts-expect-error Whom to believe has to be said.
    const options: TransportNode.TcpOptions = { port: 1, proxyProtocol: {} }
    expectTypeOf(options).not.toExtend<Server.ServerOptions<string>>()
  })
})
