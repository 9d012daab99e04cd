/** A server on the network in memory whose peers have IP addresses. */
import { Effect, type Scope, Stream } from "effect"
import * as Codec from "../../src/Codec.ts"
import type { ServerEvent } from "../../src/Events.ts"
import * as Framing from "../../src/Framing.ts"
import type { Handler } from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import { type Address, Listener, type Wire } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { Recorder } from "../transport/recorder.ts"

export const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

/** A wire, from elsewhere. */
const from = (wire: Wire, remoteAddress: Address): Wire => ({
  localAddress: wire.localAddress,
  remoteAddress,
  tls: wire.tls,
  get unsent() {
    return wire.unsent
  },
  attach: (receiver) => wire.attach(receiver),
  pause: () => wire.pause(),
  resume: () => wire.resume(),
  write: (bytes, written) => wire.write(bytes, written),
  end: () => wire.end(),
  reset: () => wire.reset(),
  destroy: () => wire.destroy()
})

/** A peer that writes down what it hears. */
export class Peer extends Recorder {
  say(text: string): void {
    this.wire.write(Buffer.from(text))
  }

  leave(): void {
    this.wire.destroy()
  }
}

export const settle = Effect.forEach([1, 2, 3, 4], () => Effect.yieldNow, { discard: true })

export const echo: Handler<string, string, unknown> = (connection) =>
  Stream.run(connection.messages, connection.sink)

export const open = Effect.fnUntraced(function* (
  admission: Server.ServerOptions<string>["admission"],
  handler: Handler<string, string, unknown, Scope.Scope> = echo
) {
  const network = yield* TransportMemory.makeNetwork()
  let host: string | undefined
  const server = yield* Effect.provideService(
    Server.make(Text, handler, {
      admission,
      heartbeat: "off",
      deadlines: { hello: "off", readIdle: "off" },
      closeTimeout: "1 millis",
      drainTimeout: 0,
      killTimeout: 0
    }),
    Listener,
    {
      listen: (acceptor) =>
        network.listener.listen({
          ...acceptor,
          onWire: (wire) =>
            acceptor.onWire(host === undefined ? wire : from(wire, { _tag: "Tcp", host, port: 1000 }))
        })
    }
  )
  const seen: Array<ServerEvent> = []
  yield* Effect.forkScoped(
    Stream.runForEach(Stream.drop(server.events, 1), (event) => Effect.sync(() => seen.push(event))),
    { startImmediately: true }
  )
  /** Comes from an IP address, or from none, and says a first word. */
  const connect = (ip?: string, word = "hello\n") =>
    Effect.gen(function* () {
      host = ip
      const wire = yield* Effect.acquireRelease(network.connector.connect, (wire) =>
        Effect.sync(() => wire.destroy())
      )
      const peer = new Peer(wire)
      if (word !== "") peer.say(word)
      yield* settle
      return peer
    })
  const refused = () => seen.flatMap((event) => (event._tag === "Refused" ? [event] : []))
  return { server, connect, seen, refused }
})
