/** The servers that are compared. A new one is a file in `servers` and a line here. */
import type { Kind } from "./lib/messages.ts"

export interface Variant {
  readonly name: string
  /** The file in `servers`. */
  readonly server: "net" | "netJson" | "effectSocket" | "sluice"
  readonly argument?: string
  /** Built with the library that `--against` names. */
  readonly against?: boolean
  readonly kind: Kind
  /** The variant that its ratios are to. */
  readonly baseline: string
  /** Only measured where `--only` names it. */
  readonly extra?: boolean
}

export const variants: ReadonlyArray<Variant> = [
  { name: "net", server: "net", kind: "bytes", baseline: "net" },
  { name: "effectSocket", server: "effectSocket", kind: "bytes", baseline: "net" },
  { name: "stream", server: "sluice", argument: "stream", kind: "bytes", baseline: "net" },
  { name: "map", server: "sluice", argument: "map", kind: "bytes", baseline: "net" },
  { name: "each", server: "sluice", argument: "each", kind: "bytes", baseline: "net" },
  { name: "gen", server: "sluice", argument: "gen", kind: "bytes", baseline: "net" },
  { name: "fn", server: "sluice", argument: "fn", kind: "bytes", baseline: "net", extra: true },
  { name: "mapEffect", server: "sluice", argument: "mapEffect", kind: "bytes", baseline: "net", extra: true },
  { name: "netJson", server: "netJson", kind: "json", baseline: "netJson" },
  { name: "json", server: "sluice", argument: "json", kind: "json", baseline: "netJson" }
]

/** The variants of this library, once more, with the library that `--against` names. */
export const againstVariants = (all: ReadonlyArray<Variant>): ReadonlyArray<Variant> =>
  all.flatMap((variant) =>
    variant.server === "sluice"
      ? [variant, { ...variant, name: `${variant.name}@against`, against: true }]
      : [variant]
  )
