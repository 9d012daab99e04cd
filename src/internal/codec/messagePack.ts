/** What stands between msgpackr and a MessagePack peer: which form a schema travels in, and which frames are taken. */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

// --- schemas -------------------------------------------------------------------------------------------------

/** How a schema's messages travel. */
export interface MessagePackForm<A, RD, RE> {
  readonly schema: Schema.Codec<A, unknown, RD, RE>
  /** Whether 64-bit integers stay `bigint`s. Other peers write a number so, where it is large. */
  readonly bigint: boolean
}

/** The form of a schema: its encoded side as it is, or its JSON form where MessagePack has nothing for a part of it. */
export const messagePackForm = <A, I, RD, RE>(
  schema: Schema.Codec<A, I, RD, RE>
): MessagePackForm<A, RD, RE> => {
  const traits = { bigint: false, foreign: false }
  readTraits(SchemaAST.toEncoded(schema.ast), traits, new Set())
  return traits.foreign
    ? { schema: Schema.toCodecJson(schema), bigint: false }
    : { schema, bigint: traits.bigint }
}

interface Traits {
  /** A `bigint` may come out. */
  bigint: boolean
  /** A part has a JSON form, but none in MessagePack. */
  foreign: boolean
}

const native: ReadonlyArray<unknown> = ["effect/schema/Date", "effect/schema/Uint8Array"]

const readTraits = (ast: SchemaAST.AST, traits: Traits, seen: Set<SchemaAST.AST>): void => {
  if (seen.has(ast)) return
  seen.add(ast)
  const read = (part: SchemaAST.AST) => readTraits(part, traits, seen)
  switch (ast._tag) {
    case "BigInt":
    case "Any":
    case "Unknown":
    case "ObjectKeyword":
      traits.bigint = true
      break
    case "Literal":
      if (typeof ast.literal === "bigint") traits.bigint = true
      break
    case "Symbol":
    case "UniqueSymbol":
      traits.foreign = true
      break
    case "Declaration": {
      const { representation, toCodec, toCodecJson }: Declared = ast.annotations ?? {}
      if (native.includes(representation?.id)) break
      if (toCodecJson !== undefined || toCodec !== undefined) traits.foreign = true
      else traits.bigint = true
      break
    }
    case "Arrays":
      for (const part of ast.elements) read(part)
      for (const part of ast.rest) read(part)
      break
    case "Objects":
      for (const { type } of ast.propertySignatures) read(type)
      for (const { type } of ast.indexSignatures) read(type)
      break
    case "Union":
      for (const part of ast.types) read(part)
      break
    case "Suspend":
      read(ast.thunk())
      break
  }
}

type Declared = Pick<
  Schema.Annotations.Declaration<unknown, ReadonlyArray<Schema.Constraint>>,
  "representation" | "toCodec" | "toCodecJson"
>

// --- frames --------------------------------------------------------------------------------------------------

const truncated = "ends in the middle of a value"

/**
 * Why a frame is not exactly one value of plain MessagePack, or undefined where it is.
 *
 * Of the extension types it lets pass timestamps and type 0, `undefined` in JavaScript. The others of msgpackr build
 * functions, cycles and errors out of the peer's bytes.
 */
export const messagePackProblem = (frame: Uint8Array): string | undefined => {
  const end = frame.length
  let at = 0
  let values = 1
  while (values > 0) {
    if (at >= end) return truncated
    values--
    const token = frame[at++]!
    if (token < 0x80 || token >= 0xe0) continue
    if (token < 0x90) values += (token & 15) * 2
    else if (token < 0xa0) values += token & 15
    else if (token < 0xc0) at += token & 31
    else {
      const shape = shapes[token - 0xc0]!
      if (shape === never) return "byte c1 begins no value"
      if (at + shape.header > end) return truncated
      const count = shape.header === 0 ? shape.size : readCount(frame, at, shape.header)
      at += shape.header
      if (shape.kind === "values") values += count * shape.size
      else {
        if (shape.kind === "extension") {
          const type = frame[at++]
          if (type === undefined) return truncated
          if (!plainExtension(type, count))
            return `extension type ${type > 127 ? type - 256 : type} is not supported`
        }
        at += count
      }
    }
  }
  return at > end ? truncated : at < end ? "bytes after the value" : undefined
}

const plainExtension = (type: number, length: number): boolean =>
  type === 0xff ? length === 4 || length === 8 || length === 12 : type === 0 && length === 1

const readCount = (frame: Uint8Array, at: number, width: number): number => {
  let count = 0
  for (let i = at; i < at + width; i++) count = count * 256 + frame[i]!
  return count
}

/** What follows a token: a count of `header` bytes, or `size` where there is none, of bytes or of values. */
interface Shape {
  readonly kind: "bytes" | "extension" | "values"
  readonly header: number
  /** Bytes that follow; for values, how many each of the counted entries has. */
  readonly size: number
}

const never: Shape = { kind: "bytes", header: 0, size: 0 }
const bytes = (size: number): Shape => ({ kind: "bytes", header: 0, size })
const counted = (header: number): Shape => ({ kind: "bytes", header, size: 0 })
const extension = (header: number, size = 0): Shape => ({ kind: "extension", header, size })
const values = (header: number, size: number): Shape => ({ kind: "values", header, size })

/** The tokens c0 to df. */
const shapes: ReadonlyArray<Shape> = [
  ...[bytes(0), never, bytes(0), bytes(0)],
  ...[counted(1), counted(2), counted(4)],
  ...[extension(1), extension(2), extension(4)],
  ...[bytes(4), bytes(8)],
  ...[bytes(1), bytes(2), bytes(4), bytes(8)],
  ...[bytes(1), bytes(2), bytes(4), bytes(8)],
  ...[extension(0, 1), extension(0, 2), extension(0, 4), extension(0, 8), extension(0, 16)],
  ...[counted(1), counted(2), counted(4)],
  ...[values(2, 1), values(4, 1), values(2, 2), values(4, 2)]
]
