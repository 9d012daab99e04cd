/** The methods of one side, with their parameters and results as schemas. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { JsonRpcMethod, JsonRpcSide } from "../../JsonRpc.ts"
import type { CodecError } from "../../SluiceError.ts"
import { schemaDecoder, schemaEncoder } from "../codec/schemaCodec.ts"

type Convert = (value: unknown) => Effect.Effect<unknown, CodecError>

interface Value {
  readonly decode: Convert
  readonly encode: Convert
}

/** A method, ready to be called and to be answered. */
export interface Method {
  readonly params: Value
  readonly result: Value
}

export interface Methods {
  readonly requests: ReadonlyMap<string, Method>
  readonly notifications: ReadonlyMap<string, Method>
}

const asIs: Value = { decode: Effect.succeed, encode: Effect.succeed }

const valueOf = (name: string, schema: Schema.Codec<unknown, unknown> | undefined): Value => {
  if (schema === undefined) return asIs
  const json = Schema.toCodecJson(schema)
  return { decode: schemaDecoder(name, json), encode: schemaEncoder(name, json) }
}

const methodsIn = (table: Readonly<Record<string, JsonRpcMethod>> = {}): ReadonlyMap<string, Method> =>
  new Map(
    Object.entries(table).map(([name, { params, result }]) => [
      name,
      { params: valueOf(name, params), result: valueOf(name, result) }
    ])
  )

export const methodsOf = (side: JsonRpcSide): Methods => ({
  requests: methodsIn(side.requests),
  notifications: methodsIn(side.notifications)
})
