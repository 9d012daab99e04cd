/** Values of RESP2 and RESP3: what they look like on the wire, which are refused, and what RESP2 makes of those of RESP3. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import type { Value } from "../../src/Resp.ts"
import * as Resp from "../../src/Resp.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { Random } from "../../src/testing/random.ts"
import { bytes, decode, encode, refusal, singles, texts } from "./support/decode.ts"

const values = Resp.values()

/** Whole and byte by byte; both must be the same. */
const read = (input: string, codec = texts) => {
  const whole = decode(codec, bytes(input))
  assert.deepStrictEqual(decode(codec, ...singles(bytes(input))), whole)
  return { values: whole.messages, error: whole.error?.replace("corrupted frame: ", "") }
}

const pairs: ReadonlyArray<readonly [wire: string, value: Value]> = [
  ["+OK\r\n", Resp.ok],
  ["+\r\n", Resp.simpleString("")],
  ["-ERR no\r\n", Resp.simpleError("ERR no")],
  [":0\r\n", 0],
  [":-12\r\n", -12],
  [":9007199254740991\r\n", Number.MAX_SAFE_INTEGER],
  [":9223372036854775807\r\n", 2n ** 63n - 1n],
  [":-9223372036854775808\r\n", -(2n ** 63n)],
  ["$5\r\nhello\r\n", "hello"],
  ["$0\r\n\r\n", ""],
  ["$4\r\n\r\n\xff\0\r\n", "\r\n\xff\0"],
  ["*0\r\n", []],
  ["*3\r\n:1\r\n*1\r\n$1\r\na\r\n_\r\n", [1, ["a"], null]],
  ["_\r\n", null],
  ["#t\r\n", true],
  ["#f\r\n", false],
  [",1.5\r\n", Resp.double(1.5)],
  [",10\r\n", Resp.double(10)],
  [",-0\r\n", Resp.double(-0)],
  [",1e+21\r\n", Resp.double(1e21)],
  [",inf\r\n", Resp.double(Number.POSITIVE_INFINITY)],
  [",-inf\r\n", Resp.double(Number.NEGATIVE_INFINITY)],
  [",nan\r\n", Resp.double(Number.NaN)],
  [
    "(3492890328409238509324850943850943825024385\r\n",
    Resp.bigNumber(3492890328409238509324850943850943825024385n)
  ],
  ["(-1\r\n", Resp.bigNumber(-1n)],
  ["!7\r\nERR a\r\n\r\n", Resp.bulkError("ERR a\r\n")],
  ["=9\r\ntxt:a\r\nbc\r\n", Resp.verbatimString("txt", "a\r\nbc")],
  ["=4\r\nmkd:\r\n", Resp.verbatimString("mkd", "")],
  [
    "%2\r\n+a\r\n:1\r\n:2\r\n*1\r\n_\r\n",
    Resp.map([
      [Resp.simpleString("a"), 1],
      [2, [null]]
    ])
  ],
  ["%0\r\n", Resp.map([])],
  ["~2\r\n:1\r\n:1\r\n", Resp.set([1, 1])],
  [">2\r\n$7\r\nmessage\r\n~0\r\n", Resp.push("message", Resp.set([]))],
  ["|1\r\n$1\r\nk\r\n:1\r\n*1\r\n:2\r\n", Resp.attributed([["k", 1]], [2])],
  ["*2\r\n:1\r\n|1\r\n+ttl\r\n:9\r\n$1\r\nx\r\n", [1, Resp.attributed([[Resp.simpleString("ttl"), 9]], "x")]],
  ["|0\r\n|0\r\n:1\r\n", Resp.attributed([], Resp.attributed([], 1))]
]

describe("values", () => {
  it.each(pairs)("%j", (wire, value) => {
    assert.deepStrictEqual(read(wire), { values: [value], error: undefined })
    assert.strictEqual(encode(texts, value), wire)
  })

  it("follow each other", () => {
    assert.deepStrictEqual(
      read(pairs.map(([wire]) => wire).join("")).values,
      pairs.map(([, value]) => value)
    )
  })

  it("of other spellings are the same values", () => {
    assert.deepStrictEqual(read("$-1\r\n*-1\r\n:+5\r\n:-0\r\n,+1.50e2\r\n,1.\r\n(+7\r\n,INF\r\n").values, [
      ...[null, null, 5, 0],
      ...[Resp.double(150), Resp.double(1), Resp.bigNumber(7n), Resp.double(Number.POSITIVE_INFINITY)]
    ])
  })

  it("have their strings as bytes, in UTF-8, or a character a byte", () => {
    const wire = bytes("$3\r\n\xe2\x82\xac\r\n+\xe2\x82\xac\r\n")
    const [string, simple] = decode(values, wire).messages
    assert.deepStrictEqual([...(string as Uint8Array)], [0xe2, 0x82, 0xac])
    assert.deepStrictEqual(simple, Resp.simpleString("€"))
    const utf8 = Resp.values({ strings: "utf8" })
    assert.deepStrictEqual(decode(utf8, wire).messages[0], "€")
    assert.deepStrictEqual(decode(texts, wire).messages[0], "\xe2\x82\xac")
    for (const codec of [values, utf8]) assert.strictEqual(encode(codec, "€"), "$3\r\n\xe2\x82\xac\r\n")
    assert.strictEqual(encode(values, Resp.simpleString("€")), "+\xe2\x82\xac\r\n")
    assert.strictEqual(encode(texts, "\xff"), "$1\r\n\xff\r\n")
    const long = "0123456789\xff".repeat(40)
    assert.strictEqual(encode(texts, long), `$440\r\n${long}\r\n`)
    assert.strictEqual(read(encode(texts, long)).values[0], long)
    assert.strictEqual(encode(values, bytes(long)), `$440\r\n${long}\r\n`)
  })

  it("have numbers of any length in their headers", () => {
    for (const count of [9, 10, 99, 100, 999, 1000, 9999, 10_000, 65_536]) {
      const wire = encode(
        values,
        Array.from({ length: count }, () => 0)
      )
      assert.isTrue(wire.startsWith(`*${count}\r\n:0\r\n`))
      assert.strictEqual(wire.length, `*${count}\r\n`.length + 4 * count)
    }
    for (const number of [-1, 7, 4321, 9999, 10_000, -12345, 2 ** 40]) {
      assert.strictEqual(encode(values, number), `:${number}\r\n`)
    }
  })

  it.each([
    ["x\r\n", 'no value begins with "x"'],
    ["PING\r\n", 'no value begins with "P"'],
    [":\r\n", "no integer"],
    [":1.5\r\n", "no integer"],
    [":9223372036854775808\r\n", "an integer of more than 64 bits"],
    [":--1\r\n", "no integer"],
    [",\r\n", "no double"],
    [",.5\r\n", "no double"],
    [",1e\r\n", "no double"],
    ["(1x\r\n", "no big number"],
    [`(${"1".repeat(4098)}\r\n`, "a big number of more than 4096 digits"],
    ["#x\r\n", "a boolean is t or f"],
    ["_x\r\n", "a null with something in it"],
    ["+a\nb\r\n", "a line feed without a carriage return"],
    ["+a\rb\r\n", "a carriage return without a line feed"],
    ["$-2\r\n", "invalid bulk length"],
    ["$01\r\n", "invalid bulk length"],
    ["$1048577\r\n", "invalid bulk length"],
    ["!-1\r\n", "invalid bulk length"],
    ["$1\r\nab", "expected CRLF behind a bulk string"],
    ["$1\r\na\rb", "expected CRLF behind a bulk string"],
    ["=3\r\ntxt\r\n", "a verbatim string without its format"],
    ["=4\r\ntext\r\n", "a verbatim string without its format"],
    ["*-2\r\n", "invalid multibulk length"],
    ["*65537\r\n", "invalid multibulk length"],
    ["%-1\r\n", "invalid multibulk length"],
    ["$?\r\n", "streamed strings and aggregates are not supported"],
    ["*?\r\n", "streamed strings and aggregates are not supported"],
    [`${"*1\r\n".repeat(32)}*0\r\n`, "nested more than 32 deep"]
  ])("%j is refused, behind what came before", (input, error) => {
    assert.deepStrictEqual(read(`:1\r\n${input}`), { values: [1], error })
  })

  it("may be as long and as deep as the limits say, and no longer", () => {
    const codec = Resp.values({
      maxLength: 30,
      maxBulkLength: 10,
      maxArrayLength: 2,
      maxDepth: 2,
      strings: "latin1"
    })
    assert.isUndefined(read(`+${"x".repeat(27)}\r\n`, codec).error)
    assert.include(read(`+${"x".repeat(28)}\r\n`, codec).error, "exceeds the maximum of 30")
    assert.include(read("+".concat("x".repeat(40)), codec).error, "exceeds the maximum of 30")
    assert.isUndefined(read(`*2\r\n$10\r\n${"x".repeat(10)}\r\n$1\r\nx\r\n`, codec).error)
    assert.include(read(`*2\r\n$10\r\n${"x".repeat(10)}\r\n$4\r\n`, codec).error, "31 bytes or more")
    assert.include(read(`*2\r\n+${"x".repeat(20)}\r\n:1\r\n`, codec).error, "exceeds the maximum of 30")
    assert.isUndefined(read("*1\r\n*1\r\n:1\r\n", codec).error)
    assert.strictEqual(read("*1\r\n*1\r\n*0\r\n", codec).error, "nested more than 2 deep")
    assert.strictEqual(read("*1\r\n|1\r\n:1\r\n*0\r\n", codec).error, "nested more than 2 deep")
    assert.strictEqual(read("%3\r\n", codec).error, "invalid multibulk length")
    assert.strictEqual(Resp.values({ maxDepth: 2000 }).problems[0]?.path, "maxDepth")
    assert.strictEqual(Resp.values({ maxLength: 0 }).problems[0]?.path, "maxLength")
  })
})

describe("values to send", () => {
  it("are refused where the other end would refuse them", () => {
    const codec = Resp.values({ maxLength: 30, maxBulkLength: 10, maxArrayLength: 2, maxDepth: 2 })
    const refused: ReadonlyArray<readonly [Value, string]> = [
      [1.5, "no integer"],
      [2 ** 53, "no integer"],
      [2n ** 63n, "64 bits"],
      [Resp.simpleString("a\r\nb"), "delimiter at byte 1"],
      [Resp.simpleError("a\nb"), "delimiter at byte 1"],
      ["x".repeat(11), "maximum of 10"],
      [bytes("x".repeat(11)), "maximum of 10"],
      [[1, 2, 3], "maximum of 2"],
      [
        Resp.map([
          [1, 1],
          [2, 2],
          [3, 3]
        ]),
        "maximum of 2"
      ],
      [[[[]]], "nested more than 2 deep"],
      [[Resp.map([[1, []]])], "nested more than 2 deep"],
      [Resp.simpleString("x".repeat(28)), "maximum of 30"],
      [["x".repeat(10), "x".repeat(10)], "maximum of 30"],
      [Resp.verbatimString("text", ""), "three characters"],
      [Resp.bigNumber(10n ** 4097n), "maximum of 4096"]
    ]
    for (const [value, why] of refused) assert.include(refusal(codec, value), why)
  })

  it("for RESP2 are of its kinds", () => {
    const value = [
      ...[null, true, false, 7, "s", Resp.ok, Resp.double(1.5), Resp.bigNumber(9n)],
      Resp.verbatimString("txt", "a"),
      Resp.bulkError("ERR a\r\nb"),
      Resp.map([["k", Resp.set([1, null])]]),
      Resp.push("message", Resp.attributed([["ttl", 1]], bytes("x")))
    ]
    assert.strictEqual(
      encode(values, Resp.toResp2(value)),
      "*12\r\n$-1\r\n:1\r\n:0\r\n:7\r\n$1\r\ns\r\n+OK\r\n$3\r\n1.5\r\n$1\r\n9\r\n$1\r\na\r\n-ERR a b\r\n" +
        "*2\r\n$1\r\nk\r\n*2\r\n:1\r\n$-1\r\n*2\r\n$7\r\nmessage\r\n$1\r\nx\r\n"
    )
    assert.strictEqual(encode(values, Resp.nullArray, Resp.nullString), "*-1\r\n$-1\r\n")
  })

  it("tell what they say", () => {
    const said = [
      bytes("\xe2\x82\xac"),
      "a",
      Resp.ok,
      1,
      2n,
      Resp.double(1.5),
      Resp.verbatimString("txt", "v")
    ]
    assert.deepStrictEqual(said.map(Resp.text), ["€", "a", "OK", "1", "2", "1.5", "v"])
    assert.deepStrictEqual([null, [], true, Resp.push()].map(Resp.text), [
      undefined,
      undefined,
      undefined,
      undefined
    ])
  })
})

/** Any value that comes back as it went. */
const anyValue = (random: Random, depth = 0): Value => {
  const text = () => Buffer.from(random.bytes(random.below(8))).toString("latin1")
  const line = () => text().replace(/[\r\n]/g, " ")
  const some = (): Array<Value> => Array.from({ length: random.below(4) }, () => anyValue(random, depth + 1))
  const entries = (): Array<[Value, Value]> => some().map((key) => [key, anyValue(random, depth + 1)])
  switch (random.below(depth < 4 ? 16 : 11)) {
    case 0:
      return null
    case 1:
      return random.below(2) === 0
    case 2:
      return random.below(2 ** 31) - 2 ** 30
    case 3:
      return 2n ** 53n + BigInt(random.below(1000))
    case 4:
      return Resp.simpleString(line())
    case 5:
      return Resp.simpleError(line())
    case 6:
      return Resp.bulkError(text())
    case 7:
      return Resp.double(random.below(1_000_000) / 2 ** random.below(40))
    case 8:
      return Resp.bigNumber(BigInt(random.below(1000)) * 10n ** BigInt(random.below(100)))
    case 9:
      return Resp.verbatimString("txt", text())
    case 10:
      return text()
    case 11:
      return some()
    case 12:
      return Resp.map(entries())
    case 13:
      return Resp.set(some())
    case 14:
      return Resp.push(...some())
    default:
      return Resp.attributed(entries(), anyValue(random, depth + 1))
  }
}

describe("any values", () => {
  it.prop(
    "come back as they went, however they are cut",
    { seed: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 }))) },
    ({ seed }) => {
      const random = new Random(seed)
      const sent = Array.from({ length: 5 }, () => anyValue(random))
      const wire = bytes(encode(texts, ...sent))
      assert.deepStrictEqual(decode(texts, ...random.cut(wire)), {
        messages: sent,
        error: undefined,
        buffered: 0
      })
    },
    { arbitrary: { runs: 300 } }
  )

  it("keep the laws of framings", () => {
    const small = Resp.values({ maxLength: 1024, maxBulkLength: 400, maxArrayLength: 30, maxDepth: 4 })
    const payloads = pairs.map(([wire]) => bytes(wire)).filter(({ length }) => length < 400)
    const results = FramingLaws.checkAll(FramingLaws.ofCodec(small), { payloads })
    assert.deepStrictEqual(
      results.filter(({ ok }) => !ok),
      []
    )
  })
})
