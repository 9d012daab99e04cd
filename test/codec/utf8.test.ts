/** Texts and bytes: the two codecs without a schema. */
import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import * as Codec from "../../src/Codec.ts"
import {
  atOnce,
  fromText,
  hex,
  refuses,
  roundTrip,
  someBytes,
  succeeds,
  toHex,
  WellFormed
} from "./support.ts"

describe("utf8", () => {
  it.each([
    ["a continuation byte alone", "80"],
    ["a byte that UTF-8 never has", "ff"],
    ["the first byte of five, as of old", "f8 88 80 80 80"],
    ["an overlong slash of two bytes", "c0 af"],
    ["an overlong slash of three bytes", "e0 80 af"],
    ["an overlong NUL of two bytes", "c0 80"],
    ["an overlong U+FFFF of four bytes", "f0 8f bf bf"],
    ["a lone high surrogate", "ed a0 80"],
    ["a lone low surrogate", "ed b0 80"],
    ["a pair of surrogates as six bytes", "ed a0 bd ed b8 80"],
    ["a code point beyond U+10FFFF", "f4 90 80 80"],
    ["two bytes of three at the end", "e2 82"],
    ["three bytes of four at the end", "61 f0 9f 98"],
    ["a sequence broken by a letter", "c3 28"],
    ["U+FFFD genuinely sent, and a bad byte", "ef bf bd 80"]
  ])("refuses %s", (_, bytes) => {
    for (const frame of [hex(bytes), Buffer.from(hex(bytes)), hex(`61 62 ${bytes}`).subarray(2)]) {
      const error = refuses(Codec.utf8.decode(frame))
      assert.deepStrictEqual(error.issues, [{ path: "", message: "malformed UTF-8" }])
      assert.strictEqual(error.codec, "utf8")
      assert.strictEqual(error.message, "utf8: malformed UTF-8")
    }
  })

  it.each([
    ["nothing", "", ""],
    ["NUL", "\0", "00"],
    ["the last code point of one byte", "\x7f", "7f"],
    ["the first and last of two bytes", "\x80\u07ff", "c280 dfbf"],
    ["the first and last of three bytes", "\u0800\uffff", "e0a080 efbfbf"],
    ["the neighbours of the surrogates", "\ud7ff\ue000", "ed9fbf ee8080"],
    ["the first and last of four bytes", "\u{10000}\u{10ffff}", "f0908080 f48fbfbf"],
    ["U+FFFD genuinely sent", "a\ufffdb", "61 efbfbd 62"],
    ["a byte order mark in front", "\ufeffhi", "efbbbf 6869"],
    ["a byte order mark alone", "\ufeff", "efbbbf"],
    ["a byte order mark and U+FFFD", "\ufeff\ufffd", "efbbbf efbfbd"]
  ])("carries %s", (_, text, bytes) => {
    assert.strictEqual(toHex(succeeds(Codec.utf8.encode(text))), toHex(hex(bytes)))
    assert.strictEqual(succeeds(Codec.utf8.decode(hex(bytes))), text)
    assert.strictEqual(succeeds(Codec.utf8.decode(Buffer.from(hex(bytes)))), text)
  })

  it("takes a view in the middle of a larger buffer", () => {
    const all = fromText("xxx¡héllo\ufffd!yyy")
    const from = 3
    const view = new Uint8Array(all.buffer, all.byteOffset + from, all.length - from - 3)
    assert.notInstanceOf(view, Buffer)
    assert.strictEqual(succeeds(Codec.utf8.decode(view)), "¡héllo\ufffd!")
  })

  it("writes lone surrogates as U+FFFD", () => {
    assert.strictEqual(
      toHex(succeeds(Codec.utf8.encode("a\ud800b\udc00"))),
      toHex(hex("61 efbfbd 62 efbfbd"))
    )
  })

  it("answers at once, and keeps nothing of a frame", () => {
    const frame = fromText("hello")
    const exit = atOnce(Codec.utf8.decode(frame))
    frame.fill(0)
    assert.deepStrictEqual(exit, Exit.succeed("hello"))
    atOnce(Codec.utf8.encode("hello"))
    atOnce(Codec.utf8.decode(hex("ff")))
    assert.isFalse(Codec.utf8.views)
  })

  it("is not overwritten by what is encoded later", () => {
    const frames = Array.from({ length: 5_000 }, (_, i) => succeeds(Codec.utf8.encode(`message ${i}`)))
    frames.forEach((frame, i) => {
      assert.strictEqual(toHex(frame), toHex(fromText(`message ${i}`)))
    })
  })

  it.prop("comes back as it was", [WellFormed], ([text]) => {
    assert.strictEqual(roundTrip(Codec.utf8, text), text)
  })

  it.prop(
    "accepts exactly what the platform's strict decoder does",
    [someBytes({ maxLength: 12 })],
    ([bytes]) => {
      let expected: string | undefined
      try {
        expected = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
      } catch {
        refuses(Codec.utf8.decode(bytes))
        return
      }
      assert.strictEqual(succeeds(Codec.utf8.decode(bytes)), expected)
    },
    { arbitrary: { runs: 2_000, size: 12 } }
  )
})

describe("bytes", () => {
  it("hands over the very same bytes, at once", () => {
    for (const bytes of [new Uint8Array(0), hex("00 ff 0a"), Buffer.from("hi")]) {
      const decoded = atOnce(Codec.bytes.decode(bytes))
      const encoded = atOnce(Codec.bytes.encode(bytes))
      assert.isTrue(Exit.isSuccess(decoded) && decoded.value === bytes)
      assert.isTrue(Exit.isSuccess(encoded) && encoded.value === bytes)
    }
  })

  it("says that its messages are views", () => {
    assert.isTrue(Codec.bytes.views)
    assert.strictEqual(Codec.bytes.name, "bytes")
  })
})
