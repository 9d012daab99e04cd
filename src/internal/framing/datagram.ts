/** Any framing, over datagrams: each message leaves in one of its own, and each that comes is a complete input. */
import type { ByteWriter } from "../../ByteWriter.ts"
import type { FrameDecoder, Framing, TypeLayout } from "../../Framing.ts"
import { DatagramTooLong, FrameCorrupted, type FrameError, type PayloadError } from "../../SluiceError.ts"
import { emptyBytes } from "../bytes.ts"

/** The bytes of the length that goes before each datagram on its way to the transport. */
const lengthWidth = 4

/** Who is told of datagrams that were not whole frames. */
interface Refuser {
  readonly refuse?: ((error: FrameError) => void) | undefined
}

/** What is written is not what is read, so that no decoder of this framing takes what its encoder made. */
export class DatagramFraming implements Framing {
  readonly name: string
  readonly maxLength: number
  readonly problems: Framing["problems"]
  readonly type?: TypeLayout
  private readonly framing: Framing
  private readonly maxDatagram: number

  constructor(framing: Framing, maxDatagram: number) {
    this.name = framing.name
    this.maxLength = framing.maxLength
    this.problems = framing.problems
    if (framing.type !== undefined) this.type = framing.type
    this.framing = framing
    this.maxDatagram = maxDatagram
  }

  makeDecoder(): FrameDecoder {
    return this.decoderOf(undefined)
  }

  /** A decoder that tells its wire of what was not whole frames. */
  decoderOf(wire: Refuser | undefined): FrameDecoder {
    return new DatagramDecoder(this.framing, wire)
  }

  encode(payload: Uint8Array, out: ByteWriter): PayloadError | undefined {
    const start = out.reserve(lengthWidth)
    const error = this.framing.encode(payload, out)
    const length = out.length - start - lengthWidth
    const tooLong =
      length > this.maxDatagram ? new DatagramTooLong({ limit: this.maxDatagram, seen: length }) : undefined
    if (error === undefined && tooLong === undefined) out.setUint(start, length, lengthWidth, "big")
    else out.truncate(start)
    return error ?? tooLong
  }

  withMaxLength(maxLength: number): Framing {
    return new DatagramFraming(this.framing.withMaxLength(maxLength), this.maxDatagram)
  }

  /** Whether a datagram is whole frames, one at least. */
  holds(datagram: Uint8Array): boolean {
    const frames: Array<Uint8Array> = []
    return decodeAlone(this.framing, datagram, frames).error === undefined && frames.length > 0
  }
}

/** Whether a datagram is whole frames of a framing that is one of datagrams. */
export const holdsFrame = (framing: Framing, datagram: Uint8Array): boolean =>
  framing instanceof DatagramFraming && framing.holds(datagram)

/** The datagrams that were handed to a transport in one piece. */
export const forEachDatagram = (bytes: Uint8Array, each: (datagram: Uint8Array) => void): void => {
  for (let at = 0; at + lengthWidth <= bytes.length; ) {
    const length = bytes[at]! * 0x1000000 + (bytes[at + 1]! << 16) + (bytes[at + 2]! << 8) + bytes[at + 3]!
    at += lengthWidth
    each(bytes.subarray(at, at + length))
    at += length
  }
}

const decodeAlone = (
  framing: Framing,
  datagram: Uint8Array,
  frames: Array<Uint8Array>
): { readonly error: FrameError | undefined; readonly skipped: number } => {
  try {
    const decoder = framing.makeDecoder()
    const error = decoder.push(datagram, frames) ?? decoder.end(frames)
    return { error, skipped: decoder.skipped }
  } catch (defect) {
    // A framing of a user's own; the others take care of themselves.
    return { error: new FrameCorrupted({ detail: `the framing threw ${String(defect)}` }), skipped: 0 }
  }
}

/** Nothing is carried over from one datagram to the next, errors neither. */
class DatagramDecoder implements FrameDecoder {
  /** Frames that were too long, and datagrams that were not whole frames. */
  skipped = 0
  readonly buffered = 0
  private readonly framing: Framing
  private readonly wire: Refuser | undefined

  constructor(framing: Framing, wire: Refuser | undefined) {
    this.framing = framing
    this.wire = wire
  }

  push(datagram: Uint8Array, frames: Array<Uint8Array>): undefined {
    const { error, skipped } = decodeAlone(this.framing, datagram, frames)
    this.skipped += skipped
    if (error === undefined) return
    this.skipped++
    this.wire?.refuse?.(error)
  }

  end(): undefined {
    return undefined
  }

  remaining(): Uint8Array {
    return emptyBytes
  }
}
