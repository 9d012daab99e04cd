/** Running a framing over all of an input at once. */
import { ByteWriter } from "../ByteWriter.ts"
import type { Framing } from "../Framing.ts"
import { copyOf } from "../internal/bytes.ts"
import type { FrameError, PayloadError } from "../SluiceError.ts"

/**
 * What became of an input: the frames, in order, and then the error, if there was one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Decoded {
  readonly frames: ReadonlyArray<Uint8Array>
  readonly error: FrameError | undefined
  /** How many frames were left out as too long. */
  readonly skipped: number
  /** The most bytes of an unfinished frame that were held after any chunk. */
  readonly mostBuffered: number
  /** The bytes that no frame has taken, where the input was left open. */
  readonly remaining: Uint8Array
}

/**
 * What became of payloads: all accepted ones on the wire, and where in it the frame of each ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface Encoded {
  readonly wire: Uint8Array
  readonly accepted: ReadonlyArray<Uint8Array>
  readonly ends: ReadonlyArray<number>
  readonly errors: ReadonlyArray<PayloadError>
}

/**
 * Decodes chunks with a new decoder, up to the first error. With `end: false` the input stays open.
 *
 * @category running
 * @since 0.1.0
 */
export const decodeAll = (
  framing: Framing,
  chunks: ReadonlyArray<Uint8Array>,
  options: { readonly end?: boolean } = {}
): Decoded => {
  const { end = true } = options
  const decoder = framing.makeDecoder()
  const frames: Array<Uint8Array> = []
  let error: FrameError | undefined
  let mostBuffered = 0
  for (const chunk of chunks) {
    error = decoder.push(chunk, frames)
    mostBuffered = Math.max(mostBuffered, decoder.buffered)
    if (error !== undefined) break
  }
  if (end && error === undefined) error = decoder.end(frames)
  const remaining = end || error !== undefined ? new Uint8Array(0) : copyOf(decoder.remaining())
  return { frames, error, skipped: decoder.skipped, mostBuffered, remaining }
}

/**
 * Encodes payloads one after another and leaves out those that are refused.
 *
 * @category running
 * @since 0.1.0
 */
export const encodeAll = (framing: Framing, payloads: ReadonlyArray<Uint8Array>): Encoded => {
  const out = new ByteWriter()
  const accepted: Array<Uint8Array> = []
  const ends: Array<number> = []
  const errors: Array<PayloadError> = []
  for (const payload of payloads) {
    const error = framing.encode(payload, out)
    if (error === undefined) {
      accepted.push(payload)
      ends.push(out.length)
    } else {
      errors.push(error)
    }
  }
  return { wire: out.take(), accepted, ends, errors }
}
