/** Commands: what clients of RESP send. */
import { encodeUtf8 } from "../bytes.ts"
import { readLatin1 } from "./latin1.ts"

const replacing = new TextDecoder("utf-8", { ignoreBOM: true })

/** What of Node's `Buffer` its types leave out. */
interface Utf8 {
  readonly utf8Slice: (start: number, end: number) => string
}

// There where `Buffer` is; it takes any byte array for its `this`.
const native = globalThis.Buffer?.prototype as unknown as Utf8 | undefined

const slice: (bytes: Uint8Array, start: number, end: number) => string =
  native === undefined
    ? (bytes, start, end) => replacing.decode(bytes.subarray(start, end))
    : (bytes, start, end) => native.utf8Slice.call(bytes, start, end)

const short = 32

/** The text of UTF-8 bytes, with U+FFFD for what is none. */
export const readUtf8 = (bytes: Uint8Array, start: number, end: number): string => {
  if (end - start > short) return slice(bytes, start, end)
  for (let i = start; i < end; i++) if (bytes[i]! > 0x7f) return slice(bytes, start, end)
  return readLatin1(bytes, start, end)
}

/**
 * A command: its name and arguments, byte strings all of them. Argument 0 is the name.
 *
 * What it holds are the bytes as they came, and where the arguments lie in them; each is made into what one asks for when
 * one asks. Bytes are views, which keep the chunk that they came in alive (64 KiB at most, or the whole command where that
 * is longer): copy what is kept for long. An argument that is not there is empty.
 *
 * @category models
 * @since 0.1.0
 */
export class Command {
  /** How many arguments there are, the name included; at least 1. */
  readonly length: number
  private readonly source: Uint8Array
  /** Where arguments begin and end, in pairs, from `base` on. Shared by the commands of a chunk. */
  private readonly places: ReadonlyArray<number>
  private readonly base: number

  /** Commands are made by `Resp.command`. */
  constructor(source: Uint8Array, places: ReadonlyArray<number>, base: number, length: number) {
    this.source = source
    this.places = places
    this.base = base
    this.length = length
  }

  /** An argument as a view. */
  bytes(index: number): Uint8Array {
    if (index >= this.length) return new Uint8Array(0)
    const place = this.base + 2 * index
    const start = this.places[place]!
    return new Uint8Array(this.source.buffer, this.source.byteOffset + start, this.places[place + 1]! - start)
  }

  /** An argument as a text, with U+FFFD for what is no UTF-8. */
  text(index: number): string {
    if (index >= this.length) return ""
    const place = this.base + 2 * index
    return readUtf8(this.source, this.places[place]!, this.places[place + 1]!)
  }

  /** An argument as a text with one character for each byte. */
  latin1(index: number): string {
    if (index >= this.length) return ""
    const place = this.base + 2 * index
    return readLatin1(this.source, this.places[place]!, this.places[place + 1]!)
  }

  /** All of them, as views. */
  get args(): ReadonlyArray<Uint8Array> {
    return Array.from({ length: this.length }, (_, index) => this.bytes(index))
  }
}

/**
 * An argument to send: texts in UTF-8, numbers in decimal.
 *
 * @category commands
 * @since 0.1.0
 */
export type Argument = string | Uint8Array | number | bigint

/** A command of byte strings, with memory of its own. */
export const commandOf = (args: ReadonlyArray<Argument>): Command => {
  const parts = args.map((part) => (part instanceof Uint8Array ? part : encodeUtf8(String(part))))
  let size = 0
  for (const part of parts) size += part.length
  const source = new Uint8Array(size)
  const places: Array<number> = []
  let at = 0
  for (const part of parts) {
    source.set(part, at)
    places.push(at, at + part.length)
    at += part.length
  }
  return new Command(source, places, 0, parts.length)
}
