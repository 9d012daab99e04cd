/**
 * Unix sockets over `node:net`.
 */
import * as Net from "node:net"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { type Address, type Connector, formatAddress, type Listener } from "../../Transport.ts"
import { connectWith, openPlain } from "./nodeConnect.ts"
import { listenOn } from "./nodeListen.ts"
import { NodeWire, resetByDestroy } from "./nodeWire.ts"
import { proxyPlan } from "./proxyHeader.ts"
import { type Ends, Reception } from "./reception.ts"
import type { UnixClientSettings, UnixSettings } from "./socketOptions.ts"
import { clearPath, type FileIdentity, publishPath, removePath, temporaryPath } from "./unixPath.ts"

// A client's end has no name of its own, so both ends go by the path.
const makeWire =
  (address: Address) =>
  (socket: Net.Socket, { remoteAddress = address }: Ends = {}): NodeWire =>
    new NodeWire(socket, address, remoteAddress, undefined, resetByDestroy)

/** A listener on a Unix path. */
export const unixListener = (settings: UnixSettings): Context.Service.Shape<typeof Listener> => {
  const address: Address = { _tag: "Unix", path: settings.path }
  const target = formatAddress(address)
  const toWire = makeWire(address)
  return {
    listen: Effect.fnUntraced(function* (acceptor) {
      yield* clearPath(settings.path, target)
      const temporary = temporaryPath(settings.path)
      let published: FileIdentity | undefined
      const reception = new Reception(acceptor, {
        makeWire: toWire,
        address,
        // Who may write to the socket's file is believed.
        proxy:
          settings.proxyProtocol &&
          proxyPlan({ from: "anyone", others: "refuse", ...settings.proxyProtocol }),
        refusesTls: settings.clientHello === "refuse"
      })
      return yield* listenOn({
        server: Net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
          reception.arrive(socket)
        ),
        options: { path: temporary, backlog: settings.backlog },
        target,
        acceptor,
        boundAddress: () => address,
        publish: publishPath(temporary, settings.path, settings.mode, target).pipe(
          Effect.andThen((identity) =>
            Effect.sync(() => {
              published = identity
            })
          ),
          Effect.uninterruptible
        ),
        busy: () => reception.busy,
        onClose: () => {
          reception.close()
          const detail = published === undefined ? undefined : removePath(settings.path, published)
          if (detail !== undefined) {
            acceptor.onError({ address, detail: `could not remove the socket's file: ${detail}` })
          }
        }
      })
    })
  }
}

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
