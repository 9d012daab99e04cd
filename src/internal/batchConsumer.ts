/** Whoever handles all batches of an inbound queue, one after the other, without a turn of its fiber for each. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { canPark, isInterruptible, parked, swapCurrentFiber, unpark } from "./effectInternals.ts"
import type { InboundQueue, Taker } from "./inboundQueue.ts"
import { settled } from "./settled.ts"

/**
 * What is done with a batch. `consumer` is there when the batch is handled within the call that brought it, outside the
 * consumer's fiber.
 */
export type ConsumeBatch<A, E, R> = (
  batch: NonEmptyReadonlyArray<A>,
  consumer: BatchConsumer | undefined
) => Effect.Effect<unknown, E, R>

/** The part of a consumer that others see. */
export interface BatchConsumer {
  /** Its fiber was interrupted, or is about to be: the rest of the batch is nobody's. */
  readonly over: boolean
  /** Effects may be run outside of its fiber. */
  readonly runsInline: boolean
}

/** A batch in hand, as its connection sees it. */
export interface Handling {
  /** Whether this is what a fiber would do if it were not parked, and would be interrupted in between. */
  readonly isOf: (fiber: Fiber.Fiber<unknown, unknown>) => boolean
  /** Does something when the batch is done with. */
  readonly after: (f: () => void) => void
}

/**
 * Its fiber is parked while batches are handled within the calls that bring them, and resumed for an effect that has to
 * wait, a failure, or the end. To resume a fiber for each batch costs more than all else that is done with a small one:
 * this is most of what the direct path gives.
 */
export class Consumer<A, E, E2, R> implements Taker<A, E>, BatchConsumer, Handling {
  private readonly queue: InboundQueue<A, E>
  private readonly f: ConsumeBatch<A, E2, R>
  readonly runsInline: boolean
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  /** Its fiber is parked, or about to be, and is to go on with what comes. */
  private waiting = false
  private entering = false
  /** What came before the fiber was parked. */
  private early: Effect.Effect<void, E2, R> | undefined
  private resume: ((effect: Effect.Effect<void, E2, R>) => void) | undefined
  /** What waits for the end of the batch at hand. */
  private afterwards: (() => void) | undefined

  constructor(queue: InboundQueue<A, E>, f: ConsumeBatch<A, E2, R>, fiber: Fiber.Fiber<unknown, unknown>) {
    this.queue = queue
    this.f = f
    this.fiber = fiber
    // A tracer wants to see each step.
    this.runsInline = fiber.cache.tracerContext === undefined
  }

  get over(): boolean {
    return !this.waiting || this.afterwards !== undefined
  }

  /** What the fiber does: takes what is here, and parks. Completes when the queue has ended and is empty. */
  next(): Effect.Effect<void, E2, R> {
    const { queue } = this
    for (let batch = queue.poll(); batch !== undefined; batch = queue.poll()) {
      const effect = this.f(batch, undefined)
      const exit = settled(effect)
      if (exit === undefined) return this.goOn(effect)
      if (Exit.isFailure(exit)) return Exit.failCause(exit.cause)
    }
    return queue.over ? Exit.void : this.park()
  }

  /** The rest of a batch, and then the next one. */
  private goOn(effect: Effect.Effect<unknown, E2, R>): Effect.Effect<void, E2, R> {
    return Effect.flatMap(effect, () => this.next())
  }

  private park(): Effect.Effect<void, E2, R> {
    return canPark
      ? Effect.withFiber(() => this.enter() ?? parked(this.fiber, () => this.left()))
      : Effect.callback<void, E2, R>((resume) => {
          this.resume = resume
          const now = this.enter()
          if (now !== undefined) return resume(now)
          return Effect.sync(() => this.left())
        })
  }

  /** Begins to wait. What to do instead, where there is something. */
  private enter(): Effect.Effect<void, E2, R> | undefined {
    // A fiber may have let others on since it found nothing here.
    if (this.queue.hasNow) return Effect.suspend(() => this.next())
    this.waiting = true
    this.entering = true
    this.queue.await(this)
    this.entering = false
    const { early } = this
    this.early = undefined
    return early
  }

  /** The fiber goes on. */
  private left(): void {
    this.resume = undefined
    // Unless somebody has seen to it, it was interrupted.
    if (!this.waiting) return
    this.waiting = false
    this.queue.forget(this)
  }

  private goOnWith(effect: Effect.Effect<void, E2, R>): void {
    this.waiting = false
    const { resume } = this
    this.resume = undefined
    if (this.entering) this.early = effect
    else if (resume !== undefined) resume(effect)
    else unpark(this.fiber, effect)
  }

  /** A batch, within the call that brings it. */
  take(first: NonEmptyReadonlyArray<A>): void {
    const { queue } = this
    const current = swapCurrentFiber(this.fiber)
    queue.handling = this
    let batch: NonEmptyReadonlyArray<A> | undefined = first
    let effect: Effect.Effect<unknown, E2, R> = Exit.void
    let exit: Exit.Exit<unknown, E2> | undefined
    do {
      try {
        effect = this.f(batch, this)
      } catch (defect) {
        effect = Exit.die(defect)
      }
      exit = settled(effect)
      // What came meanwhile is in the queue, for nobody waited.
      batch = exit === undefined || Exit.isFailure(exit) || this.over ? undefined : queue.poll()
    } while (batch !== undefined)
    queue.handling = undefined
    swapCurrentFiber(current)
    const { afterwards } = this
    if (afterwards !== undefined) {
      this.afterwards = undefined
      afterwards()
    }
    if (!this.waiting) return
    if (exit === undefined) this.goOnWith(this.goOn(effect))
    else if (Exit.isFailure(exit)) this.goOnWith(Exit.failCause(exit.cause))
    else if (queue.over) this.end()
    else queue.await(this)
  }

  /** The queue has ended. */
  end(): void {
    if (this.waiting) this.goOnWith(Exit.void)
  }

  isOf(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return this.fiber === fiber && isInterruptible(fiber)
  }

  after(f: () => void): void {
    this.afterwards = f
  }
}

/**
 * Interrupts a fiber as soon as it is between two of its steps, as any fiber is, even where it is parked and its step is
 * done elsewhere: what that does at this moment may be to close its own connection.
 */
export const interruptBetweenSteps = (
  fiber: Fiber.Fiber<unknown, unknown>,
  handling: Handling | undefined
): void => {
  if (handling?.isOf(fiber) === true) handling.after(() => fiber.interruptUnsafe())
  else fiber.interruptUnsafe()
}
