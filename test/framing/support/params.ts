/** Reading the parameters of a case, which are under their upstream names. */
import type { ByteOrder } from "../../../src/ByteWriter.ts"
import type * as Framing from "../../../src/Framing.ts"
import type { FramingCase } from "./cases.ts"

export type Params = FramingCase["params"]

export const unlimited = Number.MAX_SAFE_INTEGER

export const field = <A>(params: Params, name: string, is: (value: unknown) => value is A): A => {
  const value = params[name]
  if (!is(value)) throw new Error(`parameter ${name} is ${value}`)
  return value
}
export const isNumber = (value: unknown): value is number => typeof value === "number"
export const isBoolean = (value: unknown): value is boolean => typeof value === "boolean"
export const isText = (value: unknown): value is string => typeof value === "string"
export const isTexts = (value: unknown): value is Array<string> => Array.isArray(value) && value.every(isText)
export const isNumbers = (value: unknown): value is Array<number> =>
  Array.isArray(value) && value.every(isNumber)
export const isOrder = (value: unknown): value is ByteOrder => value === "big" || value === "little"
/** The widths that do not exist are in the cases, and ours to refuse. */
export const isWidth = (value: unknown): value is Framing.FieldWidth => isNumber(value)
export const number = (params: Params, name: string): number => field(params, name, isNumber)
export const limit = (params: Params, name: string): number =>
  params[name] === null || params[name] === undefined ? unlimited : number(params, name)
