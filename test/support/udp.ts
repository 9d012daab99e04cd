/** A peer on `node:dgram`, and a server on UDP with what happens to it. */
import * as Dgram from "node:dgram"
import { Effect, type Layer, Stream } from "effect"
import type { ServerEvent } from "../../src/Events.ts"
import type * as Handler from "../../src/Handler.ts"
import type * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import type { Connector, Listener } from "../../src/Transport.ts"
import * as TransportUdp from "../../src/TransportUdp.ts"
import { portOf } from "../transport/rigs.ts"
import { eventually } from "./pair.ts"

export const host = "127.0.0.1"

/** Sends to one port, and keeps what comes. */
export class UdpPeer {
  readonly heard: Array<string> = []
  private readonly socket: Dgram.Socket
  private readonly to: number
  private readonly at: string

  constructor(port: number, at = host, type: "udp4" | "udp6" = "udp4") {
    this.to = port
    this.at = at
    this.socket = Dgram.createSocket(type)
    this.socket.on("message", (datagram) => void this.heard.push(datagram.toString("latin1")))
  }

  readonly send = (datagram: string | Uint8Array): Effect.Effect<void> =>
    Effect.promise(
      () =>
        new Promise<void>((resolve, reject) =>
          this.socket.send(datagram, this.to, this.at, (error) =>
            error === null ? resolve() : reject(error)
          )
        )
    )

  readonly hears = (...datagrams: ReadonlyArray<string>): Effect.Effect<void> =>
    eventually(
      () => datagrams.every((datagram) => this.heard.includes(datagram)),
      `${datagrams} among ${this.heard}`
    )

  get port(): number {
    return this.socket.address().port
  }

  close(): void {
    this.socket.close()
  }
}

/** A server on a port of the system's choice, its events from the beginning, and peers for it. */
export const serve = Effect.fnUntraced(function* <In, Out, E>(
  protocol: Protocol.Protocol<In, Out>,
  handler: Handler.Handler<In, Out, E, never>,
  options: Partial<TransportUdp.UdpOptions> = {},
  serverOptions?: Server.ServerOptions<Out>
) {
  const server = yield* Server.make(protocol, handler, serverOptions).pipe(
    Effect.provide(TransportUdp.layer({ host, port: 0, ...options }))
  )
  const events: Array<ServerEvent> = []
  yield* Effect.forkScoped(
    Stream.runForEach(server.events, (event) => Effect.sync(() => events.push(event))),
    { startImmediately: true }
  )
  const peer = Effect.acquireRelease(
    Effect.sync(() => new UdpPeer(portOf(server.address))),
    (peer) => Effect.sync(() => peer.close())
  )
  const some = <Tag extends ServerEvent["_tag"]>(tag: Tag) =>
    events.filter((event): event is Extract<ServerEvent, { readonly _tag: Tag }> => event._tag === tag)
  /** Waits until an event has come, so often. */
  const happens = (tag: ServerEvent["_tag"], times = 1) =>
    eventually(() => some(tag).length >= times, `${tag} ${times} times`)
  return { server, events, peer, some, happens, port: portOf(server.address) }
})

export const clientOf = (
  port: number,
  options: Partial<TransportUdp.UdpClientOptions> = {}
): Layer.Layer<Connector, unknown> => TransportUdp.layerClient({ host, port, ...options })

export type UdpListener = Layer.Layer<Listener, unknown>
