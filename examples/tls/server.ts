/**
 * One port for TLS and plain text, two protocols by ALPN, certificates by name that can be exchanged while it runs, and
 * clients who are known by their certificates. See the README beside this file.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Option, Schema, Stream } from "effect"
import {
  Alpn,
  Codec,
  Connection,
  Framing,
  Handler,
  Protocol,
  Server,
  Shutdown,
  Tls,
  Transport
} from "effect-sluice"
import { certificates } from "./certificates.ts"

const Text = Protocol.make("Text", {
  framing: Framing.lines({ maxLength: 1000 }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const Said = Codec.json(Schema.Struct({ text: Schema.String }))
const Json = Protocol.make("Json", {
  framing: Framing.lines({ maxLength: 1000 }),
  fromClient: Said,
  fromServer: Said
})

/** Who a client is: by its certificate, if it has one that we trust. */
const Device = Schema.Struct({ subject: Schema.Struct({ CN: Schema.String }) })

const device = Connection.attribute<typeof Device.Type>("device")

const identify = (connection: Connection.Connection<unknown, never>) => {
  const { tls } = connection
  return tls?.authorized === true
    ? Effect.flatMap(Schema.decodeUnknownEffect(Device)(tls.peerCertificate), (known) =>
        connection.attributes.set(device, known)
      )
    : Effect.void
}

const welcome = ({ attributes, tls }: Connection.Connection<unknown, never>) => {
  const who = Option.match(attributes.get(device), {
    onNone: () => "somebody",
    onSome: ({ subject }) => subject.CN
  })
  const how =
    tls === undefined
      ? "plain text"
      : `${tls.protocol}${tls.resumed ? ", resumed" : ""}, for ${tls.serverName ?? "no name"}, ALPN ${tls.applicationProtocol ?? "none"}`
  return `welcome, ${who} (${how})`
}

const text = (connection: Connection.Connection<string, string>) =>
  Effect.gen(function* () {
    yield* identify(connection)
    yield* connection.send(welcome(connection))
    yield* Stream.run(connection.messages, connection.sink)
  })

// Only for devices: who has no certificate is told so, and closed.
const json = Handler.authenticateTls(
  (certificate) => Schema.decodeUnknownEffect(Device)(certificate),
  ({ subject }) =>
    Handler.each(Json, (said, connection) => connection.send({ text: `${subject.CN}: ${said.text}` })),
  { attribute: device, farewell: (rejection) => ({ text: rejection.message }) }
)

const program = Effect.gen(function* () {
  const file = yield* certificates
  const tls = yield* Tls.make({
    certificateFile: file("server.pem"),
    keyFile: file("server.key"),
    certificates: [{ certificateFile: file("chat.pem"), keyFile: file("chat.key") }],
    clientCertificate: "request",
    caFile: file("ca.pem"),
    watch: "1 second",
    sessions: { remembered: 1000 }
  })
  yield* Tls.signals("SIGHUP").pipe(
    Stream.runForEach(() => Effect.ignore(tls.reload)),
    Effect.forkScoped
  )

  const port = yield* Config.Int("PORT").pipe(Config.withDefault(7000))
  // Who says nothing for half a second waits for a greeting in plain text.
  const shared = Alpn.layerPort({ port, tls, plain: { timeout: "500 millis", silent: "plain" } })
  const servers = Effect.gen(function* () {
    const server = yield* Server.make(Text, text).pipe(
      Effect.provide(Alpn.layer(["text/1"], { otherwise: true }))
    )
    yield* Server.make(Json, json).pipe(Effect.provide(Alpn.layer(["json/1"])))
    yield* Effect.log(`tls listens on ${Transport.formatAddress(server.address)}`)
    yield* Shutdown.forceOnSecondSignal(server)
    return yield* Effect.never
  })
  return yield* servers.pipe(Effect.provide(shared))
})

program.pipe(Effect.scoped, NodeRuntime.runMain({ teardown: Shutdown.teardown }))
