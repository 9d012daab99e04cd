/** Messages that say themselves where they end: framing and codec in one. */
import * as Exit from "effect/Exit"
import { ByteWriter } from "../../ByteWriter.ts"
import type * as Codec from "../../Codec.ts"
import type { Framing } from "../../Framing.ts"
import type { CodecError } from "../../SluiceError.ts"
import { noProblems } from "../framing/options.ts"
import { codecError } from "./schemaCodec.ts"

/** A codec whose frames are single messages, each with all of its bytes. */
export const selfDelimitingCodec = <A>(
  name: string,
  options: Codec.SelfDelimitingOptions<A>
): Codec.SelfDelimiting<A> => {
  const { encode, makeDecoder, maxLength, problems = noProblems } = options
  const wire: Codec.Wire<A> = {
    maxLength,
    makeDecoder,
    encode: (message, out) => {
      const start = out.length
      let done = false
      try {
        const error = encode(message, out)
        done = error === undefined
        return error
      } catch (defect) {
        return codecError(name, String(defect))
      } finally {
        // Half a message must not reach the peer.
        if (!done) out.truncate(start)
      }
    }
  }
  return {
    name,
    decode: (frame) => decodeOne(name, wire, frame),
    encode: (message) => {
      const out = new ByteWriter()
      const error = wire.encode(message, out)
      return error === undefined ? Exit.succeed(out.take()) : Exit.fail(asCodecError(name, error))
    },
    views: true,
    wire,
    problems
  }
}

const decodeOne = <A>(name: string, wire: Codec.Wire<A>, frame: Uint8Array): Exit.Exit<A, CodecError> => {
  const messages: Array<A> = []
  const decoder = wire.makeDecoder()
  const error = decoder.push(frame, messages) ?? decoder.end(messages)
  if (error !== undefined) return Exit.fail(codecError(name, error.message))
  // Of one message: the first is there.
  if (messages.length === 1) return Exit.succeed(messages[0] as A)
  return Exit.fail(codecError(name, `a frame of ${messages.length} messages`))
}

const asCodecError = (name: string, error: Codec.EncodeError): CodecError =>
  error._tag === "CodecError" ? error : codecError(name, error.message)

/**
 * The two directions of a protocol without a framing, in the form that connections take: a framing whose frames are the
 * messages, and codecs that have nothing left to do.
 */
export const messageFraming = <In, Out, RD1, RE1, RD2, RE2>(
  decoder: Codec.Codec<In, RD1, RE1>,
  encoder: Codec.Codec<Out, RD2, RE2>
) => {
  // A protocol without a framing is only made of such codecs; their messages go where frames and payloads go, and
  // whoever looks into those knows it by `messageFrames`.
  const [{ wire: inbound }, { wire: outbound }] = [decoder, encoder] as unknown as [
    Codec.SelfDelimiting<Uint8Array>,
    Codec.SelfDelimiting<Uint8Array>
  ]
  const framing: Framing = {
    name: decoder.name,
    maxLength: inbound.maxLength,
    problems: noProblems,
    makeDecoder: inbound.makeDecoder,
    // Whoever offers a payload takes the errors of codecs as well as those of framings.
    encode: outbound.encode as Framing["encode"],
    withMaxLength: () => framing
  }
  return {
    framing,
    decode: (frame: Uint8Array) => Exit.succeed(frame as unknown as In),
    encode: (message: Out) => Exit.succeed(message as unknown as Uint8Array),
    decodeNow: (frame: Uint8Array) => frame as unknown as In,
    // Never called: what is a payload already is not encoded.
    encodeNow: () => undefined,
    views: false,
    identity: true,
    identityOut: true,
    messageFrames: true
  }
}
