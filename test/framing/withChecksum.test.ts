import { assert, describe, it } from "@effect/vitest"
import { ByteWriter } from "../../src/ByteWriter.ts"
import * as Framing from "../../src/Framing.ts"
import { crc32c } from "../../src/internal/framing/crc32c.ts"
import { FrameTooLong, PayloadTooLong, PayloadTooShort } from "../../src/SluiceError.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { Random } from "../../src/testing/random.ts"
import { ascii, fromHex, toHex } from "./support/cases.ts"
import { observe } from "./support/observe.ts"

const encode = (framing: Framing.Framing, payload: Uint8Array) => {
  const out = new ByteWriter()
  return framing.encode(payload, out) ?? toHex(out.view())
}

describe("crc32c", () => {
  it("gives the values of RFC 3720, appendix B.4, and the check value", () => {
    const ascending = Uint8Array.from({ length: 32 }, (_, i) => i)
    const read = fromHex(
      "01c00000000000000000000000000000140000000000040000000014000000182800000000000000" + "0200000000000000"
    )
    assert.strictEqual(crc32c(new Uint8Array(32)), 0x8a9136aa)
    assert.strictEqual(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
    assert.strictEqual(crc32c(ascending), 0x46dd794e)
    assert.strictEqual(crc32c(ascending.slice().reverse()), 0x113fdb5c)
    assert.strictEqual(crc32c(read), 0xd9963a56)
    assert.strictEqual(crc32c(ascii("123456789")), 0xe3069283)
    assert.strictEqual(crc32c(new Uint8Array(0)), 0)
  })

  it("is the same bit by bit, for any length and place", () => {
    const random = new Random(3)
    for (let length = 0; length < 40; length++) {
      const bytes = random.bytes(length + 5)
      let crc = -1
      for (const byte of bytes.subarray(2, 2 + length)) {
        crc ^= byte
        for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
      }
      assert.strictEqual(crc32c(bytes, 2, 2 + length), ~crc >>> 0)
    }
  })
})

describe("withChecksum", () => {
  it("puts the checksum behind the payload", () => {
    assert.strictEqual(
      encode(Framing.withChecksum(Framing.lengthPrefixed()), ascii("123456789")),
      "0000000d313233343536373839e3069283"
    )
    assert.strictEqual(
      encode(Framing.withChecksum(Framing.lines(), { format: "hex" }), ascii("123456789")),
      toHex(ascii("123456789e3069283\n"))
    )
  })

  it("takes it off again, and a wrong bit anywhere is corruption", () => {
    const framing = Framing.withChecksum(Framing.lengthPrefixed())
    const wire = fromHex("0000000d313233343536373839e3069283")
    assert.deepStrictEqual(observe(framing, wire, true), [{ frame: "313233343536373839" }])
    for (let bit = 32; bit < wire.length * 8; bit++) {
      const damaged = Uint8Array.from(wire)
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      assert.deepStrictEqual(observe(framing, damaged, true), [{ error: "FrameCorrupted" }])
    }
    assert.deepStrictEqual(observe(framing, fromHex("00000003616263"), true), [{ error: "FrameCorrupted" }])
    const upper = ascii("123456789E3069283\n")
    assert.deepStrictEqual(observe(Framing.withChecksum(Framing.lines(), { format: "hex" }), upper, true), [
      { error: "FrameCorrupted" }
    ])
  })

  it("hands over what came before the corruption, and nothing behind it", () => {
    const framing = Framing.withChecksum(Framing.lengthPrefixed({ width: 1 }))
    const good = FramingLaws.encodeAll(framing, [ascii("a")]).wire
    const bad = Uint8Array.from(good)
    bad[1] = 0x62
    const input = Uint8Array.from([...good, ...bad, ...good])
    assert.deepStrictEqual(observe(framing, input, true), [{ frame: "61" }, { error: "FrameCorrupted" }])
    const { error, frames } = FramingLaws.decodeAll(framing, [input])
    assert.deepStrictEqual([frames.length, error?._tag], [1, "FrameCorrupted"])
  })

  it("does not count in the maximum", () => {
    const framing = Framing.withChecksum(Framing.lengthPrefixed({ maxLength: 3 }))
    assert.strictEqual(framing.maxLength, 3)
    const { wire } = FramingLaws.encodeAll(framing, [ascii("abc")])
    assert.deepStrictEqual(observe(framing, wire, true), [{ frame: "616263" }])
    assert.deepStrictEqual(encode(framing, ascii("abcd")), new PayloadTooLong({ limit: 3, seen: 4 }))
    const decoded = FramingLaws.decodeAll(framing, [fromHex("00000008")])
    assert.deepStrictEqual(decoded.error, new FrameTooLong({ limit: 3, seen: 4 }))
    assert.strictEqual(framing.withMaxLength(9).maxLength, 9)
    const narrow = Framing.withChecksum(Framing.lengthPrefixed({ width: 1 }))
    assert.deepStrictEqual(encode(narrow, new Uint8Array(252)), new PayloadTooLong({ limit: 251, seen: 252 }))
  })

  it("makes fixed frames longer, and keeps payloads as long as they were", () => {
    const framing = Framing.withChecksum(Framing.fixedLength(3))
    assert.deepStrictEqual(encode(framing, ascii("ab")), new PayloadTooShort({ minimum: 3, seen: 2 }))
    assert.strictEqual(encode(framing, ascii("abc")).toString().length, 14)
  })

  it("cannot follow frames that hold more than the payload", () => {
    const framings = [
      Framing.typeLengthValue(),
      Framing.lengthField({ strip: 0 }),
      Framing.lines({ keep: true }),
      Framing.delimiter(",", { keep: true })
    ]
    for (const framing of framings) {
      assert.deepStrictEqual(
        Framing.withChecksum(framing).problems.map(({ path }) => path),
        ["framing"],
        framing.name
      )
    }
    const plain = [Framing.anyOf(["0", "\n"]), Framing.untilEnd(), Framing.fixedLength(7), Framing.varint()]
    for (const framing of plain)
      assert.deepStrictEqual(Framing.withChecksum(framing).problems, [], framing.name)
  })

  it("encodes payloads larger than the scratch buffer that it keeps", () => {
    const framing = Framing.withChecksum(Framing.lengthPrefixed())
    const payloads = [new Random(1).bytes(100_000), ascii("a"), new Random(2).bytes(65_536)]
    const { frames } = FramingLaws.decodeAll(framing, [FramingLaws.encodeAll(framing, payloads).wire])
    assert.deepStrictEqual(frames.map(toHex), payloads.map(toHex))
  })
})
