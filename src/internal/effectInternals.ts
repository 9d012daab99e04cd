/**
 * What the direct path knows of how Effect's values are made inside. Nothing of it is promised by Effect, so it is tried
 * when this file is loaded: where an effect is made differently, it is unknown here, and goes through a fiber.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

export type AnyEffect = Effect.Effect<unknown, unknown, unknown>

export const argumentKey = "~effect/Effect/args"
export const continuationKey = "~effect/Effect/successCont"
export const evaluateKey = "~effect/Effect/evaluate"

/** An effect that is made of something: a thunk, a value, the effect that it goes on from. */
export interface Made {
  readonly [argumentKey]?: unknown
  readonly [evaluateKey]?: unknown
}

/** An effect that goes on from another one. */
export interface GoesOn extends Made {
  readonly [continuationKey]: (this: GoesOn, value: unknown) => AnyEffect
  readonly payload: unknown
}

/** A generator that yields effects, and what it is to be resumed with. */
export interface Iteration extends Made {
  readonly iterator: Iterator<AnyEffect, unknown>
  readonly initial: unknown
}

/** What an effect is made of. */
// Any object may be asked for a property that it may not have, whatever its type says.
export const argumentOf = (effect: object): unknown => (effect as Made)[argumentKey]

/** How an effect goes on. */
export const continuationOf = (effect: GoesOn): GoesOn[typeof continuationKey] => effect[continuationKey]

// Any object may be asked for a property that it may not have, whatever its type says.
const inside = (effect: unknown): GoesOn & Iteration => effect as GoesOn & Iteration

/** What all effects that one constructor makes have in common, and no others: what a fiber does with them. */
export const kindOf = (effect: object): unknown => (effect as Made)[evaluateKey]

const parentOf = (value: unknown): object | null => Object.getPrototypeOf(value)

const never = Effect.never
const thunk = () => never
const identity = (value: unknown) => value

/** The kind of the effects that are made like `probe`, where it is made of `argument`. */
const kindMadeOf = (probe: AnyEffect, argument: unknown): unknown =>
  argumentOf(probe) === argument ? kindOf(probe) : undefined

export const syncKind = kindMadeOf(Effect.sync(thunk), thunk)
export const suspendKind = kindMadeOf(Effect.suspend(thunk), thunk)
export const successKind = kindMadeOf(Exit.succeed(thunk), thunk)
export const failureKind = kindMadeOf(Exit.failCause(Cause.empty), Cause.empty)

/** Whether an effect is an exit. By its kind, for it is asked of every message. */
export const isExit: (effect: AnyEffect) => boolean =
  successKind === undefined || failureKind === undefined
    ? Exit.isExit
    : (effect) => {
        const kind = kindOf(effect)
        return kind === successKind || kind === failureKind
      }

export const catchKind = kindMadeOf(
  Effect.catchCause(never, () => never),
  never
)

/** How effects of a probe's kind go on, where `payload` is kept as it should. */
const continuation = (probe: AnyEffect, payload: unknown) => {
  const { [continuationKey]: found, payload: kept } = inside(probe)
  return kind(probe) !== undefined && kept === payload && typeof found === "function" ? found : undefined
}
const kind = (probe: AnyEffect) => kindMadeOf(probe, never)

export const goesOnKind = kind(Effect.flatMap(never, thunk))
/** Calls its payload for the effect to go on with. */
export const flatMapContinuation = continuation(Effect.flatMap(never, thunk), thunk)
/** Calls its payload for the value to go on with. */
export const mapContinuation = continuation(Effect.map(never, identity), identity)

/** A generator's effect has one step in which the generator is made. */
const iteration = (() => {
  const made = argumentOf(
    inside(
      Effect.gen(function* () {
        yield* never
      })
    )
  )
  const found = typeof made === "function" ? inside(made()) : undefined
  return found !== undefined && "iterator" in found && "initial" in found ? found : undefined
})()
export const iterationKind = iteration === undefined ? undefined : kindOf(iteration)

const grandparentOf = (value: unknown): object | null => parentOf(parentOf(value))

/** The ancestor of all generators. */
const generators = grandparentOf((function* () {})())

/** Whether an iterator is a generator that the engine itself has made. */
export const isGenerator = (iterator: unknown): boolean => grandparentOf(iterator) === generators

/**
 * Resumes a generator. To look `next` up on one costs more than to run it: each `function*` that is made anew, as those
 * in handlers are, has a prototype of its own, so that nothing the engine has learnt of the others helps.
 */
export const resumeGenerator: (
  this: Iterator<AnyEffect, unknown>,
  value: unknown
) => IteratorResult<AnyEffect, unknown> =
  // Every generator inherits it; the engine's types do not name the place.
  (generators as Iterator<AnyEffect, unknown>).next as typeof resumeGenerator

/** The effect whose failures an `Effect.catchCause` catches; undefined for any other effect. */
export const caughtBy = (effect: AnyEffect): unknown =>
  catchKind !== undefined && kindOf(effect) === catchKind ? argumentOf(effect) : undefined

const currentFiberKey = "~effect/Fiber/currentFiber"

type AnyFiber = Fiber.Fiber<unknown, unknown> | undefined

// Not in the type of what is global.
const globals = globalThis as { [currentFiberKey]?: AnyFiber }

/** Says which fiber runs at this moment, and returns the one that did. */
export const swapCurrentFiber = (fiber: AnyFiber): AnyFiber => {
  const before = globals[currentFiberKey]
  globals[currentFiberKey] = fiber
  return before
}

/** Whether a fiber would be interrupted between two of its steps. */
export const isInterruptible = (fiber: AnyFiber): boolean =>
  // Not in its type.
  (fiber as { readonly interruptible?: boolean } | undefined)?.interruptible !== false

interface Parking {
  /** What an effect evaluates to that parks its fiber. `left` is called when the fiber goes on, for whatever reason. */
  readonly yieldWith: (left: () => void) => AnyEffect
  /** Goes on with an effect. */
  readonly evaluate: (effect: AnyEffect) => void
}

// Not in its type.
const parking = (fiber: object): Parking => fiber as Parking

/** Parks the fiber that evaluates the result, without the closures that `Effect.callback` makes for it. */
export const parked = <A, E, R>(
  fiber: Fiber.Fiber<unknown, unknown>,
  left: () => void
): Effect.Effect<A, E, R> =>
  // What the fiber goes on with is of the type that whoever unparks it says.
  parking(fiber).yieldWith(left) as Effect.Effect<A, E, R>

/** Has a fiber that was parked like this go on. */
export const unpark = (fiber: Fiber.Fiber<unknown, unknown>, effect: AnyEffect): void =>
  parking(fiber).evaluate(effect)

/** Whether fibers park so: one that goes on, and one that is interrupted. */
export const canPark: boolean = (() => {
  try {
    let left = 0
    const fork = () => Effect.runFork(Effect.withFiber((fiber) => parked(fiber, () => left++)))
    const one = fork()
    const other = fork()
    if (one.pollUnsafe() !== undefined || left > 0) return false
    unpark(one, Exit.void)
    other.interruptUnsafe()
    const [ended, interrupted] = [one.pollUnsafe(), other.pollUnsafe()]
    return (
      left === 2 &&
      ended !== undefined &&
      Exit.isSuccess(ended) &&
      interrupted !== undefined &&
      Exit.hasInterrupts(interrupted)
    )
  } catch {
    return false
  }
})()

/** What all channels inherit, where a stream's is nothing but its transformation. */
const channels = (() => {
  const { channel } = Stream.fromPull(Exit.succeed(Effect.never))
  return Object.keys(channel).join() === "transform" ? parentOf(channel) : undefined
})()

/** The stream of a pull. `Stream.fromPull` makes twice as much, to catch what an exit cannot throw. */
export const streamOfPull = <A, E>(
  pull: Exit.Exit<Pull.Pull<NonEmptyReadonlyArray<A>, E>>
): Stream.Stream<A, Pull.ExcludeDone<E>> => {
  if (channels === undefined) return Stream.fromPull(pull)
  const channel = Object.create(channels)
  channel.transform = () => pull
  return Stream.fromChannel(channel)
}
