/** Field lines: those of a head and those of trailers. `name: value`, and CRLF behind it (RFC 9112, section 5). */
import { malformed, type Refusal } from "./limits.ts"
import { COLON, CR, kinds, LF, SP, TAB, TOKEN, VALUE } from "./syntax.ts"

/**
 * One line at a time. What is wrong with a line is said when all of it is here, so that the answer does not depend on
 * how the network cut it.
 */
export class FieldLine {
  nameEnd = 0
  value = 0
  valueEnd = 0
  /** The line was empty: no more fields. */
  last = false
  problem: Refusal | undefined

  /** Reads the line at `at` and returns where the next one begins; 0 where this one has no end yet, -1 for a problem. */
  read(bytes: Uint8Array, at: number): number {
    const end = bytes.length
    this.last = false
    let i = at
    if (bytes[i] === CR) {
      if (i + 1 === end) return 0
      this.last = true
      return bytes[i + 1] === LF ? i + 2 : this.refuse("a carriage return without a line feed")
    }
    while (i < end && (kinds[bytes[i]!]! & TOKEN) !== 0) i++
    if (i === end) return 0
    if (bytes[i] !== COLON || i === at) return this.refuse(nameProblem(bytes[i]!, i === at))
    this.nameEnd = i++
    while (i < end && isSpace(bytes[i]!)) i++
    this.value = i
    while (i < end && (kinds[bytes[i]!]! & VALUE) !== 0) i++
    if (i === end || (i + 1 === end && bytes[i] === CR)) return 0
    if (bytes[i] !== CR || bytes[i + 1] !== LF) return this.refuse(valueProblem(bytes[i]!))
    let valueEnd = i
    while (valueEnd > this.value && isSpace(bytes[valueEnd - 1]!)) valueEnd--
    this.valueEnd = valueEnd
    return i + 2
  }

  private refuse(detail: string): -1 {
    this.problem = malformed(detail)
    return -1
  }
}

const isSpace = (byte: number): boolean => byte === SP || byte === TAB

const nameProblem = (byte: number, first: boolean): string => {
  if (byte === LF || byte === CR) return "a field without a colon"
  if (!isSpace(byte))
    return first && byte === COLON ? "a field without a name" : "a field name that is no token"
  return first ? "a folded field, or a space before the first one" : "a space before the colon"
}

const valueProblem = (byte: number): string => {
  if (byte === LF) return "a line feed without a carriage return"
  return byte === CR ? "a carriage return without a line feed" : "a control character in a field"
}
