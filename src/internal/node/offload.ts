/** A pool of threads: piscina, loaded when the first pool is made. */
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { OffloadError } from "../../SluiceError.ts"

export interface PoolSettings {
  readonly threads?: number | undefined
  readonly maxQueue: number
  readonly timeout: Duration.Duration
  readonly execArgv?: ReadonlyArray<string> | undefined
}

export interface Pool {
  readonly run: (
    task: string,
    input: unknown,
    timeout: Duration.Duration | undefined
  ) => Effect.Effect<unknown, OffloadError>
  readonly stats: Effect.Effect<{
    readonly threads: number
    readonly inFlight: number
    readonly waiting: number
  }>
}

const detailOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const unavailable = (task: string, error: unknown): OffloadError =>
  new OffloadError({ kind: "Unavailable", task, detail: detailOf(error), cause: error })

const isMissing = (error: unknown): boolean => detailOf(error).startsWith("No handler function exported")

/** What a call that was rejected failed of. The library tells a thread's end by its message only. */
const failed = (task: string, error: unknown): OffloadError => {
  const detail = detailOf(error)
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  if (isMissing(error)) return unavailable(task, error)
  const crashed =
    /^worker exited with code|^Terminating worker thread/.test(detail) || code.startsWith("ERR_WORKER_")
  return new OffloadError({ kind: crashed ? "Crashed" : "Threw", task, detail, cause: error })
}

/** Makes a pool whose threads have loaded the module. They end with the scope. */
export const makePool: (
  module: URL,
  settings: PoolSettings
) => Effect.Effect<Pool, OffloadError, Scope.Scope> = Effect.fnUntraced(function* (
  module: URL,
  settings: PoolSettings
) {
  const name = module.href
  const { Piscina } = yield* Effect.tryPromise({
    try: () => import("piscina"),
    catch: (error) => unavailable(name, error)
  })
  const threads = settings.threads ?? Math.max(1, availableParallelism() - 1)
  const pool = yield* Effect.acquireRelease(
    Effect.try({
      try: () =>
        new Piscina({
          filename: fileURLToPath(module),
          minThreads: threads,
          maxThreads: threads,
          // A thread that sleeps for its next task would let no timer and no socket of a task's own go on.
          atomics: "disabled",
          recordTiming: false,
          ...(settings.execArgv === undefined ? {} : { execArgv: Array.from(settings.execArgv) })
        }),
      catch: (error) => unavailable(name, error)
    }),
    (pool) => Effect.promise(() => pool.destroy())
  )
  // What a thread does between its tasks is nobody's failure; the thread is replaced. Unheard it would end the process.
  pool.on("error", () => {})
  // A function that no module has is missing in one that could be loaded, and in no other.
  yield* Effect.tryPromise({
    try: (signal) => pool.run(undefined, { name: "\0", signal }),
    catch: (error) => error
  }).pipe(
    Effect.catch((error) => (isMissing(error) ? Effect.void : Effect.fail(unavailable(name, error)))),
    Effect.timeoutOrElse({
      duration: settings.timeout,
      orElse: () => Effect.fail(unavailable(name, "the module takes too long to load"))
    })
  )

  let pending = 0
  const call = (task: string, input: unknown) =>
    Effect.tryPromise({
      // An abort takes a waiting call out of the queue, and ends the thread of a running one.
      try: (signal) => pool.run(input, { name: task, signal }),
      catch: (error) => failed(task, error)
    })
  return {
    run: (task, input, timeout = settings.timeout) =>
      Effect.suspend(() => {
        if (pending >= threads + settings.maxQueue) {
          const detail = `${settings.maxQueue} calls wait`
          return Effect.fail(new OffloadError({ kind: "Full", task, detail }))
        }
        let counted = false
        return Effect.suspend(() => {
          counted = true
          pending++
          return call(task, input)
        }).pipe(
          Effect.timeoutOrElse({
            duration: timeout,
            orElse: () =>
              Effect.fail(
                new OffloadError({ kind: "Timeout", task, detail: `not done in ${Duration.format(timeout)}` })
              )
          }),
          Effect.ensuring(
            Effect.sync(() => {
              if (counted) pending--
            })
          )
        )
      }),
    stats: Effect.sync(() => ({
      threads: pool.threads.length,
      inFlight: Math.min(pending, threads),
      waiting: Math.max(0, pending - threads)
    }))
  }
})
