/** The reader of one connection: bytes to frames, and when not to read. */
import * as Effect from "effect/Effect"
import { CloseReason } from "../CloseReason.ts"
import type { FrameDecoder } from "../Framing.ts"
import type { MessageError } from "../SluiceError.ts"
import { copyOf, emptyBytes, totalLength } from "./bytes.ts"
import type { ConnectionImpl } from "./connection.ts"
import { end, makeDecoder, passedOver, push } from "./decoding.ts"
import { LaterFrames } from "./laterFrames.ts"
import { MessageDecoder } from "./messageDecoder.ts"
import { RateGate } from "./rateGate.ts"
import { Signal } from "./signal.ts"
import { Steps } from "./steps.ts"

/** How the input ends: by the peer in good order, by our own drain, or for a reason that closes the connection. */
export type Ending = "end" | "drained" | CloseReason

/** Chunks come as plain calls, and mostly leave as a batch in the inbound queue within the same call. */
export class Reader<In, Out> {
  bytesIn = 0
  /** Frames longer than the maximum that were left out. */
  framesSkipped = 0
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
  readonly messages: MessageDecoder<In, Out>

  decoder: FrameDecoder | undefined
  readonly rate: RateGate | undefined
  private readonly connection: ConnectionImpl<In, Out>
  /** How to read a protocol that may be left; undefined for any other. */
  steps: Steps<In, Out> | undefined
  private messagesEnding: Ending | undefined
  /** How the input ended, once it has. */
  private over: Ending | undefined
  private idle: Signal | undefined
  /** Frames of a later turn; undefined where one turn was enough. */
  private rest: LaterFrames | undefined
  private restEnding: Ending | undefined
  private paused = false
  private pausedAt = 0
  private pausedTotal = 0
  private stopped = false

  constructor(connection: ConnectionImpl<In, Out>) {
    this.connection = connection
    this.decoder = makeDecoder(connection.shared.framing, connection.wire)
    this.steps = connection.shared.switchable ? new Steps(connection, this) : undefined
    this.messages = new MessageDecoder(connection, this)
    this.readSince = connection.opened
    const { deadlines, rate } = connection.shared
    this.rate = rate && new RateGate(rate, deadlines.scheduler, connection.opened, () => this.roomAgain())
  }

  /** Whether input still counts: nobody has ended it. */
  get reading(): boolean {
    return this.decoder !== undefined
  }

  /** Bytes that wait here: of the unfinished frame, and of those frames that have their turn later. */
  get held(): number {
    const { decoder, steps } = this
    const unframed = (decoder === undefined ? 0 : decoder.buffered) + (steps === undefined ? 0 : steps.length)
    return unframed + (this.rest?.bytes ?? 0) + this.messages.waitingBytes
  }

  /** Whether we do not read at the moment. */
  get refusing(): boolean {
    return this.paused
  }

  /** The reading clock: the monotonic one, less the time in which we refused to read. */
  clock(now: number): number {
    return (this.paused ? this.pausedAt : now) - this.pausedTotal
  }

  /** The peer gave a sign of life. */
  heard(now: number): void {
    this.lastRead = now
    this.readSince = this.clock(now)
  }

  /** The next bytes from the wire. */
  chunk(chunk: Uint8Array): void {
    this.bytesIn += chunk.length
    const now = this.connection.shared.now()
    this.heard(now)
    const { decoder, rate, steps } = this
    // Once stopped we read only to see the peer's end.
    if (decoder === undefined) return
    const admitted = rate === undefined ? chunk : rate.admit(chunk, now)
    if (steps === undefined) this.decode(decoder, admitted, chunk.length, now)
    else steps.chunk(admitted, chunk.length, now)
  }

  /** All frames of a chunk, for which `charged` bytes count. */
  private decode(decoder: FrameDecoder, chunk: Uint8Array, charged: number, now: number): void {
    const frames: Array<Uint8Array> = []
    const { skipped } = decoder
    // Only asked where a frame was begun before.
    const passed = this.frameSince < 0 ? 0 : passedOver(decoder)
    const { rate } = this
    const before = decoder.buffered
    const error = push(decoder, chunk, frames)
    this.framed(decoder, frames, skipped, passed, now)
    const exceeded = rate?.charge(charged, frames, now)
    this.frames(frames, chunk.length, before + chunk.length - decoder.buffered)
    if (rate?.holding === true) this.pause()
    if (exceeded !== undefined) this.ending(CloseReason.RateExceeded({ limit: exceeded }))
    else if (error !== undefined) this.ending(CloseReason.FrameError({ error }))
  }

  /** What deadlines and numbers have to know after bytes went to the decoder, which had left out `skipped` frames, `passed` of them done with. */
  framed(
    decoder: FrameDecoder,
    frames: Array<Uint8Array>,
    skipped: number,
    passed: number,
    now: number
  ): void {
    if (frames.length > 0) this.spoke = true
    this.framesSkipped += decoder.skipped - skipped
    if (decoder.buffered === 0 && (decoder.skipped === 0 || decoder.discarding !== true)) {
      this.frameSince = -1
    } else if (this.frameSince < 0 || frames.length > 0 || passedOver(decoder) !== passed) {
      this.frameSince = this.readSince
      this.connection.deadlines.frameBegan(now)
    }
  }

  /** The peer ended its side. */
  end(): void {
    this.endSeen = true
    if (this.decoder === undefined) {
      this.ended = !this.messages.busy && this.rest === undefined
    } else if (this.steps?.defers(this.decoder, "end") !== true) {
      this.endDecoder(this.decoder)
    }
  }

  endDecoder(decoder: FrameDecoder): void {
    const frames: Array<Uint8Array> = []
    const held = decoder.buffered
    const error = end(decoder, frames)
    this.frames(frames, 0, held)
    this.ending(error === undefined ? "end" : CloseReason.FrameError({ error }))
  }

  /** Reads no more messages for the handler; those whose bytes are here are still delivered. */
  drain(): void {
    if (this.decoder === undefined) return
    if (this.steps?.defers(this.decoder, "drained") !== true) this.ending("drained")
  }

  /** The wire broke: nothing more comes; those messages whose bytes are here are still delivered. */
  fail(reason: CloseReason): void {
    if (this.stopped) this.connection.broken(reason)
    else if (this.decoder !== undefined && this.steps?.defers(this.decoder, reason) === true)
      this.connection.breaking(reason)
    else this.ending(reason)
  }

  /** Takes no more messages, at once. What the wire still brings is dropped, so that the peer's end is seen. */
  stop(): void {
    if (this.stopped) return
    this.stopped = true
    this.decoder = undefined
    this.messages.stop()
    this.rest = undefined
    this.steps = undefined
    this.rate?.stop()
    this.resume()
    this.nowIdle()
  }

  /** The inbound queue has room again, or the rate allows to go on. */
  roomAgain(): void {
    this.steps?.run()
    if (this.mayRead) this.resume()
  }

  // --- a protocol that may be left ---

  /** Whether what comes can still be read in another protocol. */
  get alive(): boolean {
    return !this.stopped
  }

  /** Somebody waits for a message. */
  asked(): void {
    if (this.steps === undefined) return
    this.steps.run()
    this.resumeOrPause()
  }

  /** Completes when no message is being decoded. */
  awaitIdle(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!this.messages.busy) return Effect.void
      this.idle ??= new Signal()
      return this.idle.await()
    })
  }

  private nowIdle(): void {
    const { idle } = this
    this.idle = undefined
    idle?.fire()
  }

  /** Forgets what is held, and returns how many bytes. The next ones begin a frame. */
  discard(): number {
    const bytes = this.steps?.take(this.decoder).length ?? 0
    this.frameSince = -1
    if (this.decoder !== undefined) this.decoder = makeDecoder(this.connection.shared.framing)
    return bytes
  }

  /**
   * The connection speaks another protocol: its framing gets the bytes that were held, and then how the input ended.
   */
  enter(): void {
    const { shared } = this.connection
    const ending = this.over ?? this.steps?.ending
    const bytes = this.steps?.take(this.decoder) ?? emptyBytes
    const decoder = makeDecoder(shared.framing)
    const now = shared.now()
    this.decoder = decoder
    this.over = undefined
    this.ended = false
    this.frameSince = -1
    this.messages.deliverUnknown = false
    this.steps = shared.switchable ? new Steps(this.connection, this) : undefined
    this.rate?.admit(emptyBytes, now)
    // Their bytes have been charged when they came.
    if (this.steps === undefined) this.decode(decoder, bytes, 0, now)
    else this.steps.chunk(bytes, 0, now)
    if (ending === "end") this.end()
    else if (ending === "drained") this.drain()
    else if (ending !== undefined) this.fail(ending)
    this.resumeOrPause()
  }

  resumeOrPause(): void {
    if (this.mayRead) this.resume()
    else this.pause()
  }

  private get mayRead(): boolean {
    const { inbound, requests } = this.connection
    return (
      !this.messages.busy &&
      this.rest === undefined &&
      // Where only replies are read, what waits there may wait for one of them.
      (!inbound.full || inbound.over) &&
      (this.steps === undefined || this.steps.length === 0) &&
      requests?.holding !== true &&
      this.rate?.holding !== true
    )
  }

  /**
   * Takes as many frames as one turn may; other peers have theirs before the rest. They took `wireBytes`, headers
   * included.
   */
  private frames(read: Array<Uint8Array>, chunkLength: number, wireBytes: number): void {
    const frames = this.unpinned(read, chunkLength)
    const { inbound, shared } = this.connection
    const { messageFrames, perTurn } = shared
    // Messages do not say how long they were, and of those that are taken at once nobody asks.
    const atOnce = inbound.awaited && this.rest === undefined && frames.length <= perTurn
    const bytes = messageFrames || atOnce ? wireBytes : totalLength(frames)
    if (this.rest !== undefined) {
      this.rest.add(frames, bytes)
      return
    }
    if (frames.length <= perTurn) {
      this.messages.handle(frames, bytes)
      return
    }
    this.rest = new LaterFrames(frames, bytes, messageFrames)
    const first = this.rest.take(perTurn)
    this.pause()
    this.later()
    this.messages.handle(first.frames, first.bytes)
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
    const { bytes, frames } = this.messages.busy ? rest.takeAll() : rest.take(shared.perTurn)
    const last = rest.count === 0
    if (last) this.rest = undefined
    else this.later()
    outbound.cork()
    this.messages.handle(frames, bytes)
    if (last) {
      const ending = this.restEnding
      this.restEnding = undefined
      if (ending !== undefined) this.ending(ending)
      else this.roomAgain()
    }
    outbound.uncork()
    this.connection.account()
  }

  /** A few small frames, or messages that are views into them, must not keep a whole chunk alive while they wait. */
  private unpinned(frames: Array<Uint8Array>, chunkLength: number): Array<Uint8Array> {
    const { greeting, inbound, requests, shared } = this.connection
    const waits = requests !== undefined || !inbound.awaited
    // Before the two ends have agreed on a codec, it may be one that hands out views.
    return (shared.views || greeting !== undefined) && waits && totalLength(frames) * 2 < chunkLength
      ? frames.map(copyOf)
      : frames
  }

  /** The frames that needed the fiber are messages now. */
  caughtUp(): void {
    if (this.messagesEnding !== undefined) this.ending(this.messagesEnding)
    else this.roomAgain()
    this.nowIdle()
  }

  /** A frame that ends the connection, and with it what came behind. */
  wrong(error: MessageError): void {
    this.rest = undefined
    this.restEnding = undefined
    this.ending(CloseReason.MessageError({ error }))
    this.nowIdle()
  }

  ending(ending: Ending): void {
    // Replies are read until the handler is done.
    const onlyReplies = ending === "drained" && this.connection.requests !== undefined
    if (!onlyReplies) this.decoder = undefined
    if (this.rest !== undefined) {
      this.restEnding = ending
      return
    }
    if (this.messages.busy) {
      this.messagesEnding = ending
      return
    }
    this.over = ending
    if (onlyReplies) {
      this.connection.inputDrained()
      this.roomAgain()
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

  pause(): void {
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
