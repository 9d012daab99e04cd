/** One peer of a datagram socket, as a wire. */
import type { FrameError } from "../../SluiceError.ts"
import type { Address, DatagramCause, TlsDetails, Wire, WireReceiver } from "../../Transport.ts"
import { forEachDatagram } from "../framing/datagram.ts"

/** The socket, where `Origin` is how it names a peer. */
export interface DatagramPort<Origin> {
  readonly localAddress: Address
  readonly addressOf: (origin: Origin) => Address
  /** Calls `sent` once and later, in the order of the calls, with the system's word for what went wrong. */
  readonly send: (bytes: Uint8Array, origin: Origin, sent: (error: string | undefined) => void) => void
}

/** What all peers of a socket share. */
export interface WireHost<Origin> {
  readonly port: DatagramPort<Origin>
  /** Datagrams that may wait for one connection. */
  readonly maxQueued: number
  /** Bytes that may go to a peer for each that it sent. */
  readonly amplification: number
  readonly now: () => number
  /** Room for so many bytes to wait, if there is any. */
  readonly reserve: (bytes: number) => boolean
  readonly release: (bytes: number) => void
  readonly dropped: (
    wire: DatagramWire<Origin>,
    cause: DatagramCause,
    bytes: number,
    detail: () => string
  ) => void
  /** Whether an error of sending ends the connection. */
  readonly fatal: (error: string) => boolean
  readonly onGone: (wire: DatagramWire<Origin>) => void
}

/** Bytes on their way to the system before `write` returns false. */
const highWaterMark = 65_536

/**
 * There is no connection, so there is no end of one either: `end` waits for what was written to be sent and closes,
 * both ways, and the peer's end is its silence, of which whoever counts the time tells by `expire`.
 */
export class DatagramWire<Origin> implements Wire {
  readonly remoteAddress: Address
  readonly tls: TlsDetails | undefined = undefined
  readonly origin: Origin
  /** When something came last, in milliseconds. */
  lastHeard: number
  private readonly host: WireHost<Origin>
  private receiver: WireReceiver | undefined = undefined
  private paused = false
  private queue: Array<Uint8Array> = []
  private pumping = false
  private received = 0
  private sent = 0
  /** Datagrams that were handed to the system, and those of them that it is done with. */
  private handed = 0
  private done = 0
  private underway = 0
  private wantsDrain = false
  private receipts: Array<{ readonly at: number; readonly written: () => void }> = []
  private current: Uint8Array | undefined = undefined
  private peerEnded = false
  private endTold = false
  private ended = false
  private gone = false
  private over = false
  private error: string | undefined = undefined

  constructor(host: WireHost<Origin>, origin: Origin) {
    this.host = host
    this.origin = origin
    this.remoteAddress = host.port.addressOf(origin)
    this.lastHeard = host.now()
  }

  get localAddress(): Address {
    return this.host.port.localAddress
  }

  get unsent(): number {
    return this.underway
  }

  attach(receiver: WireReceiver): void {
    this.receiver = receiver
    if (this.over) queueMicrotask(() => receiver.onClose(this.error))
    else this.schedulePump()
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.schedulePump()
  }

  /** A datagram came. */
  deliver(datagram: Uint8Array): void {
    if (this.gone) return
    this.lastHeard = this.host.now()
    this.received += datagram.length
    if (this.receiver !== undefined && !this.paused && !this.pumping && this.queue.length === 0) {
      this.handOver(this.receiver, datagram)
    } else if (this.queue.length >= this.host.maxQueued || !this.host.reserve(datagram.length)) {
      const detail = () => `${this.queue.length} wait for a connection that does not read`
      this.host.dropped(this, "slow", datagram.length, detail)
    } else {
      this.queue.push(datagram)
    }
  }

  /** Nothing came for so long that nothing is expected any more. */
  expire(): void {
    this.peerEnded = true
    this.schedulePump()
  }

  refuse(error: FrameError): void {
    this.host.dropped(this, "noFrame", this.current?.length ?? 0, () => error.message)
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    if (this.ended || this.gone) return false
    forEachDatagram(bytes, (datagram) => this.send(datagram))
    if (written !== undefined) this.onceDone(written)
    this.wantsDrain ||= this.underway > highWaterMark
    return !this.wantsDrain
  }

  end(): void {
    if (this.ended || this.gone) return
    this.ended = true
    this.onceDone(() => this.finish(undefined, true))
  }

  reset(): void {
    this.finish(undefined, false)
  }

  destroy(): void {
    this.finish(undefined, false)
  }

  /** Ends, because of `error` where there is one. An orderly end tells that of the peer's side, too. */
  finish(error: string | undefined, orderly: boolean): void {
    if (this.gone) return
    this.gone = true
    this.error = error
    for (const { length } of this.queue) this.host.release(length)
    this.queue = []
    this.receipts = []
    this.host.onGone(this)
    queueMicrotask(() => {
      this.over = true
      const { receiver } = this
      if (orderly && !this.endTold) receiver?.onEnd()
      receiver?.onClose(error)
    })
  }

  private send(datagram: Uint8Array): void {
    const { length } = datagram
    if (this.sent + length > this.host.amplification * this.received) {
      const detail = () =>
        `${this.sent} bytes went to a peer that sent ${this.received}; see \`amplification\``
      this.host.dropped(this, "amplification", length, detail)
      return
    }
    this.sent += length
    this.handed++
    this.underway += length
    this.host.port.send(datagram, this.origin, (error) => this.wasSent(length, error))
  }

  private wasSent(length: number, error: string | undefined): void {
    this.done++
    this.underway -= length
    if (this.gone) return
    if (error !== undefined) {
      if (this.host.fatal(error)) {
        this.finish(error, false)
        return
      }
      this.host.dropped(this, "unsendable", length, () => error)
    }
    while ((this.receipts[0]?.at ?? Number.POSITIVE_INFINITY) <= this.done) this.receipts.shift()?.written()
    if (this.wantsDrain && this.underway <= highWaterMark / 2 && !this.ended) {
      this.wantsDrain = false
      this.receiver?.onDrain()
    }
  }

  /** Calls back, later, once the system has all that was written. */
  private onceDone(written: () => void): void {
    if (this.done < this.handed) {
      this.receipts.push({ at: this.handed, written })
      return
    }
    queueMicrotask(() => {
      if (!this.gone) written()
    })
  }

  private handOver(receiver: WireReceiver, datagram: Uint8Array): void {
    this.current = datagram
    receiver.onData(datagram)
    this.current = undefined
  }

  private schedulePump(): void {
    if (this.pumping) return
    this.pumping = true
    queueMicrotask(() => {
      this.pumping = false
      this.pump()
    })
  }

  private pump(): void {
    const { receiver } = this
    if (receiver === undefined) return
    while (!this.gone && !this.paused) {
      const datagram = this.queue.shift()
      if (datagram === undefined) break
      this.host.release(datagram.length)
      this.handOver(receiver, datagram)
    }
    if (this.gone || this.paused || !this.peerEnded || this.endTold) return
    this.endTold = true
    receiver.onEnd()
  }
}
