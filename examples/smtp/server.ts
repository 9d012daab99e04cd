/**
 * A mail server that prints what it gets: `curl smtp://127.0.0.1:7000 --mail-from a@b --mail-rcpt c@d --upload-file mail`.
 * It speaks plain text until STARTTLS. See the README beside this file.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Effect } from "effect"
import { Server, Shutdown, Tls, Transport, TransportNode } from "effect-sluice"
import { certificates } from "../tls/certificates.ts"
import { Smtp } from "./protocol.ts"
import { type Client, farewell, serve } from "./serve.ts"
import type { Mail } from "./session.ts"

const print = ({ from, text, to }: Mail, client: Client) => {
  const how = client.tls?.protocol ?? "plain text"
  const lines = Buffer.from(text, "latin1").toString().split("\r\n").slice(0, -1)
  return Console.log(
    [`mail from <${from}> to ${to.map((one) => `<${one}>`).join(", ")} (${how})`, ...lines].join("\n| ")
  )
}

const startTls = (server: Tls.TlsServer["Service"]) => (client: Client) =>
  Effect.gen(function* () {
    const { discarded } = yield* client.startTls({ server, ready: "220 go ahead" })
    // Behind STARTTLS nothing may come before the handshake: somebody on the way has put it there.
    if (discarded > 0) yield* Effect.logWarning(`${discarded} bytes behind STARTTLS were discarded`)
  })

const program = Effect.gen(function* () {
  const port = yield* Config.Int("PORT").pipe(Config.withDefault(7000))
  const file = yield* certificates
  // Read once, for all connections, so that sessions of TLS come back.
  const tls = yield* Tls.make({ certificateFile: file("server.pem"), keyFile: file("server.key") })
  const server = yield* Server.make(Smtp, serve({ startTls: startTls(tls), deliver: print }), {
    // RFC 5321, section 4.5.3.2: a client may take five minutes for each command.
    deadlines: { readIdle: "5 minutes" },
    farewell
  }).pipe(Effect.provide(TransportNode.layerTcp({ port })))
  yield* Effect.log(`smtp listens on ${Transport.formatAddress(server.address)}`)
  yield* Shutdown.forceOnSecondSignal(server)
  return yield* Effect.never
})

program.pipe(Effect.scoped, NodeRuntime.runMain({ teardown: Shutdown.teardown }))
