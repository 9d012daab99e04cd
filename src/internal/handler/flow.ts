/** Messages of one connection that are handled at the same time, or wait for it. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Connection } from "../../Connection.ts"
import type { ConnectionClosed } from "../../SluiceError.ts"
import { UnknownMessage } from "../codec/tagged.ts"
import { settled } from "../settled.ts"
import type { FlowPlan, Handle } from "./perMessage.ts"

/** What may wait behind busy keys, so that one of them does not hold up the others. */
const keyedBuffer = 64

/**
 * Handles a connection's messages by as many fibers as the plan allows. Completes when the last one is handled, fails
 * with the first failure; interrupted, it interrupts them all.
 */
export const runFlow = <In, Out, E, R>(
  connection: Connection<In, Out>,
  handle: Handle<In, E, R>,
  plan: FlowPlan<In>
): Effect.Effect<void, E | ConnectionClosed, R> =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.callback<void, E | ConnectionClosed>((resume) => {
      const flow = new Flow(handle, plan, Effect.runForkWith(context), resume)
      flow.begin(Stream.runForEachArray(connection.messages, (batch) => flow.take(batch)))
      return flow.interrupt
    })
  )

interface Entry<In> {
  readonly message: In
  readonly key: unknown
}

type Ending<E> = Exit.Exit<void, E | ConnectionClosed>

class Flow<In, E, R> {
  private readonly handle: Handle<In, E, R>
  private readonly concurrency: number
  private readonly key: ((message: In) => unknown) | undefined
  private readonly buffer: number
  private readonly fork: <A, E2>(effect: Effect.Effect<A, E2, R>) => Fiber.Fiber<A, E2>
  private readonly resume: (ending: Effect.Effect<void, E | ConnectionClosed>) => void
  private readonly fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  /** Messages that may be handled as soon as a fiber is free. */
  private readonly ready: Array<Entry<In>> = []
  /** The keys of messages in hand or ready, and who waits behind them. Gone when nobody does. */
  private readonly lanes = new Map<unknown, Array<In>>()
  private running = 0
  private waiting = 0
  private room: (() => void) | undefined
  private ending: Ending<E> | undefined
  private over = false

  constructor(
    handle: Handle<In, E, R>,
    plan: FlowPlan<In>,
    fork: <A, E2>(effect: Effect.Effect<A, E2, R>) => Fiber.Fiber<A, E2>,
    resume: (ending: Effect.Effect<void, E | ConnectionClosed>) => void
  ) {
    this.handle = handle
    this.concurrency = plan.concurrency
    this.key = plan.key
    // One that finds its key busy has to wait somewhere.
    this.buffer = plan.key === undefined ? (plan.buffer ?? 0) : Math.max(1, plan.buffer ?? keyedBuffer)
    this.fork = fork
    this.resume = resume
  }

  /** Runs what takes the messages. */
  begin(taking: Effect.Effect<void, E | ConnectionClosed, R>): void {
    this.own(taking, (exit) => {
      // A connection that broke has still had its messages handled, as far as they were accepted.
      if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) this.end(exit)
      else this.ending = exit
      this.endIfIdle()
    })
  }

  /** Starts the messages of a batch, or lets them wait; suspends while there is no room for more. */
  take(batch: ReadonlyArray<In>): Effect.Effect<void> {
    let index = 0
    // Within the bounds, see both loops.
    while (index < batch.length && !this.full) this.offer(batch[index++] as In)
    if (index === batch.length) return Exit.void
    return Effect.whileLoop({
      while: () => index < batch.length,
      body: () => {
        if (this.full) return this.awaitRoom()
        this.offer(batch[index++] as In)
        return Exit.void
      },
      step: () => {}
    })
  }

  get interrupt(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.over = true
      return Fiber.interruptAll(Array.from(this.fibers))
    })
  }

  private get full(): boolean {
    return this.waiting >= this.buffer && (this.key !== undefined || this.running >= this.concurrency)
  }

  private awaitRoom(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      // There may be some since the loop looked.
      if (!this.full) return resume(Exit.void)
      this.room = () => {
        this.room = undefined
        resume(Exit.void)
      }
    })
  }

  private offer(message: In): void {
    if (this.over) return
    // Keys are of messages that are known; the others keep their order among themselves.
    const key = message instanceof UnknownMessage ? undefined : this.key?.(message)
    if (this.key !== undefined) {
      const lane = this.lanes.get(key)
      if (lane !== undefined) {
        lane.push(message)
        this.waiting++
        return
      }
    }
    if (this.running >= this.concurrency) {
      if (this.key !== undefined) this.lanes.set(key, [])
      this.ready.push({ message, key })
      this.waiting++
      return
    }
    const effect = this.handle(message)
    const exit = settled(effect)
    if (exit === undefined) {
      if (this.key !== undefined) this.lanes.set(key, [])
      this.start({ message, key }, effect)
    } else if (Exit.isFailure(exit)) {
      this.end(Exit.failCause(exit.cause))
    }
  }

  /** A fiber that handles one message, and then those that wait, one after the other. */
  private start(first: Entry<In>, effect: Effect.Effect<unknown, E, R>): void {
    this.running++
    let entry: Entry<In> | undefined = first
    let begun: Effect.Effect<unknown, E, R> | undefined = effect
    const work = Effect.whileLoop({
      while: () => entry !== undefined,
      body: () => {
        if (entry === undefined) return Exit.void
        const next = begun ?? this.handle(entry.message)
        begun = undefined
        return next
      },
      step: () => {
        if (entry !== undefined) entry = this.next(entry)
      }
    })
    this.own(work, (exit) => {
      if (Exit.isFailure(exit)) this.end(exit)
    })
  }

  /** One message is done: what its fiber does next, if anything. */
  private next({ key }: Entry<In>): Entry<In> | undefined {
    if (this.key !== undefined) {
      const lane = this.lanes.get(key)
      // Behind the messages of other keys, so that a busy one does not keep them out.
      if (lane === undefined || lane.length === 0) this.lanes.delete(key)
      else this.ready.push({ message: lane.shift() as In, key })
    }
    const entry = this.ready.shift()
    if (entry === undefined) this.running--
    else this.waiting--
    this.room?.()
    this.endIfIdle()
    return entry
  }

  /** Runs an effect in a fiber that is kept for as long as it runs. */
  private own<A, E2>(effect: Effect.Effect<A, E2, R>, onExit: (exit: Exit.Exit<A, E2>) => void): void {
    const fiber = this.fork(
      // Kept before it does anything: what it does first may be to close its own connection.
      Effect.withFiber<A, E2, R>((fiber) => {
        this.fibers.add(fiber)
        return effect
      })
    )
    fiber.addObserver((exit) => {
      this.fibers.delete(fiber)
      if (!this.over) onExit(exit)
    })
  }

  private endIfIdle(): void {
    if (this.ending !== undefined && this.running === 0) this.end(this.ending)
  }

  private end(ending: Ending<E>): void {
    if (this.over) return
    this.resume(Effect.andThen(this.interrupt, ending))
    this.over = true
  }
}
