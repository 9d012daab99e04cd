/**
 * From a socket that a listener has accepted to a wire: what stands before the first byte of the protocol.
 *
 * In order: the header of a proxy, then a look at the first byte where both TLS and plain text are spoken, then the
 * handshake. A peer that needs none of these is a wire at once.
 */
import type * as Net from "node:net"
import type { Acceptor, Address, TlsDetails } from "../../Transport.ts"
import { type Arrival, Arrivals } from "./arrivals.ts"
import { DescriptorGuard } from "./descriptors.ts"
import { takeFirst } from "./firstBytes.ts"
import type { NodeWire } from "./nodeWire.ts"
import { Preamble } from "./preamble.ts"
import { type ProxyPlan, readProxyHeader } from "./proxyHeader.ts"
import type { TlsHandshakes } from "./tlsHandshakes.ts"

/** Where the wire goes, and what is known of its peer. */
export interface Ends {
  readonly remoteAddress?: Address | undefined
  /** The socket above, once TLS is on. */
  readonly above?: Net.Socket | undefined
  readonly tls?: TlsDetails | undefined
}

/** What a listener does before the first byte. */
export interface ReceptionPlan {
  readonly makeWire: (socket: Net.Socket, ends: Ends) => NodeWire
  /** The address of every peer, where the socket has none. */
  readonly address?: Address | undefined
  readonly proxy?: ProxyPlan | undefined
  readonly tls?: TlsStage | undefined
  /** Plain text beside TLS: how long to wait for the first byte, in milliseconds, and what of a peer that says nothing. */
  readonly plain?: { readonly timeout: number; readonly silent: "close" | "plain" } | undefined
  /** A ClientHello on a wire of plain text closes it. */
  readonly refusesTls: boolean
}

/** The handshakes of a listener. */
export interface TlsStage {
  /** For a whole one, in milliseconds. */
  readonly timeout: number
  readonly handshakes: TlsHandshakes
}

/** The first byte of a TLS record that begins a handshake (RFC 8446, section 5.1). */
const handshakeRecord = 0x16

const noEnds: Ends = {}

export class Reception {
  private readonly plan: ReceptionPlan
  private readonly acceptor: Acceptor
  private readonly arrivals: Arrivals
  private readonly guard: DescriptorGuard

  constructor(acceptor: Acceptor, plan: ReceptionPlan) {
    this.acceptor = acceptor
    this.plan = plan
    this.arrivals = new Arrivals(acceptor)
    const { proxy, tls } = plan
    const atOnce = proxy === undefined && tls === undefined
    this.guard = new DescriptorGuard(
      acceptor,
      atOnce
        ? (socket) => this.deliver(plan.makeWire(socket, noEnds), false)
        : (socket) => this.receive(socket)
    )
  }

  /** Whether somebody is here who is no connection yet. */
  get busy(): boolean {
    return this.guard.busy || this.arrivals.size > 0
  }

  /** The server has accepted somebody; the socket is paused. */
  arrive(socket: Net.Socket): void {
    this.guard.arrive(socket)
  }

  /** The listener is gone, and with it whoever is no connection yet. */
  close(): void {
    this.guard.close()
    this.arrivals.abandon()
    this.plan.tls?.handshakes.close()
  }

  private receive(socket: Net.Socket): void {
    const arrival = this.arrivals.begin(socket, this.plan.address)
    if (arrival === undefined) return
    const { proxy } = this.plan
    if (proxy === undefined) this.secure(arrival, false)
    else readProxyHeader(proxy, this.arrivals, arrival, (...read) => this.secure(...read))
  }

  private secure(arrival: Arrival, refusesHeader: boolean): void {
    const { plain, tls } = this.plan
    if (tls === undefined) this.deliverPlain(arrival, refusesHeader)
    else if (plain === undefined) this.handshake(arrival, tls)
    else this.choose(arrival, refusesHeader, tls, plain)
  }

  /** TLS or plain text, by the first byte. */
  private choose(
    arrival: Arrival,
    refusesHeader: boolean,
    tls: TlsStage,
    plain: NonNullable<ReceptionPlan["plain"]>
  ): void {
    const { arrivals } = this
    let secure = false
    arrivals.expect(arrival, "Unknown", "closed before its first byte")
    const stop = takeFirst(arrival.socket, {
      look: (bytes) => {
        secure = bytes[0] === handshakeRecord
        return 0
      },
      taken: () => {
        if (secure) this.handshake(arrival, tls)
        else this.deliverPlain(arrival, refusesHeader)
      },
      ended: () => arrivals.leave(arrival, "Unknown", "ended before its first byte")
    })
    const silent = () => {
      stop()
      this.deliverPlain(arrival, refusesHeader)
    }
    arrivals.limit(arrival, plain.timeout, "no first byte", plain.silent === "plain" ? silent : undefined)
  }

  private handshake(arrival: Arrival, tls: TlsStage): void {
    const { arrivals } = this
    arrivals.limit(arrival, tls.timeout, "no TLS handshake")
    arrivals.expect(arrival, "Handshake", "closed before the TLS handshake was through")
    tls.handshakes.begin(
      arrival.socket,
      (above, details) => {
        if (arrivals.finish(arrival)) this.deliver(this.wireOf(arrival, { above, tls: details }), false)
        else above.destroy()
      },
      ({ detail, kind }) => arrivals.fail(arrival, kind, detail)
    )
  }

  private deliverPlain(arrival: Arrival, refusesHeader: boolean): void {
    if (this.arrivals.finish(arrival)) this.deliver(this.wireOf(arrival, {}), refusesHeader)
  }

  private wireOf(arrival: Arrival, ends: Ends): NodeWire {
    const wire = this.plan.makeWire(arrival.socket, { ...ends, remoteAddress: arrival.address })
    wire.proxy = arrival.proxy
    return wire
  }

  private deliver(wire: NodeWire, refusesHeader: boolean): void {
    const { refusesTls } = this.plan
    if (wire.tls === undefined && (refusesTls || refusesHeader)) {
      wire.preamble = new Preamble(refusesTls, refusesHeader)
    }
    this.acceptor.onWire(wire)
  }
}
