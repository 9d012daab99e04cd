/**
 * Unix sockets over `node:net`.
 */
import * as Net from "node:net"
import type * as Context from "effect/Context"
import { type Address, type Connector, formatAddress, type Listener } from "../../Transport.ts"
import { DescriptorGuard } from "./descriptors.ts"
import { connectWith, openPlain } from "./nodeConnect.ts"
import { NodeWire, resetByDestroy } from "./nodeWire.ts"
import type { UnixClientSettings, UnixSettings } from "./socketOptions.ts"
import type { SocketSource } from "./socketSource.ts"

// A client's end has no name of its own, so both ends go by the path.
const makeWire =
  (address: Address) =>
  (socket: Net.Socket): NodeWire =>
    new NodeWire(socket, address, address, undefined, resetByDestroy)

/** A listener on a Unix path. */
export const unixListener = (
  { backlog, mode, path }: UnixSettings,
  source: SocketSource
): Context.Service.Shape<typeof Listener> => ({
  listen: (acceptor) => {
    const toWire = makeWire({ _tag: "Unix", path })
    const guard = new DescriptorGuard(acceptor, (socket) => acceptor.onWire(toWire(socket)))
    return source.listen({
      place: { _tag: "Unix", path, mode, backlog },
      options: {},
      onSocket: (socket) => guard.arrive(socket),
      acceptor,
      busy: () => guard.busy,
      onClose: () => guard.close()
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
      open: openPlain(target, open, makeWire(address))
    })
  }
}
