/** How long until the next attempt: a schedule that starts over. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type { ConnectFailure } from "../../SluiceError.ts"

/** Any schedule; it is told each failure. Its end is the client's. */
export type Reconnect = Schedule.Schedule<unknown, ConnectFailure, unknown>

type Step = (
  now: number,
  failure: ConnectFailure
) => Pull.Pull<[unknown, Duration.Duration], unknown, unknown>

export class Backoff {
  /** Which attempt this is since the schedule began, from 1. */
  attempt = 1
  private readonly schedule: Reconnect
  private step: Step | undefined

  constructor(schedule: Reconnect) {
    this.schedule = schedule
  }

  /** From the beginning again. */
  startOver(): void {
    this.attempt = 0
    this.step = undefined
  }

  /** The delay until the next attempt; undefined where there shall be none. */
  next(failure: ConnectFailure): Effect.Effect<Duration.Duration | undefined> {
    return Effect.gen({ self: this }, function* () {
      this.attempt++
      this.step ??= yield* Schedule.toStep(this.schedule)
      const [, delay] = yield* this.step(yield* Clock.currentTimeMillis, failure)
      return delay
    }).pipe(
      Effect.catchCause((cause) =>
        // Its end is a failure too; one that dies is as good as over, and somebody should know.
        Cause.hasDies(cause)
          ? Effect.as(Effect.logError("the schedule of a client died", cause), undefined)
          : Effect.undefined
      )
    )
  }
}
