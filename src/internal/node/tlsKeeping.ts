/** A keeper that follows its files and the time. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { TransportError } from "../../SluiceError.ts"
import { stampsOf } from "./fileStamps.ts"
import { TlsKeeper } from "./tlsKeeper.ts"
import type { MaterialUse } from "./tlsMaterial.ts"
import type { TlsServerSettings } from "./tlsOptions.ts"

/** What does not change while it runs: once loaded, for whoever wants no more. */
export const loadKeeper = Effect.fnUntraced(function* (settings: TlsServerSettings, use: MaterialUse) {
  const keeper = new TlsKeeper(settings, use, yield* Clock.currentTimeMillis)
  yield* keeper.start
  return keeper
})

/** A keeper that follows its files, where it is told to, and the time, until the scope ends. */
export const makeKeeper = (
  settings: TlsServerSettings,
  use: MaterialUse
): Effect.Effect<TlsKeeper, TransportError, Scope.Scope> =>
  Effect.gen(function* () {
    const keeper = new TlsKeeper(settings, use, yield* Clock.currentTimeMillis)
    // Before they are read: what changes meanwhile is seen then.
    const stamps = yield* stampsOf(keeper.files)
    yield* keeper.start
    yield* Effect.addFinalizer(() => Effect.sync(() => keeper.end()))
    if (settings.watch !== "off") yield* Effect.forkScoped(follow(keeper, settings.watch, stamps))
    if (settings.sessions !== "off") yield* Effect.forkScoped(keepTime(keeper))
    return keeper
  })

/** Reads the files again when they have changed, and, after a failure, until they can be used. */
const follow = Effect.fnUntraced(function* (keeper: TlsKeeper, interval: Duration.Duration, first: string) {
  let seen = first
  let failed: string | undefined
  for (;;) {
    yield* Effect.sleep(interval)
    const stamps = yield* stampsOf(keeper.files)
    if (stamps === seen && failed === undefined) continue
    seen = stamps
    failed = yield* keeper.reloadQuietly(failed)
  }
})

const keepTime = Effect.fnUntraced(function* (keeper: TlsKeeper) {
  for (;;) {
    const now = yield* Clock.currentTimeMillis
    keeper.rotate(now)
    yield* Effect.sleep(Duration.millis(keeper.untilRotation(now)))
  }
})
