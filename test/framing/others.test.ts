import { assert, describe, it } from "@effect/vitest"
import { ByteWriter } from "../../src/ByteWriter.ts"
import * as Framing from "../../src/Framing.ts"
import { FrameTooLong, PayloadTooLong, PayloadTooShort } from "../../src/SluiceError.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { ascii, fromHex, toHex } from "./support/cases.ts"
import { cuts, observe, observeCut } from "./support/observe.ts"

const encode = (framing: Framing.Framing, payload: Uint8Array) => {
  const out = new ByteWriter()
  return framing.encode(payload, out) ?? toHex(out.view())
}
const frames = (...payloads: ReadonlyArray<string>) => payloads.map((text) => ({ frame: toHex(ascii(text)) }))
const everyCut = (framing: Framing.Framing, input: Uint8Array, expected: ReadonlyArray<unknown>) => {
  for (const chunks of cuts(input)) assert.deepStrictEqual(observeCut(framing, chunks, true), expected)
}

describe("varint", () => {
  it("writes and reads the protobuf example", () => {
    const payload = new Uint8Array(300).fill(1)
    assert.strictEqual(encode(Framing.varint(), payload), `ac02${toHex(payload)}`)
    assert.strictEqual(encode(Framing.varint(), new Uint8Array(0)), "00")
    assert.strictEqual(encode(Framing.varint(), new Uint8Array(128)).toString().slice(0, 4), "8001")
  })

  it("takes lengths with idle groups", () => {
    everyCut(Framing.varint(), fromHex("8180808000616100"), [{ frame: "61" }, { error: "FrameTruncated" }])
  })

  it("skips a frame that is too long", () => {
    everyCut(Framing.varint({ maxLength: 2, oversize: "skip" }), fromHex("0361626301640063616263"), [
      { frame: "64" },
      { frame: "" },
      { error: "FrameTooLong" },
      { error: "FrameTooLong" },
      { error: "FrameTruncated" }
    ])
  })
})

describe("netstring", () => {
  const answer = (input: string, options: Framing.NetstringOptions = {}) =>
    observe(Framing.netstring(options), ascii(input), false)

  it("reads Bernstein's examples", () => {
    everyCut(Framing.netstring(), ascii("12:hello world!,0:,"), frames("hello world!", ""))
    assert.strictEqual(encode(Framing.netstring(), ascii("hello world!")), toHex(ascii("12:hello world!,")))
  })

  it("is corrupt at the first wrong byte", () => {
    for (const wrong of ["x", ":", ",", "-", "00", "01", "1x", "1,", "3:abcd", "0:x", "1 "]) {
      const last = answer(wrong).at(-1)
      assert.deepStrictEqual(last, { error: "FrameCorrupted" }, wrong)
      assert.deepStrictEqual(answer(wrong.slice(0, -1)), [], wrong)
    }
  })

  it("is too long as soon as that is certain", () => {
    const decode = (input: string) =>
      FramingLaws.decodeAll(Framing.netstring({ maxLength: 99 }), [ascii(input)])
    assert.deepStrictEqual(decode("100").error, new FrameTooLong({ limit: 99, seen: 100 }))
    assert.deepStrictEqual(decode("9999999999999999999").error, new FrameTooLong({ limit: 99, seen: 999 }))
    assert.deepStrictEqual(answer("99:", { maxLength: 99 }), [])
  })

  it("skips what it can count, and still wants the comma", () => {
    const options = { maxLength: 2, oversize: "skip" } as const
    const skipped = { error: "FrameTooLong" }
    assert.deepStrictEqual(answer("3:abc,1:d,", options), [skipped, ...frames("d")])
    assert.deepStrictEqual(answer("3:abcx", options), [skipped, { error: "FrameCorrupted" }])
    assert.deepStrictEqual(answer("1000000000000000", options), [{ error: "FrameTooLong" }])
  })
})

describe("fixedLength", () => {
  it("cuts and pads nothing", () => {
    everyCut(Framing.fixedLength(3), ascii("ABCDEFG"), [...frames("ABC", "DEF"), { error: "FrameTruncated" }])
    everyCut(Framing.fixedLength(3, { end: "emit" }), ascii("ABCD"), frames("ABC", "D"))
    assert.deepStrictEqual(
      encode(Framing.fixedLength(3), ascii("ab")),
      new PayloadTooShort({ minimum: 3, seen: 2 })
    )
    assert.deepStrictEqual(
      encode(Framing.fixedLength(3), ascii("abcd")),
      new PayloadTooLong({ limit: 3, seen: 4 })
    )
  })
})

describe("untilEnd", () => {
  it("bounds the whole input", () => {
    everyCut(Framing.untilEnd({ maxLength: 3 }), ascii("abc"), frames("abc"))
    everyCut(Framing.untilEnd({ maxLength: 3 }), ascii("abcd"), [{ error: "FrameTooLong" }])
    assert.deepStrictEqual(
      FramingLaws.decodeAll(Framing.untilEnd({ maxLength: 3 }), [ascii("abcdefg")]).error,
      new FrameTooLong({ limit: 3, seen: 4 })
    )
    assert.deepStrictEqual(
      encode(Framing.untilEnd({ maxLength: 3 }), ascii("abcd")),
      new PayloadTooLong({ limit: 3, seen: 4 })
    )
  })

  it("ends once", () => {
    const decoder = Framing.untilEnd().makeDecoder()
    const found: Array<Uint8Array> = []
    decoder.end(found)
    decoder.end(found)
    assert.strictEqual(found.length, 1)
  })
})

describe("none", () => {
  it("hands chunks over as they come, in pieces of the maximum", () => {
    const framing = Framing.none({ maxLength: 2 })
    const { frames: pieces } = FramingLaws.decodeAll(framing, [ascii("abcde"), ascii(""), ascii("f")])
    assert.deepStrictEqual(
      pieces.map(toHex),
      ["ab", "cd", "e", "f"].map((text) => toHex(ascii(text)))
    )
    assert.strictEqual(encode(framing, ascii("abcde")), toHex(ascii("abcde")))
  })
})

describe("make", () => {
  const framing = Framing.make({
    name: "bytes",
    maxLength: 4,
    makeDecoder: (length) => Framing.fixedLength(length).makeDecoder(),
    encode: (payload, out) => {
      out.writeBytes(payload)
      return payload[0] === 0 ? new PayloadTooShort({ minimum: 1, seen: 0 }) : undefined
    }
  })

  it("refuses long payloads and takes back what a refusal wrote", () => {
    const out = new ByteWriter()
    assert.deepStrictEqual(framing.encode(new Uint8Array(5), out), new PayloadTooLong({ limit: 4, seen: 5 }))
    assert.deepStrictEqual(
      framing.encode(new Uint8Array(4), out),
      new PayloadTooShort({ minimum: 1, seen: 0 })
    )
    assert.strictEqual(out.length, 0)
    assert.isUndefined(framing.encode(ascii("abcd"), out))
  })

  it("gives the decoder the maximum in force", () => {
    assert.deepStrictEqual(observe(framing, ascii("abcdabcd"), true), frames("abcd", "abcd"))
    assert.deepStrictEqual(observe(framing.withMaxLength(2), ascii("abcd"), true), frames("ab", "cd"))
    assert.strictEqual(framing.withMaxLength(0).problems[0]?.path, "maxLength")
  })
})

describe("every decoder", () => {
  it("stays with its first error", () => {
    const decoder = Framing.lengthPrefixed({ maxLength: 1 }).makeDecoder()
    const found: Array<Uint8Array> = []
    const error = decoder.push(fromHex("000000016100000009"), found)
    assert.strictEqual(found.length, 1)
    assert.strictEqual(decoder.push(fromHex("0000000161"), found), error)
    assert.strictEqual(decoder.end(found), error)
    assert.strictEqual(found.length, 1)
  })

  it("gives up what it holds for a switch to another framing", () => {
    for (const framing of [
      Framing.lines(),
      Framing.netstring(),
      Framing.lengthPrefixed(),
      Framing.untilEnd()
    ]) {
      const decoder = framing.makeDecoder()
      decoder.push(ascii("1"), [])
      decoder.push(ascii("2"), [])
      assert.strictEqual(toHex(decoder.remaining()), "3132", framing.name)
      assert.strictEqual(decoder.buffered, 2, framing.name)
    }
  })
})
