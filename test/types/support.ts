/** The protocols that the tests of types talk about. */
import { Context, Data, Effect, Schema, SchemaGetter } from "effect"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"

export class Key extends Context.Service<Key, { readonly shift: number }>()("test/types/Key") {}
export class Seal extends Context.Service<Seal, { readonly mark: string }>()("test/types/Seal") {}
export class Store extends Context.Service<Store, { readonly save: Effect.Effect<void, StoreFull> }>()(
  "test/types/Store"
) {}
export class StoreFull extends Data.TaggedError("StoreFull")<{ readonly size: number }> {}
export class Denied extends Data.TaggedError("Denied")<{}> {}

/** Needs `Key` to decode and `Seal` to encode. */
export const Secret = Schema.String.pipe(
  Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transformEffect((text: string) => Effect.as(Key, text)),
    encode: SchemaGetter.transformEffect((text: string) => Effect.as(Seal, text))
  })
)

export const Reading = Schema.TaggedStruct("Reading", { litres: Schema.Finite })
export const Alarm = Schema.TaggedStruct("Alarm", { text: Schema.String })
export class Stop extends Schema.TaggedClass<Stop>()("Stop", { at: Schema.Date }) {}

export type Reading = typeof Reading.Type
export type Alarm = typeof Alarm.Type

const framing = Framing.lengthPrefixed()

/** Numbers to the server, texts to the client. */
export const Sum = Protocol.make("Sum", {
  framing,
  fromClient: Codec.json(Schema.Struct({ numbers: Schema.Array(Schema.Number) })),
  fromServer: Codec.utf8
})

/** The server needs `Key` to decode, the client `Seal` to encode. */
export const Sealed = Protocol.make("Sealed", {
  framing,
  fromClient: Codec.json(Secret),
  fromServer: Codec.utf8
})

export const Pump = Protocol.tagged("Pump", {
  framing,
  messages: {
    Reading: { id: 1, schema: Reading },
    Alarm: { id: 2, codec: Codec.json(Alarm) },
    Stop: { id: 3, schema: Stop }
  }
})

export const Split = Protocol.tagged("Split", {
  framing,
  fromClient: { Reading: { id: 1, schema: Reading } },
  fromServer: { Alarm: { id: 1, schema: Alarm }, Stop: { id: 2, schema: Stop } }
})

/** Constructs effects that only the compiler looks at. */
export const compiles = (_constructs: () => unknown): void => {}
