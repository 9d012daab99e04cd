/**
 * What a heartbeat waits for: entries of the scheduler that all connections share, not fibers that sleep. A fiber of the
 * connection sends each ping, and is there no longer than that. Only where a schedule says how long a silence is, which
 * takes an effect, a fiber waits for it, too.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { CloseReason } from "../CloseReason.ts"
import type { Scheduled } from "./deadlineScheduler.ts"
import type { Heartbeat } from "./heartbeat.ts"
import type { AnyPing } from "./heartbeatPlan.ts"

const never = Number.POSITIVE_INFINITY

/** Minds the peer's silence: pings into it, and closes when it lasts. */
export class Silence<In, Out> implements Scheduled {
  due = never
  place = -1
  private readonly heartbeat: Heartbeat<In, Out>
  private readonly ping: AnyPing<Out> | undefined
  /** The sign of life that it began with, and when the next ping is due, both on the reading clock. */
  private since = -1
  private moment = -1
  /** Pings since that sign of life. */
  private missed = 0
  /** It came due while nothing was read. */
  private standing = false

  constructor(heartbeat: Heartbeat<In, Out>, ping: AnyPing<Out> | undefined) {
    this.heartbeat = heartbeat
    this.ping = ping
  }

  begin(): void {
    const { connection, plan } = this.heartbeat
    if (plan.interval === undefined) {
      connection.forkOwn(keepMinding(this.heartbeat, this.ping))
    } else {
      const { deadlines, now } = connection.shared
      deadlines.scheduler.arm(this, this.check(now()))
    }
  }

  stop(): void {
    this.heartbeat.connection.shared.deadlines.scheduler.cancel(this)
  }

  readingAgain(): void {
    if (!this.standing) return
    this.standing = false
    this.begin()
  }

  check(now: number): number {
    const { connection, over, plan } = this.heartbeat
    const { reader } = connection
    if (over || plan.interval === undefined) return never
    this.standing = reader.refusing
    if (this.standing) return never
    const clock = reader.clock(now)
    if (reader.readSince !== this.since) {
      this.since = reader.readSince
      this.missed = 0
      this.moment = this.since + plan.interval()
    }
    if (this.moment <= clock) {
      if (this.missed === plan.misses) {
        connection.closeWith(CloseReason.HeartbeatTimeout())
        return never
      }
      this.missed++
      // From now: where this process itself stood still, the next ping has its full time all the same.
      this.moment = clock + plan.interval()
      if (this.ping !== undefined) connection.forkOwn(this.heartbeat.send(this.ping))
    }
    return now + this.moment - clock
  }
}

/** Gives signs of life that nobody answers. */
export class Beat<In, Out> implements Scheduled {
  due = never
  place = -1
  private readonly heartbeat: Heartbeat<In, Out>
  private readonly ping: AnyPing<Out>

  constructor(heartbeat: Heartbeat<In, Out>, ping: AnyPing<Out>) {
    this.heartbeat = heartbeat
    this.ping = ping
  }

  begin(): void {
    const { connection, plan } = this.heartbeat
    if (plan.interval === undefined) {
      connection.forkOwn(keepBeating(this.heartbeat, this.ping))
    } else {
      const { deadlines, now } = connection.shared
      deadlines.scheduler.arm(this, now() + plan.interval())
    }
  }

  stop(): void {
    this.heartbeat.connection.shared.deadlines.scheduler.cancel(this)
  }

  check(now: number): number {
    const { connection, over, plan } = this.heartbeat
    if (over || plan.interval === undefined) return never
    connection.forkOwn(this.heartbeat.send(this.ping))
    return now + plan.interval()
  }
}

/** The same, where each length is an effect. */
const keepMinding = Effect.fnUntraced(function* <In, Out>(
  heartbeat: Heartbeat<In, Out>,
  ping: AnyPing<Out> | undefined
) {
  const { connection, plan } = heartbeat
  const { reader } = connection
  while (true) {
    const next = yield* plan.intervals
    const since = reader.readSince
    let moment = since
    for (let missed = 0; ; missed++) {
      const interval = yield* next(missed)
      if (interval !== undefined) {
        moment += interval
        yield* heartbeat.until(moment)
        moment = Math.max(moment, heartbeat.clock())
      }
      if (heartbeat.over) return
      if (reader.readSince !== since) break
      if (interval === undefined || missed === plan.misses) {
        connection.closeWith(CloseReason.HeartbeatTimeout())
        return
      }
      if (ping !== undefined) yield* heartbeat.send(ping)
    }
  }
})

/** Beats until the schedule ends. */
const keepBeating = Effect.fnUntraced(function* <In, Out>(heartbeat: Heartbeat<In, Out>, ping: AnyPing<Out>) {
  const next = yield* heartbeat.plan.intervals
  for (let pings = 0; ; pings++) {
    const interval = yield* next(pings)
    if (interval === undefined) return
    yield* Effect.sleep(Duration.millis(interval))
    if (heartbeat.over) return
    yield* heartbeat.send(ping)
  }
})
