/**
 * The peers of a listener that are no connections yet: a PROXY header, a first byte or a handshake is still to come.
 */
import type * as Net from "node:net"
import type { AcceptFailure, Acceptor, Address, ProxiedBy } from "../../Transport.ts"
import { tcpAddress } from "./nodeAddress.ts"

/** What became of an arrival that is no connection. */
interface Failure {
  readonly kind: AcceptFailure
  readonly detail: string
}

/** One of them. */
export class Arrival {
  readonly socket: Net.Socket
  /** Where the peer is: the proxy at first, and its client once that is known. */
  address: Address
  proxy: ProxiedBy | undefined
  /** What is told if it closes now. */
  failure: Failure = { kind: "Unknown", detail: "closed before it was a connection" }
  /** The first failure is the one that is told. */
  failed = false
  /** It is our doing. */
  refused = false
  deadline: NodeJS.Timeout | undefined
  readonly onClose: () => void

  constructor(socket: Net.Socket, address: Address, onClose: () => void) {
    this.socket = socket
    this.address = address
    this.onClose = onClose
  }
}

const ignoreError = (): void => {}

/** So many at a time. */
export const maximumArrivals = 4096

/** Ends the slow ones, tells of the failed ones, each once. */
export class Arrivals {
  private readonly acceptor: Acceptor
  private readonly maximum: number
  private readonly pending = new Map<Net.Socket, Arrival>()

  constructor(acceptor: Acceptor, maximum = maximumArrivals) {
    this.acceptor = acceptor
    this.maximum = maximum
  }

  /** How many there are. */
  get size(): number {
    return this.pending.size
  }

  /** One more, whose socket is paused; undefined where there is no room for it. */
  begin(socket: Net.Socket, unnamed?: Address): Arrival | undefined {
    const address = unnamed ?? tcpAddress(socket.remoteAddress, socket.remotePort)
    if (this.pending.size >= this.maximum) {
      socket.on("error", ignoreError)
      socket.destroy()
      const detail = `${this.maximum} peers before it are no connections yet`
      this.acceptor.onError({ address, kind: "TooMany", detail })
      return undefined
    }
    // A socket above may close right after this one, and know better why.
    const arrival = new Arrival(socket, address, () => setImmediate(() => this.report(socket)))
    this.pending.set(socket, arrival)
    socket.on("error", ignoreError)
    socket.on("close", arrival.onClose)
    return arrival
  }

  /** It has so many milliseconds from now; then it is closed, unless something else is told to happen. */
  limit(arrival: Arrival, milliseconds: number, detail: string, otherwise?: () => void): void {
    clearTimeout(arrival.deadline)
    arrival.deadline = setTimeout(
      otherwise ?? (() => this.refuse(arrival, "Timeout", `${detail} within ${milliseconds} ms`)),
      milliseconds
    )
  }

  /** What is told if it closes by itself from now on. */
  expect(arrival: Arrival, kind: AcceptFailure, detail: string): void {
    if (!arrival.failed) arrival.failure = { kind, detail }
  }

  /** Why it will not be a connection, where nothing was told before. */
  fail(arrival: Arrival, kind: AcceptFailure, detail: string): void {
    this.expect(arrival, kind, detail)
    arrival.failed = true
  }

  /** Closes it. That is told when it has closed, which is at once. */
  refuse(arrival: Arrival, kind: AcceptFailure, detail: string): void {
    arrival.refused ||= !arrival.failed
    this.leave(arrival, kind, detail)
  }

  /** The same for one that has given up itself. */
  leave(arrival: Arrival, kind: AcceptFailure, detail: string): void {
    this.fail(arrival, kind, detail)
    arrival.socket.destroy()
  }

  /** It is a connection from now on; false where it is gone already. */
  finish(arrival: Arrival): boolean {
    const { socket } = arrival
    // Of one that has broken meanwhile its close will tell.
    if (socket.destroyed || this.forget(socket) === undefined) return false
    socket.off("close", arrival.onClose)
    return true
  }

  /** Ends them all, without a word. */
  abandon(): void {
    for (const socket of this.pending.keys()) {
      this.forget(socket)
      socket.destroy()
    }
  }

  private report(socket: Net.Socket): void {
    const arrival = this.forget(socket)
    if (arrival === undefined) return
    const { address, failure, refused } = arrival
    // Whoever only looks whether somebody is here does that, and load balancers do it all the time.
    if (!refused && socket.bytesRead === 0) {
      this.acceptor.onError({ address, kind: "Gone", detail: "left without a word" })
    } else {
      this.acceptor.onError({ address, ...failure })
    }
  }

  private forget(socket: Net.Socket): Arrival | undefined {
    const arrival = this.pending.get(socket)
    clearTimeout(arrival?.deadline)
    this.pending.delete(socket)
    return arrival
  }
}
