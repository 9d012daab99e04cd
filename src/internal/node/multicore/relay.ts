/** What workers have to say to each other goes through their supervisor: messages to groups, and questions. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { FromSupervisor, FromWorker, Question } from "./messages.ts"
import { topicOf } from "./topic.ts"
import type { WorkerProcess } from "./workerProcess.ts"

/** Topics that one worker may have at a time: as many as it may have groups, of several kinds. */
const maximumTopics = 1_000_000

export interface Asked {
  readonly answers: ReadonlyArray<{ readonly worker: number; readonly value: unknown }>
  readonly missing: ReadonlyArray<number>
}

/** Knows which process has members of which group, so that a message goes to those alone. */
export class Relay {
  private readonly timeout: Duration.Duration
  private readonly onDropped: (worker: WorkerProcess) => void
  private readonly topics = new Map<string, Set<WorkerProcess>>()
  private readonly topicsOf = new Map<WorkerProcess, Set<string>>()

  constructor(timeout: Duration.Duration, onDropped: (worker: WorkerProcess) => void) {
    this.timeout = timeout
    this.onDropped = onDropped
  }

  /** From now on the worker gets what is sent to the topic. Says false where it has too many. */
  subscribe(worker: WorkerProcess, topic: string): boolean {
    let own = this.topicsOf.get(worker)
    if (own === undefined) {
      own = new Set()
      this.topicsOf.set(worker, own)
    }
    if (own.size >= maximumTopics) return false
    own.add(topic)
    let workers = this.topics.get(topic)
    if (workers === undefined) {
      workers = new Set()
      this.topics.set(topic, workers)
    }
    workers.add(worker)
    return true
  }

  unsubscribe(worker: WorkerProcess, topic: string): void {
    this.topicsOf.get(worker)?.delete(topic)
    const workers = this.topics.get(topic)
    workers?.delete(worker)
    if (workers?.size === 0) this.topics.delete(topic)
  }

  /** A worker is gone. */
  forget(worker: WorkerProcess): void {
    for (const topic of this.topicsOf.get(worker) ?? []) this.unsubscribe(worker, topic)
    this.topicsOf.delete(worker)
  }

  /** Hands a message on, to each process once. Who has no room for it does not get it: nobody waits for anybody. */
  publish(
    from: WorkerProcess,
    { groups, keys, payload }: Extract<FromWorker, { readonly _tag: "Publish" }>
  ): void {
    const message: FromSupervisor = { _tag: "Deliver", groups, keys, payload }
    const workers = new Set(keys.flatMap((key) => Array.from(this.topics.get(topicOf(groups, key)) ?? [])))
    for (const worker of workers) {
      if (worker !== from && !worker.link.offer(message, payload.length)) this.onDropped(worker)
    }
  }

  /** Asks workers, each for itself, and does not wait longer than the time that answers have. */
  ask(workers: ReadonlyArray<WorkerProcess>, question: Question): Effect.Effect<Asked> {
    const one = (worker: WorkerProcess) =>
      Effect.map(Effect.exit(worker.link.request(question, this.timeout)), (exit) => [worker, exit] as const)
    return Effect.map(Effect.forEach(workers, one, { concurrency: "unbounded" }), (all) => ({
      answers: all.flatMap(([{ worker }, exit]) =>
        Exit.isSuccess(exit) ? [{ worker, value: exit.value }] : []
      ),
      missing: all.flatMap(([{ worker }, exit]) => (Exit.isSuccess(exit) ? [] : [worker]))
    }))
  }
}
