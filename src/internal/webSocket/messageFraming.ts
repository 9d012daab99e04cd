/**
 * Frames that are messages already: between a connection and a wire that keeps messages apart by itself.
 *
 * Nothing of it is ever sent. In front of each frame is a number of 32 bits: the length, and in the highest bit whether
 * the frame is a text.
 */
import type { ByteWriter } from "../../ByteWriter.ts"
import type { FrameDecoder, Framing } from "../../Framing.ts"
import { FrameCorrupted, type FrameError, type PayloadError, PayloadTooLong } from "../../SluiceError.ts"
import type { FrameTraits } from "../../Transport.ts"
import { PrefixDecoder, type PrefixPolicy } from "../framing/prefix.ts"

/** The bytes in front of a message. */
export const headerLength = 4

const textBit = 0x80000000
const lengthBits = 0x7fffffff

/** The number in front of a message. */
export const headerOf = (length: number, text: boolean): number => (text ? length + textBit : length)

export const lengthOf = (header: number): number => header & lengthBits

export const isText = (header: number): boolean => header >= textBit

export const readHeader = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

export const writeHeader = (bytes: Uint8Array, at: number, header: number): void => {
  bytes[at] = header >>> 24
  bytes[at + 1] = header >>> 16
  bytes[at + 2] = header >>> 8
  bytes[at + 3] = header
}

/**
 * The framing that stands in for another one. A frame may be as long as the other allows, and as a message may be. Where
 * frames are what stands on the wire, header and all, so they are in messages.
 */
export const messageFraming = (inner: Framing, traits: FrameTraits, maxMessage: number): Framing => {
  const { text, whole } = traits
  const maxLength = Math.min(inner.maxLength, maxMessage, lengthBits)
  const longest = whole ? Math.min(maxLength + (inner.type?.bodyOffset ?? 0), maxMessage) : maxLength
  const policy: PrefixPolicy = { maxLength: longest, skip: false, end: "fail" }
  return {
    name: inner.name,
    maxLength,
    problems: inner.problems,
    makeDecoder: () => (whole ? new WholeDecoder(policy, inner.makeDecoder()) : new MessageDecoder(policy)),
    encode: (payload, out) => encode(payload, out, whole ? inner : undefined, text, longest),
    withMaxLength: (maxLength) => messageFraming(inner.withMaxLength(maxLength), traits, maxMessage),
    ...(inner.type && { type: inner.type })
  }
}

const encode = (
  payload: Uint8Array,
  out: ByteWriter,
  whole: Framing | undefined,
  text: boolean,
  limit: number
): PayloadError | undefined => {
  if (whole !== undefined) return encodeWhole(payload, out, whole, text, limit)
  if (payload.length > limit) return new PayloadTooLong({ limit, seen: payload.length })
  out.writeUint(headerOf(payload.length, text), headerLength, "big")
  out.writeBytes(payload)
  return undefined
}

/** A payload may be a message here, which has no length. */
const encodeWhole = (
  payload: Uint8Array,
  out: ByteWriter,
  framing: Framing,
  text: boolean,
  limit: number
): PayloadError | undefined => {
  const start = out.reserve(headerLength)
  const error = framing.encode(payload, out)
  const length = out.length - start - headerLength
  const tooLong = length > limit ? new PayloadTooLong({ limit, seen: length }) : undefined
  if (error === undefined && tooLong === undefined) {
    out.setUint(start, headerOf(length, text), headerLength, "big")
  } else {
    out.truncate(start)
  }
  return error ?? tooLong
}

class MessageDecoder extends PrefixDecoder {
  constructor(policy: PrefixPolicy) {
    super(policy)
    this.bodyAt = headerLength
  }

  protected measure(bytes: Uint8Array, from: number, to: number): number {
    if (to - from < headerLength) return to - from - headerLength
    this.declared = lengthOf(readHeader(bytes, from))
    return headerLength + this.declared
  }
}

/** Lets only those messages through that are one frame of another framing. */
class WholeDecoder extends MessageDecoder {
  private readonly inner: FrameDecoder

  constructor(policy: PrefixPolicy, inner: FrameDecoder) {
    super(policy)
    this.inner = inner
  }

  override push(chunk: Uint8Array, frames: Array<Uint8Array>): FrameError | undefined {
    const messages: Array<Uint8Array> = []
    const error = super.push(chunk, messages)
    for (const message of messages) {
      const before = frames.length
      const wrong = this.inner.push(message, frames)
      if (wrong !== undefined) return this.fail(wrong)
      if (frames.length !== before + 1 || this.inner.buffered > 0) {
        frames.length = before
        return this.fail(new FrameCorrupted({ detail: "a message that is not one frame" }))
      }
    }
    return error
  }
}
