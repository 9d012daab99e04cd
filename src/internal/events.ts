/** Values for whoever listens, and nothing at all for nobody. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/**
 * Hands each value to every subscriber there is. A subscriber has a sliding buffer of its own; publishing is a plain
 * call that never waits.
 */
export class Hub<A> {
  /** Values that subscribers did not get because they fell behind. */
  dropped = 0
  /** The values from the moment it is run, after that of `first`, if there is one. Ends with the hub. */
  readonly stream: Stream.Stream<A>
  private readonly capacity: number
  private readonly subscribers = new Set<Queue.Queue<A, Cause.Done>>()
  private ended = false

  constructor(capacity: number, first?: () => A | undefined) {
    this.capacity = capacity
    this.stream = Stream.unwrap(
      Effect.map(
        Effect.acquireRelease(
          Effect.map(Queue.sliding<A, Cause.Done>(capacity), (queue) => {
            const value = first?.()
            if (value !== undefined) Queue.offerUnsafe(queue, value)
            if (this.ended) Queue.endUnsafe(queue)
            else this.subscribers.add(queue)
            return queue
          }),
          (queue) =>
            Effect.sync(() => {
              this.subscribers.delete(queue)
            })
        ),
        Stream.fromQueue
      )
    )
  }

  /** Whether anybody listens. Ask before making a value. */
  get active(): boolean {
    return this.subscribers.size > 0
  }

  publish(value: A): void {
    for (const queue of this.subscribers) {
      if (Queue.sizeUnsafe(queue) >= this.capacity) this.dropped++
      Queue.offerUnsafe(queue, value)
    }
  }

  /** Ends the streams, after what they still hold. */
  end(): void {
    this.ended = true
    for (const queue of this.subscribers) Queue.endUnsafe(queue)
    this.subscribers.clear()
  }
}

/** A value that changes, and whoever follows it. */
export class Cell<A> {
  private current: A
  private readonly hub: Hub<A>

  constructor(initial: A) {
    this.current = initial
    this.hub = new Hub(16, () => this.current)
  }

  get value(): A {
    return this.current
  }

  /** The value, and then each change. Ends after the last one. */
  get changes(): Stream.Stream<A> {
    return this.hub.stream
  }

  set(value: A, last = false): void {
    this.current = value
    this.hub.publish(value)
    if (last) this.hub.end()
  }
}
