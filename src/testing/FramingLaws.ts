/**
 * Laws that every framing obeys, to check a framing of one's own with any test runner.
 *
 * ```ts
 * import { Framing } from "effect-sluice"
 * import { FramingLaws } from "effect-sluice/testing"
 * import { expect, test } from "vitest"
 *
 * const payloads = ["a", "hello", ""].map((text) => new TextEncoder().encode(text))
 *
 * test("my framing obeys the laws", () => {
 *   const results = FramingLaws.checkAll(Framing.lengthPrefixed({ width: 2 }), { payloads })
 *   expect(results.filter((result) => !result.ok)).toEqual([])
 * })
 * ```
 *
 * @since 0.1.0
 */
import type { Framing } from "../Framing.ts"
import { laws } from "./laws.ts"

export { ofCodec } from "./ofCodec.ts"
export { type Decoded, decodeAll, type Encoded, encodeAll } from "./run.ts"

/**
 * - `recut`: however the input is cut, the frames, the error and what remains are the same.
 * - `prefix`: the frames of the first bytes of an input are the first frames of it.
 * - `roundTrip`: what was encoded is what is decoded, alone and one after another.
 * - `noOverRead`: a frame is there with its last byte, and no byte of the next one is needed or taken.
 * - `bounded`: an unfinished frame never holds more than the maximum and one chunk.
 * - `linear`: a frame eight times as long, byte by byte, does not cost many times that.
 * - `noise`: random bytes are frames or an error; nothing throws, and an error stays.
 * - `refusal`: a payload that would be cut elsewhere is refused, and a refusal leaves the output as it was.
 *
 * @category models
 * @since 0.1.0
 */
export type Law = "recut" | "prefix" | "roundTrip" | "noOverRead" | "bounded" | "linear" | "noise" | "refusal"

/**
 * Whether a law holds; `detail` says what broke it, and is empty otherwise.
 *
 * @category models
 * @since 0.1.0
 */
export interface LawResult {
  readonly law: Law
  readonly ok: boolean
  readonly detail: string
}

/**
 * What to check a framing with.
 *
 * @category models
 * @since 0.1.0
 */
export interface LawOptions {
  /** Payloads that the framing takes and gives back unchanged. Those that it refuses are left out; not all may be. */
  readonly payloads: ReadonlyArray<Uint8Array>
  /** Of the random numbers. Default 1. */
  readonly seed?: number
  /** How many random inputs each law gets. Default 40. */
  readonly runs?: number
  /** The laws that do not apply: for pieces without frames, say, all that are about frames. */
  readonly except?: ReadonlyArray<Law>
}

/**
 * Checks one law.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (law: Law, framing: Framing, options: LawOptions): LawResult => {
  const { payloads, runs = 40, seed = 1 } = options
  let detail: string | undefined
  try {
    detail = laws[law](framing, payloads, seed, runs)
  } catch (thrown) {
    detail = `threw ${thrown}`
  }
  return { law, ok: detail === undefined, detail: detail === undefined ? "" : `${framing.name}: ${detail}` }
}

/**
 * Checks every law but those in `except`.
 *
 * @category checking
 * @since 0.1.0
 */
export const checkAll = (framing: Framing, options: LawOptions): ReadonlyArray<LawResult> => {
  const { except = [] } = options
  return allLaws.filter((law) => !except.includes(law)).map((law) => check(law, framing, options))
}

/**
 * All laws.
 *
 * @category checking
 * @since 0.1.0
 */
export const allLaws: ReadonlyArray<Law> = [
  "recut",
  "prefix",
  "roundTrip",
  "noOverRead",
  "bounded",
  "linear",
  "noise",
  "refusal"
]
