/** Codecs of messages that delimit themselves, as framings, so that the laws can be put to them. */
import { ByteWriter } from "../ByteWriter.ts"
import type { EncodeError, SelfDelimiting } from "../Codec.ts"
import type { FrameDecoder, Framing } from "../Framing.ts"
import { DelimiterInPayload, type FrameError } from "../SluiceError.ts"

/**
 * A codec of messages that delimit themselves as a framing, whose payloads and frames are the bytes of one message each,
 * as its encoder writes them.
 *
 * @category checking
 * @since 0.1.0
 */
export const ofCodec = <A>(codec: SelfDelimiting<A>): Framing => {
  const framing: Framing = {
    name: codec.name,
    maxLength: codec.wire.maxLength,
    problems: codec.problems,
    makeDecoder: () => new BytesDecoder(codec),
    encode: (payload, out) => {
      const frames: Array<Uint8Array> = []
      const decoder = new BytesDecoder(codec)
      const error = decoder.push(payload, frames) ?? decoder.end(frames)
      const [frame, ...others] = frames
      // Not one message: the other end would cut it elsewhere.
      if (error !== undefined || frame === undefined || others.length > 0) {
        return new DelimiterInPayload({ offset: 0 })
      }
      out.writeBytes(frame)
      return undefined
    },
    withMaxLength: () => framing
  }
  return framing
}

class BytesDecoder<A> implements FrameDecoder {
  private readonly codec: SelfDelimiting<A>
  private readonly decoder: FrameDecoder<A>

  constructor(codec: SelfDelimiting<A>) {
    this.codec = codec
    this.decoder = codec.wire.makeDecoder()
  }

  get buffered(): number {
    return this.decoder.buffered
  }

  get skipped(): number {
    return this.decoder.skipped
  }

  push(chunk: Uint8Array, frames: Array<Uint8Array>): FrameError | undefined {
    const messages: Array<A> = []
    const error = this.decoder.push(chunk, messages)
    for (const message of messages) frames.push(bytesOf(this.codec, message))
    return error
  }

  end(frames: Array<Uint8Array>): FrameError | undefined {
    const messages: Array<A> = []
    const error = this.decoder.end(messages)
    for (const message of messages) frames.push(bytesOf(this.codec, message))
    return error
  }

  remaining(): Uint8Array {
    return this.decoder.remaining()
  }
}

const bytesOf = <A>(codec: SelfDelimiting<A>, message: A): Uint8Array => {
  const out = new ByteWriter()
  const error: EncodeError | undefined = codec.wire.encode(message, out)
  if (error !== undefined) throw new Error(`a decoded message cannot be encoded: ${error.message}`)
  return out.take()
}
