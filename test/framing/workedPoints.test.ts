/** Points where other projects went wrong or disagree, each with our answer. */
import { assert, describe, it } from "@effect/vitest"
import { ByteWriter } from "../../src/ByteWriter.ts"
import * as Framing from "../../src/Framing.ts"
import { decodeUtf8 } from "../../src/internal/bytes.ts"
import { ascii, fromHex, toHex } from "./support/cases.ts"
import { cuts, observe, observeCut } from "./support/observe.ts"

const frames = (...payloads: ReadonlyArray<string>) => payloads.map((text) => ({ frame: toHex(ascii(text)) }))

describe("worked points", () => {
  it("S-20: a line of exactly the maximum is a frame however its CRLF is cut", () => {
    const framing = Framing.lines({ maxLength: 5 })
    for (const chunks of cuts(ascii("12345\r\n"))) {
      assert.deepStrictEqual(observeCut(framing, chunks, true), frames("12345"))
    }
  })

  it("the front of a delimiter at the limit neither counts nor swallows the next frame", () => {
    const framing = Framing.delimiter("FOO", { maxLength: 5 })
    for (const chunks of cuts(ascii("12345FOOokFOO"))) {
      assert.deepStrictEqual(observeCut(framing, chunks, true), frames("12345", "ok"))
    }
  })

  it("the front of a delimiter that turns out to be payload does count", () => {
    const framing = Framing.delimiter("FOO", { maxLength: 5 })
    for (const chunks of cuts(ascii("12345FOxFOO"))) {
      assert.deepStrictEqual(observeCut(framing, chunks, true), [{ error: "FrameTooLong" }])
    }
  })

  it("the carriage return of a CRLF does not count", () => {
    assert.deepStrictEqual(
      observe(Framing.lines({ maxLength: 6 }), ascii("line 3\r\n"), true),
      frames("line 3")
    )
    assert.deepStrictEqual(observe(Framing.lines({ maxLength: 6 }), ascii("line 33\n"), true), [
      { error: "FrameTooLong" }
    ])
  })

  it("the header does not count", () => {
    const framing = Framing.lengthField({ maxLength: 5 })
    assert.deepStrictEqual(observe(framing, fromHex("0000000568656c6c6f"), true), frames("hello"))
    assert.deepStrictEqual(observe(framing, fromHex("00000006"), false), [{ error: "FrameTooLong" }])
  })

  it("a length that ends before its own header is corrupt and does not rewind", () => {
    const framing = Framing.lengthField({ width: 2, adjustment: -4, strip: 0 })
    for (const chunks of cuts(fromHex("0004000300050000"))) {
      assert.deepStrictEqual(observeCut(framing, chunks, true), [
        { frame: "0004" },
        { error: "FrameCorrupted" }
      ])
    }
  })

  it("a negative length of 8 bytes is corrupt, one beyond 2^53 too long, both before any arithmetic", () => {
    for (const oversize of ["fail", "skip"] as const) {
      for (const adjustment of [0, 8, -8]) {
        const framing = Framing.lengthField({ width: 8, adjustment, oversize })
        const answer = (hex: string) => observe(framing, fromHex(hex), false)
        assert.deepStrictEqual(answer("ffffffffffffffff"), [{ error: "FrameCorrupted" }])
        assert.deepStrictEqual(answer("8000000000000000"), [{ error: "FrameCorrupted" }])
        assert.deepStrictEqual(answer("7fffffffffffffff"), [{ error: "FrameTooLong" }])
        assert.deepStrictEqual(answer("0020000000000000"), [{ error: "FrameTooLong" }])
      }
    }
  })

  it("a varint is corrupt at its fifth byte, without waiting for more", () => {
    assert.deepStrictEqual(observe(Framing.varint(), fromHex("ffffffff"), false), [])
    assert.deepStrictEqual(observe(Framing.varint(), fromHex("ffffffffff"), false), [
      { error: "FrameCorrupted" }
    ])
    assert.deepStrictEqual(observe(Framing.varint(), fromHex("8080808008"), false), [
      { error: "FrameCorrupted" }
    ])
    assert.deepStrictEqual(observe(Framing.varint(), fromHex("ffffffff07"), false), [
      { error: "FrameTooLong" }
    ])
  })

  it("lengths count bytes, not characters", () => {
    const out = new ByteWriter()
    Framing.netstring().encode(ascii("né€𐍈"), out)
    assert.strictEqual(decodeUtf8(out.view()), "10:né€𐍈,")
  })

  it("an empty line is an empty frame", () => {
    assert.deepStrictEqual(observe(Framing.lines(), ascii("\n\r\na\n"), true), frames("", "", "a"))
  })

  it("until the end, NUL is data, and an end at once is one empty frame", () => {
    assert.deepStrictEqual(observe(Framing.untilEnd(), fromHex("6869006f6b00"), true), [
      { frame: "6869006f6b00" }
    ])
    assert.deepStrictEqual(observe(Framing.untilEnd(), fromHex(""), true), frames(""))
    assert.deepStrictEqual(observe(Framing.untilEnd(), fromHex("6869"), false), [])
  })

  it("text cut within a character is whole in its frame", () => {
    for (const chunks of cuts(ascii("日本語\n"))) {
      assert.deepStrictEqual(observeCut(Framing.lines(), chunks, true), frames("日本語"))
    }
  })

  it("a byte order mark is data to a framing, anywhere", () => {
    const bytes = fromHex("efbbbf610aefbbbf620a")
    assert.deepStrictEqual(observe(Framing.lines(), bytes, true), [
      { frame: "efbbbf61" },
      { frame: "efbbbf62" }
    ])
  })
})
