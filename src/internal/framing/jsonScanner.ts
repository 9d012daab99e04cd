/** Following a JSON value byte by byte, to find its end. What is wrong with it otherwise is for a codec to say. */

export const openArray = 0x5b
export const closeArray = 0x5d
export const openObject = 0x7b
export const closeObject = 0x7d
export const comma = 0x2c
const quote = 0x22
const backslash = 0x5c

/** Bytes that mean something outside strings; every other one is a part of its value. */
const separating = 1
const opening = 2
const closing = 3
const quoting = 4

const kinds = new Uint8Array(256)
for (const byte of [0x09, 0x0a, 0x0d, 0x20, comma]) kinds[byte] = separating
for (const byte of [openArray, openObject]) kinds[byte] = opening
for (const byte of [closeArray, closeObject]) kinds[byte] = closing
kinds[quote] = quoting

/** Whitespace of RFC 8259: tab, LF, CR, space. */
export const isWhitespace = (byte: number): boolean => kinds[byte] === separating && byte !== comma

/** Whether a value that begins so shows itself where it ends, as objects, arrays and strings do. */
export const isSelfDelimiting = (first: number): boolean =>
  first === openObject || first === openArray || first === quote

/** Where the next byte stands that is no whitespace, or `to`. */
export const skipWhitespace = (bytes: Uint8Array, from: number, to: number): number => {
  let at = from
  while (at < to && isWhitespace(bytes[at]!)) at++
  return at
}

/**
 * Braces and brackets are counted, not paired, and those in strings are not. An object, array or string ends with its
 * last byte; a number or a word before the byte that separates it from what follows.
 */
export class JsonScanner {
  private depth = 0
  private inString = false
  private escaped = false

  /** Whether everything that was opened is closed. */
  get closed(): boolean {
    return this.depth === 0 && !this.inString
  }

  /** Begins another value. */
  reset(): void {
    this.depth = 0
    this.inString = false
    this.escaped = false
  }

  /** Goes on with the value: answers where it ends, or -1 where it does not end before `to`. */
  scan(bytes: Uint8Array, from: number, to: number): number {
    let { depth, escaped, inString } = this
    let end = -1
    for (let at = from; at < to && end < 0; at++) {
      const byte = bytes[at]!
      if (inString) {
        if (escaped) escaped = false
        else if (byte === backslash) escaped = true
        else if (byte === quote) {
          inString = false
          if (depth === 0) end = at + 1
        }
        continue
      }
      const kind = kinds[byte]!
      if (kind === 0) continue
      if (kind === quoting) inString = true
      else if (kind === opening) depth++
      else if (depth === 0) end = at
      else if (kind === closing && --depth === 0) end = at + 1
    }
    this.depth = depth
    this.escaped = escaped
    this.inString = inString
    return end
  }
}
