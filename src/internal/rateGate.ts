/** How much one peer may send: two token buckets, looked at once a chunk. */
import * as Duration from "effect/Duration"
import type { DeadlineScheduler, Scheduled } from "./deadlineScheduler.ts"

interface Bucket {
  /** Tokens a millisecond. */
  readonly rate: number
  readonly capacity: number
}

export interface RatePlan {
  readonly messages: Bucket
  readonly bytes: Bucket
  readonly close: boolean
}

const bucket = (perSecond: number | undefined, burst: Duration.Duration): Bucket =>
  perSecond === undefined
    ? { rate: Number.POSITIVE_INFINITY, capacity: Number.POSITIVE_INFINITY }
    : { rate: perSecond / 1000, capacity: Math.max(1, (perSecond * Duration.toMillis(burst)) / 1000) }

export const planRate = (settings: {
  readonly messages?: number | undefined
  readonly bytes?: number | undefined
  readonly burst: Duration.Duration
  readonly exceeded: "pause" | "close"
}): RatePlan => ({
  messages: bucket(settings.messages, settings.burst),
  bytes: bucket(settings.bytes, settings.burst),
  close: settings.exceeded === "close"
})

export class RateGate implements Scheduled {
  due = Number.POSITIVE_INFINITY
  place = -1
  /** The peer has sent more than it may, and has to wait. */
  holding = false
  private readonly plan: RatePlan
  private readonly scheduler: DeadlineScheduler
  private readonly release: () => void
  private messages: number
  private bytes: number
  private filledAt: number

  constructor(plan: RatePlan, scheduler: DeadlineScheduler, now: number, release: () => void) {
    this.plan = plan
    this.scheduler = scheduler
    this.release = release
    this.messages = plan.messages.capacity
    this.bytes = plan.bytes.capacity
    this.filledAt = now
  }

  /** As much of a chunk as may be decoded. The answer does not depend on how the bytes were cut. */
  admit(chunk: Uint8Array, now: number): Uint8Array {
    this.fill(now)
    return this.plan.close && chunk.length > this.bytes ? chunk.subarray(0, Math.floor(this.bytes)) : chunk
  }

  /** Takes what a chunk costs. Leaves in `frames` what may be handled; returns the limit that ends the connection. */
  charge(bytes: number, frames: Array<Uint8Array>, now: number): "messages" | "bytes" | undefined {
    if (this.plan.close) {
      if (frames.length > this.messages) {
        frames.length = Math.floor(this.messages)
        return "messages"
      }
      if (bytes > this.bytes) return "bytes"
    }
    this.messages -= frames.length
    this.bytes -= bytes
    const wait = this.wait()
    if (wait > 0) {
      this.holding = true
      this.scheduler.arm(this, now + wait)
    }
    return undefined
  }

  /** The wait should be over. */
  check(now: number): number {
    this.fill(now)
    const wait = this.wait()
    if (wait > 0) return now + wait
    this.holding = false
    this.release()
    return Number.POSITIVE_INFINITY
  }

  /** Nothing more is counted. */
  stop(): void {
    this.holding = false
    this.scheduler.cancel(this)
  }

  /** How long until no debt is left, in milliseconds. */
  private wait(): number {
    const { bytes, messages } = this.plan
    const wait = Math.max(debt(this.messages, messages.rate), debt(this.bytes, bytes.rate))
    // Less than a microsecond is only rounding.
    return wait < 0.001 ? 0 : wait
  }

  private fill(now: number): void {
    const passed = now - this.filledAt
    if (passed <= 0) return
    const { bytes, messages } = this.plan
    this.messages = Math.min(messages.capacity, this.messages + passed * messages.rate)
    this.bytes = Math.min(bytes.capacity, this.bytes + passed * bytes.rate)
    this.filledAt = now
  }
}

const debt = (tokens: number, rate: number): number => (tokens < 0 ? -tokens / rate : 0)
