/**
 * Offload: functions that run in threads of their own, so that a computation holds up no connection.
 *
 * Only for Node, and only with the package `piscina`, which the application installs.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { makePool } from "./internal/node/offload.ts"
import { decodeOptions, durationOption, integerOption, withDefault } from "./internal/options.ts"
import type { InvalidConfig, OffloadError } from "./SluiceError.ts"

/**
 * A pool of threads that have loaded one module.
 *
 * @category models
 * @since 0.1.0
 */
export interface Offload<in out Module> {
  /**
   * Calls a function of the module in a thread and waits for its result. Calls begin in the order in which they came.
   *
   * Interrupted, or after `timeout`, a call that waits is taken from the queue, and the thread of one that runs is
   * ended and replaced.
   */
  readonly run: <Name extends TaskName<Module>>(
    task: Name,
    input: TaskInput<Module, Name>,
    options?: { readonly timeout?: Duration.Input | undefined }
  ) => Effect.Effect<TaskOutput<Module, Name>, OffloadError>
  readonly stats: Effect.Effect<OffloadStats>
}

/**
 * The names of the functions that a module exports: one argument, and a result or a promise of it. Both must be of the
 * kinds that can go to another thread: data, no functions.
 *
 * @category models
 * @since 0.1.0
 */
export type TaskName<Module> = {
  readonly [Name in keyof Module]: Module[Name] extends (input: never) => unknown ? Name : never
}[keyof Module] &
  string

/**
 * What a function of a module is given.
 *
 * @category models
 * @since 0.1.0
 */
export type TaskInput<Module, Name extends keyof Module> = Module[Name] extends (
  input: infer Input
) => unknown
  ? Input
  : never

/**
 * What a function of a module gives.
 *
 * @category models
 * @since 0.1.0
 */
export type TaskOutput<Module, Name extends keyof Module> = Module[Name] extends (
  input: never
) => infer Output
  ? Awaited<Output>
  : never

/**
 * The numbers of this moment.
 *
 * @category models
 * @since 0.1.0
 */
export interface OffloadStats {
  readonly threads: number
  readonly inFlight: number
  readonly waiting: number
}

/**
 * How a pool of threads is.
 *
 * @category options
 * @since 0.1.0
 */
export interface OffloadOptions {
  /** 1 to 1024. Default: one for each core but one, and at least one. */
  readonly threads?: number | undefined
  /** Calls that may wait for a thread, 0 to 1 000 000. Then they fail with `Full`, at once. Default 256. */
  readonly maxQueue?: number | undefined
  /** How long a call may take, its wait included: 1 millisecond to 1 day. Default 30 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** Options of Node for the threads, such as `--import=tsx` for a module in TypeScript. Default: those of the process. */
  readonly execArgv?: ReadonlyArray<string> | undefined
}

const Settings = Schema.Struct({
  threads: Schema.optional(integerOption(1, 1024)),
  maxQueue: withDefault(integerOption(0, 1_000_000), 256),
  timeout: withDefault(durationOption("1 millis", "1 day"), Duration.seconds(30)),
  execArgv: Schema.optional(Schema.Array(Schema.String))
})

/**
 * Starts a pool of threads that lives as long as its scope; its end ends all threads, whatever they are at.
 *
 * `module` is the file whose functions they run, as compiled. Its type says their names and types. Fails with
 * `Unavailable` where it cannot be loaded.
 *
 * **Example** (Hashing in other threads)
 *
 * ```ts
 * import { Offload } from "effect-sluice"
 * import { Effect } from "effect"
 *
 * // `typeof import("./tasks.js")` in an application.
 * interface Module { readonly hash: (text: string) => Promise<string> }
 *
 * const program = Effect.gen(function* () {
 *   const offload = yield* Offload.make<Module>(new URL("./tasks.js", import.meta.url), { threads: 2 })
 *   return yield* offload.run("hash", "text", { timeout: "1 second" })
 * }).pipe(Effect.scoped)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Module>(
  module: URL,
  options: OffloadOptions = {}
): Effect.Effect<Offload<Module>, InvalidConfig | OffloadError, Scope.Scope> =>
  Effect.flatMap(decodeOptions(Settings, options), (settings) =>
    Effect.map(
      makePool(module, settings),
      (pool): Offload<Module> => ({
        run: <Name extends TaskName<Module>>(
          task: Name,
          input: TaskInput<Module, Name>,
          options?: { readonly timeout?: Duration.Input | undefined }
        ) => {
          const { timeout } = options ?? {}
          const limit = timeout === undefined ? undefined : Duration.fromInputUnsafe(timeout)
          // The module's own type says what its function gives.
          return pool.run(task, input, limit) as Effect.Effect<TaskOutput<Module, Name>, OffloadError>
        },
        stats: pool.stats
      })
    )
  )

/**
 * A pool of threads as a layer, under a service of the application's own.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <Identifier, Module>(
  service: Context.Key<Identifier, Offload<Module>>,
  module: URL,
  options?: OffloadOptions
): Layer.Layer<Identifier, InvalidConfig | OffloadError> =>
  Layer.effect(service, make<Module>(module, options))
