/** One end of the channel between a supervisor and a worker: notices, requests with replies, and a bound on what waits. */
import type { SendHandle } from "node:child_process"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type Envelope, type Reading, wrap } from "./messages.ts"

/** What Node has on both ends. */
export type Send = (
  message: object,
  handle: SendHandle | undefined,
  options: { readonly keepOpen: boolean },
  callback: (error: Error | null) => void
) => void

/** How much may wait for the other process. */
export interface QueueLimits {
  readonly maxMessages: number
  readonly maxBytes: number
}

export interface LinkOptions<Notice, Request> {
  readonly send: Send
  readonly read: (message: unknown) => Reading<Envelope<Notice, Request>>
  readonly onNotice: (notice: Notice, handle: unknown) => void
  /** The reply. A failure of it has been told; it is answered by `undefined`, which no request takes for an answer. */
  readonly onRequest: (request: Request) => Effect.Effect<unknown>
  readonly limits: QueueLimits
  readonly fork: (effect: Effect.Effect<void>) => void
}

/** Messages that the channel has at a time; the system's buffer holds a few dozen. */
const window = 64

/** Requests that wait for their reply at a time. */
const maximumRequests = 10_000

interface Waiting {
  readonly envelope: object
  readonly bytes: number
}

/** Why a request has no reply. */
export type NoReply = "closed" | "timeout" | "full"

export class Link<Notice, Request> {
  private readonly options: LinkOptions<Notice, Request>
  private closed = false
  /** Messages given to the channel and not yet with the system. */
  private underway = 0
  private waiting: Array<Waiting> = []
  private waitingBytes = 0
  private nextId = 0
  private readonly pending = new Map<number, (exit: Exit.Exit<unknown, NoReply>) => void>()
  private roomWaiters: Array<() => void> = []

  constructor(options: LinkOptions<Notice, Request>) {
    this.options = options
  }

  /** A message of the other end, whatever it is. Says false where it is one of ours and makes no sense. */
  receive(message: unknown, handle: unknown): boolean {
    const envelope = this.options.read(message)
    if (envelope === "foreign") return true
    if (envelope === "invalid") return false
    switch (envelope._tag) {
      case "Notice":
        this.options.onNotice(envelope.body, handle)
        return true
      case "Request":
        this.options.fork(
          Effect.map(this.options.onRequest(envelope.body), (body) =>
            this.give(wrap({ _tag: "Reply", id: envelope.id, body }))
          )
        )
        return true
      case "Reply":
        this.settle(envelope.id, Exit.succeed(envelope.body))
        return true
    }
  }

  /**
   * Says something that must be said, of which there is never more than what it is about: sockets, requests. It goes
   * before what waits.
   */
  tell(body: object, handle?: SendHandle): void {
    this.give(wrap({ _tag: "Notice", body }), handle)
  }

  /** Says something of which there may be any amount; false where there is no room for it. */
  offer(body: object, bytes: number): boolean {
    if (this.closed) return false
    const envelope = wrap({ _tag: "Notice", body })
    if (this.underway < window && this.waiting.length === 0) {
      this.give(envelope)
      return true
    }
    const { maxBytes, maxMessages } = this.options.limits
    if (
      this.waiting.length >= maxMessages ||
      (this.waitingBytes > 0 && this.waitingBytes + bytes > maxBytes)
    ) {
      return false
    }
    this.waiting.push({ envelope, bytes })
    this.waitingBytes += bytes
    return true
  }

  /** Waits until half of what may wait is gone, or the link is. */
  awaitRoom(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.closed || !this.crowded) return resume(Exit.void)
      const wake = () => resume(Exit.void)
      this.roomWaiters.push(wake)
      return Effect.sync(() => {
        this.roomWaiters = this.roomWaiters.filter((waiter) => waiter !== wake)
      })
    })
  }

  request(body: object, timeout: Duration.Duration): Effect.Effect<unknown, NoReply> {
    return Effect.suspend(() => {
      if (this.closed) return Effect.fail<NoReply>("closed")
      if (this.pending.size >= maximumRequests) return Effect.fail<NoReply>("full")
      const id = this.nextId++
      const reply = Effect.callback<unknown, NoReply>((resume) => {
        this.pending.set(id, resume)
        this.give(wrap({ _tag: "Request", id, body }))
        return Effect.sync(() => {
          this.pending.delete(id)
        })
      })
      return Effect.timeoutOrElse(reply, {
        duration: timeout,
        orElse: () => Effect.fail<NoReply>("timeout")
      })
    })
  }

  /** The other end is gone. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.waiting = []
    this.waitingBytes = 0
    for (const id of Array.from(this.pending.keys())) this.settle(id, Exit.fail("closed"))
    this.wakeWaiters()
  }

  private get crowded(): boolean {
    const { maxBytes, maxMessages } = this.options.limits
    return this.waiting.length > maxMessages / 2 || this.waitingBytes > maxBytes / 2
  }

  private settle(id: number, exit: Exit.Exit<unknown, NoReply>): void {
    const resume = this.pending.get(id)
    this.pending.delete(id)
    resume?.(exit)
  }

  private give(envelope: object, handle?: SendHandle): void {
    if (this.closed) return
    this.underway++
    // An error means that the other end is going, which it tells by itself.
    this.options.send(envelope, handle, { keepOpen: true }, () => {
      this.underway--
      this.flush()
    })
  }

  private flush(): void {
    while (this.underway < window) {
      const next = this.waiting.shift()
      if (next === undefined) break
      this.waitingBytes -= next.bytes
      this.give(next.envelope)
    }
    if (this.roomWaiters.length > 0 && !this.crowded) this.wakeWaiters()
  }

  private wakeWaiters(): void {
    const waiters = this.roomWaiters
    this.roomWaiters = []
    for (const wake of waiters) wake()
  }
}
