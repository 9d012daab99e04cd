/** Combinators around what is done with one message: `timeout`, `retry`, `filter`, `tap`. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schedule from "effect/Schedule"
import type { Connection } from "../../Connection.ts"
import { HandlerTimeout } from "../../SluiceError.ts"
import { UnknownMessage } from "../codec/tagged.ts"
import { coreOf } from "../coreOf.ts"
import { settled } from "../settled.ts"
import { type PerMessage, wrap } from "./perMessage.ts"
import { Budget, type RetryBudget } from "./retryBudget.ts"
import { duration, monotonicClock, sharedByServer } from "./shared.ts"

/**
 * Gives each message so long to be handled, 1 millisecond or more. Then its handling is interrupted, and `onTimeout`
 * runs in its place; without it the handler fails with {@link HandlerTimeout}, which closes the connection.
 *
 * Counts what stands before it in the pipe, and not the time in which a message waits for its turn.
 *
 * **Example** (An answer in any case)
 *
 * ```ts
 * import { Handler } from "effect-sluice"
 * import type { Connection } from "effect-sluice/Connection"
 * import { Effect } from "effect"
 *
 * const handler = Handler.each((line: string, connection: Connection<string, string>) =>
 *   Effect.delay(connection.send(line), "1 second")
 * ).pipe(
 *   Handler.timeout("100 millis", { onTimeout: (_line, connection) => connection.send("too slow") })
 * )
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const timeout: {
  (
    time: Duration.Input
  ): <In, Out, E, R>(self: PerMessage<In, Out, E, R>) => PerMessage<In, Out, E | HandlerTimeout, R>
  <In, Out, E2, R2>(
    time: Duration.Input,
    options: {
      readonly onTimeout: (message: In, connection: Connection<In, Out>) => Effect.Effect<unknown, E2, R2>
    }
  ): <E, R>(self: PerMessage<In, Out, E, R>) => PerMessage<In, Out, E | E2, R | R2>
} = <In, Out, E2, R2>(
  time: Duration.Input,
  options?: {
    readonly onTimeout: (message: In, connection: Connection<In, Out>) => Effect.Effect<unknown, E2, R2>
  }
) => {
  const limit = duration("timeout", time)
  return <E, R>(self: PerMessage<In, Out, E, R>): PerMessage<In, Out, E | E2 | HandlerTimeout, R | R2> =>
    wrap(self, (inner, connection) =>
      Effect.map(inner, (handle) => (message: In) => {
        const effect = handle(message)
        // What is done already is in time.
        if (settled(effect) !== undefined) return effect
        return Effect.timeoutOrElse(effect, {
          duration: limit,
          orElse: (): Effect.Effect<unknown, E2 | HandlerTimeout, R2> =>
            options === undefined
              ? Effect.fail(
                  new HandlerTimeout({ connection: connection.id, millis: Duration.toMillis(limit) })
                )
              : options.onTimeout(message, connection)
        })
      })
    )
}

/**
 * Which failures are tried again, and how often.
 *
 * @category options
 * @since 0.1.0
 */
export interface RetryOptions<in E, out E2 = never, out R2 = never> {
  /** When to try again, and when to stop. */
  readonly schedule: Schedule.Schedule<unknown, NoInfer<E>, E2, R2>
  /** Which failures are worth it. Default: all. Defects never are. */
  readonly while?: ((error: E) => boolean) | undefined
  /** How many retries the messages of all connections of a server may cost together, or `off`. On by default. */
  readonly budget?: RetryBudget | "off" | undefined
}

/**
 * Tries a message that failed again, as a schedule says. Where the schedule ends, or the budget has nothing left, the
 * last failure is the message's: with an empty budget that is the first one, at once.
 *
 * The messages behind it wait meanwhile, as they do for a slow one.
 *
 * @category combinators
 * @since 0.1.0
 */
export const retry = <E, E2 = never, R2 = never>(
  options: RetryOptions<E, E2, R2>
): (<In, Out, R>(self: PerMessage<In, Out, E, R>) => PerMessage<In, Out, E | E2, R | R2>) => {
  const { schedule } = options
  const worthwhile = options.while ?? (() => true)
  const limits = options.budget ?? {}
  // Made once for nothing, so that a wrong one is told where it is written.
  if (limits !== "off") new Budget(limits)
  const budgetOf = sharedByServer(() => (limits === "off" ? undefined : new Budget(limits)))
  return (self) =>
    wrap(self, (inner, connection) =>
      Effect.flatMap(inner, (handle) =>
        Effect.map(monotonicClock, (now) => {
          const budget = budgetOf(connection)
          return (message) => {
            budget?.deposit()
            const first = handle(message)
            const exit = settled(first)
            if (exit !== undefined && Exit.isSuccess(exit)) return first
            let attempts = 0
            return Effect.retry(
              Effect.suspend(() => (attempts++ === 0 ? first : handle(message))),
              {
                schedule,
                while: (error: E) => worthwhile(error) && (budget?.withdraw(now()) ?? true)
              }
            )
          }
        })
      )
    )
}

/**
 * What becomes of messages that a filter keeps out.
 *
 * @category options
 * @since 0.1.0
 */
export interface FilterOptions<in In, out Out, out E2 = never, out R2 = never> {
  /** What is done with one that does not pass. Default: nothing; it is counted in either case. */
  readonly otherwise?:
    | ((message: In, connection: Connection<In, Out>) => Effect.Effect<unknown, E2, R2>)
    | undefined
}

/**
 * Handles only the messages that pass. The others are counted, as `stats.filtered`, and go to `otherwise`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const filter: <In, Out, E2 = never, R2 = never>(
  predicate: (message: In) => boolean,
  options?: FilterOptions<In, Out, E2, R2>
) => <E, R>(self: PerMessage<In, Out, E, R>) => PerMessage<In, Out, E | E2, R | R2> =
  (predicate, options = {}) =>
  (self) =>
    filtered(self, (message) => predicate(message), options)

/**
 * Makes a handler of some messages into one of more: those that the refinement lets pass are handled, the others are
 * left to `otherwise`, as {@link filter} does.
 *
 * A handler that takes messages of the connection by itself gets them unfiltered.
 *
 * **Example** (Numbers only)
 *
 * ```ts
 * import { Handler } from "effect-sluice"
 * import { Console, Predicate } from "effect"
 *
 * const handler = Handler.each((number: number) => Console.log(number + 1)).pipe(
 *   Handler.refine((message: number | string) => Predicate.isNumber(message))
 * )
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const refine =
  <In, Narrow extends In, Out, E2 = never, R2 = never>(
    refinement: (message: In) => message is Narrow,
    options: FilterOptions<In, Out, E2, R2> = {}
  ): (<E, R>(self: PerMessage<Narrow, Out, E, R>) => PerMessage<In, Out, E | E2, R | R2>) =>
  <E, R>(self: PerMessage<Narrow, Out, E, R>) =>
    // It is never called with a message that did not pass, and the connection is the same one.
    filtered(self as PerMessage<In, Out, E, R>, refinement, options)

const filtered = <In, Out, E, R, E2, R2>(
  self: PerMessage<In, Out, E, R>,
  predicate: (message: In) => boolean,
  options: FilterOptions<In, Out, E2, R2>
): PerMessage<In, Out, E | E2, R | R2> =>
  wrap(self, (inner, connection) => {
    const core = coreOf(connection)
    return Effect.map(inner, (handle) => (message: In): Effect.Effect<unknown, E | E2, R | R2> => {
      // What nobody knows the type of goes to the route for it.
      if (message instanceof UnknownMessage || predicate(message)) return handle(message)
      if (core !== undefined) core.reader.messages.filtered++
      return options.otherwise?.(message, connection) ?? Exit.void
    })
  })

/**
 * Runs an effect with each message before it is handled; a failure is the message's own.
 *
 * @category combinators
 * @since 0.1.0
 */
export const tap =
  <In, Out, E2 = never, R2 = never>(
    f: (message: In, connection: Connection<In, Out>) => Effect.Effect<unknown, E2, R2>
  ): (<E, R>(self: PerMessage<In, Out, E, R>) => PerMessage<In, Out, E | E2, R | R2>) =>
  <E, R>(self: PerMessage<In, Out, E, R>) =>
    wrap(self, (inner, connection) =>
      Effect.map(inner, (handle) => (message: In): Effect.Effect<unknown, E | E2, R | R2> => {
        if (message instanceof UnknownMessage) return handle(message)
        const tapped = f(message, connection)
        const exit = settled(tapped)
        return exit !== undefined && Exit.isSuccess(exit)
          ? handle(message)
          : Effect.flatMap(tapped, () => handle(message))
      })
    )
