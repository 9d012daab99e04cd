/**
 * TLS on a socket that has spoken plain text before.
 */
import type * as Net from "node:net"
import * as Tls from "node:tls"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { InvalidConfig, TransportError } from "../../SluiceError.ts"
import type { StartTlsOptions } from "../../Tls.ts"
import { type Address, formatAddress, type TlsDetails, type TlsUpgrade } from "../../Transport.ts"
import { decodeOptions } from "../options.ts"
import { errorDetail } from "./nodeError.ts"
import { tlsDetails } from "./tlsDetails.ts"
import type { TlsHandshakes } from "./tlsHandshakes.ts"
import { TlsKeeper } from "./tlsKeeper.ts"
import { loadKeeper } from "./tlsKeeping.ts"
import { loadMaterial } from "./tlsMaterial.ts"
import { StartTlsSettings } from "./tlsOptions.ts"

/** The wire on that socket. */
interface Upgradable {
  readonly remoteAddress: Address
  readonly release: () => { readonly socket: Net.Socket; readonly discarded: number }
  readonly adopt: (above: Net.Socket, tls: TlsDetails) => void
}

/** Checks the options and reads what is in files. */
export const prepareStartTls: (
  wire: Upgradable,
  options: StartTlsOptions
) => Effect.Effect<TlsUpgrade, InvalidConfig | TransportError> = Effect.fnUntraced(function* (wire, options) {
  const target = formatAddress(wire.remoteAddress)
  const { server: given, ...others } = options
  if (given instanceof TlsKeeper && options.client === undefined) {
    return upgradeOf(wire, given.settings.handshakeTimeout, (raw) => serve(given.handshakes, raw))
  }
  const { client, server } = yield* decodeOptions(StartTlsSettings, { ...others, server: given })
  if (server !== undefined) {
    const keeper = yield* loadKeeper(server, { operation: "startTls", target })
    return upgradeOf(wire, server.handshakeTimeout, (raw) => serve(keeper.handshakes, raw))
  }
  // One of the two is there: the schema has seen to it.
  const settings = client as NonNullable<typeof client>
  const host = wire.remoteAddress._tag === "Tcp" ? wire.remoteAddress.host : undefined
  if (host === undefined && settings.servername === undefined && settings.trust === "verify") {
    const message = "is required: the connection is to no host that a certificate could be made out to"
    return yield* new InvalidConfig({ problems: [{ path: "client.servername", message }] })
  }
  const { context } = yield* loadMaterial(settings, { operation: "startTls", target })
  return upgradeOf(wire, settings.handshakeTimeout, (raw) => ask(settings, context, host, raw))
})

/** A handshake underway: calls back once. */
type Handshake = (
  done: (socket: Tls.TLSSocket, serverName: unknown) => void,
  failed: (failure: Failure) => void
) => void

interface Failure {
  readonly detail: string
  /** A certificate was judged and found wanting. */
  readonly rejected: boolean
  readonly cause?: unknown
}

const upgradeOf = (
  wire: Upgradable,
  timeout: Duration.Duration,
  start: (raw: Net.Socket) => Handshake
): TlsUpgrade => {
  let raw: Net.Socket | undefined
  return {
    timeout,
    begin: () => {
      const { discarded, socket } = wire.release()
      raw = socket
      return discarded
    },
    handshake: Effect.callback<TlsDetails, TransportError>((resume) => {
      // `begin` comes first.
      const socket = raw as Net.Socket
      const fail = (failure: Failure) => {
        socket.off("close", closed)
        resume(Effect.fail(handshakeError(wire, failure)))
      }
      // The socket above may know better why, and says so right after this one.
      const closed = () =>
        setImmediate(() =>
          fail({ detail: "the connection closed before the handshake was through", rejected: false })
        )
      if (socket.destroyed) {
        closed()
        return
      }
      socket.on("close", closed)
      start(socket)((above, serverName) => {
        socket.off("close", closed)
        const details = tlsDetails(above, serverName)
        wire.adopt(above, details)
        resume(Effect.succeed(details))
      }, fail)
    })
  }
}

const serve =
  (handshakes: TlsHandshakes, raw: Net.Socket): Handshake =>
  (done, failed) =>
    handshakes.begin(
      raw,
      (above) => done(above, above.servername),
      ({ cause, detail, rejected }) => failed({ detail, rejected, cause })
    )

const ask =
  (
    settings: NonNullable<StartTlsSettings["client"]>,
    context: Tls.SecureContext,
    host: string | undefined,
    raw: Net.Socket
  ): Handshake =>
  (done, failed) => {
    const serverName = settings.servername
    const socket = Tls.connect({
      socket: raw,
      secureContext: context,
      rejectUnauthorized: settings.trust === "verify",
      ...(host === undefined ? {} : { host }),
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(settings.alpn === undefined ? {} : { ALPNProtocols: [...settings.alpn] })
    })
    const onError = (error: Error) => failed(failureOf(error, socket))
    socket.pause()
    socket.on("error", onError)
    socket.on("secureConnect", () => {
      // From here on the wire hears of errors.
      done(socket, serverName)
      socket.off("error", onError)
    })
  }

const failureOf = (error: unknown, socket: Tls.TLSSocket): Failure => {
  // Set, despite its type, only where a certificate was judged and found wanting.
  const verdict: unknown = socket.authorizationError
  const detail = errorDetail(error)
  return {
    detail: verdict && !detail.includes(String(verdict)) ? `${verdict}: ${detail}` : detail,
    rejected: Boolean(verdict),
    cause: error
  }
}

const handshakeError = (wire: Upgradable, { cause, detail, rejected }: Failure): TransportError =>
  new TransportError({
    operation: "startTls",
    kind: rejected ? "BadCertificate" : "HandshakeFailed",
    address: formatAddress(wire.remoteAddress),
    detail,
    cause
  })
