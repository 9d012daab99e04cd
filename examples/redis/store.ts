/** The keys and what they hold. Plain data and plain calls: nothing here waits. */
import { Deque } from "./deque.ts"

export type Hash = Map<string, string>
export type Item = string | Deque | Hash | Set<string>

/** What a key holds is of another kind than the command asks for. */
export const wrongKind: unique symbol = Symbol("wrong kind")

/** So many keys with a deadline are looked at in one go. */
const sample = 200
/** And again so often at once, where more than a quarter of them had passed. */
const mostSamples = 20

export class Store {
  /** The time in milliseconds since 1970, as of the batch at hand. */
  now = 0
  /** Grows with everything that changes a key. */
  changes = 0
  /** Is told of a key whose time has passed, when it goes. */
  onExpired: (key: string) => void = () => {}

  private readonly items = new Map<string, Item>()
  private readonly deadlines = new Map<string, number>()
  /** Where the next look at deadlines begins. */
  private cursor = this.deadlines.entries()

  get size(): number {
    return this.items.size
  }

  /** How many keys have a deadline. */
  get expiring(): number {
    return this.deadlines.size
  }

  get(key: string): Item | undefined {
    if (this.deadlines.size > 0) this.expireIfDue(key)
    return this.items.get(key)
  }

  /** What a key holds of one kind, or that it is another. */
  hashAt(key: string): Hash | undefined | typeof wrongKind {
    const item = this.get(key)
    return item === undefined || item instanceof Map ? item : wrongKind
  }

  setAt(key: string): Set<string> | undefined | typeof wrongKind {
    const item = this.get(key)
    return item === undefined || item instanceof Set ? item : wrongKind
  }

  listAt(key: string): Deque | undefined | typeof wrongKind {
    const item = this.get(key)
    return item === undefined || item instanceof Deque ? item : wrongKind
  }

  /** Replaces what the key holds; its deadline stays. */
  put(key: string, item: Item): void {
    this.items.set(key, item)
    this.changes++
  }

  /** What a key holds has changed within, and the key is gone if nothing is left. */
  touched(key: string, left: number): void {
    if (left === 0) this.remove(key)
    else this.changes++
  }

  remove(key: string): boolean {
    if (this.deadlines.size > 0) this.deadlines.delete(key)
    const there = this.items.delete(key)
    if (there) this.changes++
    return there
  }

  clear(): void {
    this.items.clear()
    this.deadlines.clear()
    this.changes++
  }

  keys(): ReadonlyArray<string> {
    for (const key of this.deadlines.keys()) this.expireIfDue(key)
    return Array.from(this.items.keys())
  }

  /** When a key goes, in milliseconds since 1970; undefined for never. */
  deadline(key: string): number | undefined {
    return this.deadlines.get(key)
  }

  setDeadline(key: string, at: number | undefined): void {
    if (at !== undefined) this.deadlines.set(key, at)
    else if (this.deadlines.size > 0) this.deadlines.delete(key)
  }

  /** Lets keys go that nobody asks for; a bounded number of looks, however many there are. */
  expireSome(): void {
    for (let samples = 0, passed = sample; samples < mostSamples && passed > sample / 4; samples++) {
      passed = 0
      for (let looks = 0; looks < sample; looks++) {
        const next = this.cursor.next()
        if (next.done) {
          this.cursor = this.deadlines.entries()
          return
        }
        if (this.expireIfDue(next.value[0])) passed++
      }
    }
  }

  private expireIfDue(key: string): boolean {
    const at = this.deadlines.get(key)
    if (at === undefined || at > this.now) return false
    this.items.delete(key)
    this.deadlines.delete(key)
    this.onExpired(key)
    return true
  }
}
