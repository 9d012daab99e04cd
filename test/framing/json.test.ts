import { assert, describe, it } from "@effect/vitest"
import { ByteWriter } from "../../src/ByteWriter.ts"
import * as Framing from "../../src/Framing.ts"
import {
  DelimiterInPayload,
  FrameCorrupted,
  FrameTooLong,
  FrameTruncated,
  PayloadMalformed,
  PayloadTooLong,
  PayloadTooShort
} from "../../src/SluiceError.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { ascii, toHex } from "./support/cases.ts"
import { cuts, observe, observeCut } from "./support/observe.ts"

const encode = (framing: Framing.Framing, payload: string) => {
  const out = new ByteWriter()
  const error = framing.encode(ascii(payload), out)
  if (error !== undefined) assert.strictEqual(out.length, 0)
  return error ?? Buffer.from(out.view()).toString()
}
const frames = (...payloads: ReadonlyArray<string>) => payloads.map((text) => ({ frame: toHex(ascii(text)) }))
const everyCut = (framing: Framing.Framing, input: string, expected: ReadonlyArray<unknown>, eof = true) => {
  for (const chunks of cuts(ascii(input))) assert.deepStrictEqual(observeCut(framing, chunks, eof), expected)
}
const errorOf = (framing: Framing.Framing, input: string) =>
  FramingLaws.decodeAll(framing, [ascii(input)]).error
const leftOut = { error: "FrameTooLong" }

describe("json", () => {
  it("cuts objects and arrays where they close", () => {
    everyCut(
      Framing.json(),
      '{"a":1}{"b":"}{"}\r\n[2,[3]]\t{}',
      frames('{"a":1}', '{"b":"}{"}', "[2,[3]]", "{}")
    )
  })

  it("knows a quote that is escaped from one that is not", () => {
    everyCut(Framing.json(), '{"a":"\\"}"}{"a":"\\\\"}', frames('{"a":"\\"}"}', '{"a":"\\\\"}'))
    everyCut(Framing.json(), '["\\\\\\"]"]', frames('["\\\\\\"]"]'))
  })

  it("hands a value over with its last byte", () => {
    assert.deepStrictEqual(observe(Framing.json(), ascii('{"a":1}'), false), frames('{"a":1}'))
  })

  it("counts braces and brackets, and leaves the rest to the codec", () => {
    everyCut(Framing.json(), "{]{age:22}[}", frames("{]", "{age:22}", "[}"))
  })

  it("is corrupt at the first byte between values that is no whitespace", () => {
    everyCut(Framing.json(), '{"a":1} b {}', [...frames('{"a":1}'), { error: "FrameCorrupted" }])
    for (const wrong of ["1", '"a"', "}", "]", ",", "\0", "\x0b", "\x1e", "\u{feff}{}"]) {
      everyCut(Framing.json(), wrong, [{ error: "FrameCorrupted" }])
    }
    assert.deepStrictEqual(
      errorOf(Framing.json(), " \x01"),
      new FrameCorrupted({ detail: "an object or an array should stand where 0x01 does" })
    )
  })

  it("counts a value from its first byte to its last, and not what is around it", () => {
    const framing = Framing.json({ maxLength: 7 })
    everyCut(framing, `${" ".repeat(20)}{"a":1} {"b":2}\n`, frames('{"a":1}', '{"b":2}'))
    everyCut(framing, '{"a":12}', [leftOut])
    assert.deepStrictEqual(errorOf(framing, '{"aaaaaaaaa'), new FrameTooLong({ limit: 7, seen: 8 }))
  })

  it("skips a value that is too long, to its end", () => {
    const framing = Framing.json({ maxLength: 7, oversize: "skip" })
    everyCut(framing, '{"a":{"b":"}"}}{"c":3}', [...frames('{"c":3}'), leftOut])
    const decoder = framing.makeDecoder()
    decoder.push(ascii(`{"a":"${"x".repeat(100)}`), [])
    assert.deepStrictEqual([decoder.skipped, decoder.discarding, decoder.buffered], [1, true, 0])
    assert.deepStrictEqual(decoder.end([]), new FrameTruncated({ pending: 106 }))
  })

  it("ends as it is told", () => {
    assert.deepStrictEqual(errorOf(Framing.json(), '{"a"'), new FrameTruncated({ pending: 4 }))
    everyCut(Framing.json(), '{"a":1} \n', frames('{"a":1}'))
    everyCut(Framing.json({ end: "emit" }), '{}{"a"', frames("{}", '{"a"'))
    everyCut(Framing.json({ end: "drop" }), '{}{"a"', frames("{}"))
  })

  it("takes single objects and arrays to write, and nothing else", () => {
    assert.strictEqual(encode(Framing.json(), '{"a":[1,"}"]}'), '{"a":[1,"}"]}')
    for (const wrong of [
      "",
      "1",
      '"a"',
      "null",
      " {}",
      "{} ",
      "{}{}",
      "{",
      '{"a":"}',
      "{}1",
      "[1]]",
      "\u{feff}{}"
    ]) {
      assert.instanceOf(encode(Framing.json(), wrong), PayloadMalformed, wrong)
    }
    assert.deepStrictEqual(
      encode(Framing.json({ maxLength: 2 }), "[1]"),
      new PayloadTooLong({ limit: 2, seen: 3 })
    )
  })
})

describe("json, elements", () => {
  const framing = Framing.json({ elements: true })

  it("makes each element a frame, as soon as it ends", () => {
    const input = '[ {"a":[1,2]},"x,]" , 12.5,true,null ,[],{}]{"b":2} []\n[[1]]'
    everyCut(
      framing,
      input,
      frames('{"a":[1,2]}', '"x,]"', "12.5", "true", "null", "[]", "{}", '{"b":2}', "[1]")
    )
    assert.deepStrictEqual(observe(framing, ascii('[{"a":1}'), false), frames('{"a":1}'))
    assert.deepStrictEqual(observe(framing, ascii("[12"), false), [])
    assert.deepStrictEqual(observe(framing, ascii("[12 "), false), frames("12"))
  })

  it("counts each element alone, and the array not at all", () => {
    const short = Framing.json({ elements: true, maxLength: 3, oversize: "skip" })
    everyCut(short, `[${"123,".repeat(9)} 1234${" ".repeat(9)},"ab", [5]]`, [
      ...frames(...Array.from({ length: 9 }, () => "123"), "[5]"),
      leftOut,
      leftOut
    ])
  })

  it("wants a comma between elements, and an element behind a comma", () => {
    for (const [input, ...before] of [
      ["[1 2]", "1"],
      ['[{}"a"]', "{}"],
      ["[1,,2]", "1"],
      ["[1,]", "1"],
      ["[,1]"],
      ["[1}", "1"],
      ["[}"],
      ["[1],", "1"]
    ] as const) {
      everyCut(framing, input, [...frames(...before), { error: "FrameCorrupted" }])
    }
  })

  it("may not end within an array", () => {
    everyCut(framing, "[1,2", [...frames("1"), { error: "FrameTruncated" }])
    everyCut(framing, "[1,", [...frames("1"), { error: "FrameTruncated" }])
    everyCut(framing, "[", [{ error: "FrameTruncated" }])
    everyCut(Framing.json({ elements: true, end: "emit" }), "[1,2", frames("1", "2"))
    everyCut(Framing.json({ elements: true, end: "drop" }), "[1,2", frames("1"))
  })

  it("takes only objects to write, for an array would be cut", () => {
    assert.strictEqual(encode(framing, "{}"), "{}")
    assert.deepStrictEqual(encode(framing, "[{}]"), new PayloadMalformed({ detail: "it is no object" }))
  })
})

describe("ndjson", () => {
  it("takes LF, CRLF and CR for the end of a line", () => {
    everyCut(Framing.ndjson(), "1\n2\r\n3\r4\n", frames("1", "2", "3", "4"))
    assert.deepStrictEqual(observe(Framing.ndjson(), ascii("1\r"), false), frames("1"))
  })

  it("passes over empty lines, or keeps them", () => {
    everyCut(Framing.ndjson(), "\n1\n\n\r\n\r\r2\n", frames("1", "2"))
    const keep = Framing.ndjson({ emptyLines: "keep" })
    everyCut(keep, "\n1\r\n\n\r\r\n2\n", frames("", "1", "", "", "", "2"))
  })

  it("passes over a byte order mark at the front of the input, and only there", () => {
    everyCut(Framing.ndjson({ maxLength: 1 }), "\u{feff}1\n2\n", frames("1", "2"))
    everyCut(Framing.ndjson(), "1\n\u{feff}2\n", frames("1", "\u{feff}2"))
    everyCut(Framing.ndjson(), "\u{feff}", [])
    everyCut(Framing.ndjson({ end: "emit" }), "\u{feff}\u{feff}", frames("\u{feff}"))
    for (const chunks of cuts(Uint8Array.of(0xef, 0xbb, 0x31, 0x0a))) {
      assert.deepStrictEqual(observeCut(Framing.ndjson(), chunks, true), [{ frame: "efbb31" }])
    }
    assert.deepStrictEqual(observe(Framing.ndjson(), Uint8Array.of(0xef, 0xbb), true), [
      { error: "FrameTruncated" }
    ])
  })

  it("has limits and ends like lines", () => {
    everyCut(Framing.ndjson({ maxLength: 2 }), "12\r\n345", [...frames("12"), leftOut])
    everyCut(Framing.ndjson({ maxLength: 2, oversize: "skip" }), "123\r\n4\n", [...frames("4"), leftOut])
    everyCut(Framing.ndjson(), "1\n2", [...frames("1"), { error: "FrameTruncated" }])
    everyCut(Framing.ndjson({ end: "emit" }), "1\n2", frames("1", "2"))
  })

  it("writes one line for each payload, and refuses what is none", () => {
    const framing = Framing.ndjson()
    assert.strictEqual(encode(framing, '{"a":1}'), '{"a":1}\n')
    assert.deepStrictEqual(encode(framing, '{\n"a":1}'), new DelimiterInPayload({ offset: 1 }))
    assert.deepStrictEqual(encode(framing, "1\r"), new DelimiterInPayload({ offset: 1 }))
    assert.deepStrictEqual(encode(framing, "\u{feff}1"), new DelimiterInPayload({ offset: 0 }))
    assert.deepStrictEqual(encode(framing, ""), new PayloadTooShort({ minimum: 1, seen: 0 }))
    assert.strictEqual(encode(Framing.ndjson({ emptyLines: "keep" }), ""), "\n")
  })
})

describe("jsonSequence", () => {
  const framing = Framing.jsonSequence()

  it("cuts texts between a separator and the first whitespace behind their value", () => {
    everyCut(framing, '\x1e{"a":1}\n\x1e"b c"\n\x1e3\n\x1enull\n', frames('{"a":1}', '"b c"', "3", "null"))
    everyCut(framing, '\x1e\n{\n  "a": [1,\n2]\n}\n', frames('{\n  "a": [1,\n2]\n}'))
    assert.deepStrictEqual(observe(framing, ascii("\x1e{}\n"), false), frames("{}"))
    assert.deepStrictEqual(observe(framing, ascii("\x1e{}"), false), [])
  })

  it("takes separators in a row for one, and a closed text without its line feed", () => {
    everyCut(framing, '\x1e\x1e\x1e{}\x1e\x1e[1]\x1e"a"', frames("{}", "[1]", '"a"'))
  })

  it("leaves out a number or word that may have been cut off", () => {
    everyCut(framing, "\x1e123\x1e{}\n\x1etrue\x1e1\n", [...frames("{}", "1"), leftOut, leftOut])
    everyCut(framing, "\x1e1\n\x1e12", [...frames("1"), { error: "FrameTruncated" }])
    everyCut(Framing.jsonSequence({ end: "emit" }), "\x1e12", [])
    everyCut(Framing.jsonSequence({ end: "emit" }), '\x1e{"a', frames('{"a'))
    everyCut(Framing.jsonSequence({ end: "drop" }), '\x1e{}\x1e{"a', frames("{}"))
  })

  it("hands over what shows to be cut off, for the codec to refuse, and goes on", () => {
    everyCut(framing, '\x1e{"a":"\x1e{}\n', frames('{"a":"', "{}"))
    everyCut(framing, "\x1etruefalse\n\x1e{}x\n\x1e1,2\n", frames("truefalse", "{}x", "1,2"))
  })

  it("leaves out what stands where a separator should, once", () => {
    everyCut(framing, "GET / HTTP/1.1\r\n\r\n\x1e1\n", [...frames("1"), leftOut])
    everyCut(framing, "\x1e1\n2 3\n4\x1e5\n", [...frames("1", "5"), leftOut])
    everyCut(framing, " \n\x1e1\n \x1e2\n\n", frames("1", "2"))
    const decoder = framing.makeDecoder()
    decoder.push(ascii("\x1e1\n23"), [])
    assert.deepStrictEqual([decoder.skipped, decoder.discarding, decoder.buffered], [1, true, 0])
    decoder.push(ascii("\x1e"), [])
    assert.deepStrictEqual([decoder.skipped, decoder.discarding, decoder.buffered], [1, false, 1])
  })

  it("counts the text alone, and skips one that is too long to the next separator", () => {
    everyCut(Framing.jsonSequence({ maxLength: 3 }), "\x1e  123  \n\x1e1234", [...frames("123"), leftOut])
    const skip = Framing.jsonSequence({ maxLength: 3, oversize: "skip" })
    everyCut(skip, '\x1e"abc" 1\n\x1e{}\n\x1e[1,2]', [...frames("{}"), leftOut, leftOut])
    everyCut(skip, '\x1e"abc', [leftOut, { error: "FrameTruncated" }])
    assert.deepStrictEqual(
      errorOf(Framing.jsonSequence({ maxLength: 3 }), "\x1e123456\n"),
      new FrameTooLong({ limit: 3, seen: 4 })
    )
  })

  it("ends in good order behind a text, and not behind a separator", () => {
    everyCut(framing, "\x1e1\n", frames("1"))
    assert.deepStrictEqual(errorOf(framing, "\x1e1\n\x1e"), new FrameTruncated({ pending: 1 }))
    assert.deepStrictEqual(errorOf(framing, '\x1e "ab'), new FrameTruncated({ pending: 4 }))
  })

  it("gives back a separator that has no text yet, for a switch to another framing", () => {
    const decoder = framing.makeDecoder()
    decoder.push(ascii("\x1e1\n\x1e"), [])
    assert.strictEqual(toHex(decoder.remaining()), "1e")
    const other = framing.makeDecoder()
    other.push(ascii("\x1e {"), [])
    other.push(ascii("}"), [])
    assert.strictEqual(toHex(other.remaining()), toHex(ascii("\x1e{}")))
  })

  it("takes one text to write, on one line or on many", () => {
    assert.strictEqual(encode(framing, '{"a": 1,\n"b": 2}'), '\x1e{"a": 1,\n"b": 2}\n')
    assert.strictEqual(encode(framing, "1"), "\x1e1\n")
    assert.deepStrictEqual(encode(framing, '"\x1e"'), new DelimiterInPayload({ offset: 1 }))
    assert.deepStrictEqual(encode(framing, ""), new PayloadTooShort({ minimum: 1, seen: 0 }))
    for (const wrong of [" 1", "1 ", "1 2", "{", '"a', "{} {}", "\n"]) {
      assert.instanceOf(encode(framing, wrong), PayloadMalformed, wrong)
    }
    assert.deepStrictEqual(
      encode(Framing.jsonSequence({ maxLength: 2 }), "123"),
      new PayloadTooLong({ limit: 2, seen: 3 })
    )
  })
})
