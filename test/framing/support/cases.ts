/** The facts in test/fixtures/framing-cases*.json: inputs and answers of other projects. */
import { readdirSync, readFileSync } from "node:fs"
import * as Schema from "effect/Schema"

const Outcome = Schema.Union([
  Schema.Struct({ frame: Schema.String }),
  Schema.Struct({ error: Schema.String })
])

const FramingCase = Schema.Struct({
  id: Schema.String,
  decoder: Schema.String,
  dialect: Schema.String,
  impl: Schema.String,
  op: Schema.Literals(["decode", "encode"]),
  params: Schema.Record(Schema.String, Schema.Unknown),
  chunks: Schema.Array(Schema.String),
  eof: Schema.Boolean,
  expect: Schema.Array(Outcome),
  tags: Schema.optional(Schema.Array(Schema.String)),
  note: Schema.optional(Schema.String)
})

export type FramingCase = typeof FramingCase.Type
export type Outcome = typeof Outcome.Type

const folder = new URL("../../fixtures/", import.meta.url)
const decodeCases = Schema.decodeUnknownSync(Schema.Array(FramingCase))

export const caseFiles: ReadonlyArray<{ readonly file: string; readonly cases: ReadonlyArray<FramingCase> }> =
  readdirSync(folder)
    .filter((file) => /^framing-cases.*\.json$/.test(file))
    .sort()
    .map((file) => ({ file, cases: decodeCases(JSON.parse(readFileSync(new URL(file, folder), "utf8"))) }))

export const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"))
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
export const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "utf8"))
