/** Commands as people type them: words between spaces, in quotes where they hold spaces. */
import { readLatin1 } from "./latin1.ts"

const isSpace = (char: string | undefined): boolean =>
  char === " " || (char !== undefined && char >= "\t" && char <= "\r")

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\x07" }

/**
 * The words of a line, by the rules of Redis: in double quotes `\n`, `\r`, `\t`, `\b`, `\a` and `\xhh` stand for bytes,
 * and a backslash for what comes behind it; in single quotes only `\'` is anything but itself. Behind a closing quote
 * comes a space or the end. A NUL ends the line. Undefined where quotes are not balanced.
 */
export const splitInline = (bytes: Uint8Array, start: number, end: number): Array<Uint8Array> | undefined => {
  const nul = bytes.subarray(start, end).indexOf(0)
  const line = readLatin1(bytes, start, nul < 0 ? end : start + nul)
  const words: Array<Uint8Array> = []
  let at = 0
  for (;;) {
    while (isSpace(line[at])) at++
    if (at >= line.length) return words
    const word = readWord(line, at)
    if (word === undefined) return undefined
    words.push(Uint8Array.from(word.text, (char) => char.charCodeAt(0)))
    at = word.end
  }
}

interface Word {
  readonly text: string
  readonly end: number
}

const readWord = (line: string, from: number): Word | undefined => {
  const parts: Array<string> = []
  let at = from
  while (at < line.length && !isSpace(line[at])) {
    const char = line[at]!
    if (char !== '"' && char !== "'") {
      parts.push(char)
      at++
      continue
    }
    const quoted = char === '"' ? readDouble(line, at + 1) : readSingle(line, at + 1)
    if (quoted === undefined) return undefined
    parts.push(quoted.text)
    at = quoted.end
    if (at < line.length && !isSpace(line[at])) return undefined
  }
  return { text: parts.join(""), end: at }
}

const readDouble = (line: string, from: number): Word | undefined => {
  const parts: Array<string> = []
  for (let at = from; at < line.length; at++) {
    const char = line[at]!
    if (char === '"') return { text: parts.join(""), end: at + 1 }
    const next = line[at + 1]
    if (char !== "\\" || next === undefined) {
      parts.push(char)
      continue
    }
    const hex = /^x([0-9a-fA-F]{2})/.exec(line.slice(at + 1, at + 4))?.[1]
    parts.push(hex === undefined ? (escapes[next] ?? next) : String.fromCharCode(Number.parseInt(hex, 16)))
    at += hex === undefined ? 1 : 3
  }
  return undefined
}

const readSingle = (line: string, from: number): Word | undefined => {
  const parts: Array<string> = []
  for (let at = from; at < line.length; at++) {
    const char = line[at]!
    if (char === "'") return { text: parts.join(""), end: at + 1 }
    if (char === "\\" && line[at + 1] === "'") at++
    parts.push(line[at]!)
  }
  return undefined
}
