/** How many retries a server's messages may cost, so that they do not multiply the load of a service in trouble. */
import { numberWithin } from "./shared.ts"

/**
 * How many retries all messages of a server may cost together. Each message adds `ratio` of a retry, each second adds
 * `perSecond`, and at most `burst` are saved up; a budget begins full.
 *
 * @category options
 * @since 0.1.0
 */
export interface RetryBudget {
  /** 0 to 1000. Default 0.2. */
  readonly ratio?: number | undefined
  /** 0 to 1 000 000. Default 10. */
  readonly perSecond?: number | undefined
  /** 0 to 1 000 000. Default 100. */
  readonly burst?: number | undefined
}

export class Budget {
  private readonly ratio: number
  private readonly perMilli: number
  private readonly burst: number
  private tokens: number
  private at = Number.NEGATIVE_INFINITY

  constructor(options: RetryBudget) {
    this.ratio = numberWithin("budget.ratio", options.ratio ?? 0.2, 0, 1000)
    this.perMilli = numberWithin("budget.perSecond", options.perSecond ?? 10, 0, 1_000_000) / 1000
    this.burst = numberWithin("budget.burst", options.burst ?? 100, 0, 1_000_000)
    this.tokens = this.burst
  }

  /** A message came. */
  deposit(): void {
    this.tokens = Math.min(this.burst, this.tokens + this.ratio)
  }

  /** Pays for a retry, or says that nothing is left. */
  withdraw(now: number): boolean {
    if (this.at !== Number.NEGATIVE_INFINITY) {
      this.tokens = Math.min(this.burst, this.tokens + (now - this.at) * this.perMilli)
    }
    this.at = now
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }
}
