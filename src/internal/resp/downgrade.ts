/** Values as a peer of RESP2 understands them. */
import { doubleText } from "./scalars.ts"
import type { Null2, Value } from "./values.ts"

export const nullString: Null2 = { _tag: "Null2", of: "string" }

export const downgrade = (value: Value): Value => {
  if (value === null) return nullString
  if (typeof value === "boolean") return value ? 1 : 0
  if (typeof value !== "object" || value instanceof Uint8Array) return value
  // Arrays that may not be changed are told apart by what they are not.
  if (Array.isArray(value)) return (value as ReadonlyArray<Value>).map(downgrade)
  if (!("_tag" in value)) return value
  switch (value._tag) {
    case "Double":
      return doubleText(value.value)
    case "BigNumber":
      return String(value.value)
    case "VerbatimString":
      return value.text
    case "BulkError":
      return { _tag: "SimpleError", message: value.message.replace(/[\r\n]+/g, " ") }
    case "Map":
      return value.entries.flatMap(([key, item]) => [downgrade(key), downgrade(item)])
    case "Set":
    case "Push":
      return value.values.map(downgrade)
    case "Attributed":
      return downgrade(value.value)
    case "SimpleString":
    case "SimpleError":
    case "Null2":
      return value
  }
}
