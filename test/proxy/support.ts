/** A server behind a proxy, on any of Node's transports, and peers that speak bytes. */
import * as Net from "node:net"
import * as NodeTls from "node:tls"
import { Deferred, Effect, type Layer, Stream } from "effect"
import * as Codec from "../../src/Codec.ts"
import type { Connection } from "../../src/Connection.ts"
import type { ServerEvent } from "../../src/Events.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import { formatAddress, type Listener } from "../../src/Transport.ts"
import { certificates } from "../transport/certificates.ts"
import { host } from "../transport/nodeSupport.ts"

export const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

/** Says where each peer is, then echoes. */
const greet = (connection: Connection<string, string>) =>
  Effect.andThen(
    connection.send(`you are ${formatAddress(connection.remoteAddress)}`),
    Stream.run(connection.messages, connection.sink)
  )

/** The server, its events so far, and its connections. */
export const serve = Effect.fnUntraced(function* <E>(
  listener: Layer.Layer<Listener, E>,
  options: Server.ServerOptions<string> = {}
) {
  const seen: Array<Connection<string, string>> = []
  const events: Array<ServerEvent> = []
  const handler = (connection: Connection<string, string>) => {
    seen.push(connection)
    return greet(connection)
  }
  const server = yield* Server.make(Text, handler, { closeTimeout: "1 second", ...options }).pipe(
    Effect.provide(listener)
  )
  const listening = yield* Deferred.make<void>()
  yield* Effect.forkScoped(
    Stream.runForEach(server.events, (event) =>
      Effect.andThen(
        Effect.sync(() => events.push(event)),
        event._tag === "Listening" ? Deferred.succeed(listening, undefined) : Effect.void
      )
    ),
    { startImmediately: true }
  )
  yield* Deferred.await(listening)
  const { address } = server
  return { server, seen, events, port: address._tag === "Tcp" ? address.port : 0 }
})

/** A socket that collects what it hears. */
const collecting = (open: () => Net.Socket) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = open()
      const heard: Array<Buffer> = []
      const state = { closed: false }
      socket.on("data", (chunk: Buffer) => heard.push(chunk))
      socket.on("error", () => {})
      socket.on("close", () => {
        state.closed = true
      })
      return { socket, state, text: () => Buffer.concat(heard).toString() }
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

export const connectTcp = (port: number) => collecting(() => Net.connect(port, host))

export const connectUnix = (path: string) => collecting(() => Net.connect(path))

/** A TLS client that says something in plain text first. */
export const connectTls = (port: number, first: Uint8Array) =>
  collecting(() => {
    const raw = Net.connect(port, host)
    raw.write(first)
    return NodeTls.connect({ socket: raw, servername: "localhost", ca: certificates().authority.certificate })
  })
