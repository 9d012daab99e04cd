/**
 * A mail server that prints what it gets: `curl smtp://127.0.0.1:7000 --mail-from a@b --mail-rcpt c@d --upload-file mail`.
 * It speaks plain text until STARTTLS. See the README beside this file.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Effect } from "effect"
import { type Connection, Handler, Server, Shutdown, Tls, Transport, TransportNode } from "effect-sluice"
import { certificates } from "../tls/certificates.ts"
import { Smtp } from "./protocol.ts"
import * as Session from "./session.ts"

type Client = Connection.Connection<string, string>

const print = (client: Client, { from, text, to }: Session.Mail) => {
  const how = client.tls?.protocol ?? "plain text"
  const lines = Buffer.from(text, "latin1").toString().split("\r\n").slice(0, -1)
  return Console.log(
    [`mail from <${from}> to ${to.map((one) => `<${one}>`).join(", ")} (${how})`, ...lines].join("\n| ")
  )
}

const handle = (tls: Tls.TlsServer["Service"]) => (client: Client) =>
  Effect.gen(function* () {
    let session = Session.begin(client.tls !== undefined)
    yield* client.send("220 sluice ESMTP")
    const answer = Handler.each(Smtp, (line) =>
      Effect.gen(function* () {
        const step = Session.next(session, line)
        session = step.session
        if (step.action === "startTls") {
          const { discarded } = yield* client.startTls({ server: tls, ready: "220 go ahead" })
          // Behind STARTTLS nothing may come before the handshake: somebody on the way has put it there.
          if (discarded > 0) yield* Effect.logWarning(`${discarded} bytes behind STARTTLS were discarded`)
        } else if (typeof step.action === "object") {
          yield* print(client, step.action.deliver)
        }
        yield* client.sendAll(step.replies)
        if (step.action === "close") yield* client.close
      })
    )
    yield* answer(client)
  })

const program = Effect.gen(function* () {
  const port = yield* Config.Int("PORT").pipe(Config.withDefault(7000))
  const file = yield* certificates
  // Read once, for all connections, so that sessions of TLS come back.
  const tls = yield* Tls.make({ certificateFile: file("server.pem"), keyFile: file("server.key") })
  const server = yield* Server.make(Smtp, handle(tls), {
    // RFC 5321, section 4.5.3.2: a client may take five minutes for each command.
    deadlines: { readIdle: "5 minutes" },
    farewell: () => "500 that line is too long"
  }).pipe(Effect.provide(TransportNode.layerTcp({ port })))
  yield* Effect.log(`smtp listens on ${Transport.formatAddress(server.address)}`)
  yield* Shutdown.forceOnSecondSignal(server)
  return yield* Effect.never
})

program.pipe(Effect.scoped, NodeRuntime.runMain({ teardown: Shutdown.teardown }))
