/**
 * The peers of a TLS listener that are not through their handshake yet.
 */
import * as Net from "node:net"
import type * as Tls from "node:tls"
import type { Acceptor, Address } from "../../Transport.ts"
import { tcpAddress } from "./nodeAddress.ts"
import { errorDetail } from "./nodeError.ts"

interface Handshake {
  readonly address: Address
  readonly deadline: NodeJS.Timeout
  detail: string | undefined
}

/** Ends the slow ones, tells of the failed ones, each once. */
export class Handshakes {
  private readonly timeout: number
  private readonly acceptor: Acceptor
  /** By the socket below, which is there from the start. */
  private readonly pending = new Map<Net.Socket, Handshake>()

  /** `timeout` in milliseconds, for a whole handshake. */
  constructor(timeout: number, acceptor: Acceptor) {
    this.timeout = timeout
    this.acceptor = acceptor
  }

  /** How many are underway. */
  get size(): number {
    return this.pending.size
  }

  begin(raw: Net.Socket): void {
    const handshake: Handshake = {
      address: tcpAddress(raw.remoteAddress, raw.remotePort),
      detail: undefined,
      deadline: setTimeout(() => {
        handshake.detail = `no TLS handshake within ${this.timeout} ms`
        raw.destroy()
      }, this.timeout)
    }
    this.pending.set(raw, handshake)
    // The socket above tells of errors; this one must not bring the process down.
    raw.on("error", () => {})
    // The socket above closes right after this one, and may know better why.
    raw.on("close", () => setImmediate(() => this.report(raw)))
  }

  /** The handshake of `socket` failed. That is told when it has closed, which is at once. */
  fail(socket: Tls.TLSSocket, error: Error): void {
    const raw = this.below(socket)
    const handshake = raw && this.pending.get(raw)
    if (handshake !== undefined) {
      // Set, despite its type, only where the peer's certificate was judged and found wanting.
      const verdict: unknown = socket.authorizationError
      handshake.detail ??= verdict ? `client certificate: ${verdict}` : errorDetail(error)
    }
    raw?.destroy()
    socket.destroy()
  }

  /** The socket below one that is through; undefined where it is gone already. */
  finish(socket: Tls.TLSSocket): Net.Socket | undefined {
    const raw = this.below(socket)
    if (raw === undefined || !this.forget(raw)) {
      socket.destroy()
      return undefined
    }
    return raw
  }

  /** Ends them all, without a word. */
  abandon(): void {
    for (const raw of this.pending.keys()) {
      this.forget(raw)
      raw.destroy()
    }
  }

  private report(raw: Net.Socket): void {
    const handshake = this.forget(raw)
    if (handshake !== undefined) {
      const { address, detail } = handshake
      this.acceptor.onError({ address, detail: detail ?? "closed before the TLS handshake was through" })
    }
  }

  private forget(raw: Net.Socket): Handshake | undefined {
    const handshake = this.pending.get(raw)
    clearTimeout(handshake?.deadline)
    this.pending.delete(raw)
    return handshake
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
