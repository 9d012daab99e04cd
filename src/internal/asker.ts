/** The requests that one end of a connection has in flight. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { SendError } from "../Connection.ts"
import { type ConnectionClosed, RequestTimeout, TooManyRequests } from "../SluiceError.ts"
import type { ConnectionImpl } from "./connection.ts"
import { type Pending, type RequestFailure, StreamPending, UnaryPending } from "./pendingRequest.ts"
import { type ExchangeTags, fieldOf, type RequestPlan, tagOf } from "./requestPlan.ts"
import { Signal } from "./signal.ts"

/** How requests are asked. Times in milliseconds. */
export interface AskSettings {
  readonly maxInFlight: number
  readonly timeout: number
  readonly streamLimits: { readonly maxMessages: number; readonly maxBytes: number }
}

/**
 * Finds out whose a reply is. Timeouts are entries in the timer that all connections share, and a request is a fiber
 * only while its message waits for room to be sent.
 */
export class Asker<In, Out> {
  /** Replies that nobody waits for. */
  late = 0
  timedOut = 0
  /** Bytes of replies that wait to be taken. */
  held = 0

  readonly connection: ConnectionImpl<In, Out>
  readonly plan: RequestPlan
  settings: AskSettings
  private readonly pending = new Map<unknown, Pending<In, Out>>()
  private sequence = 0
  private holders = 0
  private ended: ConnectionClosed | undefined
  private idle: Signal | undefined

  constructor(connection: ConnectionImpl<In, Out>, plan: RequestPlan, settings: AskSettings) {
    this.connection = connection
    this.plan = plan
    this.settings = settings
    if (!connection.reader.reading) this.ended = connection.repliesOver()
  }

  get inFlight(): number {
    return this.pending.size
  }

  /** Whether a stream of replies has to be taken from before anything else is read. */
  get holding(): boolean {
    return this.holders > 0
  }

  ask(message: Out, timeout: number | undefined): Effect.Effect<In, RequestFailure<In>> {
    return Effect.callback<In, RequestFailure<In>>((resume) => {
      const refused = this.refusal()
      if (refused !== undefined) return resume(Exit.fail(refused))
      const pending = new UnaryPending<In, Out>(this, this.tagsOf(message), this.nextId(), timeout, resume)
      this.begin(pending, message)
      return Effect.sync(() => pending.leave())
    })
  }

  stream(message: Out, timeout: number | undefined): Stream.Stream<In, RequestFailure<In>> {
    const open = Effect.suspend(() => {
      const refused = this.refusal()
      if (refused !== undefined) return Exit.fail(refused)
      const pending = new StreamPending<In, Out>(this, this.tagsOf(message), this.nextId(), timeout)
      this.begin(pending, message)
      return Exit.succeed(pending)
    })
    return Stream.unwrap(
      Effect.map(
        Effect.acquireRelease(open, (pending) => Effect.sync(() => pending.leave())),
        (pending) => Stream.fromPull(Exit.succeed(pending.queue.take()))
      )
    )
  }

  /** A reply came. */
  reply(tag: string, message: In, bytes: number): void {
    const pending = this.pending.get(fieldOf(message, this.plan.field))
    if (pending === undefined || !pending.reply(tag, message, bytes)) this.late++
  }

  /** No reply can come any more. */
  end(error: ConnectionClosed): void {
    if (this.ended !== undefined) return
    this.ended = error
    for (const pending of [...this.pending.values()]) pending.fail(error)
  }

  /** Calls back when nothing is in flight, at once where nothing is. */
  onIdle(callback: () => void): () => void {
    if (this.pending.size === 0) {
      callback()
      return () => {}
    }
    this.idle ??= new Signal()
    return this.idle.onFire(callback)
  }

  /** Completes when nothing is in flight. */
  awaitIdle(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => Effect.sync(this.onIdle(() => resume(Exit.void))))
  }

  // --- what the requests in flight tell ---

  /** Its id may be used again. */
  forget(pending: Pending<In, Out>): void {
    this.pending.delete(pending.id)
    if (this.pending.size > 0) return
    const { idle } = this
    this.idle = undefined
    idle?.fire()
  }

  expired(tag: string, millis: number): RequestTimeout {
    this.timedOut++
    return new RequestTimeout({ connection: this.connection.id, request: tag, millis })
  }

  /** So many more bytes of replies wait, or fewer. */
  holds(bytes: number): void {
    if (bytes === 0) return
    this.held += bytes
    this.connection.account()
  }

  /** Drops the replies of those that cannot be complete any more. */
  discard(): void {
    for (const pending of this.pending.values()) pending.discard()
  }

  /** A stream is full. */
  hold(): void {
    this.holders++
    this.connection.reader.pause()
  }

  /** It has room again. */
  release(): void {
    this.holders--
    if (this.holders === 0) this.connection.reader.roomAgain()
  }

  /** Sends in the protocol of the requests, which the connection may have switched to. */
  send(message: Out): Effect.Effect<void, SendError> {
    return this.connection.speaking.send(message)
  }

  /** The message that takes a request back. */
  cancelMessage(tag: string, id: unknown): Out {
    // `Requests.protocol` asks for a message of a tag and an id.
    return { _tag: tag, [this.plan.field]: id } as Out
  }

  private begin(pending: Pending<In, Out>, message: Out): void {
    this.pending.set(pending.id, pending)
    // Messages of this protocol are objects, to which the id is what is missing.
    pending.begin({ ...(message as object), [this.plan.field]: pending.id } as Out)
  }

  private refusal(): ConnectionClosed | TooManyRequests | undefined {
    if (this.ended !== undefined) return this.ended
    const limit = Math.min(this.settings.maxInFlight, this.plan.max)
    return this.pending.size < limit
      ? undefined
      : new TooManyRequests({ connection: this.connection.id, limit })
  }

  /** The types let nothing through that is not asked; what gets past them is a defect. */
  private tagsOf(message: Out): ExchangeTags & { readonly tag: string } {
    const tag = tagOf(message) ?? "a message without a tag"
    const tags = this.plan.asks[tag]
    if (tags === undefined) throw new Error(`${tag} is no request of this side`)
    return { ...tags, tag }
  }

  /** There is one: fewer are in flight than there are. */
  private nextId(): unknown {
    for (;;) {
      this.sequence = this.sequence >= this.plan.max ? 1 : this.sequence + 1
      const id = this.plan.from(this.sequence)
      if (!this.pending.has(id)) return id
    }
  }
}
