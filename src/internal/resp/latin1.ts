/** Texts of one byte a character: what protocols of bytes have for keys and names, and loses nothing of any bytes. */

/** What of Node's `Buffer` its types leave out. */
interface Latin1 {
  readonly latin1Slice: (start: number, end: number) => string
  readonly latin1Write: (text: string, offset: number, length: number) => number
}

// There where `Buffer` is; its methods take any byte array for their `this`.
const native = globalThis.Buffer?.prototype as unknown as Latin1 | undefined

/** The text of the bytes from `start` to `end`. */
const slice: (bytes: Uint8Array, start: number, end: number) => string =
  native === undefined
    ? (bytes, start, end) => {
        let text = ""
        for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!)
        return text
      }
    : (bytes, start, end) => native.latin1Slice.call(bytes, start, end)

// Short texts come again and again, and are looked up: one that is known costs less than a new one, and its hash is
// there already. What is in the table is found again or overwritten, so that it stays as small as it is.
const shortest = 1
const longest = 32
const known: Array<string> = new Array<string>(2048).fill("")

export const readLatin1 = (bytes: Uint8Array, start: number, end: number): string => {
  const length = end - start
  if (length < shortest || length > longest) return slice(bytes, start, end)
  let hash = length
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0
  const place = (hash ^ (hash >>> 11)) & 2047
  const candidate = known[place]!
  if (candidate.length === length) {
    let i = 0
    while (i < length && candidate.charCodeAt(i) === bytes[start + i]) i++
    if (i === length) return candidate
  }
  const text = slice(bytes, start, end)
  known[place] = text
  return text
}

const shortWrite = 48

/** Writes a text whose characters are below U+0100; of others the lower byte. */
export const writeLatin1 = (text: string, bytes: Uint8Array, at: number): void => {
  const { length } = text
  if (native !== undefined && length > shortWrite) {
    native.latin1Write.call(bytes, text, at, length)
  } else {
    for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i)
  }
}
