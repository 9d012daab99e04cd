/** Frames that end in a delimiter: their options and what is made of them. */
import type { Framing } from "../../Framing.ts"
import { copyOf, encodeUtf8 } from "../bytes.ts"
import { DelimiterDecoder, DelimiterEncoder } from "./delimiter.ts"
import { DelimiterSet } from "./delimiterSet.ts"
import {
  defaultMaxLength,
  type EndPolicy,
  noProblems,
  OptionChecks,
  type OversizePolicy,
  refusedFraming
} from "./options.ts"

/**
 * Options of `delimiter`.
 *
 * @category options
 * @since 0.1.0
 */
export interface DelimiterOptions {
  /** The most bytes before the delimiter. Default 1 MiB. */
  readonly maxLength?: number
  /** Default `fail`. `skip` goes on after the next delimiter. */
  readonly oversize?: OversizePolicy
  /** Default `fail`. */
  readonly end?: EndPolicy
  /** Whether the delimiter stays at the end of its frame. Default false. */
  readonly keep?: boolean
}

/**
 * Options of `lines`.
 *
 * @category options
 * @since 0.1.0
 */
export interface LinesOptions extends DelimiterOptions {
  /** What the encoder ends a line with. Default `"\n"`; the decoder takes both. */
  readonly newline?: "\n" | "\r\n"
}

/**
 * Options of `anyOf`.
 *
 * @category options
 * @since 0.1.0
 */
export interface AnyOfOptions extends DelimiterOptions {
  /**
   * What the encoder ends a frame with: the index of a delimiter, or the delimiter itself. Default the first that
   * can end a frame. One that is not of the set is for peers that take what they do not write.
   */
  readonly write?: number | string | Uint8Array
}

export const linesFraming = (options: LinesOptions): Framing => {
  const { newline = "\n" } = options
  const checks = new OptionChecks()
  checks.oneOf("newline", newline, ["\n", "\r\n"])
  const withMaxLength = (maxLength: number) => linesFraming({ ...options, maxLength })
  const set = [encodeUtf8("\n"), encodeUtf8("\r\n")]
  return make("lines", set, encodeUtf8(newline), options, checks, withMaxLength)
}

export const delimiterFraming = (delimiter: string | Uint8Array, options: DelimiterOptions): Framing => {
  const bytes = toBytes(delimiter)
  const checks = new OptionChecks()
  if (bytes.length === 0) checks.add("delimiter", "must not be empty")
  const withMaxLength = (maxLength: number) => delimiterFraming(bytes, { ...options, maxLength })
  return make("delimiter", [bytes], bytes, options, checks, withMaxLength)
}

export const anyOfFraming = (
  delimiters: ReadonlyArray<string | Uint8Array>,
  options: AnyOfOptions
): Framing => {
  const { write } = options
  const set = delimiters.map(toBytes)
  const rules = new DelimiterSet(set)
  const written =
    write === undefined
      ? set.find((delimiter) => rules.reaches(delimiter))
      : typeof write === "number"
        ? set[write]
        : toBytes(write)
  const checks = new OptionChecks()
  if (set.length === 0) checks.add("delimiters", "must not be empty")
  for (const [i, { length }] of set.entries()) {
    if (length === 0) checks.add(`delimiters[${i}]`, "must not be empty")
  }
  if (checks.problems.length === 0) {
    if (written === undefined) checks.add("write", `must be an index below ${set.length}, got ${write}`)
    else if (written.length === 0) checks.add("write", "must not be empty")
    else if (!rules.reaches(written)) checks.add("write", "holds another delimiter")
  }
  const withMaxLength = (maxLength: number) => anyOfFraming(set, { ...options, maxLength })
  return make("anyOf", set, written, options, checks, withMaxLength)
}

const toBytes = (delimiter: string | Uint8Array): Uint8Array =>
  typeof delimiter === "string" ? encodeUtf8(delimiter) : copyOf(delimiter)

const make = (
  name: string,
  delimiters: ReadonlyArray<Uint8Array>,
  written: Uint8Array | undefined,
  options: DelimiterOptions,
  checks: OptionChecks,
  withMaxLength: (maxLength: number) => Framing
): Framing => {
  const { maxLength = defaultMaxLength, oversize = "fail", end = "fail", keep = false } = options
  checks.integer("maxLength", maxLength, 1)
  checks.oversize(oversize)
  checks.end(end)
  if (written === undefined || checks.problems.length > 0) {
    return refusedFraming(name, maxLength, checks.problems, withMaxLength)
  }
  const rules = {
    ...{ maxLength, end, keep },
    set: new DelimiterSet(delimiters),
    skip: oversize === "skip",
    lines: name === "lines"
  }
  const encoder = new DelimiterEncoder(new DelimiterSet([...delimiters, written]), written, keep, maxLength)
  return {
    name,
    maxLength,
    problems: noProblems,
    makeDecoder: () => new DelimiterDecoder(rules),
    encode: (payload, out) => encoder.encode(payload, out),
    withMaxLength
  }
}
