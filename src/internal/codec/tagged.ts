/** Numeric ids on the wire, tagged objects in the program. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { type ByteOrder, ByteWriter } from "../../ByteWriter.ts"
import * as Codec from "../../Codec.ts"
import type { Framing, TypeLayout } from "../../Framing.ts"
import type { OptionProblem } from "../../SluiceError.ts"
import { viewOf } from "../framing/accumulator.ts"
import { Detour, type Direct, directOf, fromDirect } from "./direct.ts"

/** A message whose id no entry of the table has. */
export class UnknownMessage {
  readonly _tag = "UnknownMessage"
  /** The id on the wire. */
  readonly id: number
  /** The body, undecoded: a view that stays as it is. */
  readonly body: Uint8Array

  constructor(id: number, body: Uint8Array) {
    this.id = id
    this.body = body
  }
}

interface Tagged {
  readonly _tag: string
}

/** The entries by tag. What their types are is the business of `Protocol.tagged`'s overloads. */
export type MessageTable = Readonly<
  Record<
    string,
    | { readonly id: number; readonly schema: Schema.Codec<Tagged, unknown> }
    | { readonly id: number; readonly codec: Codec.Codec<Tagged> }
  >
>

/** How the id stands in a frame that has no field for it; see `Protocol.IdOptions`. */
interface IdPlace {
  readonly width?: number
  readonly byteOrder?: ByteOrder
}

/** Options of `Protocol.tagged`, whatever its overloads know of the tables. */
export type TaggedOptions = { readonly framing: Framing; readonly id?: IdPlace } & (
  | { readonly messages: MessageTable }
  | { readonly fromClient: MessageTable; readonly fromServer: MessageTable }
)

export const idLayout = ({ byteOrder = "big", width = 2 }: IdPlace = {}) => ({
  offset: 0,
  width,
  byteOrder,
  bodyOffset: width
})

export const idProblems = ({ framing, id }: TaggedOptions): ReadonlyArray<OptionProblem> =>
  framing.type === undefined || id === undefined
    ? []
    : [{ path: "id", message: `is no option with ${framing.name}, whose frames have a type field` }]

/** What is wrong with the place of the id, whether the framing or the protocol's own options give it. */
export const layoutProblems = (framing: Framing, layout: TypeLayout): ReadonlyArray<OptionProblem> => {
  const problems: Array<OptionProblem> = []
  const [path, most] =
    framing.type === undefined ? (["id.width", 4] as const) : (["framing.typeWidth", 6] as const)
  // A framing that refuses its own options says so itself.
  if (framing.type !== undefined && framing.problems.length > 0) return problems
  if (!Number.isInteger(layout.width) || layout.width < 1 || layout.width > most) {
    problems.push({ path, message: `must be 1 to ${most} bytes, is ${layout.width}` })
  }
  if (framing.type === undefined && layout.byteOrder !== "big" && layout.byteOrder !== "little") {
    problems.push({
      path: "id.byteOrder",
      message: `must be one of big, little, got ${String(layout.byteOrder)}`
    })
  }
  return problems
}

/** Ids that stand twice in a table, or do not fit the field. */
export const tableProblems = (
  path: string,
  table: MessageTable,
  layout: TypeLayout
): ReadonlyArray<OptionProblem> => {
  const problems: Array<OptionProblem> = []
  const seen = new Map<number, string>()
  for (const [tag, { id }] of Object.entries(table)) {
    const other = seen.get(id)
    if (other !== undefined)
      problems.push({ path: `${path}.${tag}.id`, message: `${id} is already the id of ${other}` })
    else seen.set(id, tag)
    if (!Number.isInteger(id) || id < 0 || id >= 256 ** layout.width) {
      problems.push({
        path: `${path}.${tag}.id`,
        message: `${id} does not fit ${layout.width} unsigned bytes`
      })
    }
  }
  return problems
}

/**
 * The codec of a table. An unknown id decodes to an {@link UnknownMessage}, which the connection takes out of
 * `messages` again; that is why the codec's type does not name it.
 */
export const taggedCodec = (table: MessageTable, layout: TypeLayout): Codec.Codec<Tagged> => {
  const byId = new Map<number, Direct<Tagged>>()
  const byTag = new Map<string, { readonly head: Uint8Array; readonly codec: Direct<Tagged> }>()
  for (const [tag, entry] of Object.entries(table)) {
    const codec = directOf("codec" in entry ? entry.codec : Codec.json(entry.schema))
    byId.set(entry.id, codec)
    byTag.set(tag, { head: headOf(entry.id, layout), codec })
  }
  return fromDirect<Tagged>(
    "tagged",
    { views: true },
    {
      decode: (frame) => {
        if (frame.length < layout.bodyOffset) {
          return new Detour(Codec.fail("tagged", `frame of ${frame.length} bytes is too short for an id`))
        }
        const id = readUint(frame, layout)
        const body = viewOf(frame, layout.bodyOffset, frame.length)
        const codec = byId.get(id)
        return codec === undefined ? new UnknownMessage(id, body) : codec.decode(body)
      },
      encode: (message, out) => {
        const entry = byTag.get(message._tag)
        if (entry === undefined) {
          return new Detour(Codec.fail("tagged", `no message of this direction is tagged ${message._tag}`))
        }
        const start = writeHead(out, entry.head)
        const detour = entry.codec.encode(message, out)
        if (detour === undefined) return undefined
        out.truncate(start)
        return new Detour(
          Effect.mapEager(detour.effect, (body) => {
            const whole = new ByteWriter()
            writeHead(whole, entry.head)
            whole.writeBytes(body)
            return whole.take()
          })
        )
      }
    }
  )
}

/** All that is before the body: the id, and zeros for what the framing leaves as it is. */
const headOf = (id: number, layout: TypeLayout): Uint8Array => {
  const head = new ByteWriter()
  head.writeZeros(layout.bodyOffset)
  head.setUint(layout.offset, id, layout.width, layout.byteOrder)
  return head.take()
}

/** Appends a head byte by byte: it has few, and to copy so few costs more. Returns where it begins. */
const writeHead = (out: ByteWriter, head: Uint8Array): number => {
  const start = out.reserve(head.length)
  const { bytes } = out
  for (let i = 0; i < head.length; i++) bytes[start + i] = head[i]!
  return start
}

const readUint = (bytes: Uint8Array, { byteOrder, offset, width }: TypeLayout): number => {
  let value = 0
  if (byteOrder === "big") for (let i = offset; i < offset + width; i++) value = value * 256 + bytes[i]!
  else for (let i = offset + width - 1; i >= offset; i--) value = value * 256 + bytes[i]!
  return value
}
