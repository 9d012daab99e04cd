/** The bytes that HTTP/1.1 is made of (RFC 9110, section 5.6; RFC 9112, section 2). */

export const TAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SP = 0x20
export const COLON = 0x3a

/** What a byte may be part of: a set of the flags below, by byte. */
export const kinds = new Uint8Array(256)

/** A method, or the name of a field. */
export const TOKEN = 1
/** The value of a field: visible, space, tab, and what is beyond ASCII; no control character, no DEL. */
export const VALUE = 2
/** A request target: visible ASCII but `#`, which begins what a client keeps to itself. */
export const TARGET = 4
/** A host with a port: a name, an address, an address in brackets. */
export const HOST = 8

const mark = (flag: number, characters: string): void => {
  for (let i = 0; i < characters.length; i++) kinds[characters.charCodeAt(i)]! |= flag
}

const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
mark(TOKEN, `${alphanumeric}!#$%&'*+-.^_\`|~`)
mark(HOST, `${alphanumeric}-._~!$&'()*+,;=%:[]`)
for (let byte = 0x21; byte <= 0x7e; byte++) kinds[byte]! |= VALUE | TARGET
for (let byte = 0x80; byte <= 0xff; byte++) kinds[byte]! |= VALUE
mark(VALUE, " \t")
kinds[0x23]! &= ~TARGET

/** Whether bytes are a word, whose letters are all small, in any case. */
export const isWord = (bytes: Uint8Array, from: number, to: number, word: string): boolean => {
  if (to - from !== word.length) return false
  for (let i = 0; i < word.length; i++) {
    const byte = bytes[from + i]!
    const small = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    if (small !== word.charCodeAt(i)) return false
  }
  return true
}

/** Bytes as a text of one character each. */
export const latin1 = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1")

/** The parts of a list, in small letters. Around them may be spaces and tabs, and nothing else that JavaScript would trim. */
export const listOf = (value: string): ReadonlyArray<string> =>
  value.toLowerCase().split(",").map(withoutSpace)

/** A value without the spaces and tabs around it. */
export const withoutSpace = (value: string): string => value.replace(/^[ \t]+|[ \t]+$/g, "")
