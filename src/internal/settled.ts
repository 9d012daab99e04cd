import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const done: Effect.Effect<unknown, unknown, unknown> = Exit.void

/** The exit that an effect already is, so that the caller can take it without running anything. */
export const settled = <A, E, R>(effect: Effect.Effect<A, E, R>): Exit.Exit<A, E> | undefined =>
  // The most usual one is known by itself, at a fraction of the price.
  // An effect of type `Effect<A, E, R>` that is an exit is one of `A` and `E`; the guard alone loses both.
  effect === done || Exit.isExit(effect) ? (effect as Exit.Exit<A, E>) : undefined
