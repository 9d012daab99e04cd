/**
 * Handshakes as a server, on sockets that somebody else has accepted.
 */
import * as Net from "node:net"
import type * as Tls from "node:tls"
import type { TlsDetails } from "../../Transport.ts"
import type { Arrival, Arrivals } from "./arrivals.ts"
import { errorCode, errorDetail } from "./nodeError.ts"
import type { TlsStage } from "./reception.ts"
import { tlsDetails } from "./tlsDetails.ts"

interface Handshake {
  readonly arrivals: Arrivals
  readonly arrival: Arrival
  readonly done: (above: Net.Socket, tls: TlsDetails) => void
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
export class TlsHandshakes implements TlsStage {
  readonly timeout: number
  private readonly server: Tls.Server
  /** By the socket below, which is there from the start. */
  private readonly pending = new Map<Net.Socket, Handshake>()

  /** `timeout` in milliseconds, for a whole handshake. */
  constructor(server: Tls.Server, timeout: number) {
    this.server = server
    this.timeout = timeout
    server.on("tlsClientError", (error, socket) => this.fail(socket, error))
    server.on("secureConnection", (socket) => this.finish(socket))
  }

  begin(arrivals: Arrivals, arrival: Arrival, done: Handshake["done"]): void {
    const { socket } = arrival
    if (socket.destroyed) return
    this.pending.set(socket, { arrivals, arrival, done })
    // The socket above closes right after this one, and may know better why.
    socket.on("close", () => setImmediate(() => this.pending.delete(socket)))
    this.server.emit("connection", socket)
  }

  private finish(socket: Tls.TLSSocket): void {
    const raw = this.below(socket)
    const handshake = raw && this.pending.get(raw)
    if (handshake === undefined) {
      socket.destroy()
      return
    }
    this.pending.delete(handshake.arrival.socket)
    handshake.done(socket, tlsDetails(socket, socket.servername))
  }

  /** That is told when it has closed, which is at once. */
  private fail(socket: Tls.TLSSocket, error: Error): void {
    const raw = this.below(socket)
    const handshake = raw && this.pending.get(raw)
    if (handshake !== undefined) {
      const { arrival, arrivals } = handshake
      // Set, despite its type, only where the peer's certificate was judged and found wanting.
      const verdict: unknown = socket.authorizationError
      const detail = verdict ? `client certificate: ${verdict}` : errorDetail(error)
      if (plainText.has(errorCode(error))) {
        arrivals.fail(
          arrival,
          "PlainText",
          `this looks like plain text, and only TLS is spoken here: ${detail}`
        )
      } else arrivals.fail(arrival, "Handshake", detail)
    }
    raw?.destroy()
    socket.destroy()
  }

  /** Node keeps the socket below in a property that it does not document; failing that, the peer's address tells. */
  private below(socket: Tls.TLSSocket): Net.Socket | undefined {
    if ("_parent" in socket && socket._parent instanceof Net.Socket) {
      return socket._parent
    }
    for (const raw of this.pending.keys()) {
      if (raw.remotePort === socket.remotePort && raw.remoteAddress === socket.remoteAddress) {
        return raw
      }
    }
    return undefined
  }
}
