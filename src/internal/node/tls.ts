/**
 * TLS over TCP.
 */
import * as Net from "node:net"
import * as Tls from "node:tls"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { TransportError } from "../../SluiceError.ts"
import type { Acceptor, Address, Connector, Listener, TlsDetails } from "../../Transport.ts"
import { inTurn } from "./inTurn.ts"
import { tcpTarget } from "./listenHere.ts"
import { tcpAddress } from "./nodeAddress.ts"
import { type Attempt, connectWith, whenReady } from "./nodeConnect.ts"
import { errorDetail, transportError } from "./nodeError.ts"
import { NodeWire, type ResetSocket } from "./nodeWire.ts"
import { proxyPlan } from "./proxyHeader.ts"
import { type Ends, Reception } from "./reception.ts"
import type { SocketSource } from "./socketSource.ts"
import { openTcp, serverOptions, tcpPlace, tcpWire } from "./tcp.ts"
import { tlsDetails } from "./tlsDetails.ts"
import { TlsHandshakes } from "./tlsHandshakes.ts"
import { TlsKeeper } from "./tlsKeeper.ts"
import { makeKeeper } from "./tlsKeeping.ts"
import { loadMaterial } from "./tlsMaterial.ts"
import {
  acceptPlain,
  type TcpTlsClientSettings,
  type TcpTlsFields,
  type TlsServerSettings
} from "./tlsOptions.ts"

/** A reset is TCP's, so it goes to the socket below; its end is the end of the one above. */
const resetBelow =
  (raw: Net.Socket): ResetSocket =>
  (socket) => {
    if (socket.writableEnded) socket.destroy()
    else raw.resetAndDestroy()
  }

/** A wire on a socket above another one, whose TLS agreed on `tls`. */
const tlsWire = (raw: Net.Socket, above: Net.Socket, tls: TlsDetails, remoteAddress?: Address): NodeWire =>
  new NodeWire(
    above,
    tcpAddress(raw.localAddress, raw.localPort),
    remoteAddress ?? tcpAddress(raw.remoteAddress, raw.remotePort),
    tls,
    resetBelow(raw)
  )

const makeWire = (raw: Net.Socket, { above, remoteAddress, tls }: Ends): NodeWire =>
  above === undefined || tls === undefined
    ? tcpWire(raw, { remoteAddress })
    : tlsWire(raw, above, tls, remoteAddress)

/** The options of a listener, and the TLS that it has in common with others, or the options of its own. */
export type TlsListenerSettings = TcpTlsFields & { readonly tls: TlsKeeper | TlsServerSettings }

/** A listener on TLS. */
export const tlsListener = (
  settings: TlsListenerSettings,
  source: SocketSource
): Context.Service.Shape<typeof Listener> => ({
  listen: (acceptor) => listenTls(settings, source, acceptor)
})

/** Listens on TLS. `choose` is asked for the protocol that ALPN agrees on, where the options do not say. */
export const listenTls = Effect.fnUntraced(function* (
  settings: TlsListenerSettings,
  source: SocketSource,
  acceptor: Acceptor,
  choose?: Tls.TlsOptions["ALPNCallback"]
) {
  const keeper = yield* keeperOf(settings)
  const reception = new Reception(acceptor, {
    makeWire,
    proxy: settings.proxyProtocol && proxyPlan(settings.proxyProtocol),
    tls: {
      timeout: Duration.toMillis(keeper.settings.handshakeTimeout),
      handshakes: new TlsHandshakes(keeper, choose)
    },
    plain: plainPlan(settings.plain),
    refusesTls: false
  })
  return yield* source.listen({
    place: tcpPlace(settings, acceptor),
    options: serverOptions(settings),
    // A handshake begins when its peer is let in, and not before.
    onSocket: (raw) => reception.arrive(raw),
    acceptor,
    busy: () => reception.busy,
    onClose: () => reception.close()
  })
})

/** One of its own is read when it begins to listen, and kept fresh until it ends. */
const keeperOf = (settings: TlsListenerSettings): Effect.Effect<TlsKeeper, TransportError, Scope.Scope> =>
  settings.tls instanceof TlsKeeper
    ? Effect.succeed(settings.tls)
    : makeKeeper(settings.tls, { operation: "listen", target: tcpTarget(settings) })

const plainPlan = (plain: TcpTlsFields["plain"]) => {
  if (plain === "refuse") return undefined
  const { silent, timeout } = plain === "accept" ? acceptPlain : plain
  return { timeout: Duration.toMillis(timeout), silent }
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
    () => attempt.succeed(tlsWire(raw, socket, tlsDetails(socket, serverName))),
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
