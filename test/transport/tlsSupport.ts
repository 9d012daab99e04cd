/**
 * What the tests of TLS share.
 */
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { TlsClientOptions, TlsServerOptions } from "../../src/Tls.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { certificates } from "./certificates.ts"
import { host } from "./nodeSupport.ts"
import { Reception } from "./recorder.ts"
import { connectThrough, listenerOf, portOf } from "./rigs.ts"

export const identity = (): TlsServerOptions => {
  const { server } = certificates()
  return { certificate: server.certificate, key: Redacted.make(server.key) }
}

export const serve = Effect.fnUntraced(function* (tls: TlsServerOptions = identity()) {
  const reception = new Reception()
  const listener = yield* listenerOf(TransportNode.layerTls({ host, port: 0, tls }))
  const listening = yield* listener.listen(reception)
  return { listening, reception, port: portOf(listening.address) }
})

export const trusting = (): TlsClientOptions => ({ ca: certificates().authority.certificate })

export const connect = (
  port: number,
  tls: TlsClientOptions = trusting(),
  more: { host?: string; connectTimeout?: number } = {}
) => connectThrough(TransportNode.layerTlsClient({ host, port, tls, ...more }))

/** A plain socket, gone with the scope. */
export const plainSocket = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Net.Socket>((resume) => {
      const socket = Net.connect(port, host, () => resume(Effect.succeed(socket)))
      socket.on("error", () => {})
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

export const closeOf = (socket: Net.Socket) =>
  Effect.callback<void>((resume) => {
    if (socket.closed) {
      resume(Effect.void)
    } else {
      socket.resume()
      socket.once("close", () => resume(Effect.void))
    }
  })

/** A TCP server that answers nothing, which a TLS client waits for in vain. */
export const silentServer = Effect.map(
  Effect.acquireRelease(
    Effect.callback<{ server: Net.Server; sockets: Array<Net.Socket> }>((resume) => {
      const sockets: Array<Net.Socket> = []
      const server = Net.createServer((socket) => {
        socket.on("error", () => {})
        sockets.push(socket)
      })
      server.listen(0, host, () => resume(Effect.succeed({ server, sockets })))
    }),
    ({ server, sockets }) =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets) {
          socket.destroy()
        }
      })
  ),
  // A listening TCP server has an address of this kind.
  ({ server, sockets }) => ({ sockets, port: (server.address() as Net.AddressInfo).port })
)
