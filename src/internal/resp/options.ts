/** The bounds of RESP's messages. */
import type { OptionProblem } from "../../SluiceError.ts"
import { OptionChecks } from "../framing/options.ts"

/**
 * What a peer may send, and how byte strings look. The bounds hold for what is sent, too.
 *
 * @category options
 * @since 0.1.0
 */
export interface RespOptions {
  /** The most bytes of a command or a value on the wire, everything in it included. Default 4 MiB. */
  readonly maxLength?: number
  /** The most bytes of a bulk string. Default 1 MiB; Redis takes 512 MiB. */
  readonly maxBulkLength?: number
  /** The most elements of an array, set, push or command, or entries of a map. Default 65 536; Redis takes 2^31 - 1. */
  readonly maxArrayLength?: number
  /** How deep values may lie in each other: 1 is an array of plain values. Default 32. */
  readonly maxDepth?: number
  /**
   * What bulk strings are decoded to, and what texts mean that are sent as such. `bytes`: byte arrays, and texts are
   * written in UTF-8. `utf8`: texts, with U+FFFD for what is no UTF-8. `latin1`: texts of one character a byte, which
   * lose nothing, and cost least; what is written must have no characters from U+0100 on. Default `bytes`. Commands give
   * their arguments in any of these, whatever this says.
   */
  readonly strings?: "bytes" | "utf8" | "latin1"
}

/** The options with their defaults. */
export interface Limits {
  readonly maxLength: number
  readonly maxBulkLength: number
  readonly maxArrayLength: number
  readonly maxDepth: number
  readonly strings: "bytes" | "utf8" | "latin1"
}

export const limitsOf = (options: RespOptions): Limits => ({
  maxLength: options.maxLength ?? 4 * 1_048_576,
  maxBulkLength: options.maxBulkLength ?? 1_048_576,
  maxArrayLength: options.maxArrayLength ?? 65_536,
  maxDepth: options.maxDepth ?? 32,
  strings: options.strings ?? "bytes"
})

export const limitProblems = (limits: Limits): ReadonlyArray<OptionProblem> => {
  const checks = new OptionChecks()
  checks.integer("maxLength", limits.maxLength, 1)
  checks.integer("maxBulkLength", limits.maxBulkLength, 0)
  checks.integer("maxArrayLength", limits.maxArrayLength, 0)
  checks.integer("maxDepth", limits.maxDepth, 0)
  checks.oneOf("strings", limits.strings, ["bytes", "utf8", "latin1"])
  // Depth is stack: the encoder calls itself for each level.
  if (limits.maxDepth > 1000) checks.add("maxDepth", `must be at most 1000, got ${limits.maxDepth}`)
  return checks.problems
}
