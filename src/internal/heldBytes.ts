/** The bytes of a connection whose protocol may be left: nothing behind the last message has been framed. */
import type { FrameDecoder } from "../Framing.ts"
import type { FrameError } from "../SluiceError.ts"
import { emptyBytes, totalLength } from "./bytes.ts"
import { push } from "./decoding.ts"

/** At most one chunk, and what the wire had read before it was paused. */
export class HeldBytes {
  /** How many there are. */
  length = 0

  private chunks: Array<Uint8Array> = []
  /** Where the bytes of the first chunk that are left begin. */
  private offset = 0

  add(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.chunks.push(chunk)
    this.length += chunk.length
  }

  /**
   * Pushes bytes until a frame is out or none are left. One by one: where a frame ends only its framing knows, and of
   * what lies behind that end it must not see anything.
   */
  frame(decoder: FrameDecoder, frames: Array<Uint8Array>): FrameError | undefined {
    while (frames.length === 0) {
      const chunk = this.chunks[0]
      if (chunk === undefined) return undefined
      const error = push(decoder, chunk.subarray(this.offset, ++this.offset), frames)
      this.length--
      if (this.offset === chunk.length) {
        this.chunks.shift()
        this.offset = 0
      }
      if (error !== undefined) return error
    }
    return undefined
  }

  /** All that is left, behind `first`. */
  take(first: Uint8Array): Uint8Array {
    const [chunk = emptyBytes, ...others] = this.chunks
    const pieces = [first, chunk.subarray(this.offset), ...others].filter(({ length }) => length > 0)
    this.chunks = []
    this.offset = 0
    this.length = 0
    if (pieces.length < 2) return pieces[0] ?? emptyBytes
    const all = new Uint8Array(totalLength(pieces))
    let at = 0
    for (const piece of pieces) {
      all.set(piece, at)
      at += piece.length
    }
    return all
  }
}
