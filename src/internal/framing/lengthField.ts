/** Frames that carry their length in a field of fixed width. */
import type { ByteOrder, ByteWriter } from "../../ByteWriter.ts"
import type { Framing } from "../../Framing.ts"
import {
  FrameCorrupted,
  type FrameError,
  FrameTooLong,
  type PayloadError,
  PayloadTooLong,
  PayloadTooShort
} from "../../SluiceError.ts"
import { type InPlace, withFastEncoding } from "./fastEncoding.ts"
import {
  defaultMaxLength,
  type EndPolicy,
  noProblems,
  OptionChecks,
  type OversizePolicy,
  refusedFraming
} from "./options.ts"
import { PrefixDecoder, type PrefixPolicy } from "./prefix.ts"

/**
 * How many bytes a number in a header takes.
 *
 * @category options
 * @since 0.1.0
 */
export type FieldWidth = 1 | 2 | 3 | 4 | 6 | 8

/**
 * Options of `lengthField`. Lengths and positions count bytes.
 *
 * @category options
 * @since 0.1.0
 */
export interface LengthFieldOptions {
  /** Where in the frame the length field begins. Default 0. */
  readonly offset?: number
  /** How wide the length field is. Default 4. */
  readonly width?: FieldWidth
  /** What to add to the field's value to get the number of bytes after the field; may be negative. Default 0. */
  readonly adjustment?: number
  /** How many bytes to leave out at the front of what is handed over. Default: all up to the end of the field. */
  readonly strip?: number
  /** Default `big`. */
  readonly byteOrder?: ByteOrder
  /** The most bytes after the length field. Default 1 MiB. */
  readonly maxLength?: number
  /** Default `fail`. `skip` leaves out exactly the frame that is too long. */
  readonly oversize?: OversizePolicy
  /** Default `fail`. `emit` hands the partial frame over as it is, header and all. */
  readonly end?: EndPolicy
}

/**
 * Options of `lengthPrefixed`.
 *
 * @category options
 * @since 0.1.0
 */
export interface LengthPrefixedOptions {
  /** How wide the length is, in bytes. Default 4. */
  readonly width?: FieldWidth
  /** Default `big`. */
  readonly byteOrder?: ByteOrder
  /** Whether the length on the wire counts its own bytes too. Default false. */
  readonly includesLength?: boolean
  /** The most bytes of payload in a frame. Default 1 MiB. */
  readonly maxLength?: number
  /** Default `fail`. */
  readonly oversize?: OversizePolicy
  /** Default `fail`. */
  readonly end?: EndPolicy
}

/** The options with their defaults filled in. */
interface Layout extends PrefixPolicy {
  readonly offset: number
  readonly width: number
  readonly adjustment: number
  readonly strip: number
  readonly byteOrder: ByteOrder
  /** Where the length field ends. */
  readonly header: number
}

const widths: ReadonlyArray<number> = [1, 2, 3, 4, 6, 8]

export const lengthFieldFraming = (options: LengthFieldOptions, name: string): Framing => {
  const {
    offset = 0,
    width = 4,
    adjustment = 0,
    byteOrder = "big",
    oversize = "fail",
    end = "fail"
  } = options
  const { maxLength = defaultMaxLength, strip = offset + width } = options
  const withMaxLength = (maxLength: number): Framing => lengthFieldFraming({ ...options, maxLength }, name)
  const checks = new OptionChecks()
  checks.integer("offset", offset, 0)
  checks.oneOf("width", width, widths)
  checks.integer("adjustment", adjustment, Number.MIN_SAFE_INTEGER)
  if (options.strip !== undefined) checks.integer("strip", strip, 0)
  checks.oneOf("byteOrder", byteOrder, ["big", "little"])
  checks.integer("maxLength", maxLength, 1)
  checks.oversize(oversize)
  checks.end(end)
  if (checks.problems.length === 0 && strip > offset + width + maxLength) {
    checks.add("strip", `is ${strip}, more than the ${offset + width + maxLength} bytes of the longest frame`)
  }
  if (checks.problems.length > 0) return refusedFraming(name, maxLength, checks.problems, withMaxLength)
  const layout: Layout = {
    ...{ offset, width, adjustment, strip, byteOrder, maxLength, end },
    skip: oversize === "skip",
    header: offset + width
  }
  const encoder = new LengthFieldEncoder(layout)
  return {
    name,
    maxLength,
    problems: noProblems,
    makeDecoder: () => new LengthFieldDecoder(layout),
    encode: withFastEncoding((payload, out) => encoder.encode(payload, out), {
      inPlace: encoder,
      ...(isPlain(layout) && {
        encodeAll: (payloads, from, enough, out) => encoder.encodeAll(payloads, from, enough, out)
      })
    }),
    withMaxLength
  }
}

export const lengthPrefixedFraming = (options: LengthPrefixedOptions): Framing => {
  const { includesLength = false, ...rest } = options
  const adjustment = includesLength ? -(options.width ?? 4) : 0
  return lengthFieldFraming({ ...rest, adjustment }, "lengthPrefixed")
}

class LengthFieldDecoder extends PrefixDecoder<Layout> {
  constructor(layout: Layout) {
    super(layout)
    this.bodyAt = layout.strip
  }

  protected measure(bytes: Uint8Array, from: number, to: number): number {
    const { offset, width, adjustment, strip, byteOrder, header, maxLength } = this.policy
    if (to - from < header) return to - from - header
    const value = readUint(bytes, from + offset, width, byteOrder)
    const body = value + adjustment
    this.declared = body
    if (body >= 0 && (strip <= header + body || body > maxLength)) {
      if (body < Number.MAX_SAFE_INTEGER) return header + body
      this.fail(new FrameTooLong({ limit: maxLength, seen: Number.MAX_SAFE_INTEGER }))
    } else {
      this.fail(new FrameCorrupted({ detail: explain(value, this.policy) }))
    }
    return 0
  }

  /** Cuts the frames that are all there without a call or a field in between; `super` has what is left. */
  protected override run(chunk: Uint8Array, at: number, frames: Array<Uint8Array>): FrameError | undefined {
    const next = isPlain(this.policy) ? this.runPlain(chunk, at, frames) : this.runAny(chunk, at, frames)
    return next < chunk.length ? super.run(chunk, next, frames) : undefined
  }

  private runPlain(chunk: Uint8Array, from: number, frames: Array<Uint8Array>): number {
    const { adjustment, maxLength } = this.policy
    const { buffer, byteOffset, length } = chunk
    let at = from
    while (length - at >= 4) {
      const value =
        ((chunk[at]! << 24) | (chunk[at + 1]! << 16) | (chunk[at + 2]! << 8) | chunk[at + 3]!) >>> 0
      const size = value + adjustment
      if (size > length - at - 4 || size > maxLength || size < 0) break
      frames.push(new Uint8Array(buffer, byteOffset + at + 4, size))
      at += 4 + size
    }
    return at
  }

  private runAny(chunk: Uint8Array, from: number, frames: Array<Uint8Array>): number {
    const { offset, width, adjustment, strip, byteOrder, header, maxLength } = this.policy
    const { buffer, byteOffset, length } = chunk
    let at = from
    while (length - at >= header) {
      const body = readUint(chunk, at + offset, width, byteOrder) + adjustment
      const size = header + body
      if (body < 0 || body > maxLength || strip > size || size > length - at) break
      frames.push(new Uint8Array(buffer, byteOffset + at + strip, size - strip))
      at += size
    }
    return at
  }
}

/** Whether a frame is four bytes of length in the usual order and the payload behind them. */
const isPlain = ({ byteOrder, header, offset, strip, width }: Layout): boolean =>
  offset === 0 && width === 4 && byteOrder === "big" && strip === header

class LengthFieldEncoder implements InPlace {
  private readonly layout: Layout
  /** The shortest payload: it holds what `strip` leaves of the header, and its length is not negative. */
  private readonly minimum: number
  /** The most bytes after the field that the field can say. */
  private readonly widest: number

  constructor(layout: Layout) {
    const { adjustment, header, strip, width } = layout
    this.layout = layout
    this.minimum = Math.max(0, header - strip, header + adjustment - strip)
    this.widest = Math.min(Number.MAX_SAFE_INTEGER, 2 ** (8 * width) - 1) + adjustment
  }

  encode(payload: Uint8Array, out: ByteWriter): PayloadError | undefined {
    const { offset, width, adjustment, strip, byteOrder, header, maxLength } = this.layout
    if (payload.length < this.minimum) return this.tooShort(payload.length)
    const body = strip + payload.length - header
    if (body > maxLength || body > this.widest) return this.tooLong(body)
    if (offset === 0 && strip === header) {
      const at = out.reserve(width + payload.length)
      out.setUint(at, body - adjustment, width, byteOrder)
      out.setBytes(at + width, payload)
    } else {
      const start = out.length
      out.writeZeros(strip)
      out.writeBytes(payload)
      out.setUint(start + offset, body - adjustment, width, byteOrder)
    }
    return undefined
  }

  readonly open = (out: ByteWriter): void => {
    const { header, offset, strip } = this.layout
    // What is not written over must be zeros, and nothing of this process's memory.
    if (offset === 0 && strip === header) out.reserve(strip)
    else out.writeZeros(strip)
  }

  readonly close = (out: ByteWriter, start: number): PayloadError | undefined => {
    const { offset, width, adjustment, strip, byteOrder, header, maxLength } = this.layout
    const length = out.length - start - strip
    if (length < this.minimum) return this.tooShort(length)
    const body = strip + length - header
    if (body > maxLength || body > this.widest) return this.tooLong(body)
    out.setUint(start + offset, body - adjustment, width, byteOrder)
    return undefined
  }

  private tooShort(seen: number): PayloadError {
    return new PayloadTooShort({ minimum: this.minimum, seen })
  }

  private tooLong(seen: number): PayloadError {
    return new PayloadTooLong({ limit: Math.min(this.layout.maxLength, this.widest), seen })
  }

  /** For a plain layout: measures first, and then writes all of it without a call for each. */
  encodeAll(payloads: ReadonlyArray<Uint8Array>, from: number, enough: number, out: ByteWriter): number {
    const { adjustment, maxLength } = this.layout
    const { minimum } = this
    const most = Math.min(maxLength, this.widest)
    const room = enough - out.length
    let to = from
    let total = 0
    while (to < payloads.length && total < room) {
      const { length } = payloads[to]!
      if (length < minimum || length > most) break
      total += 4 + length
      to++
    }
    if (to === from) return to
    let at = out.reserve(total)
    const bytes = out.bytes
    for (let i = from; i < to; i++) {
      const payload = payloads[i]!
      const value = payload.length - adjustment
      bytes[at] = value >>> 24
      bytes[at + 1] = value >>> 16
      bytes[at + 2] = value >>> 8
      bytes[at + 3] = value
      bytes.set(payload, at + 4)
      at += 4 + payload.length
    }
    return to
  }
}

/** An unsigned number; minus infinity where the highest of 64 bits is set, infinity from 2^53 up. */
const readUint = (bytes: Uint8Array, at: number, width: number, order: ByteOrder): number => {
  if (width <= 4) return readUpTo4(bytes, at, width, order)
  const high =
    order === "big" ? readUpTo4(bytes, at, width - 4, order) : readUpTo4(bytes, at + 4, width - 4, order)
  const low = order === "big" ? readUpTo4(bytes, at + width - 4, 4, order) : readUpTo4(bytes, at, 4, order)
  if (high <= 0x1fffff) return high * 0x100000000 + low
  return high > 0x7fffffff ? -Infinity : Infinity
}

const readUpTo4 = (bytes: Uint8Array, at: number, width: number, order: ByteOrder): number => {
  let value = 0
  if (order === "big") for (let i = at; i < at + width; i++) value = (value << 8) | bytes[i]!
  else for (let i = at + width - 1; i >= at; i--) value = (value << 8) | bytes[i]!
  return value >>> 0
}

const explain = (value: number, { adjustment, header, strip }: Layout): string => {
  if (value < 0) return "the length is negative"
  if (value + adjustment < 0) return `a length of ${value} ends before its own header`
  return `a frame of ${header + value + adjustment} bytes is shorter than the ${strip} to leave out`
}
