/** Commands and values to bytes. */
import type { ByteWriter } from "../../ByteWriter.ts"
import type { EncodeError } from "../../Codec.ts"
import { DelimiterInPayload, PayloadTooLong, PayloadTooShort } from "../../SluiceError.ts"
import { encodeUtf8 } from "../bytes.ts"
import { codecError } from "../codec/schemaCodec.ts"
import type { Command } from "./command.ts"
import { writeLatin1 } from "./latin1.ts"
import type { Limits } from "./options.ts"
import { doubleText, fitsInteger, maxBigDigits } from "./scalars.ts"
import type { Value } from "./values.ts"

const carriageReturn = 0x0d
const lineFeed = 0x0a
const shortCopy = 24

/** Appends what a decoder with the same limits takes, or says why it would not. */
export class Encoder {
  private readonly limits: Limits

  constructor(limits: Limits) {
    this.limits = limits
  }

  command(command: Command, out: ByteWriter): EncodeError | undefined {
    const { maxArrayLength, maxLength } = this.limits
    if (command.length < 1) return new PayloadTooShort({ minimum: 1, seen: 0 })
    if (command.length > maxArrayLength) return tooLong(command.length, maxArrayLength)
    const start = out.length
    writeHeader(0x2a, command.length, out)
    for (let i = 0; i < command.length; i++) {
      const error = this.bytes(0x24, command.bytes(i), out)
      if (error !== undefined) return error
    }
    return out.length - start > maxLength ? tooLong(out.length - start, maxLength) : undefined
  }

  value(value: Value, out: ByteWriter): EncodeError | undefined {
    const start = out.length
    const error = this.any(value, out, 0)
    if (error !== undefined) return error
    const { maxLength } = this.limits
    return out.length - start > maxLength ? tooLong(out.length - start, maxLength) : undefined
  }

  private any(value: Value, out: ByteWriter, depth: number): EncodeError | undefined {
    if (typeof value === "string") return this.string(0x24, value, out)
    if (value instanceof Uint8Array) return this.bytes(0x24, value, out)
    if (typeof value === "number") {
      if (!Number.isSafeInteger(value))
        return codecError("RESP", `${value} is no integer; send it as a double`)
      writeHeader(0x3a, value, out)
      return undefined
    }
    if (value === null) return writeLine("_", out)
    if (typeof value === "boolean") return writeLine(value ? "#t" : "#f", out)
    if (typeof value === "bigint") {
      return fitsInteger(value)
        ? writeLine(`:${value}`, out)
        : codecError("RESP", "an integer of more than 64 bits; send it as a big number")
    }
    // Arrays that may not be changed are told apart by what they are not.
    if (isArray(value)) return this.values(0x2a, value, out, depth)
    switch (value._tag) {
      case "SimpleString":
        return this.line("+", value.text, out)
      case "SimpleError":
        return this.line("-", value.message, out)
      case "BulkError":
        return this.string(0x21, value.message, out)
      case "Double":
        return writeLine(`,${doubleText(value.value)}`, out)
      case "BigNumber": {
        const digits = String(value.value)
        return digits.length > maxBigDigits
          ? tooLong(digits.length, maxBigDigits)
          : writeLine(`(${digits}`, out)
      }
      case "VerbatimString":
        return value.format.length === 3
          ? this.string(0x3d, `${value.format}:${value.text}`, out)
          : codecError("RESP", "the format of a verbatim string has three characters")
      case "Set":
        return this.values(0x7e, value.values, out, depth)
      case "Push":
        return this.values(0x3e, value.values, out, depth)
      case "Map":
        return this.entries(0x25, value.entries, out, depth)
      case "Attributed":
        return this.entries(0x7c, value.attributes, out, depth) ?? this.any(value.value, out, depth + 1)
      case "Null2":
        return writeLine(value.of === "string" ? "$-1" : "*-1", out)
    }
  }

  private values(
    kind: number,
    values: ReadonlyArray<Value>,
    out: ByteWriter,
    depth: number
  ): EncodeError | undefined {
    const { maxArrayLength, maxDepth } = this.limits
    if (values.length > maxArrayLength) return tooLong(values.length, maxArrayLength)
    if (depth >= maxDepth) return codecError("RESP", `nested more than ${maxDepth} deep`)
    writeHeader(kind, values.length, out)
    for (const value of values) {
      const error = this.any(value, out, depth + 1)
      if (error !== undefined) return error
    }
    return undefined
  }

  private entries(
    kind: number,
    entries: ReadonlyArray<readonly [Value, Value]>,
    out: ByteWriter,
    depth: number
  ): EncodeError | undefined {
    const { maxArrayLength, maxDepth } = this.limits
    if (entries.length > maxArrayLength) return tooLong(entries.length, maxArrayLength)
    if (depth >= maxDepth) return codecError("RESP", `nested more than ${maxDepth} deep`)
    writeHeader(kind, entries.length, out)
    for (const [key, value] of entries) {
      const error = this.any(key, out, depth + 1) ?? this.any(value, out, depth + 1)
      if (error !== undefined) return error
    }
    return undefined
  }

  /** A text of one line. */
  private line(kind: string, text: string, out: ByteWriter): EncodeError | undefined {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code === carriageReturn || code === lineFeed) return new DelimiterInPayload({ offset: i })
    }
    return this.limits.strings === "latin1" ? writeLine(kind + text, out) : writeUtf8Line(kind + text, out)
  }

  private string(kind: number, text: string, out: ByteWriter): EncodeError | undefined {
    if (this.limits.strings !== "latin1") return this.bytes(kind, encodeUtf8(text), out)
    const { maxBulkLength } = this.limits
    const { length } = text
    if (length > maxBulkLength) return tooLong(length, maxBulkLength)
    writeHeader(kind, length, out)
    const at = out.reserve(length + 2)
    const { bytes } = out
    writeLatin1(text, bytes, at)
    bytes[at + length] = carriageReturn
    bytes[at + length + 1] = lineFeed
    return undefined
  }

  private bytes(kind: number, value: Uint8Array, out: ByteWriter): EncodeError | undefined {
    const { maxBulkLength } = this.limits
    const { length } = value
    if (length > maxBulkLength) return tooLong(length, maxBulkLength)
    writeHeader(kind, length, out)
    const at = out.reserve(length + 2)
    const { bytes } = out
    if (length < shortCopy) for (let i = 0; i < length; i++) bytes[at + i] = value[i]!
    else bytes.set(value, at)
    bytes[at + length] = carriageReturn
    bytes[at + length + 1] = lineFeed
    return undefined
  }
}

const isArray = (value: Value): value is ReadonlyArray<Value> => Array.isArray(value)

const tooLong = (seen: number, limit: number) => new PayloadTooLong({ limit, seen })

/** A kind, an integer and the end of the line. */
const writeHeader = (kind: number, value: number, out: ByteWriter): void => {
  if (value < 0 || value > 9_999) {
    writeLine(String.fromCharCode(kind) + value, out)
    return
  }
  const digits = value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : 4
  const at = out.reserve(digits + 3)
  const { bytes } = out
  bytes[at] = kind
  let rest = value
  for (let place = at + digits; place > at; place--) {
    const tens = (rest / 10) | 0
    bytes[place] = 0x30 + rest - tens * 10
    rest = tens
  }
  bytes[at + digits + 1] = carriageReturn
  bytes[at + digits + 2] = lineFeed
}

/** A line of characters below U+0100. */
const writeLine = (text: string, out: ByteWriter): undefined => {
  const { length } = text
  const at = out.reserve(length + 2)
  const { bytes } = out
  writeLatin1(text, bytes, at)
  bytes[at + length] = carriageReturn
  bytes[at + length + 1] = lineFeed
}

const writeUtf8Line = (text: string, out: ByteWriter): undefined => {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) {
      out.writeBytes(encodeUtf8(text))
      return writeLine("", out)
    }
  }
  return writeLine(text, out)
}
