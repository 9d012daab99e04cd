/** What may happen often on one connection, and is told seldom. */
import type { DeadlineScheduler, Scheduled } from "./deadlineScheduler.ts"

/** The first is told at once, and those that follow within this time together at its end; in milliseconds. */
const window = 1000

export abstract class Aggregate implements Scheduled {
  due = Number.POSITIVE_INFINITY
  place = -1
  private readonly scheduler: DeadlineScheduler
  private readonly now: () => number
  private waiting = false

  constructor(scheduler: DeadlineScheduler, now: () => number) {
    this.scheduler = scheduler
    this.now = now
  }

  /** Tells what was collected, and says whether there was anything. */
  protected abstract publish(): boolean

  /** Whether what happens now begins a window and is told at once. What falls into one is to be collected. */
  protected begins(): boolean {
    if (this.waiting) return false
    this.waiting = true
    this.scheduler.arm(this, this.now() + window)
    return true
  }

  /** The window is over. Another one follows where something happened in it. */
  check(now: number): number {
    if (this.publish()) return now + window
    this.waiting = false
    return Number.POSITIVE_INFINITY
  }

  /** The connection is gone: tells what is left. */
  tell(): void {
    this.scheduler.cancel(this)
    this.publish()
  }
}
