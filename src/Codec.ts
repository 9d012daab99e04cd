/**
 * Codecs: how a frame's bytes become a message of the protocol, and the reverse.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { Packr } from "msgpackr"
import type { ByteWriter } from "./ByteWriter.ts"
import type { FrameDecoder } from "./Framing.ts"
import { decodeUtf8, encodeUtf8 } from "./internal/bytes.ts"
import { toBinarySchema } from "./internal/codec/binary.ts"
import { Detour, directOf, fromDirect, valueOf, withDirect } from "./internal/codec/direct.ts"
import { messagePackForm, messagePackProblem } from "./internal/codec/messagePack.ts"
import { codecError, schemaDecoder, schemaEncoder } from "./internal/codec/schemaCodec.ts"
import { selfDelimitingCodec } from "./internal/codec/selfDelimiting.ts"
import type { CodecError, OptionProblem, PayloadError } from "./SluiceError.ts"

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
export const bytes: Codec<Uint8Array> = withDirect(
  make("bytes", { decode: (frame) => Exit.succeed(frame), encode: (message) => Exit.succeed(message) }),
  {
    decode: (frame) => frame,
    encode: (message, out) => {
      out.writeBytes(message)
      return undefined
    }
  }
)

/**
 * A message is a text. Malformed UTF-8 fails; a byte order mark is kept; lone surrogates are written as U+FFFD.
 *
 * @category constructors
 * @since 0.1.0
 */
export const utf8: Codec<string> = fromDirect(
  "utf8",
  { text: true },
  {
    decode: (frame) => decodeUtf8(frame) ?? new Detour(fail("utf8", "malformed UTF-8")),
    encode: (text, out) => {
      out.writeText(text)
      return undefined
    }
  }
)

/**
 * A message is a JSON text (RFC 8259) of the schema's JSON form: dates are ISO texts, `bigint`s are texts.
 *
 * Small messages cost less where Effect compiles their schemas, as it does in a program that begins with
 * `import "effect/schema/SchemaJITCompiler/enable"`. That holds for all codecs that have a schema.
 *
 * @category constructors
 * @since 0.1.0
 */
export const json = <A, I, RD, RE>(schema: Schema.Codec<A, I, RD, RE>): Codec<A, RD, RE> => {
  const jsonSchema = Schema.toCodecJson(schema)
  const decodeValue = schemaDecoder("json", jsonSchema)
  const encodeValue = schemaEncoder("json", jsonSchema)
  return fromDirect(
    "json",
    { text: true },
    {
      decode: (frame) => {
        const text = decodeUtf8(frame)
        if (text === undefined) return new Detour(fail("json", "malformed UTF-8"))
        let value: unknown
        try {
          value = JSON.parse(text)
        } catch {
          return new Detour(fail("json", "malformed JSON"))
        }
        return valueOf(decodeValue(value))
      },
      encode: (message, out) => {
        const value = valueOf(encodeValue(message))
        if (value instanceof Detour) return new Detour(Effect.flatMapEager(value.effect, encodeJson))
        const text = stringify(value)
        if (text instanceof Detour) return text
        out.writeText(text)
        return undefined
      }
    }
  )
}

const encodeJson = (value: unknown): Effect.Effect<Uint8Array, CodecError> => {
  const text = stringify(value)
  return text instanceof Detour ? text.effect : Exit.succeed(encodeUtf8(text))
}

// `Schema.Any` lets through what is no JSON: cycles, functions, a `toJSON` that throws.
const stringify = (value: unknown): string | Detour<never> => {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    return new Detour(fail("json", String(cause)))
  }
  return text ?? new Detour(fail("json", `no JSON for a ${typeof value}`))
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
): Codec<B, RD, RE> => {
  const inner = directOf(codec)
  return fromDirect<B, RD, RE>(codec.name, codec, {
    decode: (frame) => {
      const decoded = inner.decode(frame)
      return decoded instanceof Detour
        ? new Detour(Effect.mapEager(decoded.effect, options.decode))
        : options.decode(decoded)
    },
    encode: (message, out) => inner.encode(options.encode(message), out)
  })
}

// --- messages without a framing --------------------------------------------------------------------------------

/**
 * What an encoder of messages that delimit themselves may answer instead of writing one.
 *
 * @category models
 * @since 0.1.0
 */
export type EncodeError = PayloadError | CodecError

/**
 * A codec of messages that say themselves where they end, as those of RESP and HTTP do: their bytes are parsed once,
 * from the stream itself. `Protocol.make` takes it without a framing.
 *
 * It is a codec like any other as well, for frames that hold one whole message each.
 *
 * @category models
 * @since 0.1.0
 */
export interface SelfDelimiting<in out A> extends Codec<A> {
  readonly wire: Wire<A>
  /** What is wrong with its options; a protocol has them among its own. */
  readonly problems: ReadonlyArray<OptionProblem>
}

/**
 * How messages of one direction follow each other on the wire.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wire<in out A> {
  /** The most bytes of a message, as they are on the wire. */
  readonly maxLength: number
  /**
   * A decoder for one connection, whose frames are the messages. Messages may be views into a chunk, which they keep
   * alive (64 KiB at most) for as long as they are held.
   */
  readonly makeDecoder: () => FrameDecoder<A>
  /** Appends a message to `out`, or returns why not and leaves `out` as it was. */
  readonly encode: (message: A, out: ByteWriter) => EncodeError | undefined
}

/**
 * What messages that delimit themselves consist of. The decoder has to refuse longer ones than `maxLength` itself, and
 * must not throw; what the encoder left in `out` with a refusal, or when it threw, is taken back.
 *
 * @category options
 * @since 0.1.0
 */
export interface SelfDelimitingOptions<in out A> extends Wire<A> {
  readonly problems?: ReadonlyArray<OptionProblem>
}

/**
 * A codec of messages that delimit themselves, of one's own. The laws of framings hold for it too: `FramingLaws.ofCodec`
 * in `effect-sluice/testing`.
 *
 * Bytes that are no message are a `FrameError` and end the connection, behind the messages before them; `onMessageError`
 * has no part in it, for nobody knows where the next one would begin. A handler that catches its connection's end may
 * still say why.
 *
 * **Example** (Numbers in decimal, each with a space behind it)
 *
 * ```ts
 * import { type ByteWriter, Codec, type Framing, Protocol, SluiceError } from "effect-sluice"
 *
 * class Decoder implements Framing.FrameDecoder<number> {
 *   readonly skipped = 0
 *   private digits = ""
 *
 *   get buffered(): number {
 *     return this.digits.length
 *   }
 *
 *   push(chunk: Uint8Array, numbers: Array<number>): SluiceError.FrameError | undefined {
 *     for (const byte of chunk) {
 *       if (byte !== 0x20) this.digits += String.fromCharCode(byte)
 *       if (!/^\d{0,15}$/.test(this.digits)) return new SluiceError.FrameCorrupted({ detail: "no number" })
 *       if (byte === 0x20) {
 *         numbers.push(Number(this.digits))
 *         this.digits = ""
 *       }
 *     }
 *     return undefined
 *   }
 *
 *   end(): SluiceError.FrameError | undefined {
 *     const pending = this.digits.length
 *     return pending === 0 ? undefined : new SluiceError.FrameTruncated({ pending })
 *   }
 *
 *   remaining(): Uint8Array {
 *     return new TextEncoder().encode(this.digits)
 *   }
 * }
 *
 * const numbers = Codec.selfDelimiting<number>("numbers", {
 *   maxLength: 16,
 *   makeDecoder: () => new Decoder(),
 *   encode: (number: number, out: ByteWriter.ByteWriter) => {
 *     out.writeBytes(new TextEncoder().encode(`${number} `))
 *     return undefined
 *   }
 * })
 *
 * const Numbers = Protocol.make("Numbers", { fromClient: numbers, fromServer: numbers })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const selfDelimiting = <A>(name: string, options: SelfDelimitingOptions<A>): SelfDelimiting<A> =>
  selfDelimitingCodec(name, options)
