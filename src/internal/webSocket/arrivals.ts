/** What has come over a WebSocket and its receiver does not have yet. */
import type { FrameError } from "../../SluiceError.ts"
import type { WireReceiver } from "../../Transport.ts"
import { allocate } from "../bytes.ts"
import { headerLength, headerOf, writeHeader } from "./messageFraming.ts"

interface Message {
  readonly bytes: Uint8Array
  readonly text: boolean
}

/**
 * Tells a receiver, in turns of its own: messages first, all that came in one turn as one chunk, then how they ended.
 * While the receiver does not read, what comes waits.
 */
export class Arrivals {
  /** Bytes of the messages that wait. */
  bytes = 0
  private readonly stream: boolean
  private receiver: WireReceiver | undefined
  private messages: Array<Message> = []
  private paused = false
  private scheduled = false
  private broken: FrameError | undefined
  private ended = false
  private endCode: number | undefined
  private closed = false
  private error: string | undefined
  private code: number | undefined

  /** `stream` says that messages are pieces of one stream of bytes; else each is a frame. */
  constructor(stream: boolean) {
    this.stream = stream
  }

  attach(receiver: WireReceiver): void {
    this.receiver = receiver
    this.schedule()
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    this.schedule()
  }

  message(bytes: Uint8Array, text: boolean): void {
    this.messages.push({ bytes, text })
    this.bytes += bytes.length
    this.schedule()
  }

  /** A sign of life, which never waits. */
  sign(answer: boolean): void {
    this.receiver?.onSign?.(answer)
  }

  /** There is room again for what is sent. */
  drain(): void {
    this.receiver?.onDrain()
  }

  /** The peer broke the rules. */
  break(error: FrameError): void {
    this.broken ??= error
    this.schedule()
  }

  /** The peer ended in good order. */
  end(code: number | undefined): void {
    this.ended = true
    this.endCode = code
    this.schedule()
  }

  /** The wire is gone. */
  close(error: string | undefined, code?: number): void {
    if (this.closed) return
    this.closed = true
    this.error = error
    this.code = code
    this.schedule()
  }

  /** Nobody wants what waits any more. */
  discard(): void {
    this.messages = []
    this.bytes = 0
    this.ended = false
    this.broken = undefined
    this.schedule()
  }

  private schedule(): void {
    if (this.scheduled || this.receiver === undefined) return
    this.scheduled = true
    queueMicrotask(() => {
      this.scheduled = false
      this.tell()
    })
  }

  private tell(): void {
    const { receiver } = this
    if (receiver === undefined) return
    if (!this.paused) {
      if (this.messages.length > 0) receiver.onData(this.take())
      // It may have stopped reading over what it got.
      if (this.messages.length > 0 || (this.paused && (this.ended || this.broken !== undefined))) return
      if (this.broken !== undefined) {
        receiver.onUnexpected?.(this.broken)
        this.broken = undefined
      }
      if (this.ended) {
        this.ended = false
        if (this.endCode === undefined) receiver.onEnd()
        else receiver.onEnd(this.endCode)
      }
    }
    const waits = this.messages.length > 0 || this.ended || this.broken !== undefined
    if (!this.closed || waits) return
    this.receiver = undefined
    if (this.code === undefined) receiver.onClose(this.error)
    else receiver.onClose(this.error, this.code)
  }

  /** All that waits, as one piece. */
  private take(): Uint8Array {
    const { messages, stream } = this
    this.messages = []
    const header = stream ? 0 : headerLength
    const chunk = allocate(this.bytes + header * messages.length)
    this.bytes = 0
    let at = 0
    for (const { bytes, text } of messages) {
      if (!stream) writeHeader(chunk, at, headerOf(bytes.length, text))
      chunk.set(bytes, at + header)
      at += header + bytes.length
    }
    return chunk
  }
}
