/**
 * Framings: how a stream of bytes is cut into frames, and frames are put on the wire.
 *
 * @since 0.1.0
 */
import type { ByteWriter } from "./ByteWriter.ts"
import {
  type AnyOfOptions,
  anyOfFraming,
  type DelimiterOptions,
  delimiterFraming,
  type LinesOptions,
  linesFraming
} from "./internal/framing/delimited.ts"
import { type FixedLengthOptions, fixedLengthFraming } from "./internal/framing/fixedLength.ts"
import {
  type LengthFieldOptions,
  type LengthPrefixedOptions,
  lengthFieldFraming,
  lengthPrefixedFraming
} from "./internal/framing/lengthField.ts"
import { type MakeOptions, makeFraming } from "./internal/framing/make.ts"
import { type NetstringOptions, netstringFraming } from "./internal/framing/netstring.ts"
import { noneFraming } from "./internal/framing/none.ts"
import {
  type TypeLayout,
  type TypeLengthValueOptions,
  typeLengthValueFraming
} from "./internal/framing/typeLengthValue.ts"
import { type MaxLengthOptions, untilEndFraming } from "./internal/framing/untilEnd.ts"
import { type VarintOptions, varintFraming } from "./internal/framing/varint.ts"
import { type ChecksumOptions, withChecksumFraming } from "./internal/framing/withChecksum.ts"
import type { FrameError, OptionProblem, PayloadError } from "./SluiceError.ts"

export { type ContentLengthOptions, contentLength } from "./internal/framing/contentLength.ts"
export type { AnyOfOptions, DelimiterOptions, LinesOptions } from "./internal/framing/delimited.ts"
export type { FixedLengthOptions } from "./internal/framing/fixedLength.ts"
export type { JsonOptions } from "./internal/framing/json.ts"
export type { JsonSequenceOptions } from "./internal/framing/jsonSequence.ts"
export type { FieldWidth, LengthFieldOptions, LengthPrefixedOptions } from "./internal/framing/lengthField.ts"
export type { MakeOptions } from "./internal/framing/make.ts"
export type { NdjsonOptions } from "./internal/framing/ndjson.ts"
export type { NetstringOptions } from "./internal/framing/netstring.ts"
export type { EndPolicy, OversizePolicy } from "./internal/framing/options.ts"
export type { TypeLayout, TypeLengthValueOptions } from "./internal/framing/typeLengthValue.ts"
export type { MaxLengthOptions } from "./internal/framing/untilEnd.ts"
export type { VarintOptions } from "./internal/framing/varint.ts"
export type { ChecksumOptions } from "./internal/framing/withChecksum.ts"

/**
 * Cuts one connection's bytes into frames; a decoder of messages that delimit themselves (`Codec.selfDelimiting`) has
 * the messages for its frames. Plain calls, no fibers, never throws.
 *
 * @category models
 * @since 0.1.0
 */
export interface FrameDecoder<in out Frame = Uint8Array> {
  /**
   * Takes the next bytes and appends the frames that they complete to `frames`.
   *
   * A frame may be a view into `chunk`, which therefore must not be changed afterwards. After an error the
   * decoder is finished: the frames before it have been appended, and every later call returns it again.
   */
  readonly push: (chunk: Uint8Array, frames: Array<Frame>) => FrameError | undefined
  /** The input has ended: appends what the end completes, or says that it cut a frame off. */
  readonly end: (frames: Array<Frame>) => FrameError | undefined
  /** The bytes that no frame has taken yet, for a switch to another framing. The decoder must not be used after it. */
  readonly remaining: () => Uint8Array
  /** How many bytes of an unfinished frame are held. */
  readonly buffered: number
  /** How many frames were left out: too long ones under the oversize policy `skip`, and what `jsonSequence` passes over. */
  readonly skipped: number
  /**
   * Whether the unfinished frame is one that is left out and whose bytes are therefore not held. It counts in `skipped`
   * from then on. A server's frame deadline goes by it; a decoder that leaves nothing out needs none. Default false.
   */
  readonly discarding?: boolean
}

/**
 * How bytes become frames and frames become bytes: a pure value, shared by server and client.
 *
 * @category models
 * @since 0.1.0
 */
export interface Framing {
  readonly name: string
  /** The most bytes of payload in a frame. Header and terminator do not count. */
  readonly maxLength: number
  /** What is wrong with its options; empty for a framing that works. A server or client refuses the others. */
  readonly problems: ReadonlyArray<OptionProblem>
  /** A decoder for one connection. */
  readonly makeDecoder: () => FrameDecoder
  /** Appends the frame of `payload` to `out`, or returns why not and leaves `out` as it was. */
  readonly encode: (payload: Uint8Array, out: ByteWriter) => PayloadError | undefined
  /** The same framing with another maximum. */
  readonly withMaxLength: (maxLength: number) => Framing
  /** Where a typed protocol finds the number of a frame's type, where the framing has one. */
  readonly type?: TypeLayout
}

// --- delimited -----------------------------------------------------------------------------------------------

/**
 * Lines of text, ended by LF or CRLF. A carriage return elsewhere is data.
 *
 * ```text
 * 68 65 6c 6c 6f 0a             "hello"
 * 68 65 6c 6c 6f 0d 0a          "hello"
 * ```
 *
 * `maxLength` counts bytes without the newline, and a line of exactly that many is allowed. At the end of the input
 * an unfinished line is `FrameTruncated`; under `end: "emit"` it is the last frame, without a carriage return at its
 * very end, and not when it is empty.
 *
 * The encoder answers `DelimiterInPayload` for a payload that holds LF, or that ends in CR while `newline` is LF,
 * for the peer would take that CR for a part of the newline.
 *
 * ```ts
 * import { Framing } from "effect-sluice"
 *
 * const framing = Framing.lines({ maxLength: 4096, oversize: "skip" })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const lines = (options: LinesOptions = {}): Framing => linesFraming(options)

/**
 * Frames that end in a delimiter of one or more bytes; a string stands for its UTF-8 bytes.
 *
 * ```text
 * 61 62 00 63 00                "ab" and "c", delimiter 00
 * ```
 *
 * `maxLength` counts bytes without the delimiter, and what may still turn out to be the front of one does not count
 * yet. A delimiter never begins before its frame: with `"aa"`, the bytes `aaa` are an empty frame and an `a`.
 *
 * The encoder answers `DelimiterInPayload` for a payload that the decoder would cut elsewhere. With `keep` it leaves
 * a payload alone that ends in the delimiter already.
 *
 * ```ts
 * import { Framing } from "effect-sluice"
 *
 * const framing = Framing.delimiter("\0", { end: "emit" })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const delimiter = (delimiter: string | Uint8Array, options: DelimiterOptions = {}): Framing =>
  delimiterFraming(delimiter, options)

/**
 * Frames that end in any one of several delimiters.
 *
 * ```text
 * 61 2c 62 3b                   "a" and "b", delimiters 2c and 3b
 * ```
 *
 * The delimiter whose end comes first ends the frame; of two with the same end, the longer one. Otherwise as
 * `delimiter`. The encoder writes the first of them, or what `write` says. A delimiter that holds another one, which ends
 * earlier, never ends a frame.
 *
 * @category constructors
 * @since 0.1.0
 */
export const anyOf = (delimiters: ReadonlyArray<string | Uint8Array>, options: AnyOfOptions = {}): Framing =>
  anyOfFraming(delimiters, options)

// --- JSON texts ----------------------------------------------------------------------------------------------

export { json, jsonSequence, ndjson } from "./internal/framing/jsonFramings.ts"

// --- length first --------------------------------------------------------------------------------------------

/**
 * Frames with a length field anywhere in a header, for protocols that exist already.
 *
 * ```text
 *          offset   width
 * ca fe    00 00 0c    48 45 4c 4c 4f 2c 20 57 4f 52 4c 44      offset 2, width 3, strip 0
 * └────────────────────────── frame ─────────────────────┘
 * ```
 *
 * A frame is `offset + width + value + adjustment` bytes long; what is handed over is all but its first `strip`
 * bytes. The adjustment is what the value leaves out (positive) or counts too much (negative): minus `width` where
 * the length includes itself.
 *
 * `maxLength` counts the bytes after the field, `value + adjustment`. More is `FrameTooLong` as soon as the header is
 * there, and nothing is set aside for a length that was only declared. A length that ends within its header, a frame
 * shorter than `strip`, or a length of 8 bytes with the highest bit set is `FrameCorrupted`; one of 2^53 or more is
 * `FrameTooLong` and ends the decoder even under `skip`.
 *
 * The encoder writes `strip` zero bytes and the payload, then the length into its place. It answers `PayloadTooLong`
 * above `maxLength` or what the field can say, `PayloadTooShort` for a payload without the header that `strip` leaves.
 *
 * ```ts
 * import { Framing } from "effect-sluice"
 *
 * const framing = Framing.lengthField({ offset: 2, width: 3, byteOrder: "little", strip: 5 })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const lengthField = (options: LengthFieldOptions = {}): Framing =>
  lengthFieldFraming(options, "lengthField")

/**
 * A length and then as many bytes of payload: `lengthField` in its usual form.
 *
 * ```text
 * 00 00 00 05  68 65 6c 6c 6f   "hello"
 * 00 00 00 09  68 65 6c 6c 6f   "hello", includesLength
 * ```
 *
 * ```ts
 * import { Framing } from "effect-sluice"
 *
 * const framing = Framing.lengthPrefixed({ width: 2, maxLength: 65_535 })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const lengthPrefixed = (options: LengthPrefixedOptions = {}): Framing => lengthPrefixedFraming(options)

/**
 * A length in base 128, least significant group first, and then as many bytes of payload: how protobuf's
 * `writeDelimitedTo` puts messages in a stream (protobuf.dev, "Encoding", base 128 varints).
 *
 * ```text
 * ac 02  .. 300 bytes           10101100 00000010: 44 + 2 * 128 = 300
 * ```
 *
 * A length takes at most 5 bytes and 31 bits. More is `FrameCorrupted` at the fifth byte.
 *
 * @category constructors
 * @since 0.1.0
 */
export const varint = (options: VarintOptions = {}): Framing => varintFraming(options)

/**
 * Netstrings (D. J. Bernstein, 1997): the length in decimal, a colon, the payload, a comma.
 *
 * ```text
 * 35 3a 68 65 6c 6c 6f 2c       5:hello,
 * ```
 *
 * `maxLength` counts the payload. A length above it is `FrameTooLong` at the first digit that makes it so; a leading
 * zero, or any other byte where a digit, the colon or the comma should be, is `FrameCorrupted` at that byte.
 *
 * @category constructors
 * @since 0.1.0
 */
export const netstring = (options: NetstringOptions = {}): Framing => netstringFraming(options)

/**
 * A number that says what the message is, the length of its body, and the body.
 *
 * ```text
 * 01 00 00 00  05 00 00 00  68 65 6c 6c 6f      type 1, "hello"
 * ```
 *
 * A frame is all three as they are on the wire, in one piece; `type` says where in it the type and the body are. The
 * encoder takes the same layout and writes the length itself: what stands in its place does not matter.
 * `maxLength` counts the body, by default 8 MiB. Payloads without room for the header are `PayloadTooShort`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const typeLengthValue = (
  options: TypeLengthValueOptions = {}
): Framing & { readonly type: TypeLayout } => typeLengthValueFraming(options)

// --- without header or terminator ----------------------------------------------------------------------------

/**
 * Frames of `length` bytes each, and nothing between them.
 *
 * ```text
 * 41 42 43 44 45 46             "ABC" and "DEF", length 3
 * ```
 *
 * The encoder answers `PayloadTooLong` or `PayloadTooShort` for any other length. `withMaxLength` changes the length.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fixedLength = (length: number, options: FixedLengthOptions = {}): Framing =>
  fixedLengthFraming(length, options)

/**
 * The whole input as one frame, which is there when the input ends; an empty one where nothing came.
 *
 * More than `maxLength` bytes (default 1 MiB) is `FrameTooLong`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const untilEnd = (options: MaxLengthOptions = {}): Framing => untilEndFraming(options)

/**
 * No frames: the bytes as they come, in pieces of at most `maxLength` (default 1 MiB).
 *
 * Where the pieces begin and end is up to the network. The encoder writes payloads of any length as they are.
 *
 * @category constructors
 * @since 0.1.0
 */
export const none = (options: MaxLengthOptions = {}): Framing => noneFraming(options)

// --- combinators ---------------------------------------------------------------------------------------------

/**
 * The same framing with a CRC-32C (Castagnoli; RFC 3720, appendix B.4) of the payload behind each payload.
 *
 * ```text
 * 00 00 00 0d  31 32 33 34 35 36 37 38 39  e3 06 92 83      "123456789", lengthPrefixed
 * 31 32 33 34 35 36 37 38 39  65 33 30 36 39 32 38 33  0a   "123456789", lines, format "hex"
 * ```
 *
 * The maximum is the framing's own; the checksum does not count. A wrong or missing one is `FrameCorrupted`. Behind
 * a text framing use `hex`: among the four bytes may be the delimiter, which the encoder then refuses.
 *
 * A framing whose frames hold more than the payload (`keep`, a `strip` below the header, `typeLengthValue`) cannot
 * have a checksum: that is a problem with the path `framing`.
 *
 * ```ts
 * import { Framing } from "effect-sluice"
 *
 * const framing = Framing.withChecksum(Framing.lines(), { format: "hex" })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const withChecksum = (framing: Framing, options: ChecksumOptions = {}): Framing =>
  withChecksumFraming(framing, options)

/**
 * A framing of one's own. Check it with the laws in `effect-sluice/testing`.
 *
 * **Example** (One byte of length, no more than 255 bytes of payload)
 *
 * ```ts
 * import { type ByteWriter, Framing, SluiceError } from "effect-sluice"
 *
 * class Decoder implements Framing.FrameDecoder {
 *   readonly skipped = 0
 *   private held = new Uint8Array(0)
 *
 *   get buffered(): number {
 *     return this.held.length
 *   }
 *
 *   push(chunk: Uint8Array, frames: Array<Uint8Array>): undefined {
 *     const bytes = new Uint8Array([...this.held, ...chunk])
 *     let start = 0
 *     while (start < bytes.length && start + 1 + bytes[start]! <= bytes.length) {
 *       frames.push(bytes.subarray(start + 1, start + 1 + bytes[start]!))
 *       start += 1 + bytes[start]!
 *     }
 *     this.held = bytes.slice(start)
 *   }
 *
 *   end(): SluiceError.FrameError | undefined {
 *     return this.held.length === 0 ? undefined : new SluiceError.FrameTruncated({ pending: this.held.length })
 *   }
 *
 *   remaining(): Uint8Array {
 *     return this.held
 *   }
 * }
 *
 * const framing = Framing.make({
 *   name: "short",
 *   maxLength: 255,
 *   makeDecoder: () => new Decoder(),
 *   encode: (payload: Uint8Array, out: ByteWriter.ByteWriter) => {
 *     if (payload.length > 255) return new SluiceError.PayloadTooLong({ limit: 255, seen: payload.length })
 *     out.writeByte(payload.length)
 *     out.writeBytes(payload)
 *     return undefined
 *   }
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: MakeOptions): Framing => makeFraming(options)
