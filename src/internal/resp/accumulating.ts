/** A decoder of messages that may begin in one chunk and end in another. */
import type { FrameDecoder } from "../../Framing.ts"
import { type FrameError, FrameTruncated } from "../../SluiceError.ts"
import { allocate, emptyBytes } from "../bytes.ts"
import { viewOf } from "../framing/accumulator.ts"

/**
 * Messages that are all in one chunk are read where they lie. The bytes of an unfinished one are copied behind each other
 * into a buffer, which is given away with the messages that are read from it. Bytes in it never change, so that views
 * stay as they are; and what was read of an unfinished message is not read again.
 */
export abstract class AccumulatingDecoder<A> implements FrameDecoder<A> {
  readonly skipped = 0
  /** The bytes at hand, up to `filled`. */
  protected source: Uint8Array = emptyBytes
  protected filled = 0
  /** Where in them the unfinished message begins, and where reading goes on. */
  protected start = 0
  protected at = 0
  /** Whether the bytes lie in a buffer of our own, with room behind them. */
  private own = false
  private failure: FrameError | undefined

  /** Reads on from `at`; sets `start` behind each message that is complete. */
  protected abstract read(messages: Array<A>): FrameError | undefined
  /** The unfinished message is moved to the front: positions in it are `by` less. */
  protected abstract moved(by: number): void

  get buffered(): number {
    return this.filled - this.start
  }

  remaining(): Uint8Array {
    return viewOf(this.source, this.start, this.filled)
  }

  push(chunk: Uint8Array, messages: Array<A>): FrameError | undefined {
    if (this.failure !== undefined) return this.failure
    if (this.start === this.filled) {
      this.source = chunk
      this.start = this.at = 0
      this.filled = chunk.length
      this.own = false
    } else {
      this.append(chunk)
    }
    const error = this.read(messages)
    if (error !== undefined) return this.fail(error)
    if (this.start === this.filled) this.release()
    else if (!this.own || this.start > 0) this.keep()
    return undefined
  }

  end(): FrameError | undefined {
    if (this.failure === undefined && this.buffered > 0) {
      this.fail(new FrameTruncated({ pending: this.buffered }))
    }
    return this.failure
  }

  private fail(error: FrameError): FrameError {
    this.failure = error
    this.release()
    return error
  }

  private release(): void {
    this.source = emptyBytes
    this.start = this.at = this.filled = 0
  }

  /** The unfinished message gets a buffer of its own. */
  private keep(): void {
    const { start } = this
    const length = this.filled - start
    const buffer = allocate(Math.max(smallest, length))
    buffer.set(viewOf(this.source, start, this.filled))
    this.source = buffer
    this.own = true
    this.start = 0
    this.filled = length
    this.at -= start
    if (start > 0) this.moved(start)
  }

  /** Twice as much room where it does not do. Of what was only declared nothing is set aside. */
  private append(chunk: Uint8Array): void {
    const needed = this.filled + chunk.length
    if (needed > this.source.length) {
      const buffer = allocate(Math.max(needed, this.source.length * 2))
      buffer.set(viewOf(this.source, 0, this.filled))
      this.source = buffer
    }
    this.source.set(chunk, this.filled)
    this.filled = needed
  }
}

const smallest = 256
