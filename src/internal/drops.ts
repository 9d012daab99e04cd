/** The messages that one peer did not get: how many, and when that is told. */
import type { PolicyName } from "../Outbound.ts"
import type { DeadlineScheduler, Scheduled } from "./deadlineScheduler.ts"

type Tell = (policy: PolicyName, messages: number, bytes: number) => void

interface Count {
  messages: number
  bytes: number
}

/** Drops are told at once, and those that follow within this time together at its end; in milliseconds. */
const window = 1000

export class Drops implements Scheduled {
  /** Since the beginning. */
  total = 0
  due = Number.POSITIVE_INFINITY
  place = -1
  private readonly scheduler: DeadlineScheduler
  private readonly now: () => number
  private readonly told: Tell
  private waiting = false
  private readonly untold = new Map<PolicyName, Count>()

  constructor(scheduler: DeadlineScheduler, now: () => number, tell: Tell) {
    this.scheduler = scheduler
    this.now = now
    this.told = tell
  }

  add(policy: PolicyName, messages: number, bytes: number): void {
    this.total += messages
    if (!this.waiting) {
      this.waiting = true
      this.told(policy, messages, bytes)
      this.scheduler.arm(this, this.now() + window)
      return
    }
    const count = this.untold.get(policy)
    if (count === undefined) {
      this.untold.set(policy, { messages, bytes })
    } else {
      count.messages += messages
      count.bytes += bytes
    }
  }

  /** The window is over. Another one follows where something happened in it. */
  check(now: number): number {
    if (this.untold.size === 0) {
      this.waiting = false
      return Number.POSITIVE_INFINITY
    }
    this.publish()
    return now + window
  }

  /** The connection is gone: tells what is left. */
  tell(): void {
    this.scheduler.cancel(this)
    this.publish()
  }

  private publish(): void {
    for (const [policy, { bytes, messages }] of this.untold) this.told(policy, messages, bytes)
    this.untold.clear()
  }
}
