/** Codecs without an effect for each message: what is most of the cost of a small one. */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { ByteWriter } from "../../ByteWriter.ts"
import type * as Codec from "../../Codec.ts"
import type { CodecError } from "../../SluiceError.ts"
import { isSuccess } from "../settled.ts"

/** What a direct codec answers where it cannot answer at once, and where it fails: an effect does it. */
export class Detour<out A, out R = never> {
  readonly effect: Effect.Effect<A, CodecError, R>

  constructor(effect: Effect.Effect<A, CodecError, R>) {
    this.effect = effect
  }
}

/** A codec's two directions as plain functions. */
export interface Direct<in out A, out RD = never, out RE = never> {
  readonly decode: (frame: Uint8Array) => A | Detour<A, RD>
  /** Appends the payload of a message to `out`. What is in `out` beside a detour means nothing. */
  readonly encode: (message: A, out: ByteWriter) => Detour<Uint8Array, RE> | undefined
}

// They belong to a codec's functions, and not to the codec: who takes a codec and gives it another `decode` has none.
const decoders = new WeakMap<object, unknown>()
const encoders = new WeakMap<object, unknown>()

/** A codec's own direct form, or one that takes the exits out of its effects. */
export const directOf = <A, RD, RE>({ decode, encode }: Codec.Codec<A, RD, RE>): Direct<A, RD, RE> => ({
  // Under a codec's function is what it was made of, of its types.
  decode:
    (decoders.get(decode) as Direct<A, RD, RE>["decode"] | undefined) ?? ((frame) => valueOf(decode(frame))),
  encode:
    (encoders.get(encode) as Direct<A, RD, RE>["encode"] | undefined) ??
    ((message, out) => append(encode(message), out))
})

/** The value of an effect that has one already. */
export const valueOf = <A, R>(effect: Effect.Effect<A, CodecError, R>): A | Detour<A, R> =>
  isSuccess(effect) ? effect.value : new Detour(effect)

const append = <R>(
  payload: Effect.Effect<Uint8Array, CodecError, R>,
  out: ByteWriter
): Detour<Uint8Array, R> | undefined => {
  const bytes = valueOf(payload)
  if (bytes instanceof Detour) return bytes
  out.writeBytes(bytes)
  return undefined
}

/** A codec that is made of its direct form. */
export const fromDirect = <A, RD = never, RE = never>(
  name: string,
  { text = false, views = false }: { readonly views?: boolean; readonly text?: boolean | undefined },
  direct: Direct<A, RD, RE>
): Codec.Codec<A, RD, RE> => {
  const decode: Codec.Codec<A, RD, RE>["decode"] = (frame) => {
    const decoded = direct.decode(frame)
    return decoded instanceof Detour ? decoded.effect : Exit.succeed(decoded)
  }
  const encode: Codec.Codec<A, RD, RE>["encode"] = (message) => {
    const out = new ByteWriter()
    const detour = direct.encode(message, out)
    return detour === undefined ? Exit.succeed(out.take()) : detour.effect
  }
  return withDirect({ name, decode, encode, views, text }, direct)
}

/** Says how else a codec's functions can do what they do, and returns it. */
export const withDirect = <A, RD, RE>(
  codec: Codec.Codec<A, RD, RE>,
  direct: Direct<A, RD, RE>
): Codec.Codec<A, RD, RE> => {
  decoders.set(codec.decode, direct.decode)
  encoders.set(codec.encode, direct.encode)
  return codec
}
