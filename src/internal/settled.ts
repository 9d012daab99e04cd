import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { isExit } from "./effectInternals.ts"

/** The exit that an effect already is, so that the caller can take it without running anything. */
export const settled = <A, E, R>(effect: Effect.Effect<A, E, R>): Exit.Exit<A, E> | undefined =>
  // An effect of type `Effect<A, E, R>` that is an exit is one of `A` and `E`; the guard alone loses both.
  isExit(effect) ? (effect as Exit.Exit<A, E>) : undefined

/** Whether an effect has its value already. */
export const isSuccess = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Success<A> => {
  const exit = settled(effect)
  return exit !== undefined && Exit.isSuccess(exit)
}
