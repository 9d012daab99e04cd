/**
 * Codecs: how a frame's bytes become a message of the protocol, and the reverse.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { Packr } from "msgpackr"
import { decodeUtf8, encodeUtf8 } from "./internal/bytes.ts"
import { toBinarySchema } from "./internal/codec/binary.ts"
import { messagePackForm, messagePackProblem } from "./internal/codec/messagePack.ts"
import { codecError, schemaDecoder, schemaEncoder } from "./internal/codec/schemaCodec.ts"
import type { CodecError } from "./SluiceError.ts"

/**
 * Turns frames into messages of type `A` and back.
 *
 * Both ways are effects, so that a schema may use services (`RD` to decode, `RE` to encode) or take its time.
 * One that already is an `Exit`, as `Effect.succeed` and `Effect.fail` are, is taken on the spot and costs no fiber.
 *
 * @category models
 * @since 0.1.0
 */
export interface Codec<in out A, out RD = never, out RE = never> {
  readonly name: string
  readonly decode: (frame: Uint8Array) => Effect.Effect<A, CodecError, RD>
  readonly encode: (message: A) => Effect.Effect<Uint8Array, CodecError, RE>
  /** Whether a decoded message may be a view into its frame, so that a queue must not let it pin a large chunk. */
  readonly views: boolean
  /** Whether every frame is UTF-8, for a transport that tells texts from bytes. Default false. */
  readonly text?: boolean | undefined
}

/**
 * A codec of one's own. Fail with a {@link CodecError}; {@link fail} makes one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, RD = never, RE = never>(
  name: string,
  options: {
    readonly decode: (frame: Uint8Array) => Effect.Effect<A, CodecError, RD>
    readonly encode: (message: A) => Effect.Effect<Uint8Array, CodecError, RE>
    /** Whether a decoded message may be a view into its frame. Default true, which is always safe. */
    readonly views?: boolean
    /** Whether every frame is UTF-8, for a transport that tells texts from bytes. Default false. */
    readonly text?: boolean
  }
): Codec<A, RD, RE> => ({
  name,
  decode: options.decode,
  encode: options.encode,
  views: options.views ?? true,
  text: options.text ?? false
})

/**
 * What a codec answers to bytes or a message that it cannot turn: a failure with `message`, cut at 200 characters.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fail = (codec: string, message: string): Effect.Effect<never, CodecError> =>
  Exit.fail(codecError(codec, message))

/**
 * A message is its frame. Nothing is copied: the message is a view that stays as it is for as long as it is held.
 *
 * @category constructors
 * @since 0.1.0
 */
export const bytes: Codec<Uint8Array> = make("bytes", { decode: Exit.succeed, encode: Exit.succeed })

/**
 * A message is a text. Malformed UTF-8 fails; a byte order mark is kept; lone surrogates are written as U+FFFD.
 *
 * @category constructors
 * @since 0.1.0
 */
export const utf8: Codec<string> = make("utf8", {
  decode: (frame) => {
    const text = decodeUtf8(frame)
    return text === undefined ? fail("utf8", "malformed UTF-8") : Exit.succeed(text)
  },
  encode: (text) => Exit.succeed(encodeUtf8(text)),
  views: false,
  text: true
})

/**
 * A message is a JSON text (RFC 8259) of the schema's JSON form: dates are ISO texts, `bigint`s are texts.
 *
 * @category constructors
 * @since 0.1.0
 */
export const json = <A, I, RD, RE>(schema: Schema.Codec<A, I, RD, RE>): Codec<A, RD, RE> => {
  const jsonSchema = Schema.toCodecJson(schema)
  const decodeValue = schemaDecoder("json", jsonSchema)
  const encodeValue = schemaEncoder("json", jsonSchema)
  return make("json", {
    decode: (frame) => {
      const text = decodeUtf8(frame)
      if (text === undefined) return fail("json", "malformed UTF-8")
      let value: unknown
      try {
        value = JSON.parse(text)
      } catch {
        return fail("json", "malformed JSON")
      }
      return decodeValue(value)
    },
    encode: (message) =>
      Effect.flatMapEager(encodeValue(message), (value) => {
        // `Schema.Any` lets through what is no JSON: cycles, functions, a `toJSON` that throws.
        let text: string | undefined
        try {
          text = JSON.stringify(value)
        } catch (cause) {
          return fail("json", String(cause))
        }
        return text === undefined
          ? fail("json", `no JSON for a ${typeof value}`)
          : Exit.succeed(encodeUtf8(text))
      }),
    views: false,
    text: true
  })
}

/**
 * A message is the compact binary form that Effect derives from the schema (`SchemaBinary`). Both ends need the
 * same schema or a compatible evolution of it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const binary = <A, I, RD, RE>(schema: Schema.Codec<A, I, RD, RE>): Codec<A, RD, RE> => {
  const binarySchema = toBinarySchema(schema)
  return make("binary", {
    decode: schemaDecoder("binary", binarySchema),
    encode: schemaEncoder("binary", binarySchema)
  })
}

/**
 * A message is a MessagePack value of the schema's encoded side, with dates as timestamps and byte arrays as binary. A
 * schema with a part that MessagePack has nothing for (an `Option`, a `Map`) travels in its JSON form as a whole.
 *
 * Maps become objects. Of the extension types only timestamps are taken, and type 0 for `undefined`; those of
 * JavaScript (records, structured clones) are refused, so that any MessagePack peer can take part.
 *
 * @category constructors
 * @since 0.1.0
 */
export const messagePack = <A, I, RD, RE>(schema: Schema.Codec<A, I, RD, RE>): Codec<A, RD, RE> => {
  const compile = () => {
    const form = messagePackForm(schema)
    return {
      packr: new Packr({
        useRecords: false,
        structuredClone: false,
        mapsAsObjects: true,
        variableMapSize: true,
        // "auto", which the types leave out, gives numbers as far as they are exact.
        int64AsType: form.bigint ? "bigint" : ("auto" as "number")
      }),
      decode: schemaDecoder("messagePack", form.schema),
      encode: schemaEncoder("messagePack", form.schema)
    }
  }
  // A suspended schema may name one that is declared later, so nothing looks into it before the first message.
  let compiled: ReturnType<typeof compile> | undefined
  return make("messagePack", {
    decode: (frame) => {
      const problem = messagePackProblem(frame)
      if (problem !== undefined) return fail("messagePack", `malformed MessagePack: ${problem}`)
      compiled ??= compile()
      let value: unknown
      try {
        // A view of its own, for msgpackr leaves a property on what it reads.
        value = compiled.packr.unpack(frame.subarray())
      } catch {
        return fail("messagePack", "malformed MessagePack")
      }
      return compiled.decode(value)
    },
    encode: (message) => {
      compiled ??= compile()
      const { packr } = compiled
      return Effect.flatMapEager(compiled.encode(message), (value) => {
        try {
          return Exit.succeed(packr.pack(value))
        } catch (cause) {
          return fail("messagePack", String(cause))
        }
      })
    }
  })
}

/**
 * The same codec for another type, by two total functions.
 *
 * @category combinators
 * @since 0.1.0
 */
export const transform = <A, RD, RE, B>(
  codec: Codec<A, RD, RE>,
  options: { readonly decode: (message: A) => B; readonly encode: (message: B) => A }
): Codec<B, RD, RE> =>
  make(codec.name, {
    decode: (frame) => Effect.mapEager(codec.decode(frame), options.decode),
    encode: (message) => codec.encode(options.encode(message)),
    views: codec.views
  })
