/** Frames to messages to the inbound queue. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { CloseReason } from "../CloseReason.ts"
import { type CodecError, MessageError } from "../SluiceError.ts"
import { hexExcerpt, totalLength } from "./bytes.ts"
import { Detour } from "./codec/direct.ts"
import { codecError } from "./codec/schemaCodec.ts"
import { UnknownMessage } from "./codec/tagged.ts"
import type { ConnectionImpl } from "./connection.ts"
import { settled } from "./settled.ts"

/** What decoding needs of the reading. */
interface Flow {
  readonly pause: () => void
  /** The fiber is through with its frames. */
  readonly caughtUp: () => void
  /** A frame is no message, and the policy is to close. */
  readonly wrong: (error: MessageError) => void
}

/**
 * While codec and policy answer at once, frames become a batch in the inbound queue within the same call. Only what
 * needs an effect (a codec with services, a reply to a bad message) goes over the reader fiber, with reading paused
 * meanwhile; that fiber is there from the first such frame on, and otherwise parked.
 */
export class MessageDecoder<In, Out> {
  /** Messages so far, those left out included. */
  taken = 0
  skipped = 0
  unknown = 0
  /** Messages that a filter of the handler kept out. */
  filtered = 0
  /** Set by a handler that wants messages with unknown ids too. */
  deliverUnknown = false

  private readonly connection: ConnectionImpl<In, Out>
  private readonly flow: Flow
  /** Frames that wait for the reader fiber; undefined while it is parked. */
  private backlog: Array<Uint8Array> | undefined
  /** Their bytes. */
  waitingBytes = 0
  private wake: (() => void) | undefined
  private running = false
  private stopped = false

  constructor(connection: ConnectionImpl<In, Out>, flow: Flow) {
    this.connection = connection
    this.flow = flow
  }

  /** Whether frames wait for the reader fiber. */
  get busy(): boolean {
    return this.backlog !== undefined
  }

  stop(): void {
    this.stopped = true
    this.forget()
  }

  /** The next frames, in order, `size` bytes together. */
  handle(read: Array<Uint8Array>, size: number): void {
    if (read.length === 0 || this.stopped) return
    const { greeting, heartbeat, requests, shared } = this.connection
    const frames = greeting === undefined ? read : greeting.hear(read)
    if (frames.length === 0) return
    if (this.backlog !== undefined) {
      for (const frame of frames) this.backlog.push(frame)
      this.waitingBytes += totalLength(frames)
      return
    }
    if (shared.identity && heartbeat === undefined && requests === undefined) {
      this.taken += frames.length
      // `identity` says that the messages are the frames.
      this.deliver(frames as Array<unknown> as Array<In>, greeting === undefined ? size : totalLength(frames))
      return
    }
    const messages: Array<In> = []
    const plain = heartbeat === undefined && requests === undefined
    // Of messages without a framing, each counts for as much as any other.
    const each = shared.messageFrames ? Math.floor(size / frames.length) : undefined
    let bytes = 0
    for (let i = 0; i < frames.length; i++) {
      const frame = frames[i]!
      const decoded = this.decodeNow(frame)
      if (!(decoded instanceof Detour)) {
        const length = each ?? frame.length
        bytes += length
        if (plain && !(decoded instanceof UnknownMessage)) {
          this.taken++
          messages.push(decoded)
        } else {
          this.take(decoded, length, messages)
        }
        continue
      }
      const failed = settled(decoded.effect)
      if (failed === undefined || Exit.isSuccess(failed)) {
        this.deliver(messages, bytes)
        this.handOver(frames.slice(i))
        return
      }
      const policy = this.connection.shared.onMessageError
      if (policy === "skip") {
        const index = this.taken++
        this.skipped++
        this.connection.messageSkipped("skip", () => this.messageError(frame, failed.cause, index))
        continue
      }
      this.deliver(messages, bytes)
      if (policy === "close") {
        this.flow.wrong(this.messageError(frame, failed.cause, this.taken++))
      } else {
        this.handOver(frames.slice(i))
      }
      return
    }
    this.deliver(messages, bytes)
  }

  /** Leaves the frames to the reader fiber and stops reading until it is through. */
  private handOver(frames: Array<Uint8Array>): void {
    this.backlog = frames
    this.waitingBytes = totalLength(frames)
    this.flow.pause()
    if (this.wake !== undefined) this.wake()
    else if (!this.running) this.begin()
  }

  private begin(): void {
    this.running = true
    const { connection } = this
    connection.forkOwn(
      // What a policy or a codec of the user's dies of is its connection's end.
      Effect.onError(this.run(), (cause) =>
        Effect.sync(() => connection.broken(CloseReason.HandlerFailed({ cause })))
      )
    )
  }

  /** One frame of the backlog. */
  private next(backlog: Array<Uint8Array>): Effect.Effect<void> {
    this.connection.account()
    const frame = backlog.shift()
    if (frame === undefined) {
      this.forget()
      this.flow.caughtUp()
      return Effect.void
    }
    this.waitingBytes -= frame.length
    return Effect.matchCauseEffect(this.decode(frame), {
      onSuccess: (message) => {
        const messages: Array<In> = []
        this.take(message, frame.length, messages)
        this.deliver(messages, frame.length)
        return Effect.void
      },
      onFailure: (cause) => (Cause.hasInterruptsOnly(cause) ? Effect.interrupt : this.refused(frame, cause))
    })
  }

  /** A frame of the backlog that is no message. */
  private refused(frame: Uint8Array, cause: Cause.Cause<CodecError>): Effect.Effect<void> {
    const error = this.messageError(frame, cause, this.taken++)
    const policy = this.connection.shared.onMessageError
    if (policy === "skip") {
      this.skipped++
      this.connection.messageSkipped("skip", () => error)
      return Effect.void
    }
    if (policy === "close") {
      this.forget()
      this.flow.wrong(error)
      return Effect.void
    }
    this.skipped++
    this.connection.messageSkipped("reply", () => error)
    // A reply that cannot be sent finds the connection closing, which has its own reason.
    return Effect.suspend(() => Effect.ignore(this.connection.speaking.send(policy(error))))
  }

  private forget(): void {
    this.backlog = undefined
    this.waitingBytes = 0
  }

  private decodeNow(frame: Uint8Array): In | Detour<In, unknown> {
    try {
      return this.connection.shared.decodeNow(frame)
    } catch (defect) {
      return new Detour(Exit.fail(codecError("codec", String(defect))))
    }
  }

  private decode(frame: Uint8Array): Effect.Effect<In, CodecError> {
    try {
      return this.connection.shared.decode(frame)
    } catch (defect) {
      return Exit.fail(codecError("codec", String(defect)))
    }
  }

  private take(message: In, bytes: number, messages: Array<In>): void {
    const { heartbeat, requests } = this.connection
    if (heartbeat !== undefined && !(message instanceof UnknownMessage) && heartbeat.takes(message)) return
    this.taken++
    if (requests?.takes(message, bytes) === true) return
    if (message instanceof UnknownMessage) {
      this.unknown++
      if (!this.deliverUnknown) return
    }
    messages.push(message)
  }

  private deliver(messages: Array<In>, bytes: number): void {
    if (messages.length === 0) return
    const { inbound } = this.connection
    // Not empty, see above.
    inbound.push(messages as [In, ...Array<In>], bytes)
    if (inbound.full) this.flow.pause()
  }

  /** The reader fiber: does what needs effects, in order, and is parked otherwise. */
  private run(): Effect.Effect<void> {
    return Effect.whileLoop({
      while: () => !this.stopped,
      body: () => (this.backlog === undefined ? this.parked() : this.next(this.backlog)),
      step: () => {}
    })
  }

  private parked(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      // Frames may have come since the loop looked.
      if (this.backlog !== undefined) return resume(Exit.void)
      this.wake = () => {
        this.wake = undefined
        resume(Exit.void)
      }
    })
  }

  private messageError(frame: Uint8Array, cause: Cause.Cause<CodecError>, index: number): MessageError {
    const failure = Cause.findErrorOption(cause)
    return new MessageError({
      connection: this.connection.id,
      direction: "inbound",
      index,
      issue: failure._tag === "Some" ? failure.value : codecError("codec", Cause.pretty(cause)),
      excerpt: hexExcerpt(frame)
    })
  }
}
