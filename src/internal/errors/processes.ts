/** What processes fail with. */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"

/**
 * A worker process did not come up. `index` is its place, `detail` how that went.
 *
 * @category processes
 * @since 0.1.0
 */
export class WorkerFailed extends Data.TaggedError("WorkerFailed")<{
  readonly worker: number
  readonly index: number
  readonly pid: number
  readonly detail: string
}> {
  override get message(): string {
    return `worker ${this.worker} (process ${this.pid}) ${this.detail}`
  }
}

/**
 * Worker processes ended by themselves more often than the budget allows: another one would not do better. `detail` is
 * how the last one ended.
 *
 * @category processes
 * @since 0.1.0
 */
export class RestartsExhausted extends Data.TaggedError("RestartsExhausted")<{
  readonly index: number
  readonly restarts: number
  readonly within: Duration.Duration
  readonly detail: string
}> {
  override get message(): string {
    const { detail, restarts, within } = this
    return `workers were replaced ${restarts} times within ${Duration.format(within)}, and the last one ${detail}`
  }
}

/**
 * A worker or the supervisor did not answer: it is gone, does not answer in time, or too much is being asked already.
 *
 * @category processes
 * @since 0.1.0
 */
export class NoAnswer extends Data.TaggedError("NoAnswer")<{
  /** The number of the worker; 0 for the supervisor. */
  readonly worker: number
  readonly reason: "closed" | "timeout" | "full" | "invalid"
}> {
  override get message(): string {
    const who = this.worker === 0 ? "the supervisor" : `worker ${this.worker}`
    return `${who} gives no answer: ${this.reason}`
  }
}

/**
 * A program that is to run in a worker process was started by nobody who supervises it.
 *
 * @category processes
 * @since 0.1.0
 */
export class NotAWorker extends Data.TaggedError("NotAWorker")<Record<never, never>> {
  override get message(): string {
    return "this process is no worker: start it by Multicore.supervise"
  }
}
