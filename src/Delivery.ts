/**
 * At-least-once delivery over anything that can ask once: the sender asks again until it is told that the message
 * was handled, and the receiver leaves out what it has handled before.
 *
 * Neither knows of connections. One attempt of the sender is an effect of the caller's, which may connect anew or use
 * whatever connection there is; a {@link Requests} request is one that fits. Both are in memory: a process that ends
 * forgets, and what it had not been told is not known to be handled.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { Window } from "./internal/deliveryWindow.ts"
import { DeliveryExpired } from "./SluiceError.ts"

/**
 * Which delivery a message is: the sender's session, and its number there, ascending from 1. It travels with the
 * message, the same in each attempt.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeliveryId {
  readonly session: string
  readonly sequence: number
}

/**
 * Delivers messages.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sender<in Message, out Acknowledgement, out R> {
  /** Unique to this sender. */
  readonly session: string
  /**
   * Completes with the acknowledgement of the first attempt that has one. Fails when the deadline or the schedule is
   * over, or an error comes that is not to be retried; whether the message was handled is not known then. Suspends
   * while as many messages as may be are under way.
   */
  readonly deliver: (message: Message) => Effect.Effect<Acknowledgement, DeliveryExpired, R>
}

/**
 * How a sender delivers.
 *
 * @category options
 * @since 0.1.0
 */
export interface SenderOptions<in Message, out Acknowledgement, in out E, out R> {
  /**
   * Sends the message with its id, once, and awaits the acknowledgement. It needs a timeout of its own, as requests
   * have; what it fails with is the reason to try again.
   */
  readonly attempt: (message: Message, id: DeliveryId) => Effect.Effect<Acknowledgement, E, R>
  /** When to try again. Default: after 0.1 seconds, then twice as long each time, up to 5 seconds. */
  readonly retry?: Schedule.Schedule<unknown, E> | undefined
  /** Whether to try again after an error. Default: after every one. */
  readonly while?: ((error: E) => boolean) | undefined
  /** How long a delivery may take in all, attempts and pauses, once it is its turn. Default 5 minutes. */
  readonly deadline?: Duration.Input | undefined
  /**
   * How many messages are under way at once, 1 or more. Messages may overtake each other, those tried again most of
   * all; 1 keeps the order of `deliver`, for one message after the other. Default 64.
   */
  readonly concurrency?: number | undefined
}

const defaultRetry = Schedule.min([Schedule.exponential(100, 2), Schedule.spaced(5000)])

/**
 * A sender with a session of its own.
 *
 * **Example** (Each attempt on a connection of its own)
 *
 * ```ts
 * import { Client, Delivery, Framing, Protocol, Requests } from "effect-sluice"
 * import { Effect, Schema } from "effect"
 *
 * const delivery = { session: Schema.String, sequence: Schema.Int }
 * const Mail = Requests.protocol(
 *   Protocol.tagged("Mail", {
 *     framing: Framing.lengthPrefixed(),
 *     fromClient: { Post: { id: 1, schema: Schema.TaggedStruct("Post", { id: Schema.Int, ...delivery, text: Schema.String }) } },
 *     fromServer: { Posted: { id: 1, schema: Schema.TaggedStruct("Posted", { id: Schema.Int }) } }
 *   }),
 *   { id: "id", fromClient: { Post: { reply: "Posted" } } }
 * )
 *
 * const sender = Delivery.makeSender({
 *   attempt: (text: string, id) => Effect.scoped(Effect.gen(function* () {
 *     const requests = yield* Requests.fromClient(Mail, yield* Client.connect(Mail))
 *     return yield* requests.request({ _tag: "Post", ...id, text }, { timeout: "5 seconds" })
 *   }))
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeSender = <Message, Acknowledgement, E, R>(
  options: SenderOptions<Message, Acknowledgement, E, R>
): Effect.Effect<Sender<Message, Acknowledgement, R>> =>
  Effect.gen(function* () {
    const { attempt, concurrency = 64, retry = defaultRetry } = options
    const again = options.while ?? (() => true)
    const deadline = Duration.fromInputUnsafe(options.deadline ?? "5 minutes")
    const turns = yield* Semaphore.make(positive("concurrency", concurrency))
    const part = Effect.map(Random.next, (random) => Math.floor(random * 2 ** 48).toString(36))
    const session = `${yield* part}${yield* part}`
    let sequence = 0

    const deliver = (message: Message): Effect.Effect<Acknowledgement, DeliveryExpired, R> => {
      const id: DeliveryId = { session, sequence: ++sequence }
      let attempts = 0
      let last: unknown
      const expired = Effect.suspend(() => Effect.fail(new DeliveryExpired({ ...id, attempts, cause: last })))
      const once = Effect.suspend(() => {
        attempts++
        return attempt(message, id)
      }).pipe(
        Effect.tapError((error) =>
          Effect.sync(() => {
            last = error
          })
        )
      )
      return Effect.retry(once, { schedule: retry, while: again }).pipe(
        Effect.catch(() => expired),
        Effect.timeoutOrElse({ duration: deadline, orElse: () => expired })
      )
    }

    return {
      session,
      // Its number is that of its turn.
      deliver: (message) => turns.withPermits(1)(Effect.suspend(() => deliver(message)))
    }
  })

/**
 * Handles deliveries once.
 *
 * @category models
 * @since 0.1.0
 */
export interface Receiver {
  /**
   * Runs `handle` for a delivery that is new, and has its result for every attempt of it within the window: those that
   * come while it runs wait for it, those that come later have what it was. A failure is told and forgotten, so that
   * the next attempt runs it again.
   *
   * It runs in a fiber of the receiver, which goes on where the connection of the attempt is lost.
   */
  readonly receive: <A, E, R>(id: DeliveryId, handle: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * What a receiver remembers. Beyond it an attempt is new, and handled again.
 *
 * @category options
 * @since 0.1.0
 */
export interface ReceiverOptions {
  /** Deliveries of one sender, the oldest forgotten first; 1 or more. Those being handled come on top. Default 1024. */
  readonly maxDeliveries?: number | undefined
  /** Senders, the one unheard of for longest forgotten first; 1 or more. Default 1024. */
  readonly maxSenders?: number | undefined
  /** How long a result is kept. Default 10 minutes. It should outlast the senders' deadline. */
  readonly retention?: Duration.Input | undefined
}

/**
 * A receiver. The end of its scope interrupts what it handles.
 *
 * One for all connections of a server: an attempt may come over another one than the attempt before. Handling is
 * concurrent, and in no order but that of the sender's attempts.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeReceiver = (options: ReceiverOptions = {}): Effect.Effect<Receiver, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const window = new Window(
      positive("maxDeliveries", options.maxDeliveries ?? 1024),
      positive("maxSenders", options.maxSenders ?? 1024),
      Duration.toMillis(Duration.fromInputUnsafe(options.retention ?? "10 minutes"))
    )
    return {
      receive: <A, E, R>(id: DeliveryId, handle: Effect.Effect<A, E, R>) =>
        Effect.flatMap(Clock.Clock, (clock) => {
          const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
          const known = window.find(id, now())
          // One delivery, and therefore one handler with its types.
          if (known !== undefined) return Deferred.await(known as Deferred.Deferred<A, E>)
          const result = Deferred.makeUnsafe<A, E>()
          window.begin(id, result)
          const begun = Effect.map(Effect.forkIn(handle, scope, { startImmediately: true }), (fiber) =>
            fiber.addObserver((exit) => {
              window.settle(id, exit._tag === "Success", now())
              Deferred.doneUnsafe(result, exit)
            })
          )
          return Effect.andThen(Effect.uninterruptible(begun), Deferred.await(result))
        })
    }
  })

const positive = (name: string, value: number): number => {
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new RangeError(`${name}: must be a whole number of 1 or more, is ${value}`)
}
