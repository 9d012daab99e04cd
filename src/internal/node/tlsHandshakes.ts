/**
 * Handshakes as a server, on sockets that somebody else has accepted.
 */
import * as Net from "node:net"
import type * as Tls from "node:tls"
import type { AcceptFailure, TlsDetails } from "../../Transport.ts"
import { errorCode, errorDetail } from "./nodeError.ts"
import { tlsDetails } from "./tlsDetails.ts"
import type { TlsKeeper } from "./tlsKeeper.ts"

/** Why a handshake came to nothing. */
export interface HandshakeFailure {
  readonly kind: AcceptFailure
  readonly detail: string
  /** The peer's certificate was judged and found wanting. */
  readonly rejected: boolean
  readonly cause: unknown
}

interface Handshake {
  readonly raw: Net.Socket
  readonly done: (above: Tls.TLSSocket, tls: TlsDetails) => void
  readonly failed: (failure: HandshakeFailure) => void
}

/** What OpenSSL says of bytes that are no TLS record. */
const plainText = new Set([
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_HTTP_REQUEST",
  "ERR_SSL_HTTPS_PROXY_REQUEST",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_RECORD_LAYER_FAILURE",
  "ERR_SSL_BAD_RECORD_TYPE",
  "ERR_SSL_UNSUPPORTED_SSL_VERSION"
])

/** A server that does not listen takes a socket for one that it has accepted, as its documentation allows. */
export class TlsHandshakes {
  private readonly keeper: TlsKeeper
  private readonly server: Tls.Server
  /** By the socket below, which is there from the start. */
  private readonly pending = new Map<Net.Socket, Handshake>()

  /** `choose` is asked for the protocol that ALPN agrees on, instead of the options. */
  constructor(keeper: TlsKeeper, choose?: Tls.TlsOptions["ALPNCallback"]) {
    const { alpn } = keeper.settings
    this.keeper = keeper
    this.server = keeper.createServer(
      choose !== undefined ? { ALPNCallback: choose } : alpn === undefined ? {} : { ALPNProtocols: [...alpn] }
    )
    this.server.on("tlsClientError", (error, socket) => this.fail(socket, error))
    this.server.on("secureConnection", (socket) => this.finish(socket))
  }

  /**
   * Begins one; calls back once. Of a peer that ends its side in the middle, without a word, nothing is told: that is left
   * to a timeout. The sockets of a failed one are destroyed.
   */
  begin(raw: Net.Socket, done: Handshake["done"], failed: Handshake["failed"]): void {
    if (raw.destroyed) return
    this.pending.set(raw, { raw, done, failed })
    // The socket above closes right after this one, and may know better why.
    raw.on("close", () => setImmediate(() => this.pending.delete(raw)))
    this.server.emit("connection", raw)
  }

  /** No more begin. */
  close(): void {
    this.keeper.release(this.server)
  }

  private finish(socket: Tls.TLSSocket): void {
    const handshake = this.take(socket)
    if (handshake === undefined) socket.destroy()
    else handshake.done(socket, tlsDetails(socket, socket.servername))
  }

  private fail(socket: Tls.TLSSocket, error: Error): void {
    const handshake = this.take(socket)
    if (handshake !== undefined) {
      // Set, despite its type, only where the peer's certificate was judged and found wanting.
      const verdict: unknown = socket.authorizationError
      const detail = verdict ? `client certificate: ${verdict}` : errorDetail(error)
      const plain = plainText.has(errorCode(error))
      handshake.failed({
        kind: plain ? "PlainText" : "Handshake",
        detail: plain ? `this looks like plain text, and only TLS is spoken here: ${detail}` : detail,
        rejected: Boolean(verdict),
        cause: error
      })
      handshake.raw.destroySoon()
    }
    socket.destroy()
  }

  /** Node keeps the socket below in a property that it does not document; failing that, the peer's address tells. */
  private take(socket: Tls.TLSSocket): Handshake | undefined {
    const below =
      "_parent" in socket && socket._parent instanceof Net.Socket
        ? socket._parent
        : [...this.pending.keys()].find(
            (raw) => raw.remotePort === socket.remotePort && raw.remoteAddress === socket.remoteAddress
          )
    const handshake = below && this.pending.get(below)
    if (handshake !== undefined) this.pending.delete(handshake.raw)
    return handshake
  }
}
