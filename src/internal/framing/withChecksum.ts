/** A checksum behind the payload of any framing. */
import { ByteWriter } from "../../ByteWriter.ts"
import type { FrameDecoder, Framing } from "../../Framing.ts"
import {
  FrameCorrupted,
  type FrameError,
  FrameTooLong,
  type PayloadError,
  PayloadMalformed,
  PayloadTooLong,
  PayloadTooShort
} from "../../SluiceError.ts"
import { encodeUtf8 } from "../bytes.ts"
import { viewOf } from "./accumulator.ts"
import { crc32c } from "./crc32c.ts"
import { noProblems, OptionChecks, refusedFraming } from "./options.ts"

/**
 * Options of `withChecksum`.
 *
 * @category options
 * @since 0.1.0
 */
export interface ChecksumOptions {
  /** `bytes` is 4 bytes, big-endian; `hex` is 8 lower-case characters, for text framings. Default `bytes`. */
  readonly format?: "bytes" | "hex"
}

export const withChecksumFraming = (framing: Framing, options: ChecksumOptions): Framing => {
  const { format = "bytes" } = options
  const name = `withChecksum(${framing.name})`
  const trailer: Trailer = { size: format === "hex" ? 8 : 4, hex: format === "hex" }
  const withMaxLength = (maxLength: number) => withChecksumFraming(framing.withMaxLength(maxLength), options)
  const inner = framing.withMaxLength(Math.min(framing.maxLength + trailer.size, Number.MAX_SAFE_INTEGER))
  const checks = new OptionChecks()
  checks.problems.push(...framing.problems)
  checks.oneOf("format", format, ["bytes", "hex"])
  if (framing.problems.length === 0) {
    checks.problems.push(...inner.problems)
    if (changesPayloads(inner)) {
      checks.add("framing", "its frames hold more than the payload, so that no checksum can end them")
    } else if (wantsJson(inner, trailer.size)) {
      checks.add("framing", "its payloads are JSON texts, which no checksum can end")
    }
  }
  if (checks.problems.length > 0) {
    return refusedFraming(name, framing.maxLength, checks.problems, withMaxLength)
  }
  const encoder = new ChecksumEncoder(inner, trailer)
  return {
    name,
    maxLength: framing.maxLength,
    problems: noProblems,
    makeDecoder: () => new ChecksumDecoder(inner.makeDecoder(), trailer),
    encode: (payload, out) => encoder.encode(payload, out),
    withMaxLength
  }
}

interface Trailer {
  readonly size: number
  readonly hex: boolean
}

class ChecksumDecoder implements FrameDecoder {
  private readonly inner: FrameDecoder
  private readonly trailer: Trailer
  private failure: FrameError | undefined = undefined

  constructor(inner: FrameDecoder, trailer: Trailer) {
    this.inner = inner
    this.trailer = trailer
  }

  get buffered(): number {
    return this.inner.buffered
  }

  get skipped(): number {
    return this.inner.skipped
  }

  get discarding(): boolean {
    return this.inner.discarding === true
  }

  remaining(): Uint8Array {
    return this.inner.remaining()
  }

  push(chunk: Uint8Array, frames: Array<Uint8Array>): FrameError | undefined {
    if (this.failure !== undefined) return this.failure
    const first = frames.length
    return this.check(frames, first, this.inner.push(chunk, frames))
  }

  end(frames: Array<Uint8Array>): FrameError | undefined {
    if (this.failure !== undefined) return this.failure
    const first = frames.length
    return this.check(frames, first, this.inner.end(frames))
  }

  /** Takes the checksums off the new frames; a wrong one comes before what the inner decoder said behind it. */
  private check(
    frames: Array<Uint8Array>,
    first: number,
    error: FrameError | undefined
  ): FrameError | undefined {
    const { size, hex } = this.trailer
    for (let i = first; i < frames.length; i++) {
      const frame = frames[i]!
      const end = frame.length - size
      if (end < 0 || !matches(frame, end, crc32c(frame, 0, end), hex)) {
        frames.length = i
        const detail = end < 0 ? "the frame is shorter than its checksum" : "the checksum is wrong"
        this.failure = new FrameCorrupted({ detail })
        return this.failure
      }
      frames[i] = viewOf(frame, 0, end)
    }
    this.failure = error instanceof FrameTooLong ? new FrameTooLong(withoutTrailer(error, size)) : error
    return this.failure
  }
}

class ChecksumEncoder {
  private readonly inner: Framing
  private readonly trailer: Trailer
  /** The inner framing wants payload and checksum in one piece. Kept from call to call while it is small. */
  private readonly scratch = new ByteWriter()

  constructor(inner: Framing, trailer: Trailer) {
    this.inner = inner
    this.trailer = trailer
  }

  encode(payload: Uint8Array, out: ByteWriter): PayloadError | undefined {
    const { inner, scratch, trailer } = this
    const crc = crc32c(payload)
    scratch.truncate(0)
    scratch.writeBytes(payload)
    if (trailer.hex) for (let shift = 28; shift >= 0; shift -= 4) scratch.writeByte(hexDigit(crc, shift))
    else scratch.writeUint(crc, 4, "big")
    const error = inner.encode(scratch.length > keptScratch ? scratch.take() : scratch.view(), out)
    if (error instanceof PayloadTooLong) return new PayloadTooLong(withoutTrailer(error, trailer.size))
    if (!(error instanceof PayloadTooShort)) return error
    return new PayloadTooShort({ minimum: Math.max(0, error.minimum - trailer.size), seen: payload.length })
  }
}

const keptScratch = 65_536

const hexDigit = (crc: number, shift: number): number => {
  const digit = (crc >>> shift) & 15
  return digit < 10 ? 0x30 + digit : 0x57 + digit
}

const matches = (frame: Uint8Array, at: number, crc: number, hex: boolean): boolean => {
  if (!hex) {
    for (let shift = 24; shift >= 0; shift -= 8) if (frame[at++] !== ((crc >>> shift) & 255)) return false
    return true
  }
  for (let shift = 28; shift >= 0; shift -= 4) if (frame[at++] !== hexDigit(crc, shift)) return false
  return true
}

/** Sizes in bytes of payload, without the checksum that the inner framing counted. */
const withoutTrailer = (error: FrameTooLong | PayloadTooLong, size: number) => ({
  limit: error.limit - size,
  seen: error.seen - size
})

/**
 * Whether what a framing hands over is not what it was given: a header that stays on, a kept terminator. Tried out
 * with a payload, for a framing of one's own may do it too; one that takes none of them is given the benefit.
 */
const changesPayloads = (framing: Framing): boolean => {
  for (const length of [64, Math.min(framing.maxLength, keptScratch)]) {
    const payload = encodeUtf8("0".repeat(length))
    const out = new ByteWriter()
    if (framing.encode(payload, out) !== undefined) continue
    const decoder = framing.makeDecoder()
    const frames: Array<Uint8Array> = []
    if (decoder.push(out.view(), frames) ?? decoder.end(frames)) return true
    const [frame] = frames
    return frame === undefined || frame.length !== length || !frame.every((byte) => byte === 0x30)
  }
  return false
}

/** Whether a framing cuts where a JSON value ends, which it does not with a checksum behind it. */
const wantsJson = (framing: Framing, size: number): boolean => {
  const out = new ByteWriter()
  return (
    framing.encode(encodeUtf8("{}"), out) === undefined &&
    framing.encode(encodeUtf8(`{}${"0".repeat(size)}`), out) instanceof PayloadMalformed
  )
}
