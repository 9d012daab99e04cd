/** What the tests of servers share: a protocol of lines, and peers that speak bytes. */
import * as Net from "node:net"
import { Effect } from "effect"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import { type Address, Connector } from "../../src/Transport.ts"
import { Recorder } from "../transport/recorder.ts"

export const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

/** A wire to the server that writes down what it hears. Its end of the connection stays open until it is told. */
export const rawClient = Effect.gen(function* () {
  const { connect } = yield* Connector
  // Gone before the server stops, which would otherwise wait for this side's end, and a test clock stands.
  const wire = yield* Effect.acquireRelease(connect, (wire) => Effect.sync(() => wire.destroy()))
  return new Recorder(wire)
})

export const say = (client: Recorder, text: string | Uint8Array): boolean =>
  client.wire.write(Buffer.from(text))

export const portOf = (address: Address): number => (address._tag === "Tcp" ? address.port : 0)

/** A TCP socket that writes down how it ended. */
export class TcpPeer {
  readonly socket: Net.Socket
  text = ""
  connected = false
  sawEnd = false
  closed = false
  error: string | undefined

  constructor(port: number, options: { readonly reading?: boolean } = {}) {
    const socket = Net.connect({ host: "127.0.0.1", port })
    this.socket = socket
    if (options.reading !== false) {
      socket.on("data", (chunk) => {
        this.text += chunk.toString("latin1")
      })
    }
    socket.on("connect", () => {
      this.connected = true
    })
    socket.on("end", () => {
      this.sawEnd = true
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message
    })
    socket.on("close", () => {
      this.closed = true
    })
  }
}

/** A TCP socket, gone with the scope. */
export const tcpPeer = (port: number, options?: { readonly reading?: boolean }) =>
  Effect.acquireRelease(
    Effect.sync(() => new TcpPeer(port, options)),
    (peer) => Effect.sync(() => peer.socket.destroy())
  )

/** The sockets of this process, listening ones included. */
export const openSockets = (): number =>
  process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length
