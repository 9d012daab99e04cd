/**
 * Unix sockets over `node:net`.
 */
import * as Net from "node:net"
import type * as Context from "effect/Context"
import { type Address, type Connector, formatAddress, type Listener } from "../../Transport.ts"
import { connectWith, openPlain } from "./nodeConnect.ts"
import { NodeWire, resetByDestroy } from "./nodeWire.ts"
import { proxyPlan } from "./proxyHeader.ts"
import { type Ends, Reception } from "./reception.ts"
import type { UnixClientSettings, UnixSettings } from "./socketOptions.ts"
import type { SocketSource } from "./socketSource.ts"

/** A wire of a Unix socket. A client's end has no name of its own, so both ends go by the path. */
export const unixWire =
  (address: Address) =>
  (socket: Net.Socket, { remoteAddress = address }: Ends = {}): NodeWire =>
    new NodeWire(socket, address, remoteAddress, undefined, resetByDestroy)

/** A listener on a Unix path. */
export const unixListener = (
  { backlog, clientHello, mode, path, proxyProtocol }: UnixSettings,
  source: SocketSource
): Context.Service.Shape<typeof Listener> => ({
  listen: (acceptor) => {
    const address: Address = { _tag: "Unix", path }
    const reception = new Reception(acceptor, {
      makeWire: unixWire(address),
      address,
      // Who may write to the socket's file is believed.
      proxy: proxyProtocol && proxyPlan({ from: "anyone", others: "refuse", ...proxyProtocol }),
      refusesTls: clientHello === "refuse"
    })
    return source.listen({
      place: { _tag: "Unix", path, mode, backlog },
      options: {},
      onSocket: (socket) => reception.arrive(socket),
      acceptor,
      busy: () => reception.busy,
      onClose: () => reception.close()
    })
  }
})

/** A connector to a Unix path. */
export const unixConnector = (settings: UnixClientSettings): Context.Service.Shape<typeof Connector> => {
  const address: Address = { _tag: "Unix", path: settings.path }
  const target = formatAddress(address)
  const open = () => {
    const socket = Net.connect({ path: settings.path, allowHalfOpen: true })
    socket.pause()
    return socket
  }
  return {
    connect: connectWith({
      target,
      timeout: settings.connectTimeout,
      open: openPlain(target, open, unixWire(address))
    })
  }
}
