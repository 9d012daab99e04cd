/** What our rules say, written down as plainly as possible: over the whole input at once, with no regard to speed. */
import { type Outcome, toHex } from "./cases.ts"

export interface DelimiterRules {
  readonly delimiters: ReadonlyArray<Uint8Array>
  readonly maxLength: number
  readonly end: "fail" | "emit" | "drop"
  readonly keep: boolean
  readonly skip: boolean
  /** Whether a carriage return at the very end of the input is half of a terminator. */
  readonly lines: boolean
}

const endsWith = (bytes: Uint8Array, suffix: Uint8Array): boolean =>
  suffix.length <= bytes.length && suffix.every((byte, i) => byte === bytes[bytes.length - suffix.length + i])

/** Whether some suffix of `bytes`, `beyond` bytes or longer, is a proper prefix of a delimiter. */
const mayStillEnd = (bytes: Uint8Array, delimiters: ReadonlyArray<Uint8Array>, beyond: number): boolean =>
  delimiters.some((delimiter) => {
    for (let length = beyond; length < delimiter.length; length++) {
      if (endsWith(bytes, delimiter.subarray(0, length))) return true
    }
    return false
  })

export const referenceDelimited = (
  input: Uint8Array,
  eof: boolean,
  rules: DelimiterRules
): Array<Outcome> => {
  const { delimiters, end, keep, lines, maxLength, skip } = rules
  const outcomes: Array<Outcome> = []
  let start = 0
  let skipping = false
  for (let at = 1; at <= input.length; at++) {
    const frame = input.subarray(start, at)
    const found = delimiters.filter((delimiter) => endsWith(frame, delimiter))
    if (found.length > 0) {
      const size = Math.max(...found.map(({ length }) => length))
      const length = frame.length - size
      if (!skipping && length > maxLength) {
        outcomes.push({ error: "FrameTooLong" })
        if (!skip) return outcomes
      } else if (!skipping) {
        outcomes.push({ frame: toHex(keep ? frame : frame.subarray(0, length)) })
      }
      skipping = false
      start = at
    } else if (
      !skipping &&
      frame.length > maxLength &&
      !mayStillEnd(frame, delimiters, frame.length - maxLength)
    ) {
      outcomes.push({ error: "FrameTooLong" })
      if (!skip) return outcomes
      skipping = true
    }
  }
  const tail = input.subarray(start)
  if (!eof || tail.length === 0 || end === "drop") return outcomes
  if (end === "fail") return [...outcomes, { error: "FrameTruncated" }]
  if (skipping) return outcomes
  const payload = lines && tail.at(-1) === 13 ? tail.subarray(0, -1) : tail
  if (payload.length > maxLength) return [...outcomes, { error: "FrameTooLong" }]
  return payload.length === 0 ? outcomes : [...outcomes, { frame: toHex(keep ? tail : payload) }]
}

export interface LengthFieldRules {
  readonly offset: number
  readonly width: number
  readonly adjustment: number
  readonly strip: number
  readonly byteOrder: "big" | "little"
  readonly maxLength: number
  readonly end: "fail" | "emit" | "drop"
  readonly skip: boolean
}

export const referenceLengthField = (
  input: Uint8Array,
  eof: boolean,
  rules: LengthFieldRules
): Array<Outcome> => {
  const { adjustment, byteOrder, end, maxLength, offset, skip, strip, width } = rules
  const outcomes: Array<Outcome> = []
  const header = BigInt(offset + width)
  let rest = input
  while (rest.length >= offset + width) {
    const field = rest.slice(offset, offset + width)
    const value = BigInt(`0x${toHex(byteOrder === "big" ? field : field.reverse())}`)
    const body = value + BigInt(adjustment)
    const size = header + body
    if (value >= 2n ** 63n || body < 0n) return [...outcomes, { error: "FrameCorrupted" }]
    if (body > BigInt(maxLength)) {
      outcomes.push({ error: "FrameTooLong" })
      if (!skip || value >= 2n ** 53n) return outcomes
    } else if (BigInt(strip) > size) {
      return [...outcomes, { error: "FrameCorrupted" }]
    } else if (size <= rest.length) {
      outcomes.push({ frame: toHex(rest.subarray(strip, Number(size))) })
    }
    if (size > rest.length) {
      if (body > BigInt(maxLength)) return eof && end === "fail" ? [...outcomes, truncated] : outcomes
      break
    }
    rest = rest.subarray(Number(size))
  }
  if (!eof || rest.length === 0 || end === "drop") return outcomes
  return [...outcomes, end === "fail" ? truncated : { frame: toHex(rest) }]
}

const truncated: Outcome = { error: "FrameTruncated" }

/** Frames behind a varint of at most 31 bits; what is unfinished at the end is dropped. */
export const referenceVarint = (input: Uint8Array): Array<Outcome> => {
  const outcomes: Array<Outcome> = []
  for (let rest = [...input]; ; ) {
    const size = rest.findIndex((byte) => byte < 0x80) + 1
    if ((size === 0 && rest.length >= 5) || size > 5 || (size === 5 && rest[4]! > 7))
      return [...outcomes, corrupted]
    const groups = rest.slice(0, size).toReversed()
    const length = groups.reduce((value, byte) => value * 128 + (byte % 128), 0)
    if (size === 0 || rest.length < size + length) return outcomes
    outcomes.push({ frame: toHex(Uint8Array.from(rest.slice(size, size + length))) })
    rest = rest.slice(size + length)
  }
}

const corrupted: Outcome = { error: "FrameCorrupted" }
