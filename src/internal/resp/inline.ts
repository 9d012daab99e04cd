/** Commands as people type them: words between spaces, in quotes where they hold spaces. */
import { readLatin1, writeLatin1 } from "./latin1.ts"

const spaces = /[\t-\r ]*/y
// Between words there may be other blanks than those that end one.
const unquoted = /[^\t\n\r "']+/y
const inDouble = /[^"\\]+/y
const inSingle = /[^'\\]+/y

/** What a pattern finds at one place. */
const run = (pattern: RegExp, line: string, at: number): string => {
  pattern.lastIndex = at
  return pattern.exec(line)?.[0] ?? ""
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\x07" }

/**
 * The words of a line, by the rules of Redis: in double quotes `\n`, `\r`, `\t`, `\b`, `\a` and `\xhh` stand for bytes,
 * and a backslash for what comes behind it; in single quotes only `\'` is anything but itself. Behind a closing quote
 * comes a space or the end. Undefined where quotes are not balanced.
 */
export const splitInline = (bytes: Uint8Array, start: number, end: number): Array<Uint8Array> | undefined => {
  const line = readLatin1(bytes, start, end)
  const words: Array<Uint8Array> = []
  let at = 0
  for (;;) {
    at += run(spaces, line, at).length
    if (at === line.length) return words
    const word = readWord(line, at)
    if (word === undefined) return undefined
    const bytes = new Uint8Array(word.text.length)
    writeLatin1(word.text, bytes, 0)
    words.push(bytes)
    at = word.end
  }
}

interface Word {
  readonly text: string
  readonly end: number
}

const readWord = (line: string, from: number): Word | undefined => {
  const text = run(unquoted, line, from)
  const end = from + text.length
  const quote = line[end]
  if (quote !== '"' && quote !== "'") return { text, end }
  const quoted = quote === '"' ? readDouble(line, end + 1) : readSingle(line, end + 1)
  if (quoted === undefined) return undefined
  const over = quoted.end === line.length || run(spaces, line, quoted.end) !== ""
  return over ? { text: text + quoted.text, end: quoted.end } : undefined
}

const readDouble = (line: string, from: number): Word | undefined => {
  let text = ""
  let at = from
  while (at < line.length) {
    const plain = run(inDouble, line, at)
    text += plain
    at += plain.length
    if (line[at] === '"') return { text, end: at + 1 }
    const next = line[at + 1]
    if (next === undefined) return undefined
    const hex = /^x([0-9a-fA-F]{2})/.exec(line.slice(at + 1, at + 4))?.[1]
    text += hex === undefined ? (escapes[next] ?? next) : String.fromCharCode(Number.parseInt(hex, 16))
    at += hex === undefined ? 2 : 4
  }
  return undefined
}

const readSingle = (line: string, from: number): Word | undefined => {
  let text = ""
  let at = from
  while (at < line.length) {
    const plain = run(inSingle, line, at)
    text += plain
    at += plain.length
    if (line[at] === "'") return { text, end: at + 1 }
    // Of what is escaped elsewhere, only the quote is here.
    const escaped = line[at + 1] === "'"
    text += escaped ? "'" : (line[at] ?? "")
    at += escaped ? 2 : 1
  }
  return undefined
}
