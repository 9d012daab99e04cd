/** The bounded queue between senders and the wire: a control lane and a data lane of encoded frames. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { ByteWriter, recycle } from "../ByteWriter.ts"
import type { Framing } from "../Framing.ts"
import type { PayloadError } from "../SluiceError.ts"
import type { Wire } from "../Transport.ts"
import { emptyBytes } from "./bytes.ts"
import { flushSoon } from "./flushSoon.ts"
import { FrameLane, shareFrom } from "./frameLane.ts"
import type { Offer, OutboundHost } from "./outboundHost.ts"

/**
 * Frames are encoded as they are offered, straight into one buffer, and leave in one write.
 *
 * While a reader's turn lasts (`cork`) or until the end of the microtask, offers only collect; then `flush` hands
 * all of them to the wire at once. The wire says when it has enough; until it drains, nothing more is handed over
 * and the queue fills. Full means `maxMessages` or `maxBytes` wait, bytes that the wire holds undrained included.
 *
 * One buffer knows no messages. From one that a policy may drop or replace later until the next flush, frames wait
 * apart, in a lane behind that buffer.
 */
export class OutboundQueue {
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

  private readonly wire: Wire
  private framing: Framing
  private readonly maxMessages: number
  private readonly maxBytes: number
  private readonly host: OutboundHost
  private readonly data = new ByteWriter(true)
  private control: ByteWriter | undefined
  /** Holds something whenever it is there. */
  private lane: FrameLane | undefined
  private undrained = 0
  private corks = 0
  private scheduled = false
  private closed = false
  private senders: Array<() => void> = none
  private receipts: Array<() => void> = none
  private wakeWriter: (() => void) | undefined

  constructor(
    wire: Wire,
    framing: Framing,
    limits: { readonly maxMessages: number; readonly maxBytes: number },
    host: OutboundHost
  ) {
    this.wire = wire
    this.framing = framing
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

  /** Whether nothing waits, neither here nor undrained in the wire, and no sender is suspended. */
  get idle(): boolean {
    return this.bytes === 0 && this.senders.length === 0
  }

  get full(): boolean {
    return this.messages >= this.maxMessages || this.bytesFull
  }

  /** Whether the mark in bytes is reached. A batch that was begun below the mark in messages only minds this one. */
  get bytesFull(): boolean {
    return this.dataBytes + this.undrained >= this.maxBytes
  }

  private get dataBytes(): number {
    return this.lane === undefined ? this.data.length : this.data.length + this.lane.bytes
  }

  /**
   * Appends the frame of `payload` to the data lane. `admitted` says that the sender has had its turn already, as
   * one that waited for room or the rest of a batch has: it does not queue up again and only minds the mark in bytes.
   */
  offer(payload: Uint8Array, admitted = false): Offer {
    if (this.closed) return "closed"
    if (!admitted && this.senders.length > 0) return "full"
    if (admitted ? this.bytesFull : this.full) {
      // What waits may only be waiting for the end of this turn.
      this.flush()
      if (admitted ? this.bytesFull : this.full) return "full"
    }
    const error = this.append(payload)
    if (error !== undefined) return error
    this.messages++
    this.schedule()
    return "queued"
  }

  /**
   * Appends the frames of a batch from index `from` on, and returns the index of the first that it did not: nobody wants
   * it any more where the queue is closed, and else `offer` tells what is the matter with it.
   */
  offerAll(payloads: ReadonlyArray<Uint8Array>, from: number, admitted: boolean): number {
    const { encodeAll } = this.framing
    if (encodeAll === undefined || this.closed || this.lane !== undefined) return from
    if (!admitted && (this.senders.length > 0 || this.full)) return from
    const next = encodeAll(payloads, from, this.maxBytes - this.undrained, this.data)
    if (next > from) {
      this.messages += next - from
      this.schedule()
    }
    return next
  }

  /** Appends frames that were encoded elsewhere, for `count` messages; for broadcasts. */
  offerEncoded(frames: Uint8Array, count: number): Offer {
    if (this.closed) return "closed"
    if (this.senders.length > 0) return "full"
    if (this.full) {
      this.flush()
      if (this.full) return "full"
    }
    // A long one waits as it is, so that its bytes exist once however many peers stand still.
    if (frames.length >= shareFrom) this.lane ??= new FrameLane()
    if (this.lane === undefined) this.data.writeBytes(frames)
    else this.lane.push(frames)
    this.messages += count
    this.schedule()
    return "queued"
  }

  /** Appends a frame for which the oldest of its kind are dropped where there is no room, and which may be itself. */
  offerEvicting(frame: Uint8Array): "queued" | "closed" {
    if (this.closed) return "closed"
    if (this.full) this.flush()
    let dropped = 0
    let bytes = 0
    while (this.full) {
      const evicted = this.lane?.evict()
      if (evicted === undefined) break
      this.messages--
      dropped++
      bytes += evicted.length
    }
    this.lane ??= new FrameLane()
    this.lane.pushEvictable(frame)
    this.messages++
    this.schedule()
    if (dropped > 0) this.host.outboundDropped("DropOld", dropped, bytes)
    return "queued"
  }

  /** Puts a frame in the place of the one that waits under its key, or else appends it as `offer` does. */
  offerKeyed(key: unknown, frame: Uint8Array, admitted: boolean): "queued" | "full" | "closed" {
    if (this.closed) return "closed"
    const old = this.lane?.get(key)
    if (this.lane !== undefined && old !== undefined) {
      const growth = frame.length - old.length
      // Replacing may not outgrow the queue either.
      if (growth > 0 && this.dataBytes + this.undrained + growth > this.maxBytes) return "full"
      this.lane.replace(key, frame)
      if (this.blocked) this.host.account()
      this.host.outboundDropped("Conflate", 1, old.length)
      return "queued"
    }
    if (!admitted && this.senders.length > 0) return "full"
    if (this.full) {
      this.flush()
      if (this.full) return "full"
    }
    this.lane ??= new FrameLane()
    this.lane.pushKeyed(key, frame)
    this.messages++
    this.schedule()
    return "queued"
  }

  /** The frame of `payload`, apart. */
  frame(payload: Uint8Array): Uint8Array | PayloadError {
    const writer = new ByteWriter()
    return this.framing.encode(payload, writer) ?? writer.take()
  }

  /** Appends the frame of `payload` however full the queue is and whoever waits, for a last word. */
  offerLast(payload: Uint8Array): Exclude<Offer, "full"> {
    if (this.closed) return "closed"
    const error = this.append(payload)
    if (error !== undefined) return error
    this.messages++
    this.schedule()
    return "queued"
  }

  /** Appends the frame of `payload` to the control lane, which overtakes all data and is never full. */
  offerControl(payload: Uint8Array): PayloadError | undefined {
    if (this.closed) return undefined
    this.control ??= new ByteWriter()
    const error = this.framing.encode(payload, this.control)
    if (error === undefined) this.schedule()
    return error
  }

  /** Calls back once the kernel has everything offered so far, and never if the wire breaks before. */
  onceWritten(receipt: () => void): void {
    if (this.dataBytes === 0) {
      this.wire.write(emptyBytes, receipt)
      return
    }
    if (this.receipts === none) this.receipts = []
    this.receipts.push(receipt)
  }

  /** Waits for its turn to offer again. Senders are let on in the order in which they came. */
  awaitRoom(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      // A fiber may have let others on since it found no room, and nobody wakes who was not there then.
      if (this.closed || (this.senders.length === 0 && !this.full)) return resume(Exit.void)
      const wake = () => resume(Exit.void)
      if (this.senders === none) this.senders = []
      this.senders.push(wake)
      return Effect.sync(() => {
        const index = this.senders.indexOf(wake)
        if (index >= 0) this.senders.splice(index, 1)
      })
    })
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

  /** From now on offers are of another framing. What waits keeps its form and leaves before all that comes. */
  enter(framing: Framing): void {
    this.seal()
    this.framing = framing
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
  }

  /** What waits in either lane goes first and in its order, ahead of control frames that come later too. */
  private seal(): void {
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
    this.wakeWriter?.()
  }

  /** The writer fiber's wait: until the wire has room again, or the queue is closed and can be finished. */
  awaitWork(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.closed && !this.blocked) return resume(Exit.void)
      this.wakeWriter = () => {
        this.wakeWriter = undefined
        resume(Exit.void)
      }
    })
  }

  /** The wire is gone: drops what waits, lets the writer finish and suspended senders find the queue closed. */
  abandon(): void {
    if (this.messages > 0) this.abandoned = this.messages
    recycle(this.data.take())
    this.lane = undefined
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

  private append(payload: Uint8Array): PayloadError | undefined {
    if (this.lane === undefined) return this.framing.encode(payload, this.data)
    const frame = this.frame(payload)
    if (!(frame instanceof Uint8Array)) return frame
    this.lane.push(frame)
    return undefined
  }

  private write(bytes: Uint8Array): void {
    this.bytesWritten += bytes.length
    this.host.written()
    // Receipts are for data, which still waits while the control lane goes first.
    const receipts = this.dataBytes === 0 ? this.receipts : none
    if (receipts !== none) this.receipts = none
    const written =
      receipts === none
        ? undefined
        : () => {
            for (const receipt of receipts) receipt()
          }
    if (!this.wire.write(bytes, written)) {
      this.blocked = true
      this.undrained = bytes.length
      this.host.outboundBlocked()
    } else if (this.wire.unsent === 0) {
      // The kernel took it all within the call.
      recycle(bytes)
    }
  }

  // Outside a reader's turn what was offered leaves at the end of the microtask, in one write.
  private schedule(): void {
    if (this.corks > 0) return
    if (this.blocked) this.host.account()
    if (this.scheduled) return
    this.scheduled = true
    flushSoon(this)
  }

  /** The end of the microtask. The writer fiber is needed only for what comes behind: the end of our side. */
  flushNow(): void {
    this.scheduled = false
    this.flush()
    if (this.closed && !this.blocked) this.wakeWriter?.()
  }

  private wakeSenders(): void {
    while (this.senders.length > 0 && !this.full) this.senders.shift()!()
  }
}

// Shared by all empty queues, so that an idle connection holds no arrays. Never written to.
const none: Array<never> = []
