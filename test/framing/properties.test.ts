/** Random payloads, options and cuts, against the plain reference. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as Framing from "../../src/Framing.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { Random } from "../../src/testing/random.ts"
import { toHex } from "./support/cases.ts"
import { observe, observeCut, withoutPlaces } from "./support/observe.ts"
import { referenceDelimited, referenceLengthField } from "./support/reference.ts"

const runs = { arbitrary: { runs: 400, size: 40 } }

const integer = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))
const oneOf = <const A extends ReadonlyArray<string | number | boolean>>(values: A) =>
  Arbitrary.schema(Schema.Literals(values))
const bytesOf = (item: Arbitrary.Arbitrary<number>, options?: Arbitrary.ArrayOptions) =>
  Arbitrary.map(Arbitrary.array(item, options), (values) => Uint8Array.from(values))

const anyBytes = bytesOf(integer(0, 255))
/** So few values that delimiters, their fronts and their overlaps are everywhere. */
const fewBytes = bytesOf(oneOf([0x61, 0x62, 0x0d, 0x0a]))
const delimiters = Arbitrary.array(bytesOf(oneOf([0x61, 0x62, 0x0a]), { minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 4
})
const seed = integer(0, 1_000_000)
const end = oneOf(["fail", "emit", "drop"])
const oversize = oneOf(["fail", "skip"])
const eof = oneOf([true, false])

/** Byte by byte in order, and in random chunks. */
const agrees = (
  framing: Framing.Framing,
  input: Uint8Array,
  eof: boolean,
  seed: number,
  expected: ReadonlyArray<unknown>
) => {
  assert.deepStrictEqual(framing.problems, [])
  const outcomes = observe(framing, input, eof)
  assert.deepStrictEqual(outcomes, expected)
  const random = new Random(seed)
  for (const chunks of [[input], random.cut(input), random.cut(input)]) {
    assert.deepStrictEqual(observeCut(framing, chunks, eof), withoutPlaces(outcomes, framing, input, eof))
  }
}

describe("against the plain reference", () => {
  it.prop(
    "lines",
    { input: fewBytes, maxLength: integer(1, 6), end, oversize, keep: eof, eof, seed },
    ({ end, eof, input, keep, maxLength, oversize, seed }) => {
      const rules = {
        ...{ end, keep, maxLength, lines: true, skip: oversize === "skip" },
        delimiters: [Uint8Array.of(10), Uint8Array.of(13, 10)]
      }
      const framing = Framing.lines({ end, keep, maxLength, oversize })
      agrees(framing, input, eof, seed, referenceDelimited(input, eof, rules))
    },
    runs
  )

  it.prop(
    "anyOf",
    { input: fewBytes, delimiters, maxLength: integer(1, 6), end, oversize, keep: eof, eof, seed },
    ({ delimiters, end, eof, input, keep, maxLength, oversize, seed }) => {
      const shortest = delimiters.toSorted((a, b) => a.length - b.length)[0]!
      // Those that hold a shorter one never end a frame, nor does their front keep one waiting.
      const reachable = delimiters.filter(
        (delimiter) => !delimiters.some((other) => toHex(delimiter.subarray(0, -1)).match(inBytes(other)))
      )
      const rules = { delimiters: reachable, end, keep, maxLength, lines: false, skip: oversize === "skip" }
      const framing = Framing.anyOf(delimiters, { end, keep, maxLength, oversize, write: shortest })
      agrees(framing, input, eof, seed, referenceDelimited(input, eof, rules))
    },
    runs
  )

  it.prop(
    "lengthField",
    {
      input: bytesOf(oneOf([0, 0, 1, 2, 3, 5, 0x80, 0xff])),
      offset: integer(0, 3),
      width: oneOf([1, 2, 3, 4, 6, 8]),
      adjustment: integer(-4, 4),
      strip: integer(0, 8),
      byteOrder: oneOf(["big", "little"]),
      maxLength: integer(8, 300),
      ...{ end, oversize, eof, seed }
    },
    ({ eof, input, oversize, seed, ...options }) => {
      const rules = { ...options, skip: oversize === "skip" }
      agrees(
        Framing.lengthField({ ...options, oversize }),
        input,
        eof,
        seed,
        referenceLengthField(input, eof, rules)
      )
    },
    runs
  )
})

/** A delimiter in hex at a byte's border. */
const inBytes = (bytes: Uint8Array): RegExp => new RegExp(`^(?:..)*?${toHex(bytes)}`)

describe("encode, then decode", () => {
  const framings: Readonly<Record<string, Framing.Framing>> = {
    lines: Framing.lines(),
    crlf: Framing.lines({ newline: "\r\n" }),
    delimiter: Framing.delimiter("aba"),
    anyOf: Framing.anyOf(["b\n", "a", "\r\r"], { write: 2 }),
    lengthField: Framing.lengthField({ offset: 2, width: 3, adjustment: -5, byteOrder: "little" }),
    lengthPrefixed: Framing.lengthPrefixed(),
    varint: Framing.varint(),
    netstring: Framing.netstring(),
    checksum: Framing.withChecksum(Framing.lines(), { format: "hex" })
  }
  const payloads = Arbitrary.array(fewBytes, { maxLength: 8 })
  const anyPayloads = Arbitrary.array(anyBytes, { maxLength: 8 })

  for (const [name, framing] of Object.entries(framings)) {
    it.prop(
      `${name}: the payloads come back, from any cut`,
      { few: payloads, any: anyPayloads, seed },
      ({ any, few, seed }) => {
        for (const list of [few, any]) {
          const { accepted, wire } = FramingLaws.encodeAll(framing, list)
          const { error, frames } = FramingLaws.decodeAll(framing, new Random(seed).cut(wire))
          assert.isUndefined(error)
          assert.deepStrictEqual(frames.map(toHex), accepted.map(toHex))
        }
      },
      runs
    )

    it.prop(
      `${name}: two outputs joined decode to both lists`,
      { first: anyPayloads, second: anyPayloads },
      ({ first, second }) => {
        const one = FramingLaws.encodeAll(framing, first)
        const two = FramingLaws.encodeAll(framing, second)
        const { frames } = FramingLaws.decodeAll(framing, [one.wire, two.wire])
        assert.deepStrictEqual(frames.map(toHex), [...one.accepted, ...two.accepted].map(toHex))
      },
      runs
    )
  }
})

describe("what delimited encoders refuse", () => {
  it.prop(
    "is exactly what would not come back",
    { payload: fewBytes, delimiters, keep: eof },
    ({ delimiters, keep, payload }) => {
      const shortest = delimiters.toSorted((a, b) => a.length - b.length)[0]!
      const framing = Framing.anyOf(delimiters, { write: shortest, keep })
      const rules = { delimiters, end: "fail", keep, maxLength: 1000, lines: false, skip: false } as const
      const wire = Uint8Array.from([...payload, ...shortest])
      const comesBack = (bytes: Uint8Array, frame: Uint8Array): boolean =>
        JSON.stringify(referenceDelimited(bytes, true, rules)) === JSON.stringify([{ frame: toHex(frame) }])
      const whole = keep && comesBack(payload, payload)
      const expected = whole || comesBack(wire, keep ? wire : payload)
      const { accepted, wire: written } = FramingLaws.encodeAll(framing, [payload])
      assert.strictEqual(accepted.length === 1, expected)
      if (expected) assert.strictEqual(toHex(written), toHex(whole ? payload : wire))
    },
    runs
  )
})
