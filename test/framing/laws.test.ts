/** Every framing obeys the laws, under several sets of options. */
import { assert, describe, it } from "@effect/vitest"
import * as Framing from "../../src/Framing.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { Random } from "../../src/testing/random.ts"
import { ascii, fromHex } from "./support/cases.ts"

const random = new Random(7)
const texts = ["", "a", "ab", "hello", "x\ry", "né€", "a,b;c", "12:34", "l".repeat(300)].map(ascii)
const binary = [...texts, fromHex("00"), fromHex("0000000100"), fromHex("0a0d0a"), random.bytes(200)]
const json = [
  "{}",
  "[]",
  '{"a":[1,{"b":"}]\\"\\\\"}]}',
  '[{"x":"\u001e é"},[],[[]]]',
  '{ "spread":\n\t"over lines"\r\n}',
  `{"long":"${"l".repeat(300)}"}`
].map(ascii)
const values = ["1", "-2.5e3", "true", "null", '"text"', '"}{"'].map(ascii)
const withEnd = (end: string) =>
  texts.filter((text) => text.length < 300).map((text) => ascii(`${Buffer.from(text)}${end}`))

interface Subject {
  readonly framing: Framing.Framing
  readonly payloads?: ReadonlyArray<Uint8Array>
  readonly except?: ReadonlyArray<FramingLaws.Law>
}

const ends = ["fail", "emit", "drop"] as const

const subjects: Readonly<Record<string, Subject>> = {
  ...Object.fromEntries(
    ends.flatMap(
      (end): Array<[string, Subject]> => [
        [`lines, ${end}`, { framing: Framing.lines({ end }) }],
        [
          `lines, at most 4, skip, ${end}`,
          { framing: Framing.lines({ end, maxLength: 4, oversize: "skip" }) }
        ],
        [
          `delimiter "aab", at most 3, skip, ${end}`,
          {
            framing: Framing.delimiter("aab", { end, maxLength: 3, oversize: "skip" })
          }
        ],
        [
          `anyOf, ${end}`,
          { framing: Framing.anyOf(["\n", "aba", "b\n", "ca"], { end, maxLength: 5, oversize: "skip" }) }
        ],
        [
          `lengthPrefixed, skip, ${end}`,
          { framing: Framing.lengthPrefixed({ width: 1, maxLength: 9, oversize: "skip", end }) }
        ],
        [`varint, skip, ${end}`, { framing: Framing.varint({ maxLength: 200, oversize: "skip", end }) }],
        [`netstring, skip, ${end}`, { framing: Framing.netstring({ maxLength: 20, oversize: "skip", end }) }],
        [`fixedLength, ${end}`, { framing: Framing.fixedLength(5, { end }) }],
        [`json, ${end}`, { framing: Framing.json({ end }), payloads: json }],
        [
          `json, at most 9, skip, ${end}`,
          { framing: Framing.json({ end, maxLength: 9, oversize: "skip" }), payloads: json }
        ],
        [
          `json, elements, skip, ${end}`,
          { framing: Framing.json({ end, elements: true, maxLength: 30, oversize: "skip" }), payloads: json }
        ],
        [`ndjson, ${end}`, { framing: Framing.ndjson({ end }), payloads: [...json, ...values] }],
        [
          `ndjson, skip, keep, ${end}`,
          {
            framing: Framing.ndjson({ end, emptyLines: "keep", maxLength: 5, oversize: "skip" }),
            payloads: [...texts, ...values]
          }
        ],
        [`jsonSequence, ${end}`, { framing: Framing.jsonSequence({ end }), payloads: [...json, ...values] }],
        [
          `jsonSequence, skip, ${end}`,
          {
            framing: Framing.jsonSequence({ end, maxLength: 6, oversize: "skip" }),
            payloads: [...json, ...values, ascii("a,b;c")]
          }
        ]
      ]
    )
  ),
  contentLength: { framing: Framing.contentLength(), payloads: binary },
  "contentLength, at most 20, skip": {
    framing: Framing.contentLength({ maxLength: 20, maxHeaderLength: 30, oversize: "skip", end: "drop" }),
    payloads: binary
  },
  "lines, CRLF": { framing: Framing.lines({ newline: "\r\n" }) },
  "lines, keep": {
    framing: Framing.lines({ keep: true, maxLength: 6, oversize: "skip" }),
    payloads: [...withEnd("\n"), ...withEnd("\r\n")]
  },
  "delimiter NUL": { framing: Framing.delimiter("\0") },
  "delimiter of itself": { framing: Framing.delimiter("aa", { maxLength: 8 }) },
  "delimiter, keep": { framing: Framing.delimiter("--", { keep: true }), payloads: withEnd("--") },
  "delimiter, long": { framing: Framing.delimiter("abcabcabcabd", { maxLength: 10 }) },
  "anyOf with one end": { framing: Framing.anyOf(["\n", "\r\n", "|\n"], { write: 2 }) },
  "anyOf with some that never win": { framing: Framing.anyOf(["xay", "a", "bb"], { maxLength: 3 }) },
  lengthField: { framing: Framing.lengthField(), payloads: binary },
  "lengthField, little, 2": {
    framing: Framing.lengthField({ width: 2, byteOrder: "little" }),
    payloads: binary
  },
  "lengthField, 8": { framing: Framing.lengthField({ width: 8 }), payloads: binary },
  "lengthField, 6, little": {
    framing: Framing.lengthField({ width: 6, byteOrder: "little" }),
    payloads: binary
  },
  "lengthField, trailing part of the header": {
    framing: Framing.lengthField({
      offset: 1,
      width: 2,
      adjustment: 1,
      strip: 4,
      maxLength: 60,
      oversize: "skip"
    }),
    payloads: binary
  },
  "lengthField, whole frames": {
    framing: Framing.lengthField({ offset: 1, width: 1, adjustment: -2, strip: 0 }),
    payloads: ["2a02", "2a0361", "00050a0b0c"].map(fromHex)
  },
  "lengthPrefixed, includesLength": {
    framing: Framing.lengthPrefixed({ includesLength: true }),
    payloads: binary
  },
  varint: { framing: Framing.varint(), payloads: binary },
  netstring: { framing: Framing.netstring(), payloads: binary },
  typeLengthValue: {
    framing: Framing.typeLengthValue({ typeWidth: 2, lengthWidth: 1, maxLength: 20, oversize: "skip" }),
    payloads: ["010000", "02000161", "ffff03000000"].map(fromHex)
  },
  fixedLength: { framing: Framing.fixedLength(1), payloads: binary },
  untilEnd: {
    framing: Framing.untilEnd({ maxLength: 400 }),
    payloads: [ascii("hello")],
    except: ["noOverRead", "roundTrip"]
  },
  none: {
    framing: Framing.none(),
    payloads: binary,
    except: ["recut", "prefix", "roundTrip", "noOverRead", "noise", "refusal"]
  },
  "checksum, lengthPrefixed": {
    framing: Framing.withChecksum(Framing.lengthPrefixed({ maxLength: 300 })),
    payloads: binary
  },
  "checksum, lines": {
    framing: Framing.withChecksum(Framing.lines({ oversize: "skip" }), { format: "hex" })
  },
  "checksum, bytes in text": {
    framing: Framing.withChecksum(Framing.netstring({ end: "emit" })),
    payloads: binary
  },
  "checksum, fixedLength": { framing: Framing.withChecksum(Framing.fixedLength(2)) },
  "checksum of a checksum": {
    framing: Framing.withChecksum(Framing.withChecksum(Framing.varint())),
    payloads: binary
  },
  "one of one's own": { framing: Framing.make({ ...Framing.netstring(), name: "mine" }), payloads: binary }
}

for (const [name, { except = [], framing, payloads = texts }] of Object.entries(subjects)) {
  describe(name, () => {
    it("has no problems", () => {
      assert.deepStrictEqual(framing.problems, [])
    })
    for (const law of FramingLaws.allLaws.filter((law) => !except.includes(law))) {
      it(law, { retry: law === "linear" ? 2 : 0 }, () => {
        const { detail, ok } = FramingLaws.check(law, framing, { payloads, runs: 30, seed: 11 })
        assert.isTrue(ok, detail)
      })
    }
  })
}
