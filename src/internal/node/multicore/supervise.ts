/** A supervisor for as long as a scope, and the signals that it minds. */
import { fileURLToPath } from "node:url"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { AdmissionOptions } from "../../../Admission.ts"
import { InvalidConfig, type RestartsExhausted, type WorkerFailed } from "../../../SluiceError.ts"
import type { Address } from "../../../Transport.ts"
import { limitsOf } from "../../admissionSettings.ts"
import type { MulticoreEvent, MulticoreStatus, WorkerInfo } from "./model.ts"
import { decodeMulticore } from "./settings.ts"
import { SupervisorLife } from "./supervisor.ts"

/** What the workers run. */
export interface EntryOptions {
  readonly entry?: string | URL | undefined
  readonly args?: ReadonlyArray<string> | undefined
}

export const superviseEntry: (
  entryOptions: EntryOptions,
  options: { readonly admission?: AdmissionOptions<never> | undefined }
) => Effect.Effect<SupervisorService, InvalidConfig | WorkerFailed, Scope.Scope> = Effect.fnUntraced(
  function* (
    { args, entry }: EntryOptions,
    options: { readonly admission?: AdmissionOptions<never> | undefined }
  ) {
    const settings = yield* decodeMulticore(options)
    // The very program that runs, with all that it was given.
    const file = entry instanceof URL ? fileURLToPath(entry) : (entry ?? process.argv[1])
    if (file === undefined) {
      const problems = [{ path: "entry", message: "is required: this process runs no file" }]
      return yield* Effect.fail(new InvalidConfig({ problems }))
    }
    const program = {
      entry: file,
      args: args ?? (entry === undefined ? process.argv.slice(2) : []),
      execArgv: settings.execArgv ?? process.execArgv,
      env: settings.env
    }
    const background = yield* FiberSet.make()
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const life = new SupervisorLife(program, settings, limitsOf(options.admission), background, (effect) => {
      run(effect)
    })
    yield* Effect.addFinalizer(() => life.stop)
    yield* minding(life)
    yield* life.start
    return serviceOf(life)
  }
)

/** A supervisor as its users have it. */
export interface SupervisorService {
  readonly status: Effect.Effect<MulticoreStatus>
  readonly statusChanges: Stream.Stream<MulticoreStatus>
  readonly workers: Effect.Effect<ReadonlyArray<WorkerInfo>>
  readonly addresses: Effect.Effect<ReadonlyArray<Address>>
  readonly events: Stream.Stream<MulticoreEvent>
  readonly reload: Effect.Effect<void, WorkerFailed>
  readonly failed: Effect.Effect<never, RestartsExhausted>
  readonly stop: Effect.Effect<void>
  readonly kill: Effect.Effect<void>
}

const serviceOf = (life: SupervisorLife): SupervisorService => ({
  status: Effect.sync(() => life.status.value),
  statusChanges: life.status.changes,
  workers: Effect.sync(() => life.infos),
  addresses: Effect.sync(() => life.receptions.addresses),
  events: life.events.stream,
  reload: life.reload,
  failed: Deferred.await(life.failed),
  stop: life.stop,
  kill: Effect.suspend(() => {
    life.force()
    return life.stop
  })
})

/** Reloads at the signal that the options name. */
const minding = (life: SupervisorLife): Effect.Effect<void, never, Scope.Scope> => {
  const { reloadSignal } = life.settings
  if (reloadSignal === "off") return Effect.void
  const onSignal = () => life.reloadSoon()
  return Effect.acquireRelease(
    Effect.sync(() => void process.on(reloadSignal, onSignal)),
    () => Effect.sync(() => void process.off(reloadSignal, onSignal))
  )
}

/**
 * Calls back at the second SIGINT or SIGTERM, for as long as the scope: to be begun before that which it forces, so that
 * it ends later.
 */
export const onSecondSignal = (force: () => void): Effect.Effect<void, never, Scope.Scope> => {
  let signals = 0
  const onSignal = () => {
    if (++signals === 2) force()
  }
  const each = (mind: (signal: NodeJS.Signals) => void) =>
    Effect.sync(() => {
      mind("SIGINT")
      mind("SIGTERM")
    })
  return Effect.acquireRelease(
    each((signal) => void process.on(signal, onSignal)),
    () => each((signal) => void process.off(signal, onSignal))
  )
}
