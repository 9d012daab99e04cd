/** Mutated first bytes on one port for TLS and plain text: each is a connection, or closed; nothing hangs. */
import * as Net from "node:net"
import * as NodeTls from "node:tls"
import { afterAll, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import * as Handler from "../../src/Handler.ts"
import { looksLikeClientHello, Preamble } from "../../src/internal/node/preamble.ts"
import * as Server from "../../src/Server.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { Text } from "../proxy/support.ts"
import { removeCertificates } from "../transport/certificates.ts"
import { identity } from "../transport/tlsSupport.ts"
import { assault, type Outcome } from "./support/assault.ts"
import { announceSeed, cases, mutate, Random, seed, type Tokens } from "./support/fuzz.ts"

afterAll(removeCertificates)

const host = "127.0.0.1"

/** The ClientHello of Node's own TLS. */
const clientHello = (options: NodeTls.ConnectionOptions) =>
  Effect.callback<Buffer>((resume) => {
    const server = Net.createServer((socket) => {
      socket.once("data", (bytes) => {
        socket.destroy()
        server.close()
        resume(Effect.succeed(bytes))
      })
    })
    server.listen(0, host, () => {
      // A listening TCP server has an address of this kind.
      const { port } = server.address() as Net.AddressInfo
      NodeTls.connect({ host, port, servername: "localhost", ...options }).on("error", () => {})
    })
  })

/** Record, message, version, random, session id, then the lists of the ClientHello. */
const cut = (bytes: Uint8Array): Tokens => {
  const places = [1, 3, 5, 6, 9, 11, 43, 44, 76, 78, 100, 140, 180]
  return [0, ...places].map((start, index) => bytes.subarray(start, places[index] ?? bytes.length))
}

const text = (...parts: ReadonlyArray<string>): Tokens => parts.map((part) => Buffer.from(part, "latin1"))

const hellos = Effect.forEach(
  [{ maxVersion: "TLSv1.2" }, { ALPNProtocols: ["a", "b"] }] as const,
  (options) => Effect.map(clientHello(options), cut)
)

const plain = [text("hello", "\n", "there", "\n"), text("GET / HTTP/1.1", "\r\n", "\r\n")]

describe("first bytes", () => {
  it.live("look the same however they are cut", () =>
    Effect.gen(function* () {
      announceSeed("first bytes, looked at")
      const conversations = [...(yield* hellos), ...plain]
      for (let index = 0; index < cases; index++) {
        const random = new Random(seed + index)
        const bytes = mutate(random, conversations[random.below(conversations.length)]!)
        const preamble = new Preamble(true, false)
        let found: ReturnType<Preamble["look"]> = "more"
        for (const piece of random.cut(bytes)) {
          if (found === "more") found = preamble.look(piece)
        }
        const expected = looksLikeClientHello(bytes)
        const seen = found === undefined ? "no" : found === "more" ? "perhaps" : "yes"
        if (seen !== expected) {
          const hex = Buffer.from(bytes).toString("hex")
          throw new Error(`FUZZ_SEED=${seed + index} FUZZ_CASES=1: ${seen}, not ${expected}\n${hex}`)
        }
      }
    })
  )

  it.live("on a port for both are answered, or closed", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(
        Text,
        Handler.map((line) => line),
        { closeTimeout: "1 second" }
      ).pipe(
        Effect.provide(
          TransportNode.layerTls({
            ...{ host, port: 0, plain: "accept" },
            tls: { ...identity(), handshakeTimeout: "500 millis", sessions: { remembered: 10 } }
          })
        )
      )
      // What begins like TLS may get an alert or a ServerHello, and nothing else; plain text is echoed.
      const judge = ({ heard, sent }: Outcome): string | undefined => {
        const first = heard[0]
        if (first === undefined) return undefined
        if (sent[0] === 0x16) {
          return first === 0x15 || first === 0x16
            ? undefined
            : `answered ${Buffer.from(heard).toString("hex")}`
        }
        const lines = Buffer.from(sent).toString("latin1").replaceAll("\r\n", "\n")
        const echo = Buffer.from(heard).toString("latin1")
        return lines.startsWith(echo) ? undefined : `echoed ${JSON.stringify(echo)}`
      }
      const port = server.address._tag === "Tcp" ? server.address.port : 0
      const conversations = [...(yield* hellos), ...plain]
      // Each is a connection of the system's, and a handshake: so they are fewer.
      yield* assault({ name: "first bytes, over TCP", server, conversations, judge, shares: 50 }).pipe(
        Effect.provide(TransportNode.layerTcpClient({ host, port }))
      )
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))
  )
})
