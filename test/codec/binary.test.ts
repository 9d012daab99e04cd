/** The compact binary form that Effect derives from a schema. */
import { assert, describe, it } from "@effect/vitest"
import { Exit, Option, Schema } from "effect"
import * as Codec from "../../src/Codec.ts"
import { Random } from "../../src/testing/random.ts"
import {
  anyMessage,
  assertRoundTrip,
  atOnce,
  decodesOrRefuses,
  Everything,
  hex,
  Point,
  refuses,
  roundTrip,
  someBytes,
  succeeds,
  Tree,
  toHex,
  Visit,
  WellFormed
} from "./support.ts"

const Reading = Schema.Struct({ id: Schema.Int, text: WellFormed, data: Schema.Uint8Array })

describe("binary: round trips", () => {
  it.prop("numbers, dates, options, bytes", [Reading], ([message]) =>
    assertRoundTrip(Codec.binary(Reading), Reading, message)
  )
  it.prop("everything", [Everything], ([message]) =>
    assertRoundTrip(Codec.binary(Everything), Everything, message)
  )
  it("the edges of everything", () => {
    const message = {
      text: "é\0",
      number: -0.5,
      flag: true,
      nothing: null,
      at: new Date(1_500_000_000_003),
      count: -(2n ** 100n),
      bytes: hex("00 ff"),
      maybe: Option.some("a"),
      list: [1, -1, Number.MAX_SAFE_INTEGER],
      pair: ["a", 1] as const,
      either: "1",
      point: new Point({ x: 1, y: 2 }),
      kind: "a" as const
    }
    assertRoundTrip(Codec.binary(Everything), Everything, message)
    assert.instanceOf(roundTrip(Codec.binary(Everything), message).point, Point)
  })
  it.prop("recursive schemas", [Tree], ([message]) => assertRoundTrip(Codec.binary(Tree), Tree, message))
  it("classes", () => {
    const message = new Visit({ at: new Date(0), where: new Point({ x: 3, y: 4 }) })
    const back = roundTrip(Codec.binary(Visit), message)
    assert.instanceOf(back, Visit)
    assert.strictEqual(back.where.norm, 5)
  })
})

describe("binary: schemas that evolve", () => {
  const Old = Schema.Struct({ a: Schema.Int, gone: Schema.String })
  const New = Schema.Struct({ a: Schema.Int, added: Schema.optionalKey(Schema.String) })
  it("a field that one end does not know is left out, an optional one may be missing", () => {
    const frame = succeeds(Codec.binary(Old).encode({ a: 1, gone: "x" }))
    assert.deepStrictEqual(succeeds(Codec.binary(New).decode(frame)), { a: 1 })
  })
})

describe("binary: whose bytes", () => {
  it("what is encoded is not overwritten by what is encoded later", () => {
    const codec = Codec.binary(Reading)
    const message = (i: number) => ({ id: i, text: `message ${i}`, data: new Uint8Array(i % 300).fill(i) })
    const frames: Array<Uint8Array> = []
    const copies: Array<string> = []
    for (let i = 0; i < 5_000; i++) {
      const frame = succeeds(codec.encode(message(i)))
      frames.push(frame)
      copies.push(toHex(frame))
    }
    frames.forEach((frame, i) => {
      assert.strictEqual(toHex(frame), copies[i])
      assert.strictEqual(succeeds(codec.decode(frame)).text, `message ${i}`)
    })
  })

  it("writing into an encoded frame changes no other one", () => {
    const codec = Codec.binary(Reading)
    const first = succeeds(codec.encode({ id: 1, text: "one", data: hex("01") }))
    first.fill(0xff)
    const second = succeeds(codec.encode({ id: 2, text: "two", data: hex("02") }))
    first.fill(0xee)
    assert.strictEqual(succeeds(codec.decode(second)).text, "two")
  })

  it("says that its messages may be views", () => {
    assert.isTrue(Codec.binary(Reading).views)
  })

  it.prop("decoding leaves the frame as it is", [Reading], ([message]) => {
    const codec = Codec.binary(Reading)
    const frame = Uint8Array.from(succeeds(codec.encode(message)))
    const before = toHex(frame)
    succeeds(codec.decode(frame))
    assert.strictEqual(toHex(frame), before)
    assert.deepStrictEqual(
      Object.getOwnPropertyNames(frame).filter((name) => !/^\d+$/.test(name)),
      []
    )
  })
})

describe("binary: garbage", () => {
  it("2 000 random frames are messages or a CodecError", () => {
    const random = new Random(1)
    const codecs: ReadonlyArray<Codec.Codec<unknown>> = [
      anyMessage(Codec.binary(Everything)),
      anyMessage(Codec.binary(Tree)),
      anyMessage(Codec.binary(Visit))
    ]
    for (let i = 0; i < 2_000; i++) {
      const frame = random.bytes(random.below(65))
      for (const codec of codecs) decodesOrRefuses(codec, frame)
    }
  })

  it.prop(
    "a frame cut short, or with a byte changed, is a message or a CodecError",
    [Tree, someBytes()],
    ([tree, noise]) => {
      const codec = Codec.binary(Tree)
      const loose = anyMessage(codec)
      const frame = Uint8Array.from(succeeds(codec.encode(tree)))
      for (let end = 0; end < frame.length; end++) refuses(codec.decode(frame.subarray(0, end)))
      noise.forEach((byte, i) => {
        const changed = Uint8Array.from(frame)
        changed[i % frame.length] = byte
        decodesOrRefuses(loose, changed)
      })
    }
  )

  it("another schema's frame fails", () => {
    const frame = succeeds(Codec.binary(Schema.String).encode("hello"))
    refuses(Codec.binary(Tree).decode(frame))
    refuses(Codec.binary(Schema.Date).decode(frame))
  })

  it("bytes after the message fail", () => {
    const frame = succeeds(Codec.binary(Reading).encode({ id: 1, text: "one", data: hex("01") }))
    refuses(Codec.binary(Reading).decode(Uint8Array.from([...frame, 0])))
  })

  it("a declared length beyond the frame fails without memory for it", () => {
    const codec = Codec.binary(Schema.Array(Schema.String))
    const before = process.memoryUsage().rss
    for (const header of ["07 20", "04 20", "ff ff 03 20", "0a 20"]) {
      refuses(codec.decode(hex(`${header} ff ff ff ff 0f`)))
      refuses(codec.decode(hex(`${header} ff ff ff ff ff ff ff 0f`)))
    }
    assert.isBelow(process.memoryUsage().rss - before, 256 * 1024 * 1024)
  })

  it("what the schema refuses is refused, on both sides", () => {
    const Small = Schema.Struct({ a: Schema.Int.check(Schema.isLessThan(10)) })
    const Large = Schema.Struct({ a: Schema.Int })
    const frame = succeeds(Codec.binary(Large).encode({ a: 10 }))
    assert.deepStrictEqual(refuses(Codec.binary(Small).decode(frame)).issues[0]?.path, "a")
    refuses(Codec.binary(Small).encode({ a: 10 }))
  })

  it("cyclic values and functions fail", () => {
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    refuses(Codec.binary(Schema.Unknown).encode(cyclic))
    refuses(Codec.binary(Schema.Unknown).encode(() => 1))
  })
})

describe("binary: at once", () => {
  it("answers with an Exit, both ways", () => {
    const codec = Codec.binary(Reading)
    const frame = atOnce(codec.encode({ id: 1, text: "one", data: hex("01") }))
    assert.isTrue(Exit.isSuccess(frame) && Exit.isSuccess(atOnce(codec.decode(frame.value))))
  })
})
