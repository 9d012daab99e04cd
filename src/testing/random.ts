/** Random numbers that a seed repeats (mulberry32). */
export class Random {
  private state: number

  constructor(seed: number) {
    this.state = seed | 0
  }

  /** An integer from 0 up to, not including, `bound`. */
  below(bound: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * bound)
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256))
  }

  /** Cuts bytes into pieces of random size, some of them empty. */
  cut(bytes: Uint8Array): ReadonlyArray<Uint8Array> {
    const most = 1 + this.below(Math.max(1, bytes.length))
    const pieces: Array<Uint8Array> = []
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + this.below(most + 1))
      pieces.push(bytes.subarray(at, end))
      at = end
    }
    return pieces
  }
}
