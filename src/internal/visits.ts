/** Visits to all connections of a server, round by round. */
import * as Effect from "effect/Effect"
import type { Timer } from "../Connection.ts"
import { awayFrom } from "./away.ts"
import type { ConnectionImpl } from "./connection.ts"
import type { ConnectionSet } from "./connectionSet.ts"
import type { DeadlineScheduler, Scheduled } from "./deadlineScheduler.ts"
import { delayOf, nextOf } from "./timers.ts"

/** So many visits begin before other fibers have their turn. */
const perTurn = 256

const never = Number.POSITIVE_INFINITY

/**
 * Each period everyone who is connected is visited, by the order of their ids and at most `concurrency` at a time. Who
 * still has the visit before is left out; a round that comes while the one before has not begun all its visits is too.
 */
export class Visits<In, Out, E, R> implements Timer, Scheduled {
  due = never
  place = -1
  private readonly set: ConnectionSet<In, Out, E, R>
  private readonly scheduler: DeadlineScheduler
  private readonly period: number
  private readonly concurrency: number
  private readonly visit: (connection: ConnectionImpl<In, Out>) => Effect.Effect<unknown, unknown>
  private roundAt: number
  /** Whom this round visits, from `next` on. */
  private round: ReadonlyArray<ConnectionImpl<In, Out>> = []
  private next = 0
  private readonly visited = new Set<ConnectionImpl<In, Out>>()
  private cancelled = false

  constructor(
    set: ConnectionSet<In, Out, E, R>,
    period: number,
    concurrency: number,
    visit: (connection: ConnectionImpl<In, Out>) => Effect.Effect<unknown, unknown>
  ) {
    this.set = set
    this.scheduler = set.shared.deadlines.scheduler
    this.period = period
    this.concurrency = concurrency
    this.visit = visit
    this.roundAt = set.shared.now() + period
    this.scheduler.arm(this, this.roundAt)
  }

  get cancel(): Effect.Effect<boolean> {
    return Effect.sync(() => {
      const { over } = this
      this.cancelled = true
      this.scheduler.cancel(this)
      return !over
    })
  }

  readonly reset: Timer["reset"] = (delay) =>
    Effect.sync(() => {
      if (this.over) return false
      this.roundAt = this.set.shared.now() + delayOf(delay)
      this.scheduler.arm(this, this.lookAt(this.set.shared.now()))
      return true
    })

  check(now: number): number {
    if (this.over) return never
    if (now >= this.roundAt) {
      this.roundAt = nextOf(this.roundAt, this.period, now)
      if (!this.underway) {
        this.round = Array.from(this.set)
        this.next = 0
      }
    }
    for (let begun = 0; begun < perTurn && this.underway && this.hasRoom && !this.over; begun++) this.begin()
    if (this.over) return never
    return this.lookAt(now)
  }

  /** When to look again: at once where a round has visits to begin. */
  private lookAt(now: number): number {
    return this.underway && this.hasRoom ? now : this.roundAt
  }

  private get over(): boolean {
    return this.cancelled || this.set.stopped
  }

  private get underway(): boolean {
    return this.next < this.round.length
  }

  private get hasRoom(): boolean {
    return this.visited.size < this.concurrency
  }

  private begin(): void {
    const connection = this.round[this.next++]
    if (!this.underway) {
      this.round = []
      this.next = 0
    }
    if (connection === undefined || connection.ending || this.visited.has(connection)) return
    // Whoever speaks another protocol by now takes nothing that a visit could send.
    if (awayFrom(connection) !== undefined) return
    this.visited.add(connection)
    connection.runOwn(
      Effect.suspend(() => this.visit(connection)),
      () => this.left(connection)
    )
  }

  /** A visit is over; who waits for its place is visited soon. */
  private left(connection: ConnectionImpl<In, Out>): void {
    const waited = this.underway && !this.hasRoom
    this.visited.delete(connection)
    if (waited && !this.over) this.scheduler.arm(this, this.set.shared.now())
  }
}
