/** MessagePack values of a schema, and what a peer may send in their place. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Exit, Option, Schema } from "effect"
import { addExtension } from "msgpackr"
import * as Codec from "../../src/Codec.ts"
import { Random } from "../../src/testing/random.ts"
import {
  assertRoundTrip,
  atOnce,
  decodesOrRefuses,
  Everything,
  fromText,
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

const anything = Codec.messagePack(Schema.Unknown)
const decode = (bytes: string): unknown => succeeds(anything.decode(hex(bytes)))
const refusal = (bytes: string): string => refuses(anything.decode(hex(bytes))).message

describe("messagePack: the bytes of the specification", () => {
  it.each<[string, unknown]>([
    ["c0", null],
    ["c2", false],
    ["c3", true],
    ["00", 0],
    ["7f", 127],
    ["e0", -32],
    ["ff", -1],
    ["cc 80", 128],
    ["cc ff", 255],
    ["cd 01 00", 256],
    ["cd ff ff", 65_535],
    ["ce 00 01 00 00", 65_536],
    ["ce ff ff ff ff", 4_294_967_295],
    ["d0 df", -33],
    ["d0 80", -128],
    ["d1 ff 7f", -129],
    ["d1 80 00", -32_768],
    ["d2 ff ff 7f ff", -32_769],
    ["d2 80 00 00 00", -2_147_483_648],
    ["cb 3f f8 00 00 00 00 00 00", 1.5],
    ["a0", ""],
    ["a1 61", "a"],
    ["a3 e2 82 ac", "€"],
    ["90", []],
    ["93 01 02 03", [1, 2, 3]],
    ["80", {}],
    ["81 a1 61 01", { a: 1 }],
    ["82 a7 63 6f 6d 70 61 63 74 c3 a6 73 63 68 65 6d 61 00", { compact: true, schema: 0 }]
  ])("%s", (bytes, value) => {
    assert.deepStrictEqual(decode(bytes), value)
    assert.strictEqual(toHex(succeeds(anything.encode(value))), toHex(hex(bytes)))
  })

  it.each<[string, unknown]>([
    ["cc 01", 1],
    ["cd 00 01", 1],
    ["ce 00 00 00 01", 1],
    ["d0 01", 1],
    ["d1 00 01", 1],
    ["d2 00 00 00 01", 1],
    ["ca 3f c0 00 00", 1.5],
    ["d9 01 61", "a"],
    ["da 00 01 61", "a"],
    ["db 00 00 00 01 61", "a"],
    ["dc 00 01 c0", [null]],
    ["dd 00 00 00 01 c0", [null]],
    ["de 00 01 a1 61 c0", { a: null }],
    ["df 00 00 00 01 a1 61 c0", { a: null }]
  ])("%s, though a shorter form exists", (bytes, value) => {
    assert.deepStrictEqual(decode(bytes), value)
  })

  it("binary data is a byte array, a view of the frame", () => {
    const codec = Codec.messagePack(Schema.Uint8Array)
    for (const bytes of ["c4 02 01 02", "c5 00 02 01 02", "c6 00 00 00 02 01 02"]) {
      const frame = hex(bytes)
      const message = succeeds(codec.decode(frame))
      assert.deepStrictEqual([...message], [1, 2])
      assert.strictEqual(message.buffer, frame.buffer)
    }
    assert.isTrue(codec.views)
    assert.strictEqual(toHex(succeeds(codec.encode(hex("01 02")))), "c4020102")
  })

  it("timestamps are dates, in all three forms", () => {
    const codec = Codec.messagePack(Schema.Date)
    const at = (bytes: string) => succeeds(codec.decode(hex(bytes))).getTime()
    assert.strictEqual(at("d6 ff 00 00 00 01"), 1_000)
    assert.strictEqual(at("d7 ff 00 b7 1b 00 59 68 2f 00"), 1_500_000_000_003)
    assert.strictEqual(at("c7 0c ff 3b 4e 7e c0 ff ff ff ff ff ff ff ff"), -5)
    assert.strictEqual(toHex(succeeds(codec.encode(new Date(1_000)))), "d6ff00000001")
    refuses(codec.decode(hex("d4 ff ff")))
  })
})

describe("messagePack: round trips", () => {
  const Native = Schema.Struct({
    text: WellFormed,
    number: Schema.Number,
    at: Schema.Date,
    bytes: Schema.Uint8Array,
    list: Schema.Array(Schema.Int),
    left: Schema.optional(WellFormed),
    right: Schema.UndefinedOr(Schema.Boolean),
    point: Point
  })
  it.prop("what MessagePack has a form for", [Native], ([message]) =>
    assertRoundTrip(Codec.messagePack(Native), Native, message)
  )
  it.prop("everything, options too", [Everything], ([message]) =>
    assertRoundTrip(Codec.messagePack(Everything), Everything, message)
  )
  it.prop("recursive schemas", [Tree], ([message]) => assertRoundTrip(Codec.messagePack(Tree), Tree, message))
  it.prop("classes", [Visit], ([message]) => {
    assertRoundTrip(Codec.messagePack(Visit), Visit, message)
    assert.instanceOf(roundTrip(Codec.messagePack(Visit), message), Visit)
  })

  it.each<[string, Schema.Codec<unknown, unknown>, unknown]>([
    ["an option", Schema.Option(Schema.String), Option.some("a")],
    ["a map", Schema.ReadonlyMap(Schema.String, Schema.Int), new Map([["a", 1]])],
    ["a set", Schema.ReadonlySet(Schema.String), new Set(["a"])],
    ["a duration", Schema.Duration, Duration.seconds(3)],
    ["a symbol", Schema.Symbol, Symbol.for("effect-sluice/test")],
    [
      "an option in a list in a struct",
      Schema.Struct({ a: Schema.Array(Schema.Option(Schema.Date)) }),
      { a: [Option.some(new Date(0)), Option.none()] }
    ]
  ])("%s, which MessagePack has nothing for, travels in its JSON form", (_, schema, message) => {
    assertRoundTrip(Codec.messagePack(schema), schema, message)
  })

  it("a schema that refers to a later one can be named before it", () => {
    const codec = Codec.messagePack(
      Schema.Struct({ a: Schema.suspend((): Schema.Codec<Option.Option<string>, unknown> => Later) })
    )
    const Later = Schema.Option(Schema.String)
    assert.deepStrictEqual(roundTrip(codec, { a: Option.some("x") }), { a: Option.some("x") })
  })
})

describe("messagePack: 64-bit integers", () => {
  const Stamp = Schema.Struct({ at: Schema.Int })
  it("are numbers where the schema has no bigint, as far as they are exact", () => {
    const codec = Codec.messagePack(Stamp)
    assert.deepStrictEqual(succeeds(codec.decode(hex("81 a2 61 74 cf 00 00 01 8b cf e5 68 00"))), {
      at: 1_700_000_000_000
    })
    assert.deepStrictEqual(succeeds(codec.decode(hex("81 a2 61 74 d3 ff ff ff ff ff ff ff fe"))), { at: -2 })
    refuses(codec.decode(hex("81 a2 61 74 cf ff ff ff ff ff ff ff ff")))
    assert.deepStrictEqual(roundTrip(codec, { at: 1_700_000_000_000 }), { at: 1_700_000_000_000 })
  })

  it("are bigints where the schema has some", () => {
    const codec = Codec.messagePack(Schema.Struct({ n: Schema.BigInt }))
    for (const n of [0n, -1n, 5n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n)]) {
      assert.deepStrictEqual(roundTrip(codec, { n }), { n })
    }
    for (const n of [2n ** 64n, -(2n ** 63n) - 1n]) refuses(codec.encode({ n }))
    assert.strictEqual(roundTrip(Codec.messagePack(Schema.Literal(7n)), 7n), 7n)
    assert.strictEqual(decode("cf 00 00 00 00 00 00 00 07"), 7n)
  })
})

describe("messagePack: whose bytes", () => {
  const Item = Schema.Struct({ id: Schema.Int, text: Schema.String, data: Schema.Uint8Array })

  it("what is encoded is not overwritten by what is encoded later, by any codec", () => {
    const codecs = [Codec.messagePack(Item), Codec.messagePack(Item)]
    const frames: Array<Uint8Array> = []
    const copies: Array<string> = []
    for (let i = 0; i < 5_000; i++) {
      const message = { id: i, text: `message ${i}`, data: new Uint8Array(i % 500).fill(i) }
      const frame = succeeds(codecs[i % 2]!.encode(message))
      frames.push(frame)
      copies.push(toHex(frame))
    }
    frames.forEach((frame, i) => {
      assert.strictEqual(toHex(frame), copies[i])
    })
  })

  it("a message that fails midway leaves the next one whole", () => {
    const codec = Codec.messagePack(Schema.Any)
    const first = succeeds(codec.encode({ a: 1 }))
    for (let i = 0; i < 50; i++) refuses(codec.encode([1, "x".repeat(9_000), Symbol("no")]))
    assert.strictEqual(toHex(succeeds(codec.encode({ b: 2 }))), toHex(hex("81 a1 62 02")))
    assert.strictEqual(toHex(first), toHex(hex("81 a1 61 01")))
  })

  it("a schema may encode with the same codec while it is encoding", () => {
    const inner = Codec.messagePack(Item)
    const message = { id: 1, text: "x", data: hex("01") }
    const codec = Codec.messagePack(Schema.Any)
    class Outer {
      toJSON() {
        return { inner: succeeds(inner.encode(message)) }
      }
    }
    const frame = succeeds(codec.encode(new Outer()))
    const { inner: back } = succeeds(codec.decode(frame)) as { readonly inner: Uint8Array }
    assert.deepStrictEqual(succeeds(inner.decode(back)).text, "x")
  })

  it("a large message, and a small one after it", () => {
    const codec = Codec.messagePack(Item)
    const large = { id: 1, text: "ä".repeat(300_000), data: new Uint8Array(2_000_000).fill(7) }
    const frame = succeeds(codec.encode(large))
    succeeds(codec.encode({ id: 2, text: "x", data: hex("01") }))
    const back = succeeds(codec.decode(frame))
    assert.isTrue(back.text === large.text && Buffer.compare(back.data, large.data) === 0)
  })

  it("decoding leaves the frame as it is, without a property of its own", () => {
    const frame = succeeds(Codec.messagePack(Item).encode({ id: 1, text: "x", data: hex("01") }))
    const before = toHex(frame)
    succeeds(Codec.messagePack(Item).decode(frame))
    assert.strictEqual(toHex(frame), before)
    assert.isFalse("dataView" in frame)
  })

  it("reads nothing beyond its frame", () => {
    const whole = fromText("secret")
    const frame = Uint8Array.from([...hex("d9 06"), ...whole]).subarray(0, 4)
    refuses(anything.decode(frame))
    assert.strictEqual(
      succeeds(anything.decode(Uint8Array.from([0xff, 0xa2, 0x68, 0x69, 0xff]).subarray(1, 4))),
      "hi"
    )
  })
})

describe("messagePack: what it refuses", () => {
  it("extension types of JavaScript", () => {
    assert.include(refusal("d4 72 40 91 a1 61 01"), "extension type 114")
    for (const bytes of [
      "d5 72 40 00 91 a1 61 01",
      "d6 69 00 00 00 01 91 d6 70 00 00 00 01",
      "d6 70 00 00 00 01",
      "c7 03 74 01 01 02",
      "d4 78 00 92 a1 61 a0",
      "d4 73 00 91 01",
      "d4 65 00 93 a1 45 a1 45 c0",
      "d4 42 05",
      "d6 62 00 00 00 00 c1 05",
      "c7 00 01",
      "d5 00 00 00",
      "d5 ff 00 00",
      "d4 01 00",
      "d4 80 00"
    ]) {
      assert.include(refusal(bytes), "is not supported", bytes)
    }
  })

  it("extension types that somebody else in the process registered", () => {
    addExtension({ type: 5, read: () => "not mine" })
    assert.include(refusal("d4 05 00"), "extension type 5 is not supported")
  })

  it("a byte that begins no value", () => {
    assert.include(refusal("c1"), "c1")
    assert.include(refusal("91 c1"), "c1")
  })

  it("bytes after the value", () => {
    assert.include(refusal("01 02"), "bytes after the value")
    assert.include(refusal("80 c0"), "bytes after the value")
    assert.include(refusal("a1 61 00"), "bytes after the value")
  })

  it("a map with keys that are no texts or numbers", () => {
    refusal("81 90 01")
    refusal("81 80 01")
    assert.deepStrictEqual(decode("81 01 02"), { 1: 2 })
  })

  it("every cut of a message", () => {
    const Message = Schema.Struct({
      ...Schema.Struct({ a: Schema.Int, b: Schema.String, c: Schema.Uint8Array, d: Schema.Date }).fields,
      e: Schema.Array(Schema.Number)
    })
    const codec = Codec.messagePack(Message)
    const frame = succeeds(
      codec.encode({
        a: 70_000,
        b: "x".repeat(40),
        c: new Uint8Array(300),
        d: new Date(1_500_000_000_003),
        e: [1.5, -1, -1_000, 2 ** 40]
      })
    )
    for (let end = 0; end < frame.length; end++) {
      assert.include(refuses(codec.decode(frame.subarray(0, end))).message, "ends in the middle of a value")
    }
    succeeds(codec.decode(frame))
  })

  it("declared lengths beyond the frame, at once and without memory for them", () => {
    const before = process.memoryUsage().rss
    const started = performance.now()
    for (let i = 0; i < 200; i++) {
      for (const header of ["dd", "df", "db", "c6"]) {
        assert.include(refusal(`${header} ff ff ff ff`), "ends in the middle of a value")
        assert.include(refusal(`${header} ff ff ff ff ${"00".repeat(50)}`), "ends in the middle of a value")
      }
      assert.include(refusal("c9 ff ff ff ff ff 00 00"), "is not supported")
      refusal("dc ff ff".repeat(500))
      refusal("9f".repeat(2_000))
      refusal("8f".repeat(2_000))
    }
    assert.isBelow(performance.now() - started, 5_000)
    assert.isBelow(process.memoryUsage().rss - before, 256 * 1024 * 1024)
  })

  it.each([1_000, 10_000, 100_000])("%i levels fail, and do not throw or die", (depth) => {
    const levels = Uint8Array.from({ length: depth + 1 }, (_, i) => (i < depth ? 0x91 : 0x01))
    refuses(Codec.messagePack(Schema.String).decode(levels))
    const tree = hex(`${"82 a5 76 61 6c 75 65 01 a8 63 68 69 6c 64 72 65 6e 91".repeat(depth)}c3`)
    refuses(Codec.messagePack(Tree).decode(tree))
  })

  it("what the schema refuses, with its path", () => {
    const { issues } = refuses(Codec.messagePack(Tree).decode(hex("81 a5 76 61 6c 75 65 a1 61")))
    assert.deepStrictEqual(issues, [{ path: "value", message: "Expected number" }])
  })

  it("values that cannot be packed", () => {
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    refuses(Codec.messagePack(Schema.Any).encode(cyclic))
    refuses(Codec.messagePack(Schema.Any).encode(Symbol("no")))
    refuses(Codec.messagePack(Schema.Any).encode(2n ** 70n))
    class Broken {
      toJSON() {
        return assert.fail("mine")
      }
    }
    refuses(Codec.messagePack(Schema.Any).encode(new Broken()))
  })

  it("pollutes no prototype", () => {
    const message = decode("82 a9 5f 5f 70 72 6f 74 6f 5f 5f 81 a5 61 64 6d 69 6e c3 a1 61 01")
    assert.strictEqual(Object.getPrototypeOf(message), Object.prototype)
    assert.isUndefined(({} as { admin?: unknown }).admin)
    assert.isFalse("admin" in (message as object))
  })

  it("2 000 random frames are messages or a CodecError", () => {
    const random = new Random(2)
    const header = () => (random.below(4) === 0 ? random.below(9) : 0x90 + random.below(0x50))
    for (let i = 0; i < 2_000; i++) {
      decodesOrRefuses(anything, random.bytes(random.below(65)))
      // Headers of containers and extensions far more often than chance would have them.
      decodesOrRefuses(anything, Uint8Array.from({ length: 1 + random.below(24) }, header))
    }
  })

  it.prop(
    "one random frame after another leaves the codec whole",
    [someBytes({ maxLength: 40 })],
    ([frame]) => {
      decodesOrRefuses(anything, frame)
      assert.deepStrictEqual(decode("82 a1 61 a1 78 a1 62 93 01 02 a3 e2 82 ac"), { a: "x", b: [1, 2, "€"] })
    },
    { arbitrary: { runs: 1_000, size: 40 } }
  )
})

describe("messagePack: at once", () => {
  it("answers with an Exit, both ways", () => {
    const codec = Codec.messagePack(Tree)
    const frame = atOnce(codec.encode({ value: 1, children: [{ value: 2, children: [] }] }))
    assert.isTrue(Exit.isSuccess(frame) && Exit.isSuccess(atOnce(codec.decode(frame.value))))
    atOnce(codec.decode(hex("c1")))
    atOnce(codec.decode(hex("c0")))
    atOnce(codec.decode(hex("")))
  })
})
