import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** The exit that an effect already is, so that the caller can take it without running anything. */
export const settled = <A, E, R>(effect: Effect.Effect<A, E, R>): Exit.Exit<A, E> | undefined =>
  // An effect of type `Effect<A, E, R>` that is an exit is one of `A` and `E`; the guard alone loses both.
  Exit.isExit(effect) ? (effect as Exit.Exit<A, E>) : undefined
