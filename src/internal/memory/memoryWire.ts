/**
 * One end of a connection in memory.
 *
 * An end holds what is on its way to it: the inbox. Bytes leave it for the receiver once they are due, while
 * the end is attached and not paused.
 */

import type { Address, TlsDetails, Wire, WireReceiver } from "../../Transport.ts"
import { copyOf } from "../bytes.ts"
import type { SeededRandom } from "./random.ts"

/** What an end needs from the network it is part of. */
export interface MemoryHost {
  readonly window: number
  /** The longest piece that bytes are cut into; undefined leaves each write whole. */
  readonly maximumChunk: () => number | undefined
  /** While true, nothing arrives anywhere. */
  readonly stalled: () => boolean
  /** Milliseconds of the network's clock. */
  readonly now: () => number
  /** Does `work` in a turn of its own. */
  readonly later: (work: () => void) => void
  /** Does `work` after so many milliseconds; the result calls it off. */
  readonly after: (milliseconds: number, work: () => void) => () => void
  /** This end is gone. */
  readonly onGone: () => void
}

interface Parcel {
  /** Undefined for the end of the peer's side. */
  readonly bytes: Uint8Array | undefined
  readonly written: (() => void) | undefined
  readonly due: number
}

/** Useless until {@link MemoryWire.join} gave it its other end. */
export class MemoryWire implements Wire {
  readonly localAddress: Address
  readonly remoteAddress: Address
  readonly tls: TlsDetails | undefined = undefined
  private readonly host: MemoryHost
  private readonly random: SeededRandom
  /** How long what is written here takes to the peer, in milliseconds. */
  private readonly delay: () => number
  // Set by `join`, before anyone sees this end.
  private peer: MemoryWire = this

  private receiver: WireReceiver | undefined = undefined
  private paused = false
  private inbox: Array<Parcel> = []
  private inboxStart = 0
  private inboxOffset = 0
  private inboxBytes = 0
  private resetDue: number | undefined = undefined
  private pumping = false
  private wakeAt = 0
  private cancelWake: (() => void) | undefined = undefined
  private wantsDrain = false
  private ended = false
  private peerEnded = false
  private gone = false
  private error: string | undefined = undefined

  constructor(
    localAddress: Address,
    remoteAddress: Address,
    host: MemoryHost,
    random: SeededRandom,
    delay: () => number
  ) {
    this.localAddress = localAddress
    this.remoteAddress = remoteAddress
    this.host = host
    this.random = random
    this.delay = delay
  }

  /** Makes two ends one connection. */
  static join(one: MemoryWire, other: MemoryWire): void {
    one.peer = other
    other.peer = one
  }

  get unsent(): number {
    return this.peer.inboxBytes
  }

  attach(receiver: WireReceiver): void {
    this.receiver = receiver
    if (this.gone) {
      this.host.later(() => receiver.onClose(this.error))
    } else {
      this.schedulePump()
    }
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    if (this.paused) {
      this.paused = false
      this.schedulePump()
    }
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    if (this.ended || this.gone) {
      return false
    }
    const peer = this.peer
    if (peer.gone) {
      // Nobody is there any more, and the answer to bytes is a reset, once it has come all the way.
      this.acceptReset(this.host.now() + this.delay() + peer.delay())
      return false
    }
    // The receiver may keep its bytes, the writer may reuse its own.
    peer.accept({ bytes: copyOf(bytes), written, due: this.host.now() + this.delay() })
    if (peer.inboxBytes > this.host.window) {
      this.wantsDrain = true
      return false
    }
    return true
  }

  end(): void {
    if (!this.ended && !this.gone) {
      this.ended = true
      this.peer.accept({ bytes: undefined, written: undefined, due: this.host.now() + this.delay() })
      this.finishIfDone()
    }
  }

  reset(): void {
    if (!this.gone) {
      this.finish(undefined)
      this.peer.acceptReset(this.host.now() + this.delay())
    }
  }

  destroy(): void {
    if (this.gone) {
      return
    }
    const unread = this.inboxBytes > 0
    if (!unread) {
      this.end()
    }
    this.finish(undefined)
    if (unread) {
      // As the kernel has it: closing with unread bytes is a reset.
      this.peer.acceptReset(this.host.now() + this.delay())
    }
  }

  /** The link breaks, here at once. */
  break(error: string): void {
    this.host.later(() => this.finish(error))
  }

  /** Delivers what is due, in a turn of its own. */
  schedulePump(): void {
    if (!this.pumping && !this.gone) {
      this.pumping = true
      this.host.later(() => {
        this.pumping = false
        this.pump(this.host.now())
      })
    }
  }

  private accept(parcel: Parcel): void {
    if (!this.gone) {
      this.inbox.push(parcel)
      this.inboxBytes += parcel.bytes?.length ?? 0
      this.schedulePump()
    }
  }

  private acceptReset(due: number): void {
    if (!this.gone) {
      this.resetDue ??= due
      this.schedulePump()
    }
  }

  private pump(now: number): void {
    while (!this.gone && !this.host.stalled()) {
      if (this.resetDue !== undefined && this.resetDue <= now) {
        this.finish("ECONNRESET")
        return
      }
      const parcel = this.inbox[this.inboxStart]
      const readable = this.receiver !== undefined && !this.paused
      if (parcel === undefined || !readable || parcel.due > now) {
        this.sleepUntil(Math.min(readable && parcel ? parcel.due : Infinity, this.resetDue ?? Infinity), now)
        return
      }
      this.deliver(parcel, this.receiver)
    }
  }

  private deliver(parcel: Parcel, receiver: WireReceiver | undefined): void {
    const { bytes } = parcel
    if (bytes === undefined) {
      this.shift()
      this.peerEnded = true
      receiver?.onEnd()
      this.finishIfDone()
      return
    }
    const rest = bytes.length - this.inboxOffset
    const maximum = this.host.maximumChunk()
    const size = maximum === undefined ? rest : Math.min(rest, this.random.between(1, maximum))
    const chunk = size === bytes.length ? bytes : bytes.subarray(this.inboxOffset, this.inboxOffset + size)
    this.inboxOffset += size
    this.inboxBytes -= size
    const whole = size === rest
    if (whole) {
      this.shift()
    }
    if (size > 0) {
      receiver?.onData(chunk)
    }
    this.peer.handleTaken(whole ? parcel.written : undefined)
  }

  private shift(): void {
    this.inboxOffset = 0
    this.inboxStart++
    if (this.inboxStart > 1024 || this.inboxStart === this.inbox.length) {
      this.inbox.splice(0, this.inboxStart)
      this.inboxStart = 0
    }
  }

  /** The peer took bytes of ours. Told in a turn of its own, for the peer is in the midst of its own work. */
  private handleTaken(written: (() => void) | undefined): void {
    const drained = this.wantsDrain && this.peer.inboxBytes <= this.host.window / 2
    if (drained) {
      this.wantsDrain = false
    }
    if (this.gone || !(drained || written !== undefined || this.ended)) {
      return
    }
    this.host.later(() => {
      if (this.gone) {
        return
      }
      written?.()
      if (drained && !this.ended) {
        this.receiver?.onDrain()
      }
      this.finishIfDone()
    })
  }

  /** Both sides have ended, and the network holds what is left of ours. */
  private finishIfDone(): void {
    if (this.ended && this.peerEnded && (this.peer.gone || this.peer.inboxBytes <= this.host.window)) {
      this.finish(undefined)
    }
  }

  private finish(error: string | undefined): void {
    if (this.gone) {
      return
    }
    this.gone = true
    this.error = error
    this.inbox = []
    this.inboxStart = 0
    this.inboxBytes = 0
    this.cancelWake?.()
    this.cancelWake = undefined
    this.host.onGone()
    const receiver = this.receiver
    if (receiver !== undefined) {
      this.host.later(() => receiver.onClose(error))
    }
  }

  private sleepUntil(time: number, now: number): void {
    if (this.cancelWake !== undefined) {
      if (this.wakeAt === time) {
        return
      }
      this.cancelWake()
      this.cancelWake = undefined
    }
    if (time !== Infinity) {
      this.wakeAt = time
      this.cancelWake = this.host.after(time - now, () => {
        this.cancelWake = undefined
        // Clocks may round; this moment counts as the one that was waited for.
        this.pump(Math.max(time, this.host.now()))
      })
    }
  }
}
