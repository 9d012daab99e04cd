/** Reading and writing RESP in tests. */
import { assert } from "@effect/vitest"
import { ByteWriter } from "../../../src/ByteWriter.ts"
import type * as Codec from "../../../src/Codec.ts"
import type { Command, Value } from "../../../src/Resp.ts"
import * as Resp from "../../../src/Resp.ts"

export const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1")

/** All of an input, or what was wrong behind the messages before. */
export const decode = <A>(codec: Codec.SelfDelimiting<A>, ...chunks: ReadonlyArray<Uint8Array>) => {
  const decoder = codec.wire.makeDecoder()
  const messages: Array<A> = []
  for (const chunk of chunks) {
    const error = decoder.push(chunk, messages)
    if (error !== undefined) return { messages, error: error.message, buffered: decoder.buffered }
  }
  return { messages, error: undefined, buffered: decoder.buffered }
}

/** Byte by byte. */
export const singles = (input: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from(input, (_, at) => input.subarray(at, at + 1))

export const encode = <A>(codec: Codec.SelfDelimiting<A>, ...messages: ReadonlyArray<A>): string => {
  const out = new ByteWriter()
  for (const message of messages) assert.isUndefined(codec.wire.encode(message, out))
  return Buffer.from(out.take()).toString("latin1")
}

/** What an encoder says to a message that it refuses, having left nothing behind. */
export const refusal = <A>(codec: Codec.SelfDelimiting<A>, message: A): string | undefined => {
  const out = new ByteWriter()
  const error = codec.wire.encode(message, out)
  if (error !== undefined) assert.strictEqual(out.length, 0)
  return error?.message
}

/** The arguments of commands as texts. */
export const words = (commands: ReadonlyArray<Command>): ReadonlyArray<ReadonlyArray<string>> =>
  commands.map((command) => Array.from({ length: command.length }, (_, index) => command.latin1(index)))

export const texts: Codec.SelfDelimiting<Value> = Resp.values({ strings: "latin1" })
