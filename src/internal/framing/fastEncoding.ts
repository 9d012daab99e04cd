/**
 * Shorter ways to encode, of framings that have them. They belong to a framing's `encode`, and not to the framing: who
 * takes a framing and gives it another `encode` has none.
 */
import type { ByteWriter } from "../../ByteWriter.ts"
import type { Framing } from "../../Framing.ts"
import type { PayloadError } from "../../SluiceError.ts"

export interface FastEncoding {
  /**
   * Appends the frames of `payloads` from index `from` on, until `out` holds `enough` bytes or a payload comes that
   * `encode` refuses. Returns the index of the first that it did not append.
   */
  readonly encodeAll?:
    | ((payloads: ReadonlyArray<Uint8Array>, from: number, enough: number, out: ByteWriter) => number)
    | undefined
  /** For a payload that somebody else writes where it has to be. */
  readonly inPlace?: InPlace | undefined
}

export interface InPlace {
  /** Begins a frame. The payload is what is written to `out` from then on. */
  readonly open: (out: ByteWriter) => void
  /** Ends the frame that began at `start`, or returns why not; what is in `out` from `start` on then means nothing. */
  readonly close: (out: ByteWriter, start: number) => PayloadError | undefined
}

const known = new WeakMap<Framing["encode"], FastEncoding>()

/** Says how else what `encode` writes can be written, and returns it. */
export const withFastEncoding = (encode: Framing["encode"], fast: FastEncoding): Framing["encode"] => {
  known.set(encode, fast)
  return encode
}

export const fastEncodingOf = ({ encode }: Framing): FastEncoding => known.get(encode) ?? none

const none: FastEncoding = {}
