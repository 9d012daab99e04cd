import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { BatchConsumer } from "./batchConsumer.ts"
import { runInline } from "./runInline.ts"
import { settled } from "./settled.ts"

/**
 * Runs an effect for each item, in order. Effects that already are an exit (`Effect.void`, `Effect.succeed`) are
 * taken without the runtime, which is most of what a synchronous handler costs.
 *
 * For a consumer outside its fiber, effects that wait for nothing are run without the runtime, too.
 */
export const forEachEager = <A, E, R>(
  items: ReadonlyArray<A>,
  f: (item: A) => Effect.Effect<unknown, E, R>,
  consumer?: BatchConsumer | undefined
): Effect.Effect<void, E, R> => {
  let index = 0
  while (index < items.length) {
    // Within the bounds, see the loop.
    let effect: Effect.Effect<unknown, E, R> = f(items[index++] as A)
    if (effect === Exit.void) continue
    if (consumer?.runsInline === true) {
      effect = runInline(effect, consumer)
      if (consumer.over) return Exit.void
      if (effect === Exit.void) continue
    }
    const exit = settled(effect)
    if (exit === undefined) return Effect.flatMap(effect, () => rest(items, index, f))
    if (Exit.isFailure(exit)) return Exit.failCause(exit.cause)
  }
  return Exit.void
}

const rest = <A, E, R>(
  items: ReadonlyArray<A>,
  from: number,
  f: (item: A) => Effect.Effect<unknown, E, R>
): Effect.Effect<void, E, R> => {
  let index = from
  return Effect.whileLoop({
    while: () => index < items.length,
    body: () => f(items[index++] as A),
    step: () => {}
  })
}
