/** Listening for WebSockets: over another listener, or on an HTTP server that is there already. */
import type * as Http from "node:http"
import type { Duplex } from "node:stream"
import { TLSSocket } from "node:tls"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Acceptor, Carriage, Listener, Listening, Wire } from "../../../Transport.ts"
import { messageCarriage } from "../../webSocket/settings.ts"
import { boundTcpAddress } from "../listenHere.ts"
import { tcpAddress } from "../nodeAddress.ts"
import { errorDetail } from "../nodeError.ts"
import { NodeWire, resetByDestroy, resetTcp } from "../nodeWire.ts"
import { tlsDetails } from "../tlsDetails.ts"
import { handshakeOf, serves } from "./judge.ts"
import { routeUpgrades } from "./routes.ts"
import type { SocketSettings, UpgradeSettings } from "./settings.ts"
import { makeHttp, Upgrades } from "./upgrades.ts"
import { WireDuplex } from "./wireDuplex.ts"

type Shape = Context.Service.Shape<typeof Listener>

/** What the wires of both ends bring. */
export const carriageOf = (settings: SocketSettings): Carriage => ({
  pings: true,
  ...messageCarriage(settings)
})

/** What HTTP is spoken over: the socket itself, or the wire of another transport as a stream. */
export const streamOf = (wire: Wire): Duplex => (wire instanceof NodeWire ? wire.raw : new WireDuplex(wire))

/** How long a stop waits for those who are here and have no WebSocket yet. */
const maximumWait = "250 millis"

const awaitIdle = (upgrades: Upgrades): Effect.Effect<void> =>
  Effect.asVoid(
    Effect.timeoutOption(
      Effect.callback<void>((resume) => {
        const cancel = upgrades.whenIdle(() => resume(Exit.void))
        return Effect.sync(cancel)
      }),
      maximumWait
    )
  )

/** A listener over the wires of another one. */
export const upgradeListener = (settings: UpgradeSettings, below: Shape): Shape => ({
  ...carriageOf(settings),
  listen: Effect.fnUntraced(function* (acceptor) {
    const upgrades = new Upgrades(settings, acceptor)
    const http = makeHttp(upgrades)
    const lower: Acceptor = {
      onWire: (wire) => {
        const stream = streamOf(wire)
        upgrades.begin(stream, wire)
        http.emit("connection", stream)
        // It came paused, so that nothing was lost on the way.
        stream.resume()
      },
      onError: (error) => acceptor.onError(error),
      again: acceptor.again
    }
    const listening = yield* below.listen(lower)
    const sweep = Effect.andThen(listening.sweep ?? Effect.void, awaitIdle(upgrades))
    const close = Effect.andThen(
      listening.close,
      Effect.sync(() => upgrades.abandon())
    )
    yield* Effect.addFinalizer(() => close)
    return { address: listening.address, close, sweep }
  })
})

const wireOf = (stream: Duplex): Wire | undefined => {
  if (!("remoteAddress" in stream)) return undefined
  // A server of `node:http` and `node:https` hands over what it accepted.
  const socket = stream as Http.IncomingMessage["socket"]
  const secure = socket instanceof TLSSocket
  return new NodeWire(
    socket,
    tcpAddress(socket.localAddress, socket.localPort),
    tcpAddress(socket.remoteAddress, socket.remotePort),
    secure ? tlsDetails(socket, "servername" in socket ? socket.servername : undefined) : undefined,
    secure ? resetByDestroy : resetTcp
  )
}

/** A listener for one path of an HTTP server that somebody else runs. */
export const attachedListener = (settings: UpgradeSettings, server: Http.Server): Shape => ({
  ...carriageOf(settings),
  listen: (acceptor) =>
    Effect.acquireRelease(
      Effect.sync((): Listening => {
        const upgrades = new Upgrades(settings, acceptor)
        const forget = routeUpgrades(server, (request, stream, head) => {
          if (!serves(settings, handshakeOf(request))) return false
          const wire = wireOf(stream)
          if (wire === undefined) return false
          upgrades.begin(stream, wire)
          upgrades.upgrade(request, stream, head)
          return true
        })
        const onError = (error: Error) =>
          acceptor.onError({ address: boundTcpAddress(server), detail: errorDetail(error) })
        server.on("error", onError)
        const close = Effect.sync(() => {
          forget()
          server.off("error", onError)
          upgrades.abandon()
        })
        return { address: boundTcpAddress(server), close, sweep: awaitIdle(upgrades) }
      }),
      ({ close }) => close
    )
})
