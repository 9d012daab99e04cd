/** The requests of the other end that are being answered. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { CloseReason } from "../CloseReason.ts"
import type { Connection } from "../Connection.ts"
import { ConnectionClosed } from "../SluiceError.ts"
import type { ConnectionImpl } from "./connection.ts"
import { type ExchangeTags, fieldOf, type RequestPlan, tagOf } from "./requestPlan.ts"

/** What answers a request: an effect of the reply, or a stream of replies, without their tags and ids. */
export type Answer<In, Out, R> = (
  request: In,
  connection: Connection<In, Out>
) => Effect.Effect<unknown, unknown, R> | Stream.Stream<unknown, unknown, R>

/** How requests are answered, and what happens to other messages. */
export interface Answers<In, Out, R, E> {
  readonly table: ReadonlyMap<string, Answer<In, Out, R>>
  readonly otherwise: (message: In, connection: Connection<In, Out>) => Effect.Effect<unknown, E, R>
  readonly concurrency: number
  /** What becomes of a request that was taken back before its turn; nothing, unless said otherwise. */
  readonly cancelled?: ((request: In, connection: Connection<In, Out>) => Effect.Effect<unknown>) | undefined
}

/** What an answer failed with, which is a reply too; sending fails otherwise. */
class Failed {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

/** A request that is being answered. */
interface Running {
  fiber: Fiber.Fiber<unknown> | undefined
  cancelled: boolean
}

const failed = (error: unknown): Failed => new Failed(error)

/**
 * One dispatcher takes the messages in order; each answer is a child of its fiber. While as many run as may, the
 * dispatcher waits, and with it everything behind: the inbound queue fills, then reading stops.
 */
export class Answerer<In, Out> {
  /** Requests with the id of one that is not answered yet. */
  duplicates = 0

  private readonly connection: ConnectionImpl<In, Out>
  private readonly plan: RequestPlan
  /** Requests on their way to the dispatcher, by id. */
  private readonly waiting = new Map<unknown, In>()
  private readonly cancelled = new Set<In>()
  /** Those whose answer is wanted, by id. */
  private readonly running = new Map<unknown, Running>()
  /** How many run, those that were cancelled and are not over yet included. */
  private active = 0
  private stopped = false
  private wake: (() => void) | undefined

  constructor(connection: ConnectionImpl<In, Out>, plan: RequestPlan) {
    this.connection = connection
    this.plan = plan
  }

  get inFlight(): number {
    return this.active
  }

  /** A request came. Says whether it is one to answer: an id that is in use could not be answered apart. */
  admit(id: unknown, request: In): boolean {
    if (this.waiting.has(id) || this.running.has(id)) {
      this.duplicates++
      return false
    }
    this.waiting.set(id, request)
    return true
  }

  /** The other end does not want the answer any more, and may use the id again at once. */
  cancel(id: unknown): void {
    const request = this.waiting.get(id)
    if (request !== undefined) {
      this.waiting.delete(id)
      this.cancelled.add(request)
      return
    }
    const running = this.running.get(id)
    if (running === undefined) return
    this.running.delete(id)
    running.cancelled = true
    running.fiber?.interruptUnsafe()
  }

  /** Nobody hears an answer any more. */
  stop(): void {
    this.stopped = true
    for (const { fiber } of [...this.running.values()]) fiber?.interruptUnsafe()
  }

  /** One message, in its turn. Completes when the next may come. */
  dispatch<R, E>(message: In, answers: Answers<In, Out, R, E>): Effect.Effect<unknown, E, R> {
    const tag = tagOf(message) ?? ""
    if (this.plan.cancels.has(tag)) {
      // It came before anybody answered, as what it cancels did.
      this.cancel(fieldOf(message, this.plan.field))
      return Effect.void
    }
    const answer = answers.table.get(tag)
    const tags = this.plan.answers[tag]
    if (answer === undefined || tags === undefined)
      return answers.otherwise(message, this.connection.speaking)
    return this.active < answers.concurrency
      ? this.begin(message, tags, answer, answers)
      : Effect.flatMap(this.awaitFewer(answers.concurrency), () => this.begin(message, tags, answer, answers))
  }

  /** Completes when nothing is being answered. */
  awaitIdle(): Effect.Effect<void> {
    return this.awaitFewer(1)
  }

  private awaitFewer(than: number): Effect.Effect<void> {
    return Effect.whileLoop({
      while: () => this.active >= than,
      body: () =>
        Effect.callback<void>((resume) => {
          // An answer may have been through since the loop looked.
          if (this.active < than) return resume(Exit.void)
          this.wake = () => resume(Exit.void)
        }),
      step: () => {}
    })
  }

  private begin<R>(
    request: In,
    tags: ExchangeTags,
    answer: Answer<In, Out, R>,
    { cancelled }: Pick<Answers<In, Out, R, unknown>, "cancelled">
  ): Effect.Effect<unknown, never, R> {
    const id = fieldOf(request, this.plan.field)
    if (this.waiting.get(id) === request) this.waiting.delete(id)
    if (this.stopped) return Effect.void
    if (this.cancelled.delete(request)) return cancelled?.(request, this.connection.speaking) ?? Effect.void
    const running: Running = { fiber: undefined, cancelled: false }
    this.running.set(id, running)
    this.active++
    const answering = Effect.catchCause(this.answer(request, id, tags, answer), (cause) =>
      Effect.sync(() => this.defect(cause))
    )
    return Effect.map(Effect.forkChild(answering, { startImmediately: true }), (fiber) => {
      running.fiber = fiber
      if (running.cancelled) fiber.interruptUnsafe()
      fiber.addObserver(() => {
        this.active--
        if (this.running.get(id) === running) this.running.delete(id)
        const { wake } = this
        this.wake = undefined
        wake?.()
      })
    })
  }

  private answer<R>(
    request: In,
    id: unknown,
    tags: ExchangeTags,
    answer: Answer<In, Out, R>
  ): Effect.Effect<unknown, unknown, R> {
    const connection = this.connection.speaking
    return Effect.suspend(() => {
      const answered = answer(request, connection)
      if (Stream.isStream(answered)) {
        const all = tags.error === undefined ? answered : Stream.mapError(answered, failed)
        return Effect.andThen(
          Stream.runForEachArray(all, (batch) =>
            connection.sendAll(batch.map((body) => this.message(tags.each, id, body)))
          ),
          Effect.suspend(() => connection.send(this.message(tags.end, id, undefined)))
        )
      }
      const one = tags.error === undefined ? answered : Effect.mapError(answered, failed)
      return Effect.flatMap(one, (body) => connection.send(this.message(tags.reply, id, body)))
    }).pipe(
      Effect.catchIf(
        (error) => error instanceof Failed,
        ({ error }) => connection.send(this.message(tags.error, id, error))
      )
    )
  }

  /** A reply: what the answer has to say, with the tag and the id that the request asks for. */
  private message(tag: string | undefined, id: unknown, body: unknown): Out {
    const fields = typeof body === "object" && body !== null ? body : {}
    // The types of `Requests.handler` ask for the body of this very message.
    return { ...fields, _tag: tag, [this.plan.field]: id } as Out
  }

  /** An answer that dies, or cannot be sent, ends the connection as a handler that fails does. */
  private defect(cause: Cause.Cause<unknown>): void {
    if (Cause.hasInterruptsOnly(cause)) return
    const failure = Cause.findErrorOption(cause)
    if (failure._tag === "Some" && failure.value instanceof ConnectionClosed) return
    this.connection.closeWith(CloseReason.HandlerFailed({ cause }))
  }
}
