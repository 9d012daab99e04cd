/** The reader of one connection: bytes to frames to messages to the inbound queue. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { CloseReason } from "../CloseReason.ts"
import type { FrameDecoder } from "../Framing.ts"
import { type CodecError, MessageError } from "../SluiceError.ts"
import { copyOf, hexExcerpt, totalLength } from "./bytes.ts"
import { codecError } from "./codec/schemaCodec.ts"
import { UnknownMessage } from "./codec/tagged.ts"
import type { ConnectionImpl } from "./connection.ts"
import { end, makeDecoder, push } from "./decoding.ts"
import { RateGate } from "./rateGate.ts"
import { settled } from "./settled.ts"

/** How the input ends: by the peer in good order, by our own drain, or for a reason that closes the connection. */
type Ending = "end" | "drained" | CloseReason

/**
 * Chunks come as plain calls and, while codec and policy answer at once, leave as a batch in the inbound queue within
 * the same call. Only what needs an effect (a codec with services, a reply to a bad message) goes over the reader
 * fiber, with reading paused meanwhile; that fiber is otherwise parked.
 */
export class Reader<In, Out> {
  bytesIn = 0
  messagesIn = 0
  skipped = 0
  unknown = 0
  /** When bytes came last, in milliseconds of the monotonic clock; -1 for never. */
  lastRead = -1
  /** The same on the reading clock, and the opening at first. */
  readSince: number
  /** When the unfinished frame began, on the reading clock; -1 where there is none. */
  frameSince = -1
  /** A whole frame has come. */
  spoke = false
  /** The peer ended its side, and all it sent is in the inbound queue. */
  ended = false
  /** The peer ended its side; what it sent may still be on its way to the inbound queue. */
  endSeen = false
  /** Set by a handler that wants messages with unknown ids too. */
  deliverUnknown = false

  private readonly connection: ConnectionImpl<In, Out>
  private decoder: FrameDecoder | undefined
  /** Frames that wait for the reader fiber; undefined while it is parked. */
  private backlog: Array<Uint8Array> | undefined
  private backlogEnding: Ending | undefined
  /** Frames of a later turn; undefined where one turn was enough. */
  private rest: Array<Uint8Array> | undefined
  private restEnding: Ending | undefined
  private readonly rate: RateGate | undefined
  private wake: (() => void) | undefined
  private paused = false
  private pausedAt = 0
  private pausedTotal = 0
  private stopped = false

  constructor(connection: ConnectionImpl<In, Out>) {
    this.connection = connection
    this.decoder = makeDecoder(connection.shared.framing)
    this.readSince = connection.opened
    const { deadlines, rate } = connection.shared
    this.rate = rate && new RateGate(rate, deadlines.scheduler, connection.opened, () => this.roomAgain())
  }

  /** Whether input still counts: nobody has ended it. */
  get reading(): boolean {
    return this.decoder !== undefined
  }

  /** Whether we do not read at the moment. */
  get refusing(): boolean {
    return this.paused
  }

  /** The reading clock: the monotonic one, less the time in which we refused to read. */
  clock(now: number): number {
    return (this.paused ? this.pausedAt : now) - this.pausedTotal
  }

  /** The next bytes from the wire. */
  chunk(chunk: Uint8Array): void {
    this.bytesIn += chunk.length
    const now = this.connection.shared.now()
    this.lastRead = now
    this.readSince = this.clock(now)
    const { decoder } = this
    // Once stopped we read only to see the peer's end.
    if (decoder === undefined) return
    const frames: Array<Uint8Array> = []
    const { skipped } = decoder
    const { rate } = this
    const error = push(decoder, rate === undefined ? chunk : rate.admit(chunk, now), frames)
    if (frames.length > 0) this.spoke = true
    if (decoder.buffered === 0) {
      this.frameSince = -1
    } else if (this.frameSince < 0 || frames.length > 0 || decoder.skipped !== skipped) {
      this.frameSince = this.readSince
      this.connection.deadlines.frameBegan(now)
    }
    const exceeded = rate?.charge(chunk.length, frames, now)
    this.frames(frames, chunk.length)
    if (rate?.holding === true) this.pause()
    if (exceeded !== undefined) this.ending(CloseReason.RateExceeded({ limit: exceeded }))
    else if (error !== undefined) this.ending(CloseReason.FrameError({ error }))
  }

  /** The peer ended its side. */
  end(): void {
    this.endSeen = true
    if (this.decoder === undefined) {
      this.ended = this.backlog === undefined && this.rest === undefined
      return
    }
    const frames: Array<Uint8Array> = []
    const error = end(this.decoder, frames)
    this.frames(frames, 0)
    this.ending(error === undefined ? "end" : CloseReason.FrameError({ error }))
  }

  /** Reads no more messages; those whose bytes are here are still delivered. */
  drain(): void {
    if (this.decoder !== undefined) this.ending("drained")
  }

  /** The wire broke: nothing more comes; those messages whose bytes are here are still delivered. */
  fail(reason: CloseReason): void {
    if (this.stopped) this.connection.broken(reason)
    else this.ending(reason)
  }

  /** Takes no more messages, at once. What the wire still brings is dropped, so that the peer's end is seen. */
  stop(): void {
    if (this.stopped) return
    this.stopped = true
    this.decoder = undefined
    this.backlog = undefined
    this.rest = undefined
    this.rate?.stop()
    this.resume()
  }

  /** The inbound queue has room again, or the rate allows to go on. */
  roomAgain(): void {
    if (this.mayRead) this.resume()
  }

  private get mayRead(): boolean {
    return (
      this.backlog === undefined &&
      this.rest === undefined &&
      !this.connection.inbound.full &&
      this.rate?.holding !== true
    )
  }

  /** The reader fiber: does what needs effects, in order, and is parked otherwise. */
  run(): Effect.Effect<void> {
    return Effect.whileLoop({
      while: () => !this.stopped,
      body: () => (this.backlog === undefined ? this.parked() : this.next(this.backlog)),
      step: () => {}
    })
  }

  private parked(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      this.wake = () => {
        this.wake = undefined
        resume(Exit.void)
      }
    })
  }

  /** Takes as many frames as one turn may; other peers have theirs before the rest. */
  private frames(read: Array<Uint8Array>, chunkLength: number): void {
    const frames = this.unpinned(read, chunkLength)
    if (this.rest !== undefined) {
      for (const frame of frames) this.rest.push(frame)
      return
    }
    const { perTurn } = this.connection.shared
    if (frames.length <= perTurn) {
      this.handle(frames)
      return
    }
    this.rest = frames.slice(perTurn)
    this.pause()
    this.later()
    this.handle(frames.slice(0, perTurn))
  }

  private later(): void {
    this.connection.shared.fork(
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => this.turn())
      )
    )
  }

  /** A later turn. */
  private turn(): void {
    const { rest } = this
    if (rest === undefined) return
    const { outbound, shared } = this.connection
    const last = this.backlog !== undefined || rest.length <= shared.perTurn
    this.rest = last ? undefined : rest.slice(shared.perTurn)
    if (!last) this.later()
    outbound.cork()
    this.handle(last ? rest : rest.slice(0, shared.perTurn))
    if (last) {
      const ending = this.restEnding
      this.restEnding = undefined
      if (ending !== undefined) this.ending(ending)
      else this.roomAgain()
    }
    outbound.uncork()
  }

  private handle(frames: Array<Uint8Array>): void {
    if (frames.length === 0 || this.stopped) return
    if (this.backlog !== undefined) {
      for (const frame of frames) this.backlog.push(frame)
      return
    }
    if (this.connection.shared.identity && this.connection.heartbeat === undefined) {
      this.messagesIn += frames.length
      // `identity` says that the messages are the frames.
      this.deliver(frames as Array<unknown> as Array<In>, totalLength(frames))
      return
    }
    const messages: Array<In> = []
    let bytes = 0
    for (let i = 0; i < frames.length; i++) {
      const frame = frames[i]!
      const decoded = settled(this.decode(frame))
      if (decoded === undefined) {
        this.deliver(messages, bytes)
        this.handOver(frames.slice(i))
        return
      }
      if (Exit.isSuccess(decoded)) {
        bytes += frame.length
        this.take(decoded.value, messages)
        continue
      }
      const policy = this.connection.shared.onMessageError
      if (policy === "skip") {
        this.messagesIn++
        this.skipped++
        continue
      }
      this.deliver(messages, bytes)
      if (policy === "close") {
        this.wrong(this.messageError(frame, decoded.cause))
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
    this.pause()
    this.wake?.()
  }

  /** One frame of the backlog. */
  private next(backlog: Array<Uint8Array>): Effect.Effect<void> {
    const frame = backlog.shift()
    if (frame === undefined) {
      this.backlog = undefined
      const ending = this.backlogEnding
      if (ending !== undefined) this.ending(ending)
      else this.roomAgain()
      return Effect.void
    }
    return Effect.matchCauseEffect(this.decode(frame), {
      onSuccess: (message) => {
        const messages: Array<In> = []
        this.take(message, messages)
        this.deliver(messages, frame.length)
        return Effect.void
      },
      onFailure: (cause) => (Cause.hasInterruptsOnly(cause) ? Effect.interrupt : this.refused(frame, cause))
    })
  }

  /** A frame of the backlog that is no message. */
  private refused(frame: Uint8Array, cause: Cause.Cause<CodecError>): Effect.Effect<void> {
    const error = this.messageError(frame, cause)
    const policy = this.connection.shared.onMessageError
    if (policy === "skip") {
      this.skipped++
      return Effect.void
    }
    if (policy === "close") {
      this.backlog = undefined
      this.wrong(error)
      return Effect.void
    }
    this.skipped++
    // A reply that cannot be sent finds the connection closing, which has its own reason.
    return Effect.suspend(() => Effect.ignore(this.connection.send(policy(error))))
  }

  private decode(frame: Uint8Array): Effect.Effect<In, CodecError> {
    try {
      return this.connection.shared.decode(frame)
    } catch (defect) {
      return Exit.fail(codecError("codec", String(defect)))
    }
  }

  private take(message: In, messages: Array<In>): void {
    const { heartbeat } = this.connection
    if (heartbeat !== undefined && !(message instanceof UnknownMessage) && heartbeat.takes(message)) return
    this.messagesIn++
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
    if (inbound.full) this.pause()
  }

  /** A few small frames, or messages that are views into them, must not keep a whole chunk alive while they wait. */
  private unpinned(frames: Array<Uint8Array>, chunkLength: number): Array<Uint8Array> {
    const { inbound, shared } = this.connection
    return shared.views && !inbound.awaited && totalLength(frames) * 2 < chunkLength
      ? frames.map(copyOf)
      : frames
  }

  /** A frame that ends the connection, and with it what came behind. */
  private wrong(error: MessageError): void {
    this.rest = undefined
    this.restEnding = undefined
    this.ending(CloseReason.MessageError({ error }))
  }

  private ending(ending: Ending): void {
    this.decoder = undefined
    if (this.rest !== undefined) {
      this.restEnding = ending
      return
    }
    if (this.backlog !== undefined) {
      this.backlogEnding = ending
      return
    }
    if (ending === "end" || ending === "drained") {
      this.ended = this.endSeen
      this.resume()
      this.connection.inputEnded()
    } else {
      this.connection.broken(ending)
    }
  }

  private messageError(frame: Uint8Array, cause: Cause.Cause<CodecError>): MessageError {
    const failure = Cause.findErrorOption(cause)
    return new MessageError({
      connection: this.connection.id,
      direction: "inbound",
      index: this.messagesIn++,
      issue: failure._tag === "Some" ? failure.value : codecError("codec", Cause.pretty(cause)),
      excerpt: hexExcerpt(frame)
    })
  }

  private pause(): void {
    if (this.paused || this.stopped) return
    // Only what a chunk brought fills anything.
    this.pausedAt = this.lastRead
    this.paused = true
    this.connection.wire.pause()
  }

  private resume(): void {
    if (!this.paused) return
    this.paused = false
    const now = this.connection.shared.now()
    this.pausedTotal += now - this.pausedAt
    this.connection.readingAgain(now)
    this.connection.wire.resume()
  }
}
