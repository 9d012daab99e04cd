/**
 * TLS over TCP.
 */
import * as Net from "node:net"
import * as Tls from "node:tls"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { TransportError } from "../../SluiceError.ts"
import type { Acceptor, Connector, Listener } from "../../Transport.ts"
import { DescriptorGuard } from "./descriptors.ts"
import { inTurn } from "./inTurn.ts"
import { tcpTarget } from "./listenHere.ts"
import { tcpAddress } from "./nodeAddress.ts"
import { type Attempt, connectWith, whenReady } from "./nodeConnect.ts"
import { errorDetail, transportError } from "./nodeError.ts"
import { NodeWire, type ResetSocket } from "./nodeWire.ts"
import type { SocketSource } from "./socketSource.ts"
import { openTcp, serverOptions, tcpPlace } from "./tcp.ts"
import { tlsDetails } from "./tlsDetails.ts"
import { Handshakes } from "./tlsHandshakes.ts"
import { loadMaterial } from "./tlsMaterial.ts"
import type { TcpTlsClientSettings, TcpTlsSettings } from "./tlsOptions.ts"

/** A reset is TCP's, so it goes to the socket below; its end is the end of the one above. */
const resetBelow =
  (raw: Net.Socket): ResetSocket =>
  (socket) => {
    if (socket.writableEnded) socket.destroy()
    else raw.resetAndDestroy()
  }

const makeWire = (socket: Tls.TLSSocket, raw: Net.Socket, serverName: unknown): NodeWire =>
  new NodeWire(
    socket,
    tcpAddress(raw.localAddress, raw.localPort),
    tcpAddress(raw.remoteAddress, raw.remotePort),
    tlsDetails(socket, serverName),
    resetBelow(raw)
  )

const createServer = (
  settings: TcpTlsSettings,
  secureOptions: Tls.SecureContextOptions,
  acceptor: Acceptor,
  handshakes: Handshakes
): Tls.Server => {
  const { tls } = settings
  const server = Tls.createServer({
    ...serverOptions(settings),
    allowHalfOpen: true,
    pauseOnConnect: true,
    ...secureOptions,
    requestCert: tls.clientCertificate !== "none",
    rejectUnauthorized: tls.clientCertificate === "require",
    // Ours is the deadline; Node's counts from the last byte.
    handshakeTimeout: 2 * Duration.toMillis(tls.handshakeTimeout),
    ...(tls.alpn === undefined ? {} : { ALPNProtocols: [...tls.alpn] })
  })
  server.on("connection", (raw) => handshakes.begin(raw))
  server.on("tlsClientError", (error, socket) => handshakes.fail(socket, error))
  server.on("secureConnection", (socket) => {
    const raw = handshakes.finish(socket)
    if (raw !== undefined) {
      acceptor.onWire(makeWire(socket, raw, socket.servername))
    }
  })
  return server
}

/** A listener on TLS. */
export const tlsListener = (
  settings: TcpTlsSettings,
  source: SocketSource
): Context.Service.Shape<typeof Listener> => {
  const target = tcpTarget(settings)
  return {
    listen: Effect.fnUntraced(function* (acceptor) {
      const { options } = yield* loadMaterial(settings.tls, { operation: "listen", target })
      const handshakes = new Handshakes(Duration.toMillis(settings.tls.handshakeTimeout), acceptor)
      const secure = createServer(settings, options, acceptor, handshakes)
      // The server that listens is a plain one, so that a handshake begins when its peer is let in, and not before.
      const guard = new DescriptorGuard(acceptor, (raw) => secure.emit("connection", raw))
      return yield* source.listen({
        place: tcpPlace(settings, acceptor),
        options: serverOptions(settings),
        onSocket: (raw) => guard.arrive(raw),
        acceptor,
        busy: () => guard.busy || handshakes.size > 0,
        onClose: () => {
          guard.close()
          handshakes.abandon()
        }
      })
    })
  }
}

const handshakeError = (target: string, socket: Tls.TLSSocket, error: unknown): TransportError => {
  // Set, despite its type, only where the server's certificate was judged and found wanting.
  const verdict: unknown = socket.authorizationError
  const detail = errorDetail(error)
  return new TransportError({
    operation: "connect",
    kind: verdict ? "BadCertificate" : "HandshakeFailed",
    address: target,
    detail: verdict && !detail.includes(String(verdict)) ? `${verdict}: ${detail}` : detail,
    cause: error
  })
}

const startHandshake = (
  settings: TcpTlsClientSettings,
  context: Tls.SecureContext,
  target: string,
  raw: Net.Socket,
  attempt: Attempt
): void => {
  const { host, tls } = settings
  const serverName = tls.servername ?? (Net.isIP(host) === 0 ? host : undefined)
  const socket = Tls.connect({
    socket: raw,
    host,
    secureContext: context,
    rejectUnauthorized: tls.trust === "verify",
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(tls.alpn === undefined ? {} : { ALPNProtocols: [...tls.alpn] })
  })
  socket.pause()
  whenReady(
    socket,
    "secureConnect",
    () => attempt.succeed(makeWire(socket, raw, serverName)),
    (error) => {
      raw.destroy()
      attempt.fail(handshakeError(target, socket, error))
    }
  )
}

/** A connector over TLS. */
export const tlsConnector = (settings: TcpTlsClientSettings): Context.Service.Shape<typeof Connector> =>
  inTurn(settings, connectorTo)

const connectorTo = (settings: TcpTlsClientSettings): Context.Service.Shape<typeof Connector> => {
  const target = tcpTarget(settings)
  const open = (context: Tls.SecureContext) => (attempt: Attempt) => {
    const raw = openTcp(settings)
    whenReady(
      raw,
      "connect",
      () => {
        // From here on the socket above tells what happens.
        raw.on("error", () => {})
        startHandshake(settings, context, target, raw, attempt)
      },
      (error) => attempt.fail(transportError("connect", target, error))
    )
    return raw
  }
  return {
    connect: Effect.flatMap(loadMaterial(settings.tls, { operation: "connect", target }), ({ context }) =>
      connectWith({ target, timeout: settings.connectTimeout, open: open(context) })
    )
  }
}
