/** The messages that one peer did not get: how many, and when that is told. */
import type { PolicyName } from "../Outbound.ts"
import { Aggregate } from "./aggregate.ts"
import type { DeadlineScheduler } from "./deadlineScheduler.ts"

type Tell = (policy: PolicyName, messages: number, bytes: number) => void

interface Count {
  messages: number
  bytes: number
}

export class Drops extends Aggregate {
  /** Since the beginning. */
  total = 0
  private readonly told: Tell
  private readonly untold = new Map<PolicyName, Count>()

  constructor(scheduler: DeadlineScheduler, now: () => number, tell: Tell) {
    super(scheduler, now)
    this.told = tell
  }

  add(policy: PolicyName, messages: number, bytes: number): void {
    this.total += messages
    if (this.begins()) {
      this.told(policy, messages, bytes)
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

  protected publish(): boolean {
    if (this.untold.size === 0) return false
    for (const [policy, { bytes, messages }] of this.untold) this.told(policy, messages, bytes)
    this.untold.clear()
    return true
  }
}
