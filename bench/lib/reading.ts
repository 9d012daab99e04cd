/** The message of the schema codecs. */
import { Schema } from "effect"

export const Reading = Schema.Struct({
  seq: Schema.Int,
  kind: Schema.Literal("reading"),
  value: Schema.Finite,
  note: Schema.String
})
