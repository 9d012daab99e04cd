/** One request in flight, from its sending to its last reply. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { SendError } from "../Connection.ts"
import type { ConnectionClosed, RequestTimeout, TooManyRequests } from "../SluiceError.ts"
import type { Asker } from "./asker.ts"
import type { Scheduled } from "./deadlineScheduler.ts"
import { InboundQueue } from "./inboundQueue.ts"
import type { ExchangeTags } from "./requestPlan.ts"

/** What a request fails with: a message that says so, or why none came. */
export type RequestFailure<In> = In | SendError | RequestTimeout | TooManyRequests

/** The tags of a request, its own included. */
export type RequestTags = ExchangeTags & { readonly tag: string }

const done = Exit.fail(Cause.Done())

export abstract class Pending<In, Out> implements Scheduled {
  due = Number.POSITIVE_INFINITY
  place = -1
  readonly id: unknown
  protected readonly asker: Asker<In, Out>
  protected readonly tags: RequestTags
  protected readonly timeout: number
  private sending: Fiber.Fiber<void, SendError> | undefined
  private sent = false
  /** Nobody waits for it any more. */
  private over = false

  constructor(asker: Asker<In, Out>, tags: RequestTags, id: unknown, timeout: number | undefined) {
    this.asker = asker
    this.tags = tags
    this.id = id
    this.timeout = timeout ?? asker.settings.timeout
  }

  /** Tells whoever waits how it ended. */
  protected abstract settle(exit: Exit.Exit<never, RequestFailure<In>> | undefined): void
  /** A reply while somebody waits. Says whether it is one of this request's. */
  protected abstract answered(tag: string, message: In, bytes: number): boolean
  /** When the time for the next reply is over, `now` where it is. */
  protected abstract deadline(now: number): number

  begin(message: Out): void {
    const { connection } = this.asker
    const { deadlines, now } = connection.shared
    if (this.timeout < Number.POSITIVE_INFINITY) deadlines.scheduler.arm(this, now() + this.timeout)
    // Mostly it is sent within the call; a fiber of its own waits for room, so that the timeout can end that too.
    const fiber = Effect.runFork(this.asker.send(message))
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) {
      this.wasSent(exit)
      return
    }
    this.sending = fiber
    fiber.addObserver((exit) => this.wasSent(exit))
  }

  reply(tag: string, message: In, bytes: number): boolean {
    return !this.over && this.answered(tag, message, bytes)
  }

  check(now: number): number {
    if (this.over) return Number.POSITIVE_INFINITY
    const deadline = this.deadline(now)
    if (deadline > now) return deadline
    const error = this.asker.expired(this.tags.tag, this.timeout)
    this.retract()
    this.settle(Exit.fail(error))
    return Number.POSITIVE_INFINITY
  }

  /** It ends without a reply. The other end is told if it can be, or it would work for nobody until the wire is cut. */
  fail(error: ConnectionClosed): void {
    const { asker, over, sent, tags } = this
    this.finish()
    if (over) return
    if (sent && tags.cancel !== undefined) {
      Effect.runFork(asker.connection.trySend(asker.cancelMessage(tags.cancel, this.id)))
    }
    this.settle(Exit.fail(error))
  }

  /** Drops the replies that are here. */
  discard(): void {}

  /** Nobody waits any more. The other end is told, where the protocol has a word for it. */
  leave(): void {
    if (!this.over) this.retract()
    this.settle(undefined)
  }

  /** It has had its last reply. */
  protected finish(): void {
    this.over = true
    this.asker.connection.shared.deadlines.scheduler.cancel(this)
    this.sending?.interruptUnsafe()
    this.sending = undefined
    this.asker.forget(this)
  }

  /** The id stays taken until the word is out, which bounds how many of them can wait. */
  private retract(): void {
    const { cancel } = this.tags
    if (!this.sent || cancel === undefined) {
      this.finish()
      return
    }
    this.over = true
    const { asker } = this
    asker.connection.shared.deadlines.scheduler.cancel(this)
    const fiber = Effect.runFork(asker.send(asker.cancelMessage(cancel, this.id)))
    this.sending = fiber
    fiber.addObserver(() => {
      this.sending = undefined
      asker.forget(this)
    })
  }

  private wasSent(exit: Exit.Exit<void, SendError>): void {
    this.sending = undefined
    if (Exit.isSuccess(exit)) {
      this.sent = true
      return
    }
    if (this.over) return
    this.finish()
    this.settle(Exit.failCause(exit.cause))
  }
}

export class UnaryPending<In, Out> extends Pending<In, Out> {
  private readonly resume: (exit: Exit.Exit<In, RequestFailure<In>>) => void

  constructor(
    asker: Asker<In, Out>,
    tags: RequestTags,
    id: unknown,
    timeout: number | undefined,
    resume: (exit: Exit.Exit<In, RequestFailure<In>>) => void
  ) {
    super(asker, tags, id, timeout)
    this.resume = resume
  }

  protected answered(tag: string, message: In): boolean {
    if (tag !== this.tags.reply && tag !== this.tags.error) return false
    this.finish()
    this.resume(tag === this.tags.reply ? Exit.succeed(message) : Exit.fail(message))
    return true
  }

  protected settle(exit: Exit.Exit<never, RequestFailure<In>> | undefined): void {
    if (exit !== undefined) this.resume(exit)
  }

  protected deadline(now: number): number {
    return now
  }
}

export class StreamPending<In, Out> extends Pending<In, Out> {
  /** Replies that wait to be taken. */
  readonly queue: InboundQueue<In, RequestFailure<In>>
  private holding = false
  private heardAt: number
  /** Bytes that have been told to wait. */
  private told = 0

  constructor(asker: Asker<In, Out>, tags: RequestTags, id: unknown, timeout: number | undefined) {
    super(asker, tags, id, timeout)
    const { maxBytes, maxMessages } = asker.settings.streamLimits
    this.heardAt = asker.connection.shared.now()
    this.queue = new InboundQueue(maxMessages, maxBytes, { roomAgain: () => this.roomAgain() })
    this.queue.onTaken = () => this.tell()
  }

  override discard(): void {
    this.queue.discard()
    this.tell()
  }

  protected answered(tag: string, message: In, bytes: number): boolean {
    const { each, end, error } = this.tags
    if (tag === each) {
      this.heardAt = this.asker.connection.shared.now()
      const batch: NonEmptyReadonlyArray<In> = [message]
      this.queue.push(batch, bytes)
      this.tell()
      if (this.queue.full && !this.holding) {
        this.holding = true
        this.asker.hold()
      }
      return true
    }
    if (tag !== end && tag !== error) return false
    this.finish()
    this.queue.end(() => (tag === end ? done : Exit.fail(message)))
    return true
  }

  protected settle(exit: Exit.Exit<never, RequestFailure<In>> | undefined): void {
    if (exit !== undefined) {
      this.queue.end(() => exit)
      return
    }
    this.discard()
    this.roomAgain()
  }

  /** The time counts from the last reply, or from when all were taken; while there are some to take, it does not. */
  protected deadline(now: number): number {
    if (this.queue.messages > 0 || this.asker.holding) this.heardAt = now
    return this.heardAt + this.timeout
  }

  private tell(): void {
    const { bytes } = this.queue
    this.asker.holds(bytes - this.told)
    this.told = bytes
  }

  private roomAgain(): void {
    if (!this.holding) return
    this.holding = false
    this.asker.release()
  }
}
