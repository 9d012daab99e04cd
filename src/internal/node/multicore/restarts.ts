/** When a process that ended is replaced, and when it is not any more. */

export interface RestartLimits {
  readonly max: number
  /** Milliseconds. */
  readonly within: number
  readonly delay: number
  readonly maxDelay: number
}

/** The restarts of all processes together are counted; the delay is that of each place for itself. */
export class Restarts {
  private readonly limits: RestartLimits
  private times: Array<number> = []
  private readonly delays = new Map<number, { readonly delay: number; readonly at: number }>()

  constructor(limits: RestartLimits) {
    this.limits = limits
  }

  /**
   * The process at `index` has ended, at `now` milliseconds: how long to wait for its successor, or that the budget is
   * spent. The first successor comes at once, the next after `delay`, then after twice as long, up to `maxDelay`. Who has
   * lived as long as the budget's span begins anew.
   */
  next(index: number, now: number): number | "exhausted" {
    const { delay, max, maxDelay, within } = this.limits
    this.times = this.times.filter((time) => now - time < within)
    if (this.times.length >= max) return "exhausted"
    this.times.push(now)
    const last = this.delays.get(index)
    const wait =
      last === undefined || now - last.at >= within + last.delay
        ? 0
        : Math.min(maxDelay, last.delay === 0 ? delay : 2 * last.delay)
    this.delays.set(index, { delay: wait, at: now })
    return wait
  }
}
