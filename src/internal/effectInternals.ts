/**
 * What the direct path knows of how Effect's values are made inside. Nothing of it is promised by Effect, so it is tried
 * when this file is loaded: where an effect is made differently, it is unknown here, and goes through a fiber.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const argsKey = "~effect/Effect/args"

/** What an effect was made of: a thunk, a function, the effect that it goes on from. */
export const argumentOf = (effect: unknown): unknown =>
  // Any object may be asked for a property that it does not have.
  typeof effect === "object" && effect !== null ? (effect as { [argsKey]?: unknown })[argsKey] : undefined

const never = Effect.never

/** The effect whose failures an `Effect.catchCause` catches; undefined for any other effect. */
export const caughtBy = (effect: Effect.Effect<unknown, unknown, unknown>): unknown => {
  const probe = Effect.catchCause(never, () => Exit.void)
  return argumentOf(probe) === never && Object.getPrototypeOf(effect) === Object.getPrototypeOf(probe)
    ? argumentOf(effect)
    : undefined
}
