/** The growing buffer that frames are written to. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { type ByteOrder, ByteWriter } from "../../src/ByteWriter.ts"
import { hex, integer, someBytes, toHex } from "../codec/support.ts"

/** The bytes of a number, by big integers. */
const reference = (value: number, width: number, order: ByteOrder): ReadonlyArray<number> => {
  const bytes = Array.from({ length: width }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n))
  return order === "little" ? bytes : bytes.reverse()
}

const orders = ["big", "little"] as const
const order = Arbitrary.schema(Schema.Literals(orders))
const width = integer(1, 8)

describe("ByteWriter: numbers", () => {
  for (const order of orders) {
    for (let width = 1; width <= 8; width++) {
      it(`${width} bytes, ${order}: the edges`, () => {
        const most = Math.min(2 ** (8 * width) - 1, Number.MAX_SAFE_INTEGER)
        const edges = [
          0,
          1,
          0x7f,
          0x80,
          0xff,
          2 ** 31 - 1,
          2 ** 31,
          2 ** 32 - 1,
          2 ** 32,
          2 ** 40 + 1,
          2 ** 48 - 1,
          most
        ]
        for (const value of edges.filter((value) => value <= most)) {
          const out = new ByteWriter()
          out.writeUint(value, width, order)
          assert.deepStrictEqual([...out.view()], reference(value, width, order), `${value}`)
        }
      })
    }
  }

  it.prop(
    "any number of any width, both orders, at any place",
    [integer(0, Number.MAX_SAFE_INTEGER), width, order, integer(0, 300)],
    ([number, width, order, at]) => {
      const value = width === 8 ? number : number % 256 ** width
      const out = new ByteWriter()
      out.writeZeros(at)
      out.writeUint(value, width, order)
      out.writeByte(0xaa)
      const expected = [...new Uint8Array(at), ...reference(value, width, order), 0xaa]
      assert.deepStrictEqual([...out.view()], expected)
      out.setUint(at, 0, width, order)
      assert.deepStrictEqual([...out.view()], [...new Uint8Array(at + width), 0xaa])
      out.setUint(at, value, width, order)
      assert.deepStrictEqual([...out.view()], expected)
    },
    { arbitrary: { runs: 1_000 } }
  )

  it("is written in network order with big, as the machine's own with little", () => {
    const out = new ByteWriter()
    out.writeUint(0x0102, 2, "big")
    out.writeUint(0x0102, 2, "little")
    out.writeUint(0x010203040506, 6, "big")
    assert.strictEqual(toHex(out.view()), "01020201010203040506")
  })
})

type Step =
  | { readonly _tag: "byte"; readonly value: number }
  | { readonly _tag: "bytes"; readonly value: Uint8Array }
  | { readonly _tag: "zeros"; readonly count: number }
  | { readonly _tag: "truncate"; readonly length: number }
  | { readonly _tag: "take" }

const step: Arbitrary.Arbitrary<Step> = Arbitrary.flatMap(
  integer(0, 9),
  (kind): Arbitrary.Arbitrary<Step> => {
    if (kind < 3) return Arbitrary.map(integer(0, 255), (value) => ({ _tag: "byte", value }))
    if (kind < 6) return Arbitrary.map(someBytes({ maxLength: 200 }), (value) => ({ _tag: "bytes", value }))
    if (kind < 7) return Arbitrary.map(integer(0, 400), (count) => ({ _tag: "zeros", count }))
    if (kind < 9) return Arbitrary.map(integer(0, 600), (length) => ({ _tag: "truncate", length }))
    return Arbitrary.Constant({ _tag: "take" })
  }
)

describe("ByteWriter: a growing buffer", () => {
  it("begins empty", () => {
    const out = new ByteWriter()
    assert.strictEqual(out.length, 0)
    assert.strictEqual(out.view().length, 0)
    assert.strictEqual(out.take().length, 0)
  })

  it("reserve returns where the room begins", () => {
    const out = new ByteWriter()
    assert.strictEqual(out.reserve(4), 0)
    out.writeByte(7)
    assert.strictEqual(out.reserve(0), 5)
    assert.strictEqual(out.reserve(1_000), 5)
    assert.strictEqual(out.length, 1_005)
    assert.strictEqual(out.view()[4], 7)
  })

  it("keeps what was written while it grows", () => {
    const out = new ByteWriter()
    for (let i = 0; i < 100_000; i++) out.writeByte(i)
    const view = out.view()
    assert.strictEqual(view.length, 100_000)
    assert.isTrue(view.every((byte, i) => byte === (i & 255)))
  })

  it("takes a piece far larger than double its size", () => {
    const out = new ByteWriter()
    out.writeByte(1)
    out.writeBytes(new Uint8Array(1_000_000).fill(2))
    out.writeByte(3)
    assert.strictEqual(out.length, 1_000_002)
    assert.deepStrictEqual([out.view()[0], out.view()[1_000_000], out.view()[1_000_001]], [1, 2, 3])
  })

  it("copies what it is given", () => {
    const out = new ByteWriter()
    const bytes = hex("01 02")
    out.writeBytes(bytes)
    bytes.fill(9)
    assert.strictEqual(toHex(out.view()), "0102")
  })

  it("writes zeros over what a truncated frame left", () => {
    const out = new ByteWriter()
    out.writeBytes(new Uint8Array(64).fill(0xff))
    out.truncate(2)
    out.writeZeros(3)
    assert.strictEqual(toHex(out.view()), "ffff000000")
  })

  it("truncate forgets the end, and never lengthens", () => {
    const out = new ByteWriter()
    out.writeBytes(hex("01 02 03"))
    out.truncate(10)
    assert.strictEqual(out.length, 3)
    out.truncate(3)
    assert.strictEqual(out.length, 3)
    out.truncate(1)
    assert.strictEqual(toHex(out.view()), "01")
    out.truncate(0)
    assert.strictEqual(out.length, 0)
  })

  it("what was taken stays as it is", () => {
    const out = new ByteWriter()
    const taken: Array<Uint8Array> = []
    for (let i = 0; i < 1_000; i++) {
      out.writeBytes(new Uint8Array(i % 200).fill(i))
      taken.push(out.take())
      assert.strictEqual(out.length, 0)
    }
    taken.forEach((bytes, i) => {
      assert.strictEqual(bytes.length, i % 200)
      assert.isTrue(bytes.every((byte) => byte === (i & 255)))
    })
  })

  it.prop(
    "agrees with an array of numbers",
    [Arbitrary.array(step, { maxLength: 40 })],
    ([steps]) => {
      const out = new ByteWriter()
      let expected: Array<number> = []
      for (const step of steps) {
        switch (step._tag) {
          case "byte":
            out.writeByte(step.value)
            expected.push(step.value)
            break
          case "bytes":
            out.writeBytes(step.value)
            expected.push(...step.value)
            break
          case "zeros":
            out.writeZeros(step.count)
            expected.push(...new Uint8Array(step.count))
            break
          case "truncate":
            out.truncate(step.length)
            expected = expected.slice(0, step.length)
            break
          case "take":
            assert.deepStrictEqual([...out.take()], expected)
            expected = []
            break
        }
        assert.strictEqual(out.length, expected.length)
        assert.deepStrictEqual([...out.view()], expected)
      }
    },
    { arbitrary: { runs: 300, size: 60 } }
  )
})
