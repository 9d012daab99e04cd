/** The bounded queue between senders and the wire. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { ByteWriter } from "../ByteWriter.ts"
import type { PayloadError } from "../SluiceError.ts"
import { emptyBytes } from "./bytes.ts"
import { FrameLane, shareFrom } from "./frameLane.ts"
import type { Offer } from "./outboundHost.ts"
import { none, OutboundLanes } from "./outboundLanes.ts"
import type { SharedFrames } from "./sharedFrames.ts"

/**
 * Frames are encoded as they are offered, straight into the buffer that leaves.
 *
 * The queue is full when `maxMessages` or `maxBytes` wait, bytes that the wire holds undrained included.
 */
export class OutboundQueue extends OutboundLanes {
  /** Whether nothing waits, neither here nor undrained in the wire, and no sender is suspended. */
  get idle(): boolean {
    return this.bytes === 0 && this.senders.length === 0
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
    const { encodeAll } = this.fast
    if (encodeAll === undefined || this.closed || this.lane !== undefined) return from
    if (!admitted && (this.senders.length > 0 || this.full)) return from
    this.unshare()
    const next = encodeAll(payloads, from, this.maxBytes - this.undrained, this.data)
    if (next > from) {
      this.messages += next - from
      this.schedule()
    }
    return next
  }

  /**
   * Appends the frame whose payload `write` writes, as `offer` does a payload that is there already. Undefined where
   * only a payload will do; where `write` takes a detour, that.
   */
  offerWritten<Message, Other extends object>(
    message: Message,
    write: (message: Message, out: ByteWriter) => Other | undefined,
    admitted: boolean
  ): Offer | Other | undefined {
    const { data, lane } = this
    const { inPlace } = this.fast
    if (inPlace === undefined || lane !== undefined || (!admitted && this.senders.length > 0))
      return undefined
    if (this.closed || (admitted ? this.bytesFull : this.full)) return undefined
    this.unshare()
    const start = data.length
    let error: Other | PayloadError | undefined
    let done = false
    try {
      inPlace.open(data)
      error = write(message, data) ?? inPlace.close(data, start)
      done = error === undefined
    } finally {
      if (!done) data.truncate(start)
    }
    if (error !== undefined) return error
    this.messages++
    this.schedule()
    return "queued"
  }

  /** Appends the frame of a message that others get, too. */
  offerShared(one: SharedFrames): Exclude<Offer, object> {
    if (this.closed) return "closed"
    if (this.senders.length > 0) return "full"
    // Mostly nothing waits, and then there is room.
    if (this.messages === 0 && !this.blocked) {
      this.sharedFrames = one
    } else {
      if (this.full) {
        this.flush()
        if (this.full) return "full"
      }
      this.appendShared(one)
    }
    this.messages++
    this.scheduleShared()
    return "queued"
  }

  private appendShared(one: SharedFrames): void {
    if (!this.blocked && this.dataBytes === (this.sharedFrames?.length ?? 0)) {
      this.sharedFrames = this.sharedFrames?.followedBy(one) ?? one
      return
    }
    this.unshare()
    // A long one waits as it is, so that its bytes exist once however many peers stand still.
    if (one.length >= shareFrom) this.lane ??= new FrameLane()
    if (this.lane === undefined) this.data.writeBytes(one.bytes)
    else this.lane.push(one.bytes)
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
    this.unshare()
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
    this.unshare()
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

  private append(payload: Uint8Array): PayloadError | undefined {
    this.unshare()
    if (this.lane === undefined) return this.framing.encode(payload, this.data)
    const frame = this.frame(payload)
    if (!(frame instanceof Uint8Array)) return frame
    this.lane.push(frame)
    return undefined
  }
}
