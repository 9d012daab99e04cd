import { assert, describe, it } from "@effect/vitest"
import { ByteWriter } from "../../src/ByteWriter.ts"
import * as Framing from "../../src/Framing.ts"
import { InvalidConfig } from "../../src/SluiceError.ts"
import { ascii } from "./support/cases.ts"

/** What untyped callers and configuration files may say. */
const anything = <A>(value: unknown): A =>
  // Wrong on purpose: these tests are about values that the types do not allow.
  value as A

const paths = (framing: Framing.Framing): ReadonlyArray<string> => framing.problems.map(({ path }) => path)

const bad: ReadonlyArray<readonly [string, Framing.Framing, ReadonlyArray<string>]> = [
  ["lines", Framing.lines({ maxLength: 0 }), ["maxLength"]],
  ["lines", Framing.lines({ maxLength: 1.5 }), ["maxLength"]],
  ["lines", Framing.lines({ maxLength: Number.NaN }), ["maxLength"]],
  ["lines", Framing.lines({ maxLength: Infinity }), ["maxLength"]],
  [
    "lines",
    Framing.lines(anything({ newline: "\n\r", oversize: "drop", end: "skip", maxLength: -1 })),
    ["newline", "maxLength", "oversize", "end"]
  ],
  ["delimiter", Framing.delimiter(""), ["delimiter"]],
  ["delimiter", Framing.delimiter(new Uint8Array(0), { maxLength: 0 }), ["delimiter", "maxLength"]],
  ["anyOf", Framing.anyOf([]), ["delimiters"]],
  ["anyOf", Framing.anyOf(["a", "", "b", ""]), ["delimiters[1]", "delimiters[3]"]],
  ["anyOf", Framing.anyOf(["a"], { write: 1 }), ["write"]],
  ["anyOf", Framing.anyOf(["a"], { write: -1 }), ["write"]],
  ["anyOf", Framing.anyOf(["a"], { write: "" }), ["write"]],
  ["anyOf", Framing.anyOf(["a", "bac"], { write: 1 }), ["write"]],
  [
    "lengthField",
    Framing.lengthField(anything({ offset: -1, width: 5, adjustment: 0.5, strip: -1, byteOrder: "middle" })),
    ["offset", "width", "adjustment", "strip", "byteOrder"]
  ],
  ["lengthField", Framing.lengthField({ strip: 8, maxLength: 3 }), ["strip"]],
  ["lengthPrefixed", Framing.lengthPrefixed(anything({ width: 7, maxLength: 0 })), ["width", "maxLength"]],
  [
    "typeLengthValue",
    Framing.typeLengthValue(anything({ typeWidth: 0, lengthWidth: 9, byteOrder: "", maxLength: 0 })),
    ["typeWidth", "lengthWidth", "byteOrder", "maxLength"]
  ],
  ["typeLengthValue", Framing.typeLengthValue(anything({ typeWidth: -1 })), ["typeWidth"]],
  ["varint", Framing.varint({ maxLength: 0 }), ["maxLength"]],
  ["netstring", Framing.netstring(anything({ end: "" })), ["end"]],
  ["fixedLength", Framing.fixedLength(0), ["length"]],
  ["fixedLength", Framing.fixedLength(2.5, anything({ end: "later" })), ["length", "end"]],
  ["untilEnd", Framing.untilEnd({ maxLength: 0 }), ["maxLength"]],
  ["none", Framing.none({ maxLength: 0 }), ["maxLength"]],
  ["json", Framing.json(anything({ maxLength: 0, oversize: "", end: "" })), ["maxLength", "oversize", "end"]],
  [
    "ndjson",
    Framing.ndjson(anything({ maxLength: 0, oversize: "", end: "", emptyLines: "drop" })),
    ["maxLength", "oversize", "end", "emptyLines"]
  ],
  [
    "jsonSequence",
    Framing.jsonSequence(anything({ maxLength: 0, oversize: "", end: "" })),
    ["maxLength", "oversize", "end"]
  ],
  ["withChecksum(json)", Framing.withChecksum(Framing.json()), ["framing"]],
  [
    "withChecksum(lines)",
    Framing.withChecksum(Framing.lines({ maxLength: 0 }), anything({ format: "base64" })),
    ["maxLength", "format"]
  ]
]

describe("bad options", () => {
  it("are all listed, each with its path", () => {
    for (const [name, framing, expected] of bad) {
      assert.strictEqual(framing.name, name)
      assert.deepStrictEqual(paths(framing), expected, name)
      for (const { message } of framing.problems) assert.isAbove(message.length, 5)
    }
  })

  it("make decoder and encoder answer InvalidConfig with the same list, and write nothing", () => {
    for (const [name, framing] of bad) {
      const expected = new InvalidConfig({ problems: framing.problems })
      const decoder = framing.makeDecoder()
      const frames: Array<Uint8Array> = []
      const out = new ByteWriter()
      assert.deepStrictEqual(decoder.push(ascii("a\n"), frames), expected, name)
      assert.deepStrictEqual(decoder.end(frames), expected, name)
      assert.deepStrictEqual(framing.encode(ascii("a"), out), expected, name)
      assert.deepStrictEqual([frames.length, out.length, decoder.buffered, decoder.skipped], [0, 0, 0, 0])
      assert.strictEqual(decoder.remaining().length, 0)
    }
  })

  it("can be mended by another maximum, where that was all", () => {
    assert.deepStrictEqual(paths(Framing.lines({ maxLength: 0 }).withMaxLength(1)), [])
    assert.deepStrictEqual(paths(Framing.fixedLength(0).withMaxLength(4)), [])
    assert.deepStrictEqual(paths(Framing.delimiter("").withMaxLength(4)), ["delimiter"])
  })
})

describe("good options", () => {
  const good: ReadonlyArray<Framing.Framing> = [
    Framing.lines(),
    Framing.delimiter(","),
    Framing.anyOf([","]),
    Framing.lengthField(),
    Framing.lengthPrefixed(),
    Framing.varint(),
    Framing.netstring(),
    Framing.untilEnd(),
    Framing.none(),
    Framing.json(),
    Framing.ndjson(),
    Framing.jsonSequence(),
    Framing.withChecksum(Framing.lines()),
    Framing.withChecksum(Framing.ndjson(), { format: "hex" }),
    Framing.make({ ...Framing.lines(), encode: () => undefined })
  ]

  it("default to 1 MiB and have no problems", () => {
    for (const framing of good) {
      assert.deepStrictEqual([framing.maxLength, framing.problems], [1_048_576, []], framing.name)
    }
  })

  it("withMaxLength changes the maximum and nothing else", () => {
    for (const framing of good) {
      const other = framing.withMaxLength(7)
      assert.deepStrictEqual([other.name, other.maxLength, other.problems], [framing.name, 7, []])
      assert.deepStrictEqual(paths(framing.withMaxLength(0)), ["maxLength"])
    }
  })
})
