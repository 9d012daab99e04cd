/** The peers of a socket that listens for datagrams: an address is a peer from its first datagram to its silence. */
import { FrameCorrupted } from "../../SluiceError.ts"
import type { Acceptor, Address, DatagramCause } from "../../Transport.ts"
import { RateTable } from "../rateTable.ts"
import { type DatagramPort, DatagramWire, type WireHost } from "./datagramWire.ts"
import { Losses } from "./losses.ts"

/** How many peers there may be, and for how long. Times in milliseconds. */
export interface PeerLimits {
  readonly maxDatagram: number
  readonly maxPeers: number
  readonly newPeersPerSecond: number
  readonly idleTimeout: number
  readonly amplification: number
  readonly maxQueued: number
  readonly maxQueuedBytes: number
}

/** What tells the time. */
export interface Timing {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
  /** Does `work` after so many milliseconds; the result calls it off. */
  readonly after: (milliseconds: number, work: () => void) => () => void
}

/** How often, within an idle timeout, one looks for those who are silent. */
const looksPerTimeout = 8

export class Peers<Origin> {
  private readonly limits: PeerLimits
  private readonly timing: Timing
  private readonly onEmpty: () => void
  private readonly host: WireHost<Origin>
  private readonly losses: Losses
  /** Those from whom something may come. */
  private readonly byKey = new Map<string, DatagramWire<Origin>>()
  /** All, those who have gone silent and are still being answered included. */
  private readonly live = new Map<DatagramWire<Origin>, string>()
  private readonly newPeers: RateTable<string> | undefined
  private queuedBytes = 0
  private acceptor: Acceptor | undefined
  /** Whom to tell of what was dropped, after the closing too. */
  private lastAcceptor: Acceptor | undefined
  private cancelLook: (() => void) | undefined

  /** `onEmpty` is called when the last peer is gone and nobody new is taken. */
  constructor(port: DatagramPort<Origin>, limits: PeerLimits, timing: Timing, onEmpty: () => void) {
    const rate = limits.newPeersPerSecond
    this.limits = limits
    this.timing = timing
    this.onEmpty = onEmpty
    this.newPeers = Number.isFinite(rate) ? new RateTable({ perMilli: rate / 1000, burst: rate }) : undefined
    this.losses = new Losses(timing.after, (dropped) => this.lastAcceptor?.onDropped?.(dropped))
    this.host = {
      port,
      maxQueued: limits.maxQueued,
      amplification: limits.amplification,
      now: timing.now,
      reserve: (bytes) => this.reserve(bytes),
      release: (bytes) => {
        this.queuedBytes -= bytes
      },
      dropped: (wire, cause, bytes, detail) =>
        this.losses.add(cause, () => wire.remoteAddress, bytes, detail),
      fatal: () => false,
      onGone: (wire) => this.forget(wire)
    }
  }

  get size(): number {
    return this.live.size
  }

  /** Bytes that wait for connections which do not read. */
  get queued(): number {
    return this.queuedBytes
  }

  /** From now on peers are taken. */
  open(acceptor: Acceptor): void {
    this.acceptor = acceptor
    this.lastAcceptor = acceptor
  }

  /** From now on none are. Those who are here stay. */
  close(): void {
    this.acceptor = undefined
    if (this.live.size === 0) this.empty()
  }

  /** A datagram came. `key` is the same for all of a peer, and of nobody else's. */
  receive(datagram: Uint8Array, key: string, origin: Origin): void {
    const { limits } = this
    const { length } = datagram
    const wire = this.byKey.get(key)
    if (length > limits.maxDatagram) {
      if (wire !== undefined || this.acceptor !== undefined) {
        this.lose("tooLong", origin, length, () => `${length} bytes, of ${limits.maxDatagram} allowed`)
      }
    } else if (wire === undefined) {
      if (this.acceptor !== undefined) this.arrive(this.acceptor, datagram, key, origin)
    } else {
      wire.deliver(datagram)
    }
  }

  /** Somebody new. */
  private arrive(acceptor: Acceptor, datagram: Uint8Array, key: string, origin: Origin): void {
    const { maxPeers, newPeersPerSecond } = this.limits
    const { length } = datagram
    if (this.live.size >= maxPeers) {
      this.lose("peers", origin, length, () => `there are ${maxPeers} peers`)
    } else if (acceptor.holdsFrame?.(datagram) === false) {
      this.lose("noFrame", origin, length, () => firstWord.message)
    } else if (this.newPeers?.take("all", this.timing.now()) === false) {
      this.lose("newPeers", origin, length, () => `more than ${newPeersPerSecond} new peers a second`)
    } else {
      const wire = new DatagramWire(this.host, origin)
      this.byKey.set(key, wire)
      this.live.set(wire, key)
      // Waits in the wire until somebody attaches.
      wire.deliver(datagram)
      this.lookAfter(this.limits.idleTimeout)
      acceptor.onWire(wire)
    }
  }

  private lose(cause: DatagramCause, origin: Origin, bytes: number, detail: () => string): void {
    this.losses.add(cause, (): Address => this.host.port.addressOf(origin), bytes, detail)
  }

  private reserve(bytes: number): boolean {
    if (this.queuedBytes + bytes > this.limits.maxQueuedBytes) return false
    this.queuedBytes += bytes
    return true
  }

  private forget(wire: DatagramWire<Origin>): void {
    const key = this.live.get(wire)
    this.live.delete(wire)
    if (key !== undefined && this.byKey.get(key) === wire) this.byKey.delete(key)
    if (this.live.size > 0) return
    this.cancelLook?.()
    this.cancelLook = undefined
    if (this.acceptor === undefined) this.empty()
  }

  private empty(): void {
    this.losses.flush()
    this.onEmpty()
  }

  private lookAfter(milliseconds: number): void {
    this.cancelLook ??= this.timing.after(milliseconds, () => {
      this.cancelLook = undefined
      this.look()
    })
  }

  /** Who was silent for too long has ended; whoever writes from there later is somebody new. */
  private look(): void {
    const { idleTimeout } = this.limits
    const now = this.timing.now()
    let next = Number.POSITIVE_INFINITY
    for (const [key, wire] of this.byKey) {
      const due = wire.lastHeard + idleTimeout
      if (due > now) {
        next = Math.min(next, due)
      } else {
        this.byKey.delete(key)
        wire.expire()
      }
    }
    if (next < Number.POSITIVE_INFINITY) this.lookAfter(Math.max(next - now, idleTimeout / looksPerTimeout))
  }
}

const firstWord = new FrameCorrupted({ detail: "the first datagram of a peer is not whole frames" })
