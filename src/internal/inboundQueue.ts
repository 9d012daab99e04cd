/** The bounded queue between reader and handler. Batches cross it, not single messages. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import type { ConnectionClosed } from "../SluiceError.ts"
import { type ConsumeBatch, Consumer, type Handling } from "./batchConsumer.ts"

/** A batch, or how the input ended: `Done` after an orderly end, the failure otherwise. */
export type Take<A, E> = Exit.Exit<NonEmptyReadonlyArray<A>, E | Cause.Done>

/** Who fills the queue. */
export interface InboundHost {
  /** There is room again. */
  readonly roomAgain: () => void
  /** A taker has to wait. May push at once. */
  readonly asked?: (() => void) | undefined
}

/** Somebody who waits for a batch. */
export interface Taker<A, E> {
  /** The next batch; the taker waits no more. */
  readonly take: (batch: NonEmptyReadonlyArray<A>) => void
  /** No more batches come. `ending` makes what to end with. */
  readonly end: (ending: () => Take<A, E>) => void
}

/**
 * Batches in order, with a mark in messages and in bytes.
 *
 * `push` and `poll` are plain calls; an Effect is built only to wait, and a waiting taker is resumed inside `push`,
 * so that a batch goes from the socket's callback into the handler without a turn of any scheduler.
 *
 * A batch that is here is always admitted: reaching a mark makes `full` true, which stops the producer. The bound
 * is therefore the mark plus what one chunk of the socket holds.
 */
export class InboundQueue<A, E = ConnectionClosed> {
  /** Messages waiting. */
  messages = 0
  /** Bytes of their frames. */
  bytes = 0
  /** Is told of each batch that is taken out of the queue, where somebody counts. */
  onTaken: (() => void) | undefined
  /** Who handles a batch at this moment, outside of its fiber. */
  handling: Handling | undefined

  private readonly maxMessages: number
  private readonly maxBytes: number
  private readonly host: InboundHost
  private batches: Array<NonEmptyReadonlyArray<A>> = none
  private sizes: Array<number> = none
  /** The first who waits, and those behind. Mostly there is one at most. */
  private taker: Taker<A, E> | undefined
  private others: Array<Taker<A, E>> = none
  private ending: (() => Take<A, E>) | undefined

  constructor(maxMessages: number, maxBytes: number, host: InboundHost) {
    this.maxMessages = maxMessages
    this.maxBytes = maxBytes
    this.host = host
  }

  get full(): boolean {
    return this.messages >= this.maxMessages || this.bytes >= this.maxBytes
  }

  /** Whether the next batch goes straight to a handler that waits for it. */
  get awaited(): boolean {
    return this.taker !== undefined
  }

  /** Whether no more batches come. */
  get over(): boolean {
    return this.ending !== undefined
  }

  /** Adds a batch whose frames took `bytes`. After `end` it is dropped. */
  push(batch: NonEmptyReadonlyArray<A>, bytes: number): void {
    if (this.ending !== undefined) return
    const { taker } = this
    if (taker !== undefined) {
      this.taker = this.others.shift()
      taker.take(batch)
      return
    }
    if (this.batches === none) {
      this.batches = []
      this.sizes = []
    }
    this.batches.push(batch)
    this.sizes.push(bytes)
    this.messages += batch.length
    this.bytes += bytes
  }

  /** Gives back what was taken and is not wanted yet. It is the next batch again; its bytes count no more. */
  putBack(batch: NonEmptyReadonlyArray<A>): void {
    if (this.batches === none) {
      this.batches = []
      this.sizes = []
    }
    this.batches.unshift(batch)
    this.sizes.unshift(0)
    this.messages += batch.length
  }

  /** The next batch, if one is here. */
  poll(): NonEmptyReadonlyArray<A> | undefined {
    const batch = this.batches.shift()
    if (batch === undefined) return undefined
    const wasFull = this.full
    this.messages -= batch.length
    this.bytes -= this.sizes.shift()!
    this.onTaken?.()
    if (wasFull && !this.full) this.host.roomAgain()
    return batch
  }

  /** Drops what is here. */
  discard(): void {
    this.batches = none
    this.sizes = none
    this.messages = 0
    this.bytes = 0
  }

  /**
   * No more batches come. What is here is still delivered, then everyone gets `ending`, which is made only when someone
   * asks: most connections end unasked, and an error costs more than the rest of their end. Only the first call counts.
   */
  end(ending: () => Take<A, E>): void {
    if (this.ending !== undefined) return
    this.ending = ending
    const { others, taker } = this
    this.taker = undefined
    this.others = none
    taker?.end(ending)
    for (const other of others) other.end(ending)
  }

  /** The next batch, waiting for it where none is here. Takers are served in the order in which they came. */
  take(): Pull.Pull<NonEmptyReadonlyArray<A>, E> {
    return Effect.suspend(() => this.now() ?? this.wait())
  }

  private wait(): Pull.Pull<NonEmptyReadonlyArray<A>, E> {
    return Effect.callback<NonEmptyReadonlyArray<A>, E | Cause.Done>((resume) => {
      // A fiber may have let others on since it found nothing here.
      const now = this.now()
      if (now !== undefined) return resume(now)
      const taker: Taker<A, E> = {
        take: (batch) => resume(Exit.succeed(batch)),
        end: (ending) => resume(ending())
      }
      this.await(taker)
      return Effect.sync(() => this.forget(taker))
    })
  }

  /** Handles all batches that are left, in order, and goes on with `behind` when the input has ended, however it did. */
  consume<E2, R, B, E3, R3>(
    f: ConsumeBatch<A, E2, R>,
    behind: () => Effect.Effect<B, E3, R3>
  ): Effect.Effect<B, E2 | E3, R | R3> {
    return Effect.withFiber((fiber) => Effect.flatMap(new Consumer(this, f, fiber).next(), behind))
  }

  /** How the input ended, for one who was there to its end: well, or with its failure. */
  outcome(): Exit.Exit<void, E> {
    const exit = this.ending?.()
    return exit === undefined || Exit.isSuccess(exit) || Pull.isDoneCause(exit.cause)
      ? Exit.void
      : // Without `Done`, which was just ruled out.
        Exit.failCause(exit.cause as Cause.Cause<E>)
  }

  /** Whether the input has ended in good order. */
  get endedWell(): boolean {
    const exit = this.ending?.()
    return exit !== undefined && Exit.isFailure(exit) && Pull.isDoneCause(exit.cause)
  }

  /** Adds somebody who waits; there is nothing here. */
  await(taker: Taker<A, E>): void {
    if (this.taker === undefined) {
      this.taker = taker
    } else {
      if (this.others === none) this.others = []
      this.others.push(taker)
    }
    this.host.asked?.()
  }

  /** Somebody waits no more. */
  forget(taker: Taker<A, E>): void {
    if (this.taker === taker) {
      this.taker = this.others.shift()
      return
    }
    const index = this.others.indexOf(taker)
    if (index >= 0) this.others.splice(index, 1)
  }

  /** Whether a taker would not have to wait. */
  get hasNow(): boolean {
    return this.batches.length > 0 || this.ending !== undefined
  }

  /** What can be had without waiting. */
  private now(): Take<A, E> | undefined {
    const batch = this.poll()
    return batch === undefined ? this.ending?.() : Exit.succeed(batch)
  }
}

// Shared by all empty queues, so that an idle connection holds no arrays. Never written to.
const none: Array<never> = []
