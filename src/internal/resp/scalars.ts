/** Values of one line. */
import type { Value } from "./values.ts"

/** What such a line begins with. */
export type LineKind = "+" | "-" | ":" | "," | "(" | "#" | "_"

/** The value of a line, without what it begins with; or what is wrong with it. */
export const readLine = (kind: LineKind, text: string): { readonly is: Value } | string => {
  switch (kind) {
    case "+":
      return { is: { _tag: "SimpleString", text } }
    case "-":
      return { is: { _tag: "SimpleError", message: text } }
    case ":":
      return readInteger(text)
    case ",":
      return readDouble(text)
    case "(":
      return readBigNumber(text)
    case "#":
      return text === "t" || text === "f" ? { is: text === "t" } : "a boolean is t or f"
    case "_":
      return text === "" ? { is: null } : "a null with something in it"
  }
}

const lowest = -(2n ** 63n)
const highest = 2n ** 63n - 1n

/** Whether an integer fits its 64 bits. */
export const fitsInteger = (value: bigint): boolean => value >= lowest && value <= highest

const readInteger = (text: string): { readonly is: Value } | string => {
  if (/^[+-]?\d{1,15}$/.test(text)) return { is: Number(text) + 0 }
  if (!/^[+-]?\d{1,20}$/.test(text)) return "no integer"
  const value = BigInt(text.startsWith("+") ? text.slice(1) : text)
  if (!fitsInteger(value)) return "an integer of more than 64 bits"
  const number = Number(value)
  return { is: Number.isSafeInteger(number) ? number : value }
}

const readDouble = (text: string): { readonly is: Value } | string => {
  const special = specials[text.toLowerCase()]
  if (special !== undefined) return { is: { _tag: "Double", value: special } }
  return /^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$/.test(text)
    ? { is: { _tag: "Double", value: Number(text) } }
    : "no double"
}

const specials: Readonly<Record<string, number>> = {
  inf: Number.POSITIVE_INFINITY,
  "-inf": Number.NEGATIVE_INFINITY,
  nan: Number.NaN
}

/** The most digits of a big number: to read one takes time that grows with their square. */
export const maxBigDigits = 4096

const readBigNumber = (text: string): { readonly is: Value } | string => {
  if (text.length > maxBigDigits + 1) return `a big number of more than ${maxBigDigits} digits`
  if (!/^[+-]?\d+$/.test(text)) return "no big number"
  return { is: { _tag: "BigNumber", value: BigInt(text.startsWith("+") ? text.slice(1) : text) } }
}

/** A double as it is on the wire. */
export const doubleText = (value: number): string => {
  if (Number.isNaN(value)) return "nan"
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf"
  return Object.is(value, -0) ? "-0" : String(value)
}
