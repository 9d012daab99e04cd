import { assert, describe, it } from "@effect/vitest"
import { ByteWriter } from "../../src/ByteWriter.ts"
import * as Framing from "../../src/Framing.ts"
import { DelimiterInPayload, FrameTooLong, FrameTruncated, PayloadTooLong } from "../../src/SluiceError.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { ascii, toHex } from "./support/cases.ts"
import { cuts, observe, observeCut } from "./support/observe.ts"

const encode = (framing: Framing.Framing, payload: string) => {
  const out = new ByteWriter()
  const error = framing.encode(ascii(payload), out)
  if (error !== undefined) assert.strictEqual(out.length, 0)
  return error ?? Buffer.from(out.view()).toString()
}
const inside = (offset: number) => new DelimiterInPayload({ offset })
const frames = (...payloads: ReadonlyArray<string>) => payloads.map((text) => ({ frame: toHex(ascii(text)) }))
const everyCut = (framing: Framing.Framing, input: string, expected: ReadonlyArray<unknown>) => {
  for (const chunks of cuts(ascii(input))) assert.deepStrictEqual(observeCut(framing, chunks, true), expected)
}

describe("lines", () => {
  it("takes LF and CRLF, and leaves other carriage returns alone", () => {
    everyCut(Framing.lines(), "a\r\nb\nc\rd\n\r\r\n\n", frames("a", "b", "c\rd", "\r", ""))
  })

  it("keeps the terminator, and writes it once", () => {
    const framing = Framing.lines({ keep: true, maxLength: 3 })
    everyCut(framing, "abc\r\nd\n", frames("abc\r\n", "d\n"))
    assert.strictEqual(encode(framing, "abc\r\n"), "abc\r\n")
    assert.strictEqual(encode(framing, "abc\n"), "abc\n")
    assert.strictEqual(encode(framing, "abc"), "abc\n")
    assert.deepStrictEqual(encode(framing, "abcd\n"), new PayloadTooLong({ limit: 3, seen: 4 }))
    assert.deepStrictEqual(encode(framing, "a\nb\n"), inside(1))
  })

  it("refuses what the peer would read differently", () => {
    assert.deepStrictEqual(encode(Framing.lines(), "ab\ncd"), inside(2))
    assert.deepStrictEqual(encode(Framing.lines(), "ab\r\ncd"), inside(2))
    assert.deepStrictEqual(encode(Framing.lines(), "ab\r"), inside(2))
    assert.strictEqual(encode(Framing.lines({ newline: "\r\n" }), "ab\r"), "ab\r\r\n")
    everyCut(Framing.lines(), "ab\r\r\n", frames("ab\r"))
    assert.strictEqual(encode(Framing.lines(), "a\rb"), "a\rb\n")
    assert.deepStrictEqual(
      encode(Framing.lines({ maxLength: 2 }), "abc"),
      new PayloadTooLong({ limit: 2, seen: 3 })
    )
  })

  it("ends as it is told", () => {
    assert.deepStrictEqual(
      FramingLaws.decodeAll(Framing.lines(), [ascii("a\nbc\r")]).error,
      new FrameTruncated({ pending: 3 })
    )
    const emit = (maxLength: number) => Framing.lines({ end: "emit", maxLength })
    everyCut(emit(9), "a\nb", frames("a", "b"))
    everyCut(emit(9), "a\nb\r", frames("a", "b"))
    everyCut(emit(9), "a\n\r", frames("a"))
    everyCut(emit(9), "a\nb\r\r", frames("a", "b\r"))
    everyCut(emit(2), "ab\r", frames("ab"))
    everyCut(Framing.lines({ end: "drop" }), "a\nb", frames("a"))
  })

  it("reports a line that is too long with the first byte over, as one more than the limit", () => {
    const decoder = Framing.lines({ maxLength: 3 }).makeDecoder()
    const found: Array<Uint8Array> = []
    assert.isUndefined(decoder.push(ascii("a\nabc"), found))
    assert.isUndefined(decoder.push(ascii("\r"), found))
    assert.deepStrictEqual(decoder.push(ascii("x"), found), new FrameTooLong({ limit: 3, seen: 4 }))
    assert.strictEqual(found.length, 1)
    assert.deepStrictEqual(
      FramingLaws.decodeAll(Framing.lines({ maxLength: 3 }), [ascii("abcdefghi\n")]).error,
      new FrameTooLong({ limit: 3, seen: 4 })
    )
  })

  it("skips to the next line and counts", () => {
    const framing = Framing.lines({ maxLength: 2, oversize: "skip" })
    assert.deepStrictEqual(observe(framing, ascii("abc\nd\nefghijk\r\nlm\n"), true), [
      { error: "FrameTooLong" },
      ...frames("d"),
      { error: "FrameTooLong" },
      ...frames("lm")
    ])
    const cutOff = FramingLaws.decodeAll(framing, [ascii("ab\ncde"), ascii("fgh")])
    assert.deepStrictEqual(cutOff.error, new FrameTruncated({ pending: 6 }))
    assert.strictEqual(cutOff.skipped, 1)
  })
})

describe("delimiter", () => {
  it("may be of any length and overlap itself", () => {
    everyCut(Framing.delimiter("aab"), "xaaabaab", frames("xa", ""))
    everyCut(Framing.delimiter("aa", { end: "emit" }), "aaa", frames("", "a"))
    everyCut(Framing.delimiter("abab"), "aababxabab", frames("a", "x"))
  })

  it("is refused across the end of the payload", () => {
    assert.deepStrictEqual(encode(Framing.delimiter("aa"), "a"), inside(0))
    assert.deepStrictEqual(encode(Framing.delimiter("aa"), "ba"), inside(1))
    assert.deepStrictEqual(encode(Framing.delimiter("abab"), "xab"), inside(1))
    assert.strictEqual(encode(Framing.delimiter("aab"), "a"), "aaab")
    everyCut(Framing.delimiter("aab"), "aaab", frames("a"))
    assert.strictEqual(encode(Framing.delimiter("aa", { keep: true }), "aa"), "aa")
  })

  it("emits the front of a delimiter as data at the end, and then it counts", () => {
    everyCut(Framing.delimiter("--", { end: "emit" }), "a-", frames("a-"))
    everyCut(Framing.delimiter("--", { end: "emit", maxLength: 1 }), "a-", [{ error: "FrameTooLong" }])
  })
})

describe("anyOf", () => {
  it("the end that comes first wins, then the longest", () => {
    everyCut(Framing.anyOf(["b", "ab", "xyz"]), "1ab2b3xyz", frames("1", "2", "3"))
    everyCut(Framing.anyOf(["bcd", "bc"], { end: "drop" }), "abcd", frames("a"))
    everyCut(Framing.anyOf(["\n", "\n\n"], { end: "drop" }), "a\n\nb\n", frames("a", "", "b"))
  })

  it("never begins before its frame", () => {
    everyCut(Framing.anyOf(["b", "bb", "abb"]), "abbb", frames("a", "", ""))
  })

  it("writes the delimiter it is told, by index or itself", () => {
    assert.strictEqual(encode(Framing.anyOf([",", ";"]), "a"), "a,")
    assert.strictEqual(encode(Framing.anyOf([",", ";"], { write: 1 }), "a"), "a;")
    assert.strictEqual(encode(Framing.anyOf([",", ";"], { write: ";" }), "a"), "a;")
    assert.strictEqual(encode(Framing.anyOf([","], { write: "|" }), "a"), "a|")
    assert.deepStrictEqual(encode(Framing.anyOf([","], { write: "|" }), "a|b"), inside(1))
    assert.deepStrictEqual(encode(Framing.anyOf([",", ";"]), "a;b"), inside(1))
  })

  it("refuses a payload that would make the written delimiter a longer one", () => {
    assert.deepStrictEqual(encode(Framing.anyOf(["b", "ab"]), "xa"), inside(1))
    assert.strictEqual(encode(Framing.anyOf(["b", "ab"], { write: 1 }), "xa"), "xaab")
  })

  it("changing the bytes of a delimiter afterwards changes nothing", () => {
    const bytes = ascii(",")
    const framing = Framing.anyOf([bytes])
    bytes[0] = 0x3b
    everyCut(framing, "a,", frames("a"))
  })
})
