/** Bytes, text and hex, by the fastest means at hand: Node's `Buffer` where it exists, the web's classes elsewhere. */

const buffer: typeof Buffer | undefined = globalThis.Buffer

/** Allocates without clearing. `Buffer` takes small ones from a pool; the web has only cleared memory. */
export const allocate: (size: number) => Uint8Array =
  buffer === undefined ? (size) => new Uint8Array(size) : (size) => buffer.allocUnsafe(size)

/** Allocates memory that nobody shares; `Buffer` has it without clearing, and Node writes it without wrapping it first. */
export const allocateAlone: (size: number) => Uint8Array =
  buffer === undefined ? (size) => new Uint8Array(size) : (size) => buffer.allocUnsafeSlow(size)

const textEncoder = new TextEncoder()

/** The UTF-8 bytes of a text. Lone surrogates become U+FFFD. */
export const encodeUtf8: (text: string) => Uint8Array =
  buffer === undefined ? (text) => textEncoder.encode(text) : (text) => buffer.from(text, "utf8")

/** How many bytes of UTF-8 a text has. */
export const utf8Length: (text: string) => number =
  buffer === undefined ? (text) => textEncoder.encode(text).length : (text) => buffer.byteLength(text, "utf8")

/** Writes the UTF-8 bytes of a text, for which there must be room, and returns how many there are. */
export const writeUtf8 = (text: string, into: Uint8Array, at: number): number =>
  buffer !== undefined && into instanceof buffer
    ? into.write(text, at, "utf8")
    : textEncoder.encodeInto(text, at === 0 ? into : into.subarray(at)).written

const fatalDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const decodeStrictly = (bytes: Uint8Array): string | undefined => {
  try {
    return fatalDecoder.decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * The text of UTF-8 bytes, or undefined where they are malformed. Keeps a leading byte order mark.
 *
 * On a long text `Buffer` is the faster one. It turns malformed bytes into U+FFFD, so only a text that holds that
 * character is decoded a second time to tell whether it was sent so.
 */
export const decodeUtf8: (bytes: Uint8Array) => string | undefined =
  buffer === undefined
    ? decodeStrictly
    : (bytes) => {
        if (bytes.length < 512) return decodeStrictly(bytes)
        const view =
          bytes instanceof buffer ? bytes : buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
        const text = view.toString("utf8")
        return text.includes("\uFFFD") ? decodeStrictly(bytes) : text
      }

const hexDigits = "0123456789abcdef"

/** At most `limit` bytes as hex, with an ellipsis where more follow. */
export const hexExcerpt = (bytes: Uint8Array, limit = 32): string => {
  let out = ""
  const end = Math.min(bytes.length, limit)
  for (let i = 0; i < end; i++) {
    const byte = bytes[i]!
    out += hexDigits[byte >> 4]! + hexDigits[byte & 15]!
  }
  return bytes.length > limit ? `${out}…` : out
}

/** A copy with memory of its own: not its source's, and not a slab's that ten bytes would keep alive either. */
export const copyOf = (bytes: Uint8Array): Uint8Array => {
  const copy = allocateAlone(bytes.length)
  copy.set(bytes)
  return copy
}

export const emptyBytes: Uint8Array = new Uint8Array(0)

/** The bytes of several pieces together. */
export const totalLength = (frames: ReadonlyArray<Uint8Array>): number => {
  let total = 0
  for (let i = 0; i < frames.length; i++) total += frames[i]!.length
  return total
}
