/** The one place that knows Effect's binary schema format, which is marked unstable upstream. */
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import type * as Schema from "effect/Schema"

/** The schema whose encoded side is the compact binary form. */
export const toBinarySchema = <A, I, RD, RE>(
  schema: Schema.Codec<A, I, RD, RE>
): Schema.Codec<A, Uint8Array, RD, RE> => SchemaBinary.toCodec(schema)
