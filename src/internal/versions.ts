/** The hello of a protocol: what is in it, what is wrong with it, and how its framing carries it. */
import { ByteWriter } from "../ByteWriter.ts"
import type { Framing } from "../Framing.ts"
import type { OptionProblem } from "../SluiceError.ts"
import type { Hello, VersionOptions } from "../Versions.ts"
import { encodeUtf8 } from "./bytes.ts"
import { end, makeDecoder, push } from "./decoding.ts"

/** The name of a protocol's own codec. */
export const ownCodec = "default"

/** A longer one is nobody's hello. */
export const maxHelloLength = 16_384

export const helloOf = <FromClient, FromServer, ServerServices, ClientServices>(
  protocol: string,
  { accepts, codecs = [], version }: VersionOptions<FromClient, FromServer, ServerServices, ClientServices>
): Hello => ({
  protocol,
  version,
  accepts: accepts ?? [version],
  codecs: [...codecs.map(({ name }) => name), ownCodec]
})

/** Where in a frame the text begins: behind the header of a framing that hands it out too, whose type stays zero. */
export const helloOffset = (framing: Framing): number => framing.type?.bodyOffset ?? 0

export const helloPayload = (framing: Framing, hello: Hello): Uint8Array => {
  const writer = new ByteWriter()
  writer.writeZeros(helloOffset(framing))
  writer.writeBytes(encodeUtf8(JSON.stringify(hello)))
  return writer.take()
}

export const versionProblems = (framing: Framing, hello: Hello): ReadonlyArray<OptionProblem> => {
  const problems: Array<OptionProblem> = []
  const add = (path: string, message: string) => problems.push({ path: `versions.${path}`, message })
  const wrong = (version: number) => !Number.isInteger(version) || version < 0 || version > 0xffffffff
  const { accepts, codecs, version } = hello
  if (wrong(version)) add("version", `must be a whole number from 0 to 4294967295, got ${version}`)
  if (accepts.length === 0 || accepts.length > 256) add("accepts", "must name 1 to 256 versions")
  for (const accepted of accepts) {
    if (wrong(accepted)) add("accepts", `must be whole numbers from 0 to 4294967295, got ${accepted}`)
  }
  if (codecs.length > 33) add("codecs", "must be at most 32")
  codecs.forEach((name, index) => {
    if (name.length < 1 || name.length > 64) add(`codecs.${index}.name`, "must have 1 to 64 characters")
    if (codecs.indexOf(name) < index) add(`codecs.${index}.name`, `${name} stands twice`)
  })
  if (problems.length === 0 && framing.problems.length === 0 && !carries(framing, hello)) {
    add("hello", `the framing ${framing.name} does not carry the hello as one frame`)
  }
  return problems
}

/** Whether two hellos come out of the framing as they went in. */
const carries = (framing: Framing, hello: Hello): boolean => {
  const payload = helloPayload(framing, hello)
  const text = payload.subarray(helloOffset(framing))
  const writer = new ByteWriter()
  const decoder = makeDecoder(framing)
  const frames: Array<Uint8Array> = []
  if (text.length > maxHelloLength) return false
  try {
    for (let i = 0; i < 2; i++) if (framing.encode(payload, writer) !== undefined) return false
  } catch {
    return false
  }
  if (push(decoder, writer.take(), frames) !== undefined) return false
  // At the end a framing without ends of its own hands out what it has.
  if (frames.length !== 2 || end(decoder, frames) !== undefined) return false
  return frames.every((frame) => equal(frame.subarray(helloOffset(framing)), text))
}

const equal = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, index) => byte === other[index])
