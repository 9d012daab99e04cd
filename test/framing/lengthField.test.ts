import { assert, describe, it } from "@effect/vitest"
import { ByteWriter } from "../../src/ByteWriter.ts"
import * as Framing from "../../src/Framing.ts"
import { FrameTooLong, FrameTruncated, PayloadTooLong, PayloadTooShort } from "../../src/SluiceError.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { Random } from "../../src/testing/random.ts"
import { ascii, fromHex, toHex } from "./support/cases.ts"
import { observe } from "./support/observe.ts"

const encode = (framing: Framing.Framing, payload: Uint8Array) => {
  const out = new ByteWriter()
  const error = framing.encode(payload, out)
  return error ?? toHex(out.view())
}

describe("lengthField", () => {
  const offsets = [0, 1, 2, 3, 15, 16, 31, 32, 44, 107]
  const lengths = [0, 1, 2, 3, 255, 256, 257, 4095, 4096, 4097, 65535, 65536, 65537]
  const widths = [1, 2, 3, 4] as const

  it("byte order × offset × width × length, randomly recut (pekko's cross product)", () => {
    const random = new Random(20)
    let combinations = 0
    for (const byteOrder of ["big", "little"] as const) {
      for (const width of widths) {
        const fitting = lengths.filter((length) => length < 2 ** (8 * width))
        for (const offset of offsets) {
          const framing = Framing.lengthField({ offset, width, byteOrder, strip: 0 })
          const payloads = fitting.map((length) => new Uint8Array(offset + width + length).fill(0x61))
          const { accepted, wire } = FramingLaws.encodeAll(framing, payloads)
          assert.strictEqual(accepted.length, fitting.length)
          const { error, frames } = FramingLaws.decodeAll(framing, random.cut(wire))
          assert.isUndefined(error)
          assert.deepStrictEqual(
            frames.map((frame) => frame.length - offset - width),
            fitting
          )
          assert.isTrue(Buffer.concat(frames).equals(wire))
          combinations += fitting.length
        }
      }
    }
    assert.strictEqual(combinations, 2 * 10 * (5 + 11 + 13 + 13))
  })

  it("all widths in both orders", () => {
    const hello = ascii("hello")
    const encoded = (width: Framing.FieldWidth, byteOrder: "big" | "little") =>
      encode(Framing.lengthField({ width, byteOrder }), hello)
    for (const width of [1, 2, 3, 4, 6, 8] as const) {
      const zeros = "00".repeat(width - 1)
      assert.strictEqual(encoded(width, "big"), `${zeros}05${toHex(hello)}`)
      assert.strictEqual(encoded(width, "little"), `05${zeros}${toHex(hello)}`)
    }
  })

  it("writes the length over what strip leaves of the header", () => {
    const framing = Framing.lengthField({ offset: 2, width: 2, strip: 0 })
    assert.strictEqual(encode(framing, fromHex("cafeffff6162")), "cafe00026162")
    assert.strictEqual(
      encode(Framing.lengthField({ offset: 1, width: 2, strip: 4 }), fromHex("6162")),
      "000003006162"
    )
  })

  it("refuses what the field, the maximum or the header does not allow", () => {
    const long = new Uint8Array(256)
    assert.deepStrictEqual(
      encode(Framing.lengthField({ width: 1 }), long),
      new PayloadTooLong({ limit: 255, seen: 256 })
    )
    assert.deepStrictEqual(
      encode(Framing.lengthField({ maxLength: 255 }), long),
      new PayloadTooLong({ limit: 255, seen: 256 })
    )
    assert.deepStrictEqual(
      encode(Framing.lengthField({ offset: 1, width: 2, strip: 1 }), fromHex("01")),
      new PayloadTooShort({ minimum: 2, seen: 1 })
    )
    assert.deepStrictEqual(
      encode(Framing.lengthField({ adjustment: 3 }), fromHex("0102")),
      new PayloadTooShort({ minimum: 3, seen: 2 })
    )
  })

  it("reports the declared length as soon as the header is there", () => {
    const decoder = Framing.lengthField({ maxLength: 10, adjustment: 1 }).makeDecoder()
    assert.isUndefined(decoder.push(fromHex("000000"), []))
    assert.deepStrictEqual(decoder.push(fromHex("0a"), []), new FrameTooLong({ limit: 10, seen: 11 }))
  })

  it("skips exactly the frame that is too long", () => {
    const framing = Framing.lengthField({ width: 1, maxLength: 2, oversize: "skip" })
    assert.deepStrictEqual(observe(framing, fromHex("0161 03616263 026162 ff".replaceAll(" ", "")), false), [
      { frame: "61" },
      { error: "FrameTooLong" },
      { frame: "6162" },
      { error: "FrameTooLong" }
    ])
  })

  it("says how much had arrived of a frame that the end cuts off, even of one left out", () => {
    for (const [oversize, pending, hex] of [
      ["fail", 3, "000000"],
      ["fail", 5, "0000000261"],
      ["skip", 7, "00000009616263"]
    ] as const) {
      const framing = Framing.lengthField({ maxLength: 8, oversize })
      const outcome = FramingLaws.decodeAll(framing, [fromHex(hex)])
      assert.deepStrictEqual(outcome.error, new FrameTruncated({ pending }))
    }
  })

  it("hands the partial frame over as it is, under emit", () => {
    const framing = Framing.lengthField({ end: "emit" })
    assert.deepStrictEqual(observe(framing, fromHex("00000005616263"), true), [{ frame: "00000005616263" }])
    assert.deepStrictEqual(observe(framing, fromHex("0000"), true), [{ frame: "0000" }])
    assert.deepStrictEqual(observe(Framing.lengthField({ end: "drop" }), fromHex("0000"), true), [])
  })

  it("lengthPrefixed counts its own bytes where it is told to", () => {
    const framing = Framing.lengthPrefixed({ width: 2, includesLength: true })
    assert.strictEqual(encode(framing, fromHex("616263")), "0005616263")
    assert.deepStrictEqual(observe(framing, fromHex("00056162630001"), true), [
      { frame: "616263" },
      { error: "FrameCorrupted" }
    ])
  })

  it("frames within a chunk are views of it, and a straddling one is a copy", () => {
    const decoder = Framing.lengthPrefixed().makeDecoder()
    const chunk = fromHex("000000026162000000036364")
    const frames: Array<Uint8Array> = []
    decoder.push(chunk, frames)
    assert.strictEqual(frames[0]!.buffer, chunk.buffer)
    assert.strictEqual(decoder.buffered, 6)
    assert.strictEqual(toHex(decoder.remaining()), "000000036364")
    decoder.push(fromHex("65"), frames)
    assert.strictEqual(toHex(frames[1]!), "636465")
    assert.notStrictEqual(frames[1]!.buffer, chunk.buffer)
    assert.strictEqual(decoder.buffered, 0)
  })
})

describe("typeLengthValue", () => {
  it("hands the frame over whole, and says where type and body are", () => {
    const framing = Framing.typeLengthValue()
    assert.deepStrictEqual(framing.type, { offset: 0, width: 4, byteOrder: "little", bodyOffset: 8 })
    const frame = "010000000500000068656c6c6f"
    assert.deepStrictEqual(observe(framing, fromHex(frame), true), [{ frame }])
    assert.strictEqual(encode(framing, fromHex("01000000ffffffff68656c6c6f")), frame)
    assert.strictEqual(framing.maxLength, 8_388_608)
  })

  it("refuses a payload without room for the header", () => {
    assert.deepStrictEqual(
      encode(Framing.typeLengthValue({ typeWidth: 2, lengthWidth: 1 }), fromHex("0102")),
      new PayloadTooShort({ minimum: 3, seen: 2 })
    )
  })

  it("keeps its layout under another maximum", () => {
    const framing = Framing.typeLengthValue({ typeWidth: 1, byteOrder: "big" }).withMaxLength(3)
    assert.deepStrictEqual(framing.type, { offset: 0, width: 1, byteOrder: "big", bodyOffset: 5 })
    assert.deepStrictEqual(encode(framing, new Uint8Array(9)), new PayloadTooLong({ limit: 3, seen: 4 }))
  })
})
