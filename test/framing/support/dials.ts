/** From the options of other projects to ours. */
import * as Framing from "../../../src/Framing.ts"
import { decodeUtf8 } from "../../../src/internal/bytes.ts"
import { type FramingCase, fromHex, type Outcome, toHex } from "./cases.ts"
import { jsonDials } from "./jsonDials.ts"
import { asHex, type Reading } from "./observe.ts"
import {
  field,
  isBoolean,
  isNumber,
  isNumbers,
  isOrder,
  isText,
  isTexts,
  isWidth,
  limit,
  number,
  type Params,
  unlimited
} from "./params.ts"
import { referenceDelimited, referenceLengthField, referenceVarint } from "./reference.ts"

/** Our framing for a case, and how its answers are read. */
export interface Dial {
  /** Built with any end policy: the last one that the dialect has none of tells where the input stopped. */
  readonly framing: (end: Framing.EndPolicy) => Framing.Framing
  readonly end: Framing.EndPolicy
  readonly read: Reading
  /** Whether a frame that is too long is reported only once it has ended. */
  readonly reportsAtEnd?: boolean
  /** For encoding: what our framing is given for a payload of the case. */
  readonly payloads?: (payload: Uint8Array) => ReadonlyArray<Uint8Array>
  /** What our rules say, by the plain reference, where there is one for the family. */
  readonly reference?: (input: Uint8Array, eof: boolean) => ReadonlyArray<Outcome>
  /** Whether the dialect ends at the first error of a reading. */
  readonly stops?: boolean
}

const utf8: Reading = (frame) =>
  decodeUtf8(frame) === undefined ? { error: "InvalidUtf8" } : { frame: toHex(frame) }

// --- delimited -------------------------------------------------------------------------------------------------

const newlines = [fromHex("0a"), fromHex("0d0a")]

const linesDial = (
  options: Framing.LinesOptions & { readonly end: Framing.EndPolicy },
  more: Partial<Dial>
): Dial => ({
  framing: (end) => Framing.lines({ ...options, end }),
  end: options.end,
  read: asHex,
  reference: (input, eof) =>
    referenceDelimited(input, eof, {
      ...{ delimiters: newlines, maxLength: unlimited, keep: false, lines: true, ...options },
      skip: options.oversize === "skip"
    }),
  ...more
})

const anyOfDial = (
  delimiters: ReadonlyArray<Uint8Array>,
  options: Framing.AnyOfOptions & { readonly end: Framing.EndPolicy },
  more: Partial<Dial>
): Dial => ({
  framing: (end) =>
    delimiters.length === 1 && options.write === undefined
      ? Framing.delimiter(delimiters[0]!, { ...options, end })
      : Framing.anyOf(delimiters, { ...options, end }),
  end: options.end,
  read: asHex,
  reference: (input, eof) =>
    referenceDelimited(input, eof, {
      ...{ delimiters, maxLength: unlimited, keep: false, lines: false, ...options },
      skip: options.oversize === "skip"
    }),
  ...more
})

const nettyDelimited = (params: Params, maximum: string) => ({
  options: {
    maxLength: number(params, maximum),
    keep: !field(params, "stripDelimiter", isBoolean),
    ...({ oversize: "skip", end: "drop" } as const)
  },
  more: { reportsAtEnd: !field(params, "failFast", isBoolean) }
})

const nettyDelimiter = (params: Params): Dial => {
  const { more, options } = nettyDelimited(params, "maxFrameLength")
  return anyOfDial(field(params, "delimiters", isTexts).map(fromHex), options, more)
}

const nettyLine = (params: Params): Dial => {
  const { more, options } = nettyDelimited(params, "maxLength")
  return linesDial(options, more)
}

/** tokio counts the carriage return. So where there is a maximum, LF alone delimits, and the CR goes afterwards. */
const tokioLine = (params: Params): Dial => {
  if (params.maxLength === null) return linesDial({ maxLength: unlimited, end: "emit" }, { read: utf8 })
  const options = { maxLength: number(params, "maxLength"), oversize: "skip", end: "emit" } as const
  return anyOfDial([fromHex("0a")], options, {
    read: (frame, atEnd) => {
      const line = frame.at(-1) === 13 ? frame.subarray(0, -1) : frame
      return atEnd && line.length === 0 ? undefined : utf8(line, atEnd)
    }
  })
}

const tokioAnyDelimiter = (params: Params): Dial => {
  const delimiters = Array.from(fromHex(field(params, "delimiters", isText)), (byte) => Uint8Array.of(byte))
  const writer = params.sequenceWriter
  return anyOfDial(
    delimiters,
    {
      ...({ oversize: "skip", end: "emit" } as const),
      maxLength: limit(params, "maxLength"),
      ...(isText(writer) ? { write: fromHex(writer) } : {})
    },
    {}
  )
}

const chitchatDelimiter = (params: Params): Dial => {
  const delimiter = fromHex(field(params, "delimiter", isText))
  const options = { maxLength: unlimited, end: "drop" } as const
  if (!field(params, "trimCarriageReturn", isBoolean)) return anyOfDial([delimiter], options, {})
  if (toHex(delimiter) === "0a") return linesDial(options, {})
  return anyOfDial([delimiter, Uint8Array.of(13, ...delimiter)], options, {})
}

const pekkoDelimiter = (params: Params): Dial =>
  anyOfDial(
    [fromHex(field(params, "delimiter", isText))],
    {
      maxLength: number(params, "maximumFrameLength"),
      end: params.allowTruncation === true ? "emit" : "fail"
    },
    {}
  )

// --- length first ----------------------------------------------------------------------------------------------

const lengthDial = (
  options: Framing.LengthFieldOptions & { readonly end: Framing.EndPolicy },
  more: Partial<Dial> = {}
): Dial => ({
  framing: (end) => Framing.lengthField({ ...options, end }),
  end: options.end,
  read: asHex,
  reference: (input, eof) => {
    const {
      adjustment = 0,
      byteOrder = "big",
      maxLength = unlimited,
      offset = 0,
      oversize,
      width = 4
    } = options
    const { end, strip = offset + width } = options
    const rules = { offset, width, adjustment, strip, byteOrder, maxLength, end }
    return referenceLengthField(input, eof, { ...rules, skip: oversize === "skip" })
  },
  ...more
})

const fieldOptions = (params: Params) => ({
  offset: number(params, "lengthFieldOffset"),
  width: field(params, "lengthFieldLength", isWidth),
  adjustment: number(params, "lengthAdjustment"),
  byteOrder: field(params, "byteOrder", isOrder)
})

/** The header counts in netty's maximum. */
const nettyLengthField = (params: Params): Dial => {
  const options = fieldOptions(params)
  return lengthDial(
    {
      ...options,
      ...({ oversize: "skip", end: "drop" } as const),
      strip: number(params, "initialBytesToStrip"),
      maxLength: number(params, "maxFrameLength") - options.offset - options.width
    },
    { reportsAtEnd: !field(params, "failFast", isBoolean) }
  )
}

const gnetLengthField = (params: Params): Dial =>
  lengthDial({
    ...fieldOptions(params),
    ...{ strip: number(params, "initialBytesToStrip"), maxLength: unlimited, end: "drop" }
  })

/** The adjustment of netty's and gnet's encoders is of the value, ours of what the value leaves out. */
const prepender = (params: Params): Dial => {
  const width = field(params, "lengthFieldLength", isWidth)
  const included = field(params, "lengthIncludesLengthFieldLength", isBoolean) ? width : 0
  return lengthDial({
    ...{ width, byteOrder: field(params, "byteOrder", isOrder), maxLength: unlimited, end: "drop" },
    adjustment: -(number(params, "lengthAdjustment") + included)
  })
}

/** A frame of tokio is the `value + adjustment` bytes after `numSkip`, and its maximum is of the value. */
const tokioLengthField = (params: Params): Dial => {
  const { adjustment, byteOrder, offset, width } = fieldOptions(params)
  const strip = isNumber(params.numSkip) ? params.numSkip : offset + width
  const ours = strip + adjustment - offset - width
  const maxLength = Math.min(unlimited, limit(params, "maxFrameLength") + ours)
  return lengthDial({ offset, width, byteOrder, strip, adjustment: ours, maxLength, end: "fail" })
}

/** tokio's encoder writes the length first, whatever the offset. */
const tokioLengthEncoder = (params: Params): Dial => {
  const { adjustment, byteOrder, width } = fieldOptions(params)
  return lengthDial({ width, byteOrder, adjustment, maxLength: limit(params, "maxFrameLength"), end: "fail" })
}

const pekkoLengthField = (params: Params): Dial => {
  const offset = number(params, "fieldOffset")
  const width = field(params, "fieldLength", isWidth)
  const byteOrder = isOrder(params.byteOrder) ? params.byteOrder : "little"
  const maxLength = number(params, "maximumFrameLength") - offset - width
  return lengthDial({ offset, width, byteOrder, strip: 0, maxLength, end: "fail" })
}

const pekkoSimple = (params: Params): Dial =>
  lengthDial(
    { maxLength: number(params, "maximumMessageLength"), end: "fail" },
    {
      framing: (end) => Framing.lengthPrefixed({ maxLength: number(params, "maximumMessageLength"), end })
    }
  )

/** A type that nobody registered is no matter of framing: the layer above says so, and goes on. */
const taoTypeLengthValue = (params: Params): Dial => {
  const typeWidth = field(params, "typeBytes", isWidth)
  const lengthWidth = field(params, "lengthBytes", isWidth)
  const byteOrder = field(params, "byteOrder", isOrder)
  const registered = field(params, "registered", isNumbers)
  const options = { typeWidth, lengthWidth, byteOrder, maxLength: number(params, "maxLength") }
  const { bodyOffset, offset, width } = Framing.typeLengthValue(options).type
  const typeOf = (frame: Uint8Array): number => {
    const bytes = frame.slice(offset, offset + width)
    return Number(`0x${toHex(byteOrder === "big" ? bytes : bytes.reverse())}`)
  }
  return {
    framing: (end) => Framing.typeLengthValue({ ...options, end }),
    end: "fail",
    read: (frame) => (registered.includes(typeOf(frame)) ? asHex(frame, false) : { error: "UnknownMessage" }),
    // The cases encode a body as the last of the registered types.
    payloads: (body) => {
      const frame = new Uint8Array(bodyOffset + body.length)
      frame[byteOrder === "big" ? width - 1 : 0] = registered.at(-1) ?? 0
      frame.set(body, bodyOffset)
      return [frame]
    }
  }
}

const varint: Dial = {
  framing: (end) => Framing.varint({ maxLength: 0x7fffffff, end }),
  end: "drop",
  read: asHex,
  reference: referenceVarint
}

const fixedLength = (params: Params): Dial => {
  const length = number(params, "frameLength")
  return {
    framing: (end) => Framing.fixedLength(length, { end }),
    end: "drop",
    read: asHex,
    // gnet takes any multiple of the length in one piece.
    payloads: (payload) => {
      const whole = payload.length > 0 && payload.length % length === 0
      if (!whole) return [payload]
      return Array.from({ length: payload.length / length }, (_, i) =>
        payload.subarray(i * length, (i + 1) * length)
      )
    }
  }
}

const untilEnd: Dial = {
  framing: () => Framing.untilEnd({ maxLength: unlimited }),
  end: "emit",
  read: asHex
}

// --- the table -------------------------------------------------------------------------------------------------

const dials: Readonly<Record<string, (params: Params) => Dial>> = {
  "length-field netty LengthFieldBasedFrameDecoder decode": nettyLengthField,
  "length-field netty LengthFieldPrepender encode": prepender,
  "length-field tokio LengthDelimitedCodec decode": tokioLengthField,
  "length-field tokio LengthDelimitedCodec encode": tokioLengthEncoder,
  "length-field gnet1 LengthFieldBasedFrameCodec decode": gnetLengthField,
  "length-field gnet1 LengthFieldBasedFrameCodec encode": prepender,
  "length-field pekko Framing.lengthField decode": pekkoLengthField,
  "delimiter netty DelimiterBasedFrameDecoder decode": nettyDelimiter,
  "delimiter chitchat read loop behind NewServer/NewClient decode": chitchatDelimiter,
  "delimiter pekko Framing.delimiter decode": pekkoDelimiter,
  "line netty LineBasedFrameDecoder decode": nettyLine,
  "line tokio LinesCodec decode": tokioLine,
  "line tokio LinesCodec encode": tokioLine,
  "any-delimiter tokio AnyDelimiterCodec decode": tokioAnyDelimiter,
  "any-delimiter tokio AnyDelimiterCodec encode": tokioAnyDelimiter,
  "fixed-length netty FixedLengthFrameDecoder decode": fixedLength,
  "fixed-length gnet1 FixedLengthFrameCodec decode": fixedLength,
  "fixed-length gnet1 FixedLengthFrameCodec encode": fixedLength,
  "varint32 netty ProtobufVarint32FrameDecoder decode": () => varint,
  "varint32 netty ProtobufVarint32LengthFieldPrepender encode": () => varint,
  "type-length-value tao TypeLengthValueCodec decode": taoTypeLengthValue,
  "type-length-value tao TypeLengthValueCodec encode": taoTypeLengthValue,
  "until-eof chitchat read loop behind NewServer/NewClient decode": () => untilEnd,
  "simple-framing pekko Framing.simpleFramingProtocol decode": pekkoSimple,
  "simple-framing pekko Framing.simpleFramingProtocol encode": pekkoSimple,
  ...jsonDials
}

export const dialOf = ({ decoder, dialect, impl, op, params }: FramingCase): Dial => {
  const dial = dials[`${decoder} ${dialect} ${impl} ${op}`]
  if (dial === undefined) throw new Error(`no dial for ${decoder} ${dialect} ${impl} ${op}`)
  return dial(params)
}

/** Our answer by the plain reference, where there is one for the family. */
export const referenceOf = (dial: Dial, input: Uint8Array, eof: boolean) => {
  const outcomes = dial
    .reference?.(input, eof)
    .map((outcome) => ("frame" in outcome ? (dial.read(fromHex(outcome.frame), false) ?? outcome) : outcome))
  return outcomes === undefined || dial.stops !== true ? outcomes : upToError(outcomes)
}

export const upToError = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<Outcome> => {
  const at = outcomes.findIndex((outcome) => "error" in outcome)
  return at < 0 ? outcomes : outcomes.slice(0, at + 1)
}
