/** Runs effects without a fiber, as far as nothing in them has to wait. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import {
  type AnyEffect,
  argumentKey,
  argumentOf,
  continuationKey,
  continuationOf,
  evaluateKey,
  failureKind,
  flatMapContinuation,
  type GoesOn,
  goesOnKind,
  type Iteration,
  isGenerator,
  iterationKind,
  kindOf,
  mapContinuation,
  resumeGenerator,
  successKind,
  suspendKind,
  syncKind
} from "./effectInternals.ts"

/** Whether the steps go on: not once their fiber has been interrupted. */
interface Running {
  readonly over: boolean
}

/** What waits for the value of an effect: the effect that goes on from it, or the generator that yielded it. */
type Frame = GoesOn | Iteration

/** So many steps, and then a fiber has to go on, which lets others have their turn. */
const mostSteps = 1024

/**
 * Does what `effect` does: its exit, or, where something has to wait or is unknown here, an effect that does the rest.
 * Knows `sync`, `suspend`, `succeed`, `flatMap`, `map` and generators, which is what handlers that wait for nothing are
 * made of. It saves the fiber's own loop, and the look-up of a generator's `next`, which costs more than that.
 *
 * Where `running` says that it is over, the result means nothing.
 */
export const runInline = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  running: Running
): Effect.Effect<A, E, R> => {
  try {
    // The steps of an effect lead to what its type says.
    return steps(firstSteps(effect, running), running) as Effect.Effect<A, E, R>
  } catch (defect) {
    // Only what goes on from a success was waiting, and that is not there for a defect.
    return Exit.die(defect)
  }
}

/**
 * The first steps of what most handlers make of a message: a send, or `Effect.flatMap(Effect.sync(f), g)` and what `g`
 * answers. The loop of `steps` does the same; here each property is read at a place of its own, where the engine finds
 * one or two shapes of object only: a tenth of what such a message costs.
 */
const firstSteps = (effect: AnyEffect, running: Running): AnyEffect => {
  // Any object may be asked for these; their kinds say that what is called is there.
  let current = effect as object as GoesOn
  if (current[evaluateKey] === goesOnKind && current[continuationKey] === flatMapContinuation) {
    const first = current[argumentKey] as GoesOn
    if (first[evaluateKey] !== syncKind) return effect
    const value = (first[argumentKey] as () => unknown)()
    if (running.over) return Exit.void
    current = (current.payload as (value: unknown) => GoesOn)(value)
    if (running.over || (current as object) === Exit.void) return Exit.void
  }
  if (current[evaluateKey] === suspendKind) {
    current = (current[argumentKey] as () => GoesOn)()
    if (running.over) return Exit.void
  }
  return current as object as AnyEffect
}

const steps = (effect: AnyEffect, running: Running): AnyEffect => {
  let current = effect
  // Most effects have one other waiting for them at a time.
  let frame: Frame | undefined
  let outer: Array<Frame> | undefined
  if (current === Exit.void) return current
  for (let step = 0; step < mostSteps && isObject(current); step++) {
    const kind = kindOf(current)
    let value: unknown
    if (kind === suspendKind) {
      current = callForEffect(argumentOf(current))
      if (running.over) return Exit.void
      continue
    }
    if (kind === syncKind) {
      value = callForValue(argumentOf(current))
      if (running.over) return Exit.void
    } else if (kind === successKind) {
      if (frame === undefined) return current
      value = argumentOf(current)
    } else if (kind === goesOnKind || kind === iterationKind) {
      const waiting = knownFrame(current, kind)
      if (waiting === undefined) break
      if (frame !== undefined) {
        outer ??= []
        outer.push(frame)
      }
      frame = waiting
      if (kind === goesOnKind) {
        current = effectIn(waiting)
        continue
      }
      value = initialOf(waiting)
    } else {
      if (kind === failureKind) return current
      break
    }
    for (let hasValue = true; hasValue; ) {
      if (frame === undefined) return value === undefined ? Exit.void : Exit.succeed(value)
      if (isIteration(frame)) {
        const result = resumeGenerator.call(frame.iterator, value)
        if (result.done === true) {
          value = result.value
          frame = outer?.pop()
        } else {
          current = result.value
          hasValue = false
        }
      } else {
        const { payload } = frame
        const maps = continuationOf(frame) === mapContinuation
        frame = outer?.pop()
        if (maps) {
          value = callWith(payload, value)
        } else {
          current = callForEffect(payload, value)
          hasValue = false
        }
      }
      if (running.over) return Exit.void
    }
  }
  return frame === undefined ? current : rest(current, frame, outer ?? [])
}

/** What is left to do, for a fiber: all that waits, behind the effect that has to. */
const rest = (current: AnyEffect, innermost: Frame, outer: ReadonlyArray<Frame>): AnyEffect =>
  [...outer, innermost].reduceRight<AnyEffect>(
    (effect, frame) =>
      isIteration(frame)
        ? Effect.flatMap(effect, stepsOf(frame.iterator))
        : continuationOf(frame) === mapContinuation
          ? Effect.map(effect, (value) => callWith(frame.payload, value))
          : Effect.flatMap(effect, (value) => callForEffect(frame.payload, value)),
    current
  )

/** The steps of a generator that has begun. */
const stepsOf = (iterator: Iteration["iterator"]): ((value: unknown) => AnyEffect) => {
  const next = (value: unknown): AnyEffect => {
    const result = resumeGenerator.call(iterator, value)
    return result.done === true ? Exit.succeed(result.value) : Effect.flatMap(result.value, next)
  }
  return next
}

const isObject = (effect: unknown): boolean =>
  (typeof effect === "object" && effect !== null) || typeof effect === "function"

const isIteration = (frame: Frame): frame is Iteration => kindOf(frame) === iterationKind

/** An effect of one of the two kinds that wait, if it is known how it goes on. */
const knownFrame = (effect: AnyEffect, kind: unknown): Frame | undefined => {
  // Its kind says which of the two it is.
  const frame = effect as object as Frame
  if (kind === iterationKind) {
    return isGenerator((frame as Iteration).iterator) ? frame : undefined
  }
  const continuation = continuationOf(frame as GoesOn)
  return continuation === flatMapContinuation || continuation === mapContinuation ? frame : undefined
}

// What effects of a known kind are made of is of the type that their constructors ask for.
const effectIn = (frame: Frame) => argumentOf(frame) as AnyEffect
const initialOf = (frame: Frame) => (frame as Iteration).initial
const callForEffect = (f: unknown, value?: unknown) => (f as (value: unknown) => AnyEffect)(value)
const callForValue = (f: unknown) => (f as () => unknown)()
const callWith = (f: unknown, value: unknown) => (f as (value: unknown) => unknown)(value)
