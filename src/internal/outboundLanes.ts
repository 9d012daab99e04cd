/** What waits for the wire of one connection, and how it leaves. */
import { ByteWriter, recycle } from "../ByteWriter.ts"
import type { Framing } from "../Framing.ts"
import type { Wire } from "../Transport.ts"
import { emptyBytes } from "./bytes.ts"
import { flushSoon, flushTogether } from "./flushSoon.ts"
import type { FrameLane } from "./frameLane.ts"
import { type FastEncoding, fastEncodingOf } from "./framing/fastEncoding.ts"
import type { OutboundHost } from "./outboundHost.ts"
import type { SharedFrames } from "./sharedFrames.ts"

/**
 * A control lane, which goes first, and a data lane, each one buffer of encoded frames that leaves in one write.
 *
 * While a reader's turn lasts (`cork`) or until the end of the microtask, frames only collect; then `flush` hands
 * all of them to the wire at once. The wire says when it has enough; until it drains, nothing more is handed over.
 *
 * One buffer knows no messages. From one that a policy may drop or replace later until the next flush, frames wait
 * apart, in a lane behind that buffer.
 *
 * What many peers get is not copied into the buffer of each of them, as long as nothing else waits here.
 */
export abstract class OutboundLanes {
  /** Data messages waiting here; control frames do not count. */
  messages = 0
  /** Data messages handed to the wire since the beginning. */
  messagesWritten = 0
  /** Bytes handed to the wire since the beginning. */
  bytesWritten = 0
  /** True from a write that filled the wire until it drained. */
  blocked = false
  /** Data messages that still waited here when the wire broke; undefined where there were none. */
  abandoned: number | undefined

  protected readonly wire: Wire
  protected framing: Framing
  protected fast: FastEncoding
  protected readonly maxMessages: number
  protected readonly maxBytes: number
  protected readonly host: OutboundHost
  protected readonly data = new ByteWriter(true)
  protected control: ByteWriter | undefined
  /** Holds something whenever it is there. */
  protected lane: FrameLane | undefined
  /** All that the data lane holds, whenever it is there. */
  protected sharedFrames: SharedFrames | undefined
  protected undrained = 0
  protected corks = 0
  private scheduled: "not" | "soon" | "together" = "not"
  protected closed = false
  protected senders: Array<() => void> = none
  protected receipts: Array<() => void> = none
  protected wakeWriter: (() => void) | undefined
  /** A writer fiber was asked for, or is not needed any more. */
  private hasWriter = false

  constructor(
    wire: Wire,
    framing: Framing,
    limits: { readonly maxMessages: number; readonly maxBytes: number },
    host: OutboundHost
  ) {
    this.wire = wire
    this.framing = framing
    this.fast = fastEncodingOf(framing)
    this.maxMessages = limits.maxMessages
    this.maxBytes = limits.maxBytes
    this.host = host
  }

  /** Bytes of control frames waiting here. */
  get controlBytes(): number {
    return this.control?.length ?? 0
  }

  /** Bytes waiting here. */
  get waitingBytes(): number {
    return this.dataBytes + (this.control?.length ?? 0)
  }

  /** Bytes waiting here, and those that the wire took without draining. */
  get bytes(): number {
    return this.waitingBytes + this.undrained
  }

  /** Bytes that stay beyond this turn, for the wire takes no more. */
  get held(): number {
    return this.blocked ? this.bytes : 0
  }

  get full(): boolean {
    return this.messages >= this.maxMessages || this.bytesFull
  }

  /** Whether the mark in bytes is reached. A batch that was begun below the mark in messages only minds this one. */
  get bytesFull(): boolean {
    return this.dataBytes + this.undrained >= this.maxBytes
  }

  protected get dataBytes(): number {
    if (this.sharedFrames !== undefined) return this.sharedFrames.length
    return this.lane === undefined ? this.data.length : this.data.length + this.lane.bytes
  }

  /** Offers collect until `uncork`. */
  cork(): void {
    this.corks++
  }

  /** The end of a turn: what it offered leaves in one write. */
  uncork(): void {
    this.corks--
    if (this.corks === 0) this.flush()
  }

  /** Hands everything that waits to the wire in one write, control lane first, unless the wire is full. */
  flush(): void {
    if (this.blocked) return
    const control = this.control
    if (control !== undefined) {
      this.control = undefined
      this.write(control.take())
      if (this.blocked) return
    }
    const { sharedFrames } = this
    if (sharedFrames !== undefined) {
      this.sharedFrames = undefined
      this.messagesWritten += this.messages
      this.messages = 0
      if (this.hand(sharedFrames.bytes)) this.wakeSenders()
      return
    }
    if (this.lane !== undefined) {
      this.lane.drainTo(this.data)
      this.lane = undefined
    }
    if (this.data.length === 0) return
    this.messagesWritten += this.messages
    this.messages = 0
    this.write(this.data.take())
    if (!this.blocked) this.wakeSenders()
  }

  /** Other frames come behind those that are shared. */
  protected unshare(): void {
    if (this.sharedFrames === undefined) return
    this.data.writeBytes(this.sharedFrames.bytes)
    this.sharedFrames = undefined
  }

  /** From now on offers are of another framing. What waits keeps its form and leaves before all that comes. */
  enter(framing: Framing): void {
    this.seal()
    this.framing = framing
    this.fast = fastEncodingOf(framing)
    this.wakeSenders()
  }

  /**
   * Hands all that waits to the wire, however much that has already, and then nothing more until `drained`. Calls back
   * once the kernel has all of it.
   */
  hold(written: () => void): void {
    this.seal()
    const bytes = this.control?.take() ?? emptyBytes
    this.control = undefined
    if (this.receipts === none) this.receipts = []
    this.receipts.push(written)
    this.write(bytes)
    if (this.blocked) return
    this.blocked = true
    this.host.outboundBlocked()
    this.needWriter()
  }

  /** What waits in either lane goes first and in its order, ahead of control frames that come later too. */
  protected seal(): void {
    this.unshare()
    this.lane?.drainTo(this.data)
    this.lane = undefined
    if (this.data.length === 0) return
    this.control ??= new ByteWriter()
    const bytes = this.data.take()
    this.control.writeBytes(bytes)
    recycle(bytes)
    this.messagesWritten += this.messages
    this.messages = 0
  }

  /** The wire has room again. */
  drained(): void {
    this.blocked = false
    this.undrained = 0
    this.flush()
    this.wakeSenders()
    this.wakeWriter?.()
  }

  /** Takes no more. What waits can still be flushed; suspended senders are let on to find it closed. */
  close(): void {
    if (this.closed) return
    this.closed = true
    const senders = this.senders
    this.senders = none
    for (const wake of senders) wake()
    if (this.hasWriter) {
      this.wakeWriter?.()
      return
    }
    // Mostly there is nothing left to wait for.
    if (!this.blocked) this.flush()
    if (this.finished) {
      this.hasWriter = true
      this.host.outboundEnded()
    } else {
      this.needWriter()
    }
  }

  /** The wire is gone: drops what waits, lets the writer finish and suspended senders find the queue closed. */
  abandon(): void {
    if (this.messages > 0) this.abandoned = this.messages
    recycle(this.data.take())
    this.lane = undefined
    this.sharedFrames = undefined
    this.control = undefined
    this.messages = 0
    this.undrained = 0
    this.blocked = false
    this.close()
    this.wakeWriter?.()
  }

  /** Whether the writer has nothing left to do. */
  get finished(): boolean {
    return this.closed && this.bytes === 0
  }

  /** Hands over a buffer of its own, which goes to the next batch once the kernel has it. */
  private write(bytes: Uint8Array): void {
    // Mostly the kernel took it all within the call.
    if (this.hand(bytes) && this.wire.unsent === 0) recycle(bytes)
  }

  /** Hands bytes over; says whether the wire takes more. */
  private hand(bytes: Uint8Array): boolean {
    this.bytesWritten += bytes.length
    this.host.written()
    if (this.wire.write(bytes, this.receipts === none ? undefined : this.takeReceipts())) return true
    this.blocked = true
    this.undrained = bytes.length
    this.host.outboundBlocked()
    this.needWriter()
    return false
  }

  private takeReceipts(): (() => void) | undefined {
    // Receipts are for data, which still waits while the control lane goes first.
    if (this.dataBytes > 0) return undefined
    const { receipts } = this
    this.receipts = none
    return () => {
      for (const receipt of receipts) receipt()
    }
  }

  private needWriter(): void {
    if (this.hasWriter) return
    this.hasWriter = true
    this.host.startWriter()
  }

  // Outside a reader's turn what was offered leaves at the end of the microtask, in one write.
  protected schedule(): void {
    if (this.corks > 0) return
    if (this.blocked) this.host.account()
    if (this.scheduled === "soon") return
    this.scheduled = "soon"
    flushSoon(this)
  }

  // The same for what others get, too, and which may therefore leave a little later.
  protected scheduleShared(): void {
    if (this.corks > 0) return
    if (this.blocked) this.host.account()
    if (this.scheduled !== "not") return
    this.scheduled = "together"
    flushTogether(this)
  }

  /** The end of the microtask. The writer fiber is needed only for what comes behind: the end of our side. */
  flushNow(): void {
    this.scheduled = "not"
    this.flush()
    if (this.closed && !this.blocked) this.wakeWriter?.()
  }

  protected wakeSenders(): void {
    while (this.senders.length > 0 && !this.full) this.senders.shift()!()
  }
}

// Shared by all empty queues, so that an idle connection holds no arrays. Never written to.
export const none: Array<never> = []
