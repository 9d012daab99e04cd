/**
 * TCP over `node:net`.
 */
import * as Net from "node:net"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type { Acceptor, Connector, Listener } from "../../Transport.ts"
import { encode } from "../proxy/encode.ts"
import { inTurn } from "./inTurn.ts"
import { tcpTarget } from "./listenHere.ts"
import { tcpAddress } from "./nodeAddress.ts"
import { connectWith, openPlain } from "./nodeConnect.ts"
import { NodeWire, resetTcp } from "./nodeWire.ts"
import { proxyPlan } from "./proxyHeader.ts"
import { type Ends, Reception } from "./reception.ts"
import type { TcpClientSettings, TcpFields, TcpSettings } from "./socketOptions.ts"
import type { Place, SocketSource } from "./socketSource.ts"

/** The options of a server's sockets. */
export const serverOptions = (settings: TcpFields) => ({
  noDelay: settings.noDelay,
  keepAlive: settings.keepAlive,
  keepAliveInitialDelay: Duration.toMillis(settings.keepAliveInitialDelay)
})

/** Where it listens. A port that the system chose is the server's until it stops. */
export const tcpPlace = (
  { backlog, exclusive, host, ipv6Only, port }: TcpFields,
  { again }: Acceptor
): Place => ({
  _tag: "Tcp",
  port: port === 0 && again?._tag === "Tcp" ? again.port : port,
  host,
  backlog,
  ipv6Only,
  exclusive
})

/** Opens a client's socket, which does not read before it is told to. */
export const openTcp = (settings: TcpClientSettings): Net.Socket => {
  const { proxyHeader } = settings
  const socket = Net.connect({
    host: settings.host,
    port: settings.port,
    ...(settings.localAddress === undefined ? {} : { localAddress: settings.localAddress }),
    allowHalfOpen: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: Duration.toMillis(settings.familyTimeout),
    noDelay: settings.noDelay,
    keepAlive: settings.keepAlive,
    keepAliveInitialDelay: Duration.toMillis(settings.keepAliveInitialDelay)
  })
  if (proxyHeader !== undefined) socket.once("connect", () => announce(socket, proxyHeader))
  socket.pause()
  return socket
}

/** Says for whom the connection is, before anybody else writes to it. */
const announce = (socket: Net.Socket, header: NonNullable<TcpClientSettings["proxyHeader"]>): void => {
  const source = header.source ?? tcpAddress(socket.localAddress, socket.localPort)
  const destination = header.destination ?? tcpAddress(socket.remoteAddress, socket.remotePort)
  socket.write(encode({ ...header, source, destination }))
}

/** A wire in plain text. */
export const tcpWire = (socket: Net.Socket, ends: Ends = {}): NodeWire =>
  new NodeWire(socket, undefined, ends.remoteAddress, undefined, resetTcp)

/** A listener on TCP. */
export const tcpListener = (
  settings: TcpSettings,
  source: SocketSource
): Context.Service.Shape<typeof Listener> => ({
  listen: (acceptor) => {
    const reception = new Reception(acceptor, {
      makeWire: tcpWire,
      proxy: settings.proxyProtocol && proxyPlan(settings.proxyProtocol),
      refusesTls: settings.clientHello === "refuse"
    })
    return source.listen({
      place: tcpPlace(settings, acceptor),
      options: serverOptions(settings),
      onSocket: (socket) => reception.arrive(socket),
      acceptor,
      busy: () => reception.busy,
      onClose: () => reception.close()
    })
  }
})

/** A connector over TCP. */
export const tcpConnector = (settings: TcpClientSettings): Context.Service.Shape<typeof Connector> =>
  inTurn(settings, connectorTo)

const connectorTo = (settings: TcpClientSettings): Context.Service.Shape<typeof Connector> => {
  const target = tcpTarget(settings)
  return {
    connect: connectWith({
      target,
      timeout: settings.connectTimeout,
      open: openPlain(target, () => openTcp(settings), tcpWire)
    })
  }
}
