/** What the framings of JSON texts say, over the whole input at once and with no regard to speed. */
import { type Outcome, toHex } from "./cases.ts"

export interface JsonRules {
  readonly maxLength: number
  readonly end: "fail" | "emit" | "drop"
  readonly skip: boolean
}

const tooLong: Outcome = { error: "FrameTooLong" }
const truncated: Outcome = { error: "FrameTruncated" }
const corrupted: Outcome = { error: "FrameCorrupted" }

/** One character a byte, so that positions agree. */
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")
const frame = (text: string): Outcome => ({ frame: toHex(Buffer.from(text, "latin1")) })

const isWhite = (character: string): boolean => character !== "" && " \t\r\n".includes(character)
const isOpening = (character: string): boolean => character === "{" || character === "["
const isClosing = (character: string): boolean => character === "}" || character === "]"

/** The text with every string in it made of underscores between its quotes; one that is not closed, up to the end. */
const withoutStrings = (text: string): string =>
  text.replace(/"(?:[^"\\]|\\[\s\S]?)*("|$)/g, (found, last) =>
    last === "" ? `"${"_".repeat(found.length - 1)}` : `"${"_".repeat(found.length - 2)}"`
  )

/** Where the value at `from` ends in a text without strings, or -1. */
const valueEnd = (text: string, from: number): number => {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === '"') {
      at = text.indexOf('"', at + 1)
      if (at < 0) return -1
      if (depth === 0) return at + 1
    } else if (isOpening(character)) {
      depth++
    } else if (depth === 0 && (isClosing(character) || isWhite(character) || character === ",")) {
      return at
    } else if (isClosing(character)) {
      depth--
      if (depth === 0) return at + 1
    }
  }
  return -1
}

export const referenceJson = (
  input: Uint8Array,
  eof: boolean,
  { elements, end, maxLength, skip }: JsonRules & { readonly elements: boolean }
): Array<Outcome> => {
  const text = latin1(input)
  const plain = withoutStrings(text)
  const outcomes: Array<Outcome> = []
  let inArray = false
  let expected = /[{[]/
  let at = 0
  for (; at < text.length; at++) {
    const character = plain.charAt(at)
    if (isWhite(character)) continue
    if (!expected.test(character)) return [...outcomes, corrupted]
    if (inArray && character === "]") {
      inArray = false
      expected = /[{[]/
    } else if (inArray && character === ",") {
      expected = /[^\]},]/
    } else if (!inArray && elements && character === "[") {
      inArray = true
      expected = /[^},]/
    } else {
      const to = valueEnd(plain, at)
      const value = text.slice(at, to < 0 ? undefined : to)
      if (value.length > maxLength) {
        outcomes.push(tooLong)
        if (!skip) return outcomes
      } else if (to >= 0) {
        outcomes.push(frame(value))
      }
      if (to < 0) {
        if (!eof || end === "drop") return outcomes
        if (end === "fail") return [...outcomes, truncated]
        return value.length > maxLength ? outcomes : [...outcomes, frame(value)]
      }
      if (inArray) expected = /[\],]/
      at = to - 1
    }
  }
  return eof && inArray && end === "fail" ? [...outcomes, truncated] : outcomes
}

export const referenceNdjson = (
  input: Uint8Array,
  eof: boolean,
  { end, keepEmpty, maxLength, skip }: JsonRules & { readonly keepEmpty: boolean }
): Array<Outcome> => {
  const mark = "\xef\xbb\xbf"
  const text = latin1(input)
  // What may still be a byte order mark is told apart at the end only.
  const known = text.length >= 3 || !mark.startsWith(text)
  if (!eof && !known) return []
  const lines = text.replace(mark, (found, offset) => (offset === 0 ? "" : found)).split(/\r\n|\r|\n/)
  const tail = lines.pop() ?? ""
  const outcomes: Array<Outcome> = []
  for (const line of lines) {
    if (line.length > maxLength) {
      outcomes.push(tooLong)
      if (!skip) return outcomes
    } else if (line.length > 0 || keepEmpty) {
      outcomes.push(frame(line))
    }
  }
  if (tail === "") return outcomes
  if (tail.length > maxLength && (known || end === "emit")) {
    outcomes.push(tooLong)
    if (!skip) return outcomes
    return eof && end === "fail" ? [...outcomes, truncated] : outcomes
  }
  if (!eof || end === "drop") return outcomes
  return [...outcomes, end === "fail" ? truncated : frame(tail)]
}

/** What is left out is written down as too long: the decoder only counts it. */
export const referenceJsonSequence = (
  input: Uint8Array,
  eof: boolean,
  { end, maxLength, skip }: JsonRules
): Array<Outcome> => {
  const [before = "", ...records] = latin1(input).split("\x1e")
  const outcomes: Array<Outcome> = /[^ \t\r\n]/.test(before) ? [tooLong] : []
  for (const [i, record] of records.entries()) {
    const text = record.replace(/^[ \t\r\n]+/, "")
    const last = i === records.length - 1
    const plain = withoutStrings(text)
    const space = endOfText(plain)
    const value = text.slice(0, space < 0 ? undefined : space)
    const shows = /^[{["]/.test(value)
    const over = value.length > maxLength
    if (over) {
      outcomes.push(tooLong)
      if (!skip) return outcomes
    }
    if (space >= 0) {
      if (!over) outcomes.push(frame(value))
      if (!over && /[^ \t\r\n]/.test(text.slice(space))) outcomes.push(tooLong)
    } else if (!last) {
      if (!over && value !== "") outcomes.push(shows ? frame(value) : tooLong)
    } else if (eof) {
      const whole = shows && isClosed(plain)
      if (!whole && end === "fail") outcomes.push(truncated)
      else if (!over && shows && (whole || end === "emit")) outcomes.push(frame(value))
    }
  }
  return outcomes
}

/** The depth after each character of a text without strings; closing what is not open counts for nothing. */
const depths = (text: string): ReadonlyArray<number> => {
  let depth = 0
  return Array.from(text, (character) => {
    if (isOpening(character)) depth++
    else if (isClosing(character)) depth = Math.max(0, depth - 1)
    return depth
  })
}

const quotesOf = (text: string): number => text.split('"').length - 1

const isClosed = (text: string): boolean => (depths(text).at(-1) ?? 0) === 0 && quotesOf(text) % 2 === 0

const endOfText = (text: string): number =>
  depths(text).findIndex((depth, at) => depth === 0 && isWhite(text.charAt(at)))
