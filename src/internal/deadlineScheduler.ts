/** The one timer of a server or client. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { DeadlineHeap, type HeapEntry } from "./deadlineHeap.ts"

/** An entry that looks after itself. */
export interface Scheduled extends HeapEntry {
  /** It came due, or might have. Returns when to look again, `Infinity` for never. */
  readonly check: (now: number) => number
}

interface Stoppable {
  readonly interruptUnsafe: () => void
}

/** How many entries are looked at before other fibers have their turn. */
const perTurn = 1024

/**
 * Sleeps until the first entry is due, looks at those that are, and sleeps again. Only an entry that comes in before
 * all others disturbs the sleep; one that is moved back or taken out does not. While there is nothing to wait for,
 * nothing waits.
 */
export class DeadlineScheduler {
  private readonly heap = new DeadlineHeap<Scheduled>()
  private readonly clock: Clock.Clock
  private readonly now: () => number
  private readonly fork: (effect: Effect.Effect<void>) => Stoppable
  private sleeper: Stoppable | undefined
  private wakesAt = Number.POSITIVE_INFINITY
  private looking = false
  private disposed = false

  constructor(clock: Clock.Clock, now: () => number, fork: (effect: Effect.Effect<void>) => Stoppable) {
    this.clock = clock
    this.now = now
    this.fork = fork
  }

  /** How many entries are armed. */
  get size(): number {
    return this.heap.size
  }

  /** Has the entry looked at when `due` comes, and not at the moment that was set before. */
  arm(entry: Scheduled, due: number): void {
    if (this.disposed) return
    if (due === Number.POSITIVE_INFINITY) {
      this.heap.remove(entry)
      return
    }
    this.heap.set(entry, due)
    if (!this.looking && due < this.wakesAt) this.sleep(this.now())
  }

  cancel(entry: Scheduled): void {
    this.heap.remove(entry)
  }

  /** Nothing comes due any more. */
  dispose(): void {
    this.disposed = true
    this.sleeper?.interruptUnsafe()
    this.sleeper = undefined
  }

  private sleep(now: number): void {
    this.sleeper?.interruptUnsafe()
    this.sleeper = undefined
    const { first } = this.heap
    if (first === undefined || this.disposed) {
      this.wakesAt = Number.POSITIVE_INFINITY
      return
    }
    this.wakesAt = first.due
    const left = Math.ceil(first.due - now)
    this.sleeper = this.fork(
      Effect.andThen(
        left > 0 ? this.clock.sleep(Duration.millis(left)) : Effect.yieldNow,
        Effect.sync(() => {
          // This fiber is at its end, there is nothing to interrupt.
          this.sleeper = undefined
          this.look()
        })
      )
    )
  }

  private look(): void {
    const { heap } = this
    const now = this.now()
    this.looking = true
    try {
      for (let looked = 0; looked < perTurn && !this.disposed; looked++) {
        const { first } = heap
        if (first === undefined || first.due > now) break
        heap.remove(first)
        const next = first.check(now)
        // In a later turn, or an entry that is always due would keep this one going.
        if (next < Number.POSITIVE_INFINITY) heap.set(first, Math.max(next, now + 1))
      }
    } finally {
      this.looking = false
      this.sleep(now)
    }
  }
}
