/** Connecting over UDP: a socket that hears one peer only, and is told where nobody is there. */
import type * as Dgram from "node:dgram"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TransportError } from "../../SluiceError.ts"
import { type Connector, formatAddress, type Wire } from "../../Transport.ts"
import { DatagramWire, type WireHost } from "../datagram/datagramWire.ts"
import { errorCode, transportError } from "./nodeError.ts"
import type { UdpClientSettings } from "./udpOptions.ts"
import { closeSocket, createSocket, resolve, udpAddress } from "./udpSocket.ts"

/** What says nothing about the peer: this datagram was too long, or there were too many. */
const passing = new Set(["EMSGSIZE", "ENOBUFS", "EAGAIN"])

const wireOf = (socket: Dgram.Socket, settings: UdpClientSettings): DatagramWire<Dgram.Socket> => {
  let queued = 0
  const remoteAddress = udpAddress(socket.remoteAddress())
  const host: WireHost<Dgram.Socket> = {
    port: {
      localAddress: udpAddress(socket.address()),
      addressOf: () => remoteAddress,
      send: (bytes, _, sent) =>
        socket.send(bytes, (error) => sent(error === null ? undefined : errorCode(error)))
    },
    maxQueued: settings.maxQueued,
    amplification: Number.POSITIVE_INFINITY,
    now: () => performance.now(),
    reserve: (bytes) => {
      if (queued + bytes > settings.maxQueuedBytes) return false
      queued += bytes
      return true
    },
    release: (bytes) => {
      queued -= bytes
    },
    dropped: () => {},
    fatal: (error) => !passing.has(error),
    onGone: () => closeSocket(socket)
  }
  const wire = new DatagramWire(host, socket)
  socket.on("message", (datagram) => {
    if (datagram.length <= settings.maxDatagram) wire.deliver(datagram)
  })
  socket.on("error", (error) => {
    const code = errorCode(error)
    if (host.fatal(code)) wire.finish(code, false)
  })
  return wire
}

const open = (socket: Dgram.Socket, settings: UdpClientSettings, address: string, target: string) =>
  Effect.callback<Wire, TransportError>((resume) => {
    const failed = (error: Error) => resume(Effect.fail(transportError("connect", target, error)))
    const connect = () =>
      socket.connect(settings.port, address, () => {
        socket.off("error", failed)
        resume(Effect.succeed(wireOf(socket, settings)))
      })
    socket.on("error", failed)
    const { localAddress, localPort } = settings
    if (localAddress === undefined && localPort === 0) connect()
    else socket.bind({ address: localAddress ?? "", port: localPort, exclusive: true }, connect)
  })

/** A connector over UDP. */
export const udpConnector = (settings: UdpClientSettings): Context.Service.Shape<typeof Connector> => {
  const target = formatAddress({ _tag: "Udp", host: settings.host, port: settings.port })
  const timedOut = () =>
    new TransportError({
      operation: "connect",
      kind: "Timeout",
      address: target,
      detail: `the host was not found within ${Duration.format(settings.connectTimeout)}`
    })
  return {
    datagrams: { maxLength: settings.maxDatagram },
    connect: Effect.flatMap(resolve("connect", settings.host, target), ({ address, family }) =>
      Effect.suspend(() => {
        const socket = createSocket(family, settings)
        return Effect.onExit(open(socket, settings, address, target), (exit) =>
          Exit.isSuccess(exit)
            ? Effect.void
            : Effect.sync(() => {
                socket.on("error", () => {})
                closeSocket(socket)
              })
        )
      })
    ).pipe(
      Effect.timeoutOrElse({
        duration: settings.connectTimeout,
        orElse: () => Effect.fail(timedOut())
      })
    )
  }
}
