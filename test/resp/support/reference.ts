/** What Redis takes for commands, told plainly and all at once: to hold the decoder, which is neither, to it. */

export interface Read {
  readonly commands: ReadonlyArray<ReadonlyArray<string>>
  /** Why reading ended early. */
  readonly error: string | undefined
}

interface Bounds {
  readonly maxBulkLength: number
  readonly maxArrayLength: number
}

/** Reads as far as the input goes; an unfinished command is nothing. */
export const readCommands = (input: string, { maxArrayLength, maxBulkLength }: Bounds): Read => {
  const commands: Array<ReadonlyArray<string>> = []
  let rest = input
  while (rest.length > 0) {
    const one = rest.startsWith("*") ? readArray(rest, maxArrayLength, maxBulkLength) : readLine(rest)
    if (one === "unfinished") return { commands, error: undefined }
    if (typeof one === "string") return { commands, error: one }
    if (one.words.length > 0) commands.push(one.words)
    rest = one.rest
  }
  return { commands, error: undefined }
}

type Step = { readonly words: ReadonlyArray<string>; readonly rest: string } | string

const header = /^[*$](-?)(0|[1-9]\d*)\r\n/

/** The number in a header, or what it is instead. */
const readNumber = (text: string): { value: number; rest: string } | "unfinished" | "wrong" => {
  const found = header.exec(text)
  if (found !== null && found[2]!.length <= 19 && found[0].slice(1, 3) !== "-0") {
    return { value: Number(`${found[1]}${found[2]}`), rest: text.slice(found[0].length) }
  }
  const unfinished = /^[*$](-|-?(0|[1-9]\d{0,18})\r?)?$/.test(text) && !/^[*$]-0/.test(text)
  return unfinished ? "unfinished" : "wrong"
}

const readArray = (text: string, maxArrayLength: number, maxBulkLength: number): Step => {
  const count = readNumber(text)
  if (count === "unfinished") return count
  if (count === "wrong" || count.value > maxArrayLength) return "invalid multibulk length"
  let { rest } = count
  const words: Array<string> = []
  while (words.length < count.value) {
    if (rest === "") return "unfinished"
    if (!rest.startsWith("$")) return `expected '$', got '${rest[0]}'`
    const length = readNumber(rest)
    if (length === "unfinished") return length
    if (length === "wrong" || length.value < 0 || length.value > maxBulkLength) return "invalid bulk length"
    const end = length.rest.slice(length.value, length.value + 2)
    if (!"\r\n".startsWith(end)) return "expected CRLF behind a bulk string"
    if (end.length < 2) return "unfinished"
    words.push(length.rest.slice(0, length.value))
    rest = length.rest.slice(length.value + 2)
  }
  return { words, rest }
}

const readLine = (text: string): Step => {
  const end = text.indexOf("\n")
  if (end > 65_536 || (end < 0 && text.length > 65_536)) return "too big inline request"
  if (end < 0) return "unfinished"
  const line = text.slice(0, end).replace(/\r$/, "")
  const words: Array<string> = []
  let rest = line
  for (;;) {
    rest = rest.replace(/^[\t-\r ]+/, "")
    if (rest === "") return { words, rest: text.slice(end + 1) }
    const word =
      /^(?:[^\t\n\r "']*)(?:"(?:[^"\\]|\\[\s\S])*"(?=[\t-\r ]|$)|'(?:[^'\\]|\\'|\\(?!'))*'(?=[\t-\r ]|$)|(?=[\t\n\r ]|$))/.exec(
        rest
      )
    if (word === null) return "unbalanced quotes in request"
    words.push(word[0])
    rest = rest.slice(word[0].length)
  }
}
