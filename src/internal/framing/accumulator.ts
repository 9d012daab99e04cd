/** The bytes of an unfinished frame, and what every decoder that holds some has in common. */
import type { FrameDecoder } from "../../Framing.ts"
import type { FrameError } from "../../SluiceError.ts"
import { allocate, copyOf, emptyBytes } from "../bytes.ts"

/** A view from `from` to `to`. Two to three times as fast as `subarray`, which looks up the class to build. */
export const viewOf = (bytes: Uint8Array, from: number, to: number): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from)

/**
 * A decoder with a buffer for the one frame that straddles chunks. The buffer doubles from a small size up to what
 * the frame needs, and is given away with the frame, so an idle decoder holds none.
 */
export abstract class Accumulator implements FrameDecoder {
  skipped = 0
  protected buffer: Uint8Array = emptyBytes
  protected held = 0
  protected failure: FrameError | undefined = undefined

  abstract push(chunk: Uint8Array, frames: Array<Uint8Array>): FrameError | undefined
  abstract end(frames: Array<Uint8Array>): FrameError | undefined

  get buffered(): number {
    return this.held
  }

  remaining(): Uint8Array {
    return viewOf(this.buffer, 0, this.held)
  }

  /** Ends the decoder. */
  protected fail(error: FrameError): FrameError {
    this.failure = error
    this.release()
    return error
  }

  /** Copies bytes behind those held. The buffer doubles, but not above `limit`, unless these bytes need it. */
  protected hold(bytes: Uint8Array, from: number, to: number, limit: number): void {
    const needed = this.held + to - from
    if (needed > this.buffer.length) {
      const next = allocate(Math.max(needed, Math.min(limit, Math.max(this.buffer.length * 2, smallest))))
      next.set(viewOf(this.buffer, 0, this.held))
      this.buffer = next
    }
    if (to - from < shortCopy) {
      for (let i = from, at = this.held; i < to; i++) this.buffer[at++] = bytes[i]!
    } else {
      this.buffer.set(viewOf(bytes, from, to), this.held)
    }
    this.held = needed
  }

  /** Forgets all but the last `count` of the bytes held. */
  protected keepLast(count: number): void {
    if (this.held <= count) return
    if (this.buffer.length > smallest) this.buffer = copyOf(viewOf(this.buffer, this.held - count, this.held))
    else this.buffer.copyWithin(0, this.held - count, this.held)
    this.held = count
  }

  /** Gives the buffer away. */
  protected release(): void {
    this.buffer = emptyBytes
    this.held = 0
  }
}

const smallest = 256
const shortCopy = 12
