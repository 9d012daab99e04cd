/** The timers of one connection: entries of the scheduler that all connections share, not fibers that sleep. */
import type * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Connection, Timer } from "../Connection.ts"
import type { DeadlineScheduler, Scheduled } from "./deadlineScheduler.ts"

/** What timers need of their connection. */
interface Host {
  readonly shared: {
    readonly deadlines: { readonly scheduler: DeadlineScheduler }
    readonly now: () => number
    readonly clock: { readonly currentTimeMillisUnsafe: () => number }
  }
  readonly ending: boolean
  readonly onceOver: (callback: () => void) => () => void
  readonly runOwn: (effect: Effect.Effect<unknown, unknown>, done: () => void) => void
}

const never = Number.POSITIVE_INFINITY

export class Timers {
  private readonly host: Host
  private readonly active = new Set<ConnectionTimer>()

  constructor(host: Host) {
    this.host = host
    host.onceOver(() => {
      for (const timer of this.active) timer.stop()
    })
  }

  readonly runAfter: Connection<unknown, never>["runAfter"] = (delay, effect) =>
    Effect.contextWith((context) =>
      Effect.sync(() => this.start(effect, context, this.host.shared.now() + delayOf(delay), never))
    )

  readonly runEvery: Connection<unknown, never>["runEvery"] = (period, effect) =>
    Effect.contextWith((context) =>
      Effect.sync(() => {
        const millis = periodOf(period)
        return this.start(effect, context, this.host.shared.now() + millis, millis)
      })
    )

  readonly runAt: Connection<unknown, never>["runAt"] = (moment, effect) =>
    Effect.contextWith((context) =>
      Effect.sync(() =>
        this.start(effect, context, this.host.shared.now(), never, DateTime.toEpochMillis(moment))
      )
    )

  private start<E, R>(
    effect: Effect.Effect<unknown, E, R>,
    context: Context.Context<R>,
    at: number,
    period: number,
    calendar?: number
  ): Timer {
    const run = Effect.provideContext(effect, context)
    const timer = new ConnectionTimer(this.host, this.active, run, at, period, calendar)
    if (!this.host.ending) timer.begin()
    return timer
  }
}

/** So long at most a moment of the calendar is waited for before the calendar is looked at again. */
const lookAgain = 10_000

class ConnectionTimer implements Timer, Scheduled {
  due = never
  place = -1
  private readonly host: Host
  /** Those that may still fire. */
  private readonly active: Set<ConnectionTimer>
  private readonly run: Effect.Effect<unknown, unknown>
  /** When it fires next, on the monotonic clock. */
  private at: number
  private readonly period: number
  /** When it fires by the calendar, where that is what it goes by. */
  private calendar: number | undefined
  private running = false

  constructor(
    host: Host,
    active: Set<ConnectionTimer>,
    run: Effect.Effect<unknown, unknown>,
    at: number,
    period: number,
    calendar: number | undefined
  ) {
    this.host = host
    this.active = active
    this.run = run
    this.at = at
    this.period = period
    this.calendar = calendar
  }

  get cancel(): Effect.Effect<boolean> {
    return Effect.sync(() => this.stop())
  }

  readonly reset: Timer["reset"] = (delay) =>
    Effect.sync(() => {
      if (!this.active.has(this)) return false
      this.calendar = undefined
      this.at = this.host.shared.now() + delayOf(delay)
      this.scheduler.arm(this, this.at)
      return true
    })

  begin(): void {
    this.active.add(this)
    this.scheduler.arm(this, this.at)
  }

  stop(): boolean {
    this.scheduler.cancel(this)
    return this.active.delete(this)
  }

  check(now: number): number {
    if (this.calendar !== undefined) {
      const left = this.calendar - this.host.shared.clock.currentTimeMillisUnsafe()
      if (left > 0) return now + Math.min(left, lookAgain)
    }
    if (this.period === never) this.active.delete(this)
    else this.at = nextOf(this.at, this.period, now)
    this.fire()
    // What was run may have cancelled it.
    return this.active.has(this) ? this.at : never
  }

  private fire(): void {
    if (this.running) return
    this.running = true
    this.host.runOwn(this.run, () => {
      this.running = false
    })
  }

  private get scheduler(): DeadlineScheduler {
    return this.host.shared.deadlines.scheduler
  }
}

/** The first moment after `now` that is whole periods from `at`: what was missed is left out, and nothing drifts. */
export const nextOf = (at: number, period: number, now: number): number =>
  at + period * (Math.max(0, Math.floor((now - at) / period)) + 1)

/** Milliseconds until a timer fires. */
export const delayOf = (delay: Duration.Input): number =>
  Math.max(0, Duration.toMillis(Duration.fromInputUnsafe(delay)))

/** Milliseconds between two runs. */
export const periodOf = (period: Duration.Input): number => {
  const millis = Duration.toMillis(Duration.fromInputUnsafe(period))
  if (millis >= 1 && Number.isFinite(millis)) return millis
  throw new RangeError("a period must be a duration of 1ms or more")
}
