/** Inputs that look like JSON, with random options and cuts, against the plain reference. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as Framing from "../../src/Framing.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { Random } from "../../src/testing/random.ts"
import { toHex } from "./support/cases.ts"
import { referenceJson, referenceJsonSequence, referenceNdjson } from "./support/jsonReference.ts"
import { observe, observeCut, withoutPlaces } from "./support/observe.ts"

const runs = { arbitrary: { runs: 1500, size: 40 } }

const integer = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))
const oneOf = <const A extends ReadonlyArray<string | number | boolean>>(values: A) =>
  Arbitrary.schema(Schema.Literals(values))

const pieces = [
  ...["{", "}", "[", "]", '"', '"', "\\", ",", ":", " ", "\n", "\r", "\r\n", "\x1e", "\x1e", "1", "a"],
  ...['{"\\""}', '["\\\\"]', '{"a":1}', "[]", '"x"', "true ", "\x1e{}\n", "\xef\xbb\xbf", "\xef\xbb", "\0"]
]

/** Pieces of JSON in any order. */
const input = Arbitrary.map(Arbitrary.array(oneOf(pieces), { maxLength: 24 }), (pieces) =>
  Uint8Array.from(Buffer.from(pieces.join(""), "latin1"))
)
const flag = oneOf([true, false])
const options = {
  input,
  maxLength: integer(1, 9),
  end: oneOf(["fail", "emit", "drop"]),
  oversize: oneOf(["fail", "skip"]),
  eof: flag,
  flag,
  seed: integer(0, 1_000_000)
}

/** Byte by byte in order, and in random chunks. */
const agrees = (
  framing: Framing.Framing,
  input: Uint8Array,
  eof: boolean,
  seed: number,
  expected: ReadonlyArray<unknown>
) => {
  const outcomes = observe(framing, input, eof)
  assert.deepStrictEqual(outcomes, expected)
  const random = new Random(seed)
  for (const chunks of [[input], random.cut(input), random.cut(input)]) {
    assert.deepStrictEqual(observeCut(framing, chunks, eof), withoutPlaces(outcomes, framing, input, eof))
  }
}

describe("against the plain reference", () => {
  it.prop(
    "json",
    options,
    ({ end, eof, flag: elements, input, maxLength, oversize, seed }) => {
      const framing = Framing.json({ elements, end, maxLength, oversize })
      const rules = { elements, end, maxLength, skip: oversize === "skip" }
      agrees(framing, input, eof, seed, referenceJson(input, eof, rules))
    },
    runs
  )

  it.prop(
    "ndjson",
    options,
    ({ end, eof, flag: keepEmpty, input, maxLength, oversize, seed }) => {
      const framing = Framing.ndjson({ emptyLines: keepEmpty ? "keep" : "skip", end, maxLength, oversize })
      const rules = { end, keepEmpty, maxLength, skip: oversize === "skip" }
      agrees(framing, input, eof, seed, referenceNdjson(input, eof, rules))
    },
    runs
  )

  it.prop(
    "jsonSequence",
    options,
    ({ end, eof, input, maxLength, oversize, seed }) => {
      const framing = Framing.jsonSequence({ end, maxLength, oversize })
      const rules = { end, maxLength, skip: oversize === "skip" }
      agrees(framing, input, eof, seed, referenceJsonSequence(input, eof, rules))
    },
    runs
  )
})

describe("what is JSON to JSON.stringify", () => {
  const value = Arbitrary.schema(Schema.Json)
  const framings = {
    ndjson: Framing.ndjson(),
    jsonSequence: Framing.jsonSequence(),
    json: Framing.json()
  }
  for (const [name, framing] of Object.entries(framings)) {
    it.prop(
      `${name}: comes back, written on one line or on many`,
      { values: Arbitrary.array(value, { maxLength: 6 }), seed: integer(0, 1_000_000) },
      ({ seed, values }) => {
        const texts = values
          .filter((value) => name !== "json" || (typeof value === "object" && value !== null))
          .flatMap((value) => [
            JSON.stringify(value),
            ...(name === "ndjson" ? [] : [JSON.stringify(value, undefined, "\t")])
          ])
        const { accepted, wire } = FramingLaws.encodeAll(
          framing,
          texts.map((text) => Buffer.from(text))
        )
        assert.strictEqual(accepted.length, texts.length)
        const { error, frames } = FramingLaws.decodeAll(framing, new Random(seed).cut(wire))
        assert.isUndefined(error)
        assert.deepStrictEqual(frames.map(toHex), accepted.map(toHex))
      },
      runs
    )
  }
})
