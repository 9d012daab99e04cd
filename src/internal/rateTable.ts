/** Token buckets by key, as few as can be. */

/** `perMilli` tokens come back each millisecond, up to `burst`. */
export interface Rate {
  readonly perMilli: number
  readonly burst: number
}

interface Bucket {
  tokens: number
  at: number
}

/** How many keys are remembered. */
export const maximumKeys = 65_536

export class RateTable<Key> {
  private readonly rate: Rate
  private readonly maximum: number
  /** The least recently used one first. */
  private readonly buckets = new Map<Key, Bucket>()

  constructor(rate: Rate, maximum = maximumKeys) {
    this.rate = rate
    this.maximum = maximum
  }

  get size(): number {
    return this.buckets.size
  }

  /** Takes a token, or says that none is here. `now` in milliseconds, never going back. */
  take(key: Key, now: number): boolean {
    const bucket = this.buckets.get(key) ?? { tokens: this.rate.burst, at: now }
    const tokens = this.level(bucket, now)
    bucket.at = now
    bucket.tokens = tokens >= 1 ? tokens - 1 : tokens
    this.buckets.delete(key)
    this.forget(now)
    this.buckets.set(key, bucket)
    return tokens >= 1
  }

  private level(bucket: Bucket, now: number): number {
    return Math.min(this.rate.burst, bucket.tokens + (now - bucket.at) * this.rate.perMilli)
  }

  /** Those that are full again say no more than none. Two for each that is added, so that the idle ones dwindle. */
  private forget(now: number): void {
    let looks = 2
    for (const [key, bucket] of this.buckets) {
      if (this.buckets.size < this.maximum && this.level(bucket, now) < this.rate.burst) return
      this.buckets.delete(key)
      if (--looks === 0) return
    }
  }
}
