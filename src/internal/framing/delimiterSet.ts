/** Finding the end of a frame by the delimiters that may end it. */
import { emptyBytes } from "../bytes.ts"

/**
 * A set of delimiters. The one whose end comes first ends a frame; of several with the same end, the longest. None
 * may begin before its frame. What it answers depends on the bytes alone, never on how they were cut.
 */
export class DelimiterSet {
  /** The length of the longest delimiter. */
  readonly longest: number
  /** Longest first, without those that can never win, for they hold another one that ends earlier. */
  private readonly delimiters: ReadonlyArray<Uint8Array>
  /** The byte that all of them end in, or -1. */
  private readonly last: number
  /** Where they end in different bytes: 1 for each of those. */
  private readonly lasts: Uint8Array

  constructor(delimiters: ReadonlyArray<Uint8Array>) {
    const all = delimiters.toSorted((a, b) => b.length - a.length)
    const reachable = all.filter((delimiter) => !all.some((other) => endsInside(other, delimiter)))
    const lasts = new Set(reachable.map((delimiter) => delimiter[delimiter.length - 1]!))
    this.delimiters = reachable
    this.longest = reachable.reduce((longest, { length }) => Math.max(longest, length), 0)
    const [only = -1] = lasts
    this.last = lasts.size === 1 ? only : -1
    this.lasts = lasts.size === 1 ? emptyBytes : new Uint8Array(256)
    if (lasts.size > 1) for (const byte of lasts) this.lasts[byte] = 1
  }

  /** Whether a frame can end in this delimiter, which must be of the set. */
  reaches(delimiter: Uint8Array): boolean {
    return !this.delimiters.some((other) => endsInside(other, delimiter))
  }

  /** Where the next byte stands that a delimiter may end in; -1 where none does. */
  find(bytes: Uint8Array, from: number): number {
    if (this.last >= 0) return bytes.indexOf(this.last, from)
    const lasts = this.lasts
    for (let at = from; at < bytes.length; at++) if (lasts[bytes[at]!] === 1) return at
    return -1
  }

  /**
   * The length of the longest delimiter whose last byte is at `at`, or 0. The frame begins at `start`; where `held`
   * bytes of it came before, those are the front of `before` and `start` is 0.
   */
  match(before: Uint8Array, held: number, bytes: Uint8Array, start: number, at: number): number {
    const available = held + at + 1 - start
    for (const delimiter of this.delimiters) {
      const length = delimiter.length
      if (length > available) continue
      let k = length - 1
      let i = at
      while (k >= 0 && i >= start && bytes[i] === delimiter[k]) {
        k--
        i--
      }
      if (k >= 0 && i < start) {
        let j = held - 1
        while (k >= 0 && before[j] === delimiter[k]) {
          k--
          j--
        }
      }
      if (k < 0) return length
    }
    return 0
  }

  /** How many of the last bytes of an unfinished frame may be the front of a delimiter. The frame is as in `match`. */
  pending(before: Uint8Array, held: number, bytes: Uint8Array, start: number): number {
    const total = held + bytes.length - start
    for (let count = Math.min(total, this.longest - 1); count > 0; count--) {
      const first = bytes.length - count
      for (const delimiter of this.delimiters) {
        if (delimiter.length <= count) continue
        let k = 0
        while (k < count) {
          const i = first + k
          if ((i >= start ? bytes[i] : before[held + i - start]) !== delimiter[k]) break
          k++
        }
        if (k === count) return count
      }
    }
    return 0
  }

  /** Where the first frame of these bytes ends, its delimiter with it; 0 where it does not end. */
  firstEnd(bytes: Uint8Array): number {
    for (let at = this.find(bytes, 0); at >= 0; at = this.find(bytes, at + 1)) {
      if (this.match(emptyBytes, 0, bytes, 0, at) > 0) return at + 1
    }
    return 0
  }
}

/** Whether `inner` occurs in `outer` and ends before it does. */
const endsInside = (inner: Uint8Array, outer: Uint8Array): boolean => {
  for (let at = 0; at + inner.length < outer.length; at++) {
    if (inner.every((byte, i) => byte === outer[at + i])) return true
  }
  return false
}
