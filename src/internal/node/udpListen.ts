/** Listening on UDP, over `node:dgram`. */
import type * as Dgram from "node:dgram"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { TransportError } from "../../SluiceError.ts"
import { type Acceptor, type Address, formatAddress, type Listener, type Listening } from "../../Transport.ts"
import { type PeerLimits, Peers } from "../datagram/peers.ts"
import { errorCode, errorDetail, transportError } from "./nodeError.ts"
import type { UdpSettings } from "./udpOptions.ts"
import { closeSocket, createSocket, type Resolved, resolve, timing, udpAddress } from "./udpSocket.ts"

/** A socket that is bound, and its peers. */
class Bound {
  readonly address: Address
  readonly peers: Peers<Dgram.RemoteInfo>
  private acceptor: Acceptor | undefined

  constructor(
    socket: Dgram.Socket,
    makePeers: (socket: Dgram.Socket, address: Address) => Peers<Dgram.RemoteInfo>
  ) {
    this.address = udpAddress(socket.address())
    this.peers = makePeers(socket, this.address)
    socket.on("message", (datagram, info) =>
      this.peers.receive(datagram, `${info.address} ${info.port}`, info)
    )
    socket.on("error", (error) =>
      this.acceptor?.onError({ address: this.address, detail: errorDetail(error) })
    )
  }

  open(acceptor: Acceptor): void {
    this.acceptor = acceptor
    this.peers.open(acceptor)
  }
}

const limitsOf = (settings: UdpSettings): PeerLimits => ({
  ...settings,
  newPeersPerSecond: numberOf(settings.newPeersPerSecond),
  amplification: numberOf(settings.amplification),
  idleTimeout: Duration.toMillis(settings.idleTimeout)
})

const numberOf = (limit: number | "off"): number => (limit === "off" ? Number.POSITIVE_INFINITY : limit)

const targetOf = ({ host, port }: UdpSettings): string =>
  host === undefined ? `udp:*:${port}` : formatAddress({ _tag: "Udp", host, port })

const bindTo = (
  settings: UdpSettings,
  port: number,
  { address, family }: Resolved
): Effect.Effect<Dgram.Socket, TransportError> =>
  Effect.suspend(() => {
    const socket = createSocket(family, settings)
    return Effect.callback<Dgram.Socket, TransportError>((resume) => {
      const onError = (error: Error) =>
        resume(Effect.fail(transportError("listen", targetOf(settings), error)))
      socket.once("error", onError)
      socket.bind({ address, port, exclusive: true }, () => {
        socket.off("error", onError)
        resume(Effect.succeed(socket))
      })
    }).pipe(
      Effect.onExit((exit) =>
        Exit.isSuccess(exit)
          ? Effect.void
          : Effect.sync(() => {
              socket.on("error", () => {})
              closeSocket(socket)
            })
      )
    )
  })

const noIpv6 = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL", "EINVAL"])

/** Binds to every interface where there is no host: IPv6 and IPv4, or IPv4 alone where there is no IPv6. */
const bind = (settings: UdpSettings, { again }: Acceptor): Effect.Effect<Dgram.Socket, TransportError> => {
  const { host } = settings
  const port = settings.port === 0 && again?._tag === "Udp" ? again.port : settings.port
  if (host !== undefined) {
    return Effect.flatMap(resolve("listen", host, targetOf(settings)), (found) =>
      bindTo(settings, port, found)
    )
  }
  return Effect.catch(bindTo(settings, port, { address: "::", family: 6 }), (error) =>
    noIpv6.has(errorCode(error.cause)) && !settings.ipv6Only
      ? bindTo(settings, port, { address: "0.0.0.0", family: 4 })
      : Effect.fail(error)
  )
}

/** A listener on UDP. */
export const udpListener = (settings: UdpSettings): Context.Service.Shape<typeof Listener> => {
  const limits = limitsOf(settings)
  /** Those that take nobody new and still have peers: who listens again at the same address goes on with them. */
  const lingering = new Set<Bound>()
  const open = Effect.fnUntraced(function* (acceptor: Acceptor) {
    const { again } = acceptor
    for (const bound of lingering) {
      if (again === undefined || formatAddress(bound.address) !== formatAddress(again)) continue
      lingering.delete(bound)
      return bound
    }
    const time = yield* timing
    const bound: Bound = new Bound(yield* bind(settings, acceptor), (socket, localAddress) => {
      const port = {
        localAddress,
        addressOf: udpAddress,
        send: (bytes: Uint8Array, to: Dgram.RemoteInfo, sent: (error: string | undefined) => void) =>
          socket.send(bytes, to.port, to.address, (error) =>
            sent(error === null ? undefined : errorCode(error))
          )
      }
      return new Peers(port, limits, time, () => {
        lingering.delete(bound)
        closeSocket(socket)
      })
    })
    return bound
  })
  return {
    datagrams: { maxLength: settings.maxDatagram },
    listen: (acceptor) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.map(open(acceptor), (bound) => {
            bound.open(acceptor)
            let closed = false
            const close = Effect.sync(() => {
              if (closed) return
              closed = true
              if (bound.peers.size > 0) lingering.add(bound)
              bound.peers.close()
            })
            return { address: bound.address, close }
          }),
          ({ close }) => close,
          { interruptible: true }
        ),
        (listening): Listening => listening
      )
  }
}
