/** The framings of JSON texts, as `Framing` exports them. */
import type { Framing } from "../../Framing.ts"
import { type JsonOptions, jsonFraming } from "./json.ts"
import { type JsonSequenceOptions, jsonSequenceFraming } from "./jsonSequence.ts"
import { type NdjsonOptions, ndjsonFraming } from "./ndjson.ts"

/**
 * JSON objects and arrays, one behind the other, each cut at the brace or bracket that closes it.
 *
 * ```text
 * {"a":1}{"b":"}"} [2]          {"a":1} and {"b":"}"} and [2]
 * [{"a":1}, 2, "x"]             {"a":1} and 2 and "x", with elements
 * ```
 *
 * Whitespace (RFC 8259: space, tab, LF, CR) around a value is passed over; any other byte there is `FrameCorrupted`.
 * Braces and brackets are counted outside of strings and not paired: what a value is worth is for the codec to say.
 * `maxLength` counts a value from its first byte to its last.
 *
 * With `elements` an array is no frame, each of its elements is, as soon as it ends; an array without end makes a
 * stream. The input may then not end within an array.
 *
 * The encoder writes payloads as they are, with nothing between them. What is not a single object or array, from its
 * first byte to its last, is `PayloadMalformed`; with `elements`, everything but an object.
 *
 * ```ts
 * import { Framing } from "effect-sluice"
 *
 * const framing = Framing.json({ maxLength: 65_536, elements: true })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const json = (options: JsonOptions = {}): Framing => jsonFraming(options)

/**
 * JSON texts, one a line (ndjson.org; also JSON Lines): LF, CRLF or CR ends one, which JSON has nowhere in a text
 * that is written on one line.
 *
 * ```text
 * {"a":1}\n"two"\r\n3\n         {"a":1} and "two" and 3
 * ```
 *
 * A line is a frame as soon as its CR is there; an LF that follows belongs to it. Empty lines are passed over unless
 * `emptyLines` is `keep`, and so is a byte order mark at the front of the input. Neither counts in `maxLength`.
 *
 * The encoder ends a line with LF. It answers `DelimiterInPayload` for a payload that holds CR or LF, or begins with a
 * byte order mark, and `PayloadTooShort` for an empty one where empty lines are passed over.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ndjson = (options: NdjsonOptions = {}): Framing => ndjsonFraming(options)

/**
 * A JSON text sequence (RFC 7464, `application/json-seq`): a record separator before each text, an LF behind it.
 *
 * ```text
 * 1e 7b 22 61 22 3a 31 7d 0a    {"a":1}
 * ```
 *
 * A text ends at the first whitespace outside of its value, and is a frame then, without it; so a text may be spread
 * over lines. The next separator, or the end of the input, also ends an object, array or string that is closed.
 *
 * As the RFC wants it, a sequence goes on with the next separator after whatever is wrong in it. A text that a
 * separator cuts off is a frame where it shows (an object that is not closed), for the codec to refuse; a number,
 * `true`, `false` or `null` without whitespace behind it is left out, for it may be the front of another. So is what
 * stands where a separator should. Both count in `skipped`, once a separator.
 *
 * Where the input ends within a text that is not closed, `end: "emit"` hands it over, but none of those four.
 *
 * The encoder answers `DelimiterInPayload` for a payload with a separator in it, and `PayloadMalformed` for one that
 * is not closed or has whitespace around its value.
 *
 * @category constructors
 * @since 0.1.0
 */
export const jsonSequence = (options: JsonSequenceOptions = {}): Framing => jsonSequenceFraming(options)
