/** JSON texts of a schema. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, HashMap, Option, Schema } from "effect"
import * as Codec from "../../src/Codec.ts"
import {
  assertRoundTrip,
  atOnce,
  bounded,
  Everything,
  fromText,
  hex,
  Point,
  refuses,
  roundTrip,
  succeeds,
  Tree,
  toText,
  Visit
} from "./support.ts"

const User = Schema.Struct({
  user: Schema.Struct({ name: Schema.String, tags: Schema.Array(Schema.String) })
})

describe("json: the form", () => {
  const form = <A>(schema: Schema.Codec<A, unknown>, message: A): string =>
    toText(succeeds(Codec.json(schema).encode(message)))

  it("is the schema's JSON form", () => {
    assert.strictEqual(form(Schema.Date, new Date(0)), `"1970-01-01T00:00:00.000Z"`)
    assert.strictEqual(form(Schema.BigInt, 2n ** 70n), `"1180591620717411303424"`)
    assert.strictEqual(form(Schema.Uint8Array, hex("01 02")), `"AQI="`)
    assert.strictEqual(form(Schema.Number, Number.NaN), `"NaN"`)
    assert.strictEqual(form(Schema.Undefined, undefined), "null")
    assert.strictEqual(form(Point, new Point({ x: 1, y: 2 })), `{"x":1,"y":2}`)
    assert.strictEqual(form(Schema.ReadonlyMap(Schema.String, Schema.Int), new Map([["a", 1]])), `[["a",1]]`)
    assert.strictEqual(form(Schema.FiniteFromString, 7), `"7"`)
  })

  it("takes any JSON text of it, white space and escapes included", () => {
    const decode = (text: string) => succeeds(Codec.json(User).decode(fromText(text)))
    const expected = { user: { name: "Ä", tags: [] } }
    assert.deepStrictEqual(decode(` { "user" : {\n"tags":[],\t"name":"\\u00c4" } }\r\n`), expected)
    assert.deepStrictEqual(decode(`{"user":{"name":"Ä","tags":[]},"more":1}`), expected)
  })

  it("does not take a view of its frame", () => {
    assert.isFalse(Codec.json(User).views)
    const frame = fromText(`"AQI="`)
    const message = succeeds(Codec.json(Schema.Uint8Array).decode(frame))
    frame.fill(0)
    assert.deepStrictEqual([...message], [1, 2])
  })
})

describe("json: round trips", () => {
  it.prop("everything", [Everything], ([message]) =>
    assertRoundTrip(Codec.json(Everything), Everything, message)
  )
  it.prop("classes", [Visit], ([message]) => {
    assertRoundTrip(Codec.json(Visit), Visit, message)
    assert.instanceOf(roundTrip(Codec.json(Visit), message), Visit)
  })
  it.prop("recursive schemas", [Tree], ([message]) => assertRoundTrip(Codec.json(Tree), Tree, message))
  it.prop("texts, lone surrogates too", [Schema.String], ([message]) => {
    assert.strictEqual(roundTrip(Codec.json(Schema.String), message), message)
  })
  it.prop("big integers", [Schema.BigInt], ([message]) => {
    assert.strictEqual(roundTrip(Codec.json(Schema.BigInt), message), message)
  })

  const Tables = Schema.Struct({
    map: Schema.HashMap(Schema.String, Schema.BigInt),
    nested: Schema.Option(Schema.Option(Schema.Date)),
    record: Schema.Record(Schema.String, Schema.Int)
  })
  it("hash maps, options of options, records", () => {
    const message = {
      map: HashMap.make(["a", 1n]),
      nested: Option.some(Option.none()),
      record: { a: 1, "": 2 }
    }
    assertRoundTrip(Codec.json(Tables), Tables, message)
  })
})

describe("json: what it refuses", () => {
  const refusal = (schema: Schema.Codec<unknown, unknown>, text: string | Uint8Array) =>
    refuses(Codec.json(schema).decode(typeof text === "string" ? fromText(text) : text)).issues

  it.each(["", " ", "{", `{"a":1,}`, "[1 2]", "nul", "'a'", "01", "NaN", `"\n"`, `{} {}`, "\ufeff{}", "\0"])(
    "malformed JSON: %j",
    (text) => {
      assert.deepStrictEqual(refusal(Schema.Unknown, text), [{ path: "", message: "malformed JSON" }])
    }
  )

  it("malformed UTF-8, even within a text", () => {
    assert.deepStrictEqual(refusal(Schema.String, hex("22 ff 22")), [
      { path: "", message: "malformed UTF-8" }
    ])
    assert.deepStrictEqual(refusal(Schema.String, hex("22 c0 af 22")), [
      { path: "", message: "malformed UTF-8" }
    ])
  })

  it("what the schema refuses, with its path", () => {
    assert.deepStrictEqual(refusal(User, `{"user":{"name":1,"tags":[]}}`), [
      { path: "user.name", message: "Expected string" }
    ])
    assert.deepStrictEqual(refusal(User, `{"user":{"name":"a","tags":["b",2]}}`), [
      { path: "user.tags.1", message: "Expected string" }
    ])
    assert.deepStrictEqual(refusal(User, `{"user":{"tags":[]}}`), [
      { path: "user.name", message: "Missing key" }
    ])
    assert.deepStrictEqual(
      refusal(User, "null").map(({ path }) => path),
      [""]
    )
    assert.deepStrictEqual(
      refusal(Schema.Date, `"soon"`).map(({ path }) => path),
      [""]
    )
    assert.strictEqual(
      refuses(Codec.json(User).decode(fromText(`{"user":{"name":1,"tags":[]}}`))).message,
      "json: user.name: Expected string"
    )
  })

  it("a message that breaks a check of the schema, before it is sent", () => {
    const Port = Schema.Struct({ port: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 })) })
    const { issues } = refuses(Codec.json(Port).encode({ port: 0 }))
    assert.deepStrictEqual(
      issues.map(({ path }) => path),
      ["port"]
    )
  })

  it.each([
    ["undefined", undefined],
    ["a function", () => 1],
    ["a symbol", Symbol("no")],
    ["a bigint", 1n],
    ["a toJSON that throws", { toJSON: () => assert.fail("mine") }],
    ["a toJSON that gives nothing", { toJSON: () => undefined }]
  ])("%s, which Schema.Any lets through to JSON.stringify", (_, message) => {
    refuses(Codec.json(Schema.Any).encode(message))
  })

  it("cyclic values", () => {
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    refuses(Codec.json(Schema.Any).encode(cyclic))
    refuses(Codec.json(Schema.Unknown).encode(cyclic))
  })
})

describe("json: no payload in its errors", () => {
  const long = "x".repeat(1_048_576)

  it.each<[string, Schema.Codec<unknown, unknown>, unknown]>([
    ["a long text for a number", Schema.Number, long],
    ["a long text for a date", Schema.Date, long],
    ["a long text for a bigint", Schema.BigInt, long],
    ["a long text for a literal", Schema.Literals(["a", "b"]), long],
    ["a long text for a pattern", Schema.String.check(Schema.isPattern(/^a+$/)), long],
    ["a long text in a field", User, { user: { name: [long], tags: [] } }],
    ["a long key", Schema.Record(Schema.String, Schema.Int), { [long]: "a" }],
    ["a long tag", Schema.Union([Visit, Schema.TaggedStruct("Other", {})]), { _tag: long }],
    ["many wrong items", Schema.Array(Schema.Int), Array.from({ length: 100_000 }, () => long.slice(0, 9))],
    [
      "many wrong fields",
      User,
      Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, long.slice(0, 40)]))
    ],
    [
      "many members of a union",
      Schema.Union(Array.from({ length: 60 }, (_, i) => Schema.Struct({ [`field${i}`]: Schema.String }))),
      { other: long }
    ]
  ])("%s", (_, schema, payload) => {
    const error = refuses(Codec.json(schema).decode(fromText(JSON.stringify(payload))))
    assert.isAtMost(error.message.length, 8 * 410)
  })

  it("an annotated message that holds the value is cut", () => {
    const Loud = Schema.String.check(
      Schema.makeFilter((text) => (text.length < 5 ? undefined : `not this one: ${text}`))
    )
    const { issues } = refuses(Codec.json(Loud).decode(fromText(JSON.stringify(long))))
    assert.strictEqual(issues[0]?.message.length, 201)
    assert.isTrue(issues[0]?.message.endsWith("…"))
    bounded(refuses(Codec.json(Loud).encode(long)))
  })
})

describe("json: hostile texts", () => {
  it("of two fields of one name the last one counts", () => {
    assert.deepStrictEqual(
      succeeds(Codec.json(Schema.Struct({ a: Schema.Int })).decode(fromText(`{"a":"x","a":2}`))),
      { a: 2 }
    )
  })

  it("__proto__ and constructor are keys like others", () => {
    const text = `{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"a":1}`
    for (const schema of [
      Schema.Unknown,
      Schema.Record(Schema.String, Schema.Unknown),
      Schema.Struct({ a: Schema.Int })
    ]) {
      const message = succeeds<unknown>(Codec.json(schema).decode(fromText(text)))
      assert.strictEqual(Object.getPrototypeOf(message), Object.prototype)
      assert.isUndefined(({} as { admin?: unknown }).admin)
      assert.isFalse(typeof message === "object" && message !== null && "admin" in message)
    }
    const record = { ["__proto__"]: 1, a: 2 }
    assert.deepStrictEqual(
      Object.entries(roundTrip(Codec.json(Schema.Record(Schema.String, Schema.Int)), record)),
      Object.entries(record)
    )
  })

  it("a struct never takes an inherited field for its own", () => {
    const schema = Schema.Struct({ toString: Schema.Unknown })
    assert.deepStrictEqual(refuses(Codec.json(schema).decode(fromText("{}"))).issues[0]?.path, "toString")
  })

  it.each([1_000, 10_000, 100_000])("%i levels fail, and do not throw or die", (depth) => {
    const list = "[".repeat(depth) + "]".repeat(depth)
    const tree = `${`{"value":1,"children":[`.repeat(depth)}true${"]}".repeat(depth)}`
    refuses(Codec.json(Schema.String).decode(fromText(list)))
    refuses(Codec.json(Tree).decode(fromText(tree)))
  })

  it("a value nested deeper than the stack cannot be encoded", () => {
    let deep: Tree = { value: 1, children: [] }
    for (let i = 0; i < 100_000; i++) deep = { value: 1, children: [deep] }
    assert.deepStrictEqual(refuses(Codec.json(Tree).encode(deep)).issues, [
      { path: "", message: "nested too deeply" }
    ])
    refuses(Codec.json(Schema.Any).encode(deep))
  })
})

describe("json: at once", () => {
  it("answers with an Exit, both ways, for schemas without services", () => {
    const codec = Codec.json(Everything)
    const message = {
      text: "a",
      number: 1,
      flag: true,
      nothing: null,
      at: new Date(0),
      count: 1n,
      bytes: hex("01"),
      maybe: Option.some("a"),
      list: [1],
      pair: ["a", 1] as const,
      either: 1,
      point: new Point({ x: 1, y: 2 }),
      kind: "a" as const
    }
    const frame = atOnce(codec.encode(message))
    assert.isTrue(Exit.isSuccess(frame) && Exit.isSuccess(atOnce(codec.decode(frame.value))))
    atOnce(codec.decode(fromText("{")))
    atOnce(codec.decode(hex("ff")))
    atOnce(codec.decode(fromText("{}")))
    atOnce(Codec.json(User).decode(fromText(`{"user":1}`)))
    atOnce(Codec.json(Schema.Array(Schema.Finite)).decode(fromText(`["a"]`)))
    atOnce(Codec.json(Schema.Date).decode(fromText(`"soon"`)))
  })

  it.effect("a failing transformation needs no more than a synchronous run", () =>
    Effect.sync(() => {
      refuses(Codec.json(Schema.Number).decode(fromText(`"x"`)))
      refuses(Codec.json(Schema.BigInt).decode(fromText(`"x"`)))
      refuses(Codec.json(Schema.Array(Schema.Number)).decode(fromText(`["x"]`)))
    })
  )

  it("a defect of a schema's own code stays a defect", () => {
    const broken = Schema.String.check(Schema.makeFilter((): undefined => assert.fail("mine")))
    const thrown = new RangeError("mine")
    const dying = Schema.String.check(
      Schema.makeFilter((): undefined => {
        throw thrown
      })
    )
    for (const schema of [broken, dying]) {
      const exit = Effect.runSyncExit(Effect.suspend(() => Codec.json(schema).decode(fromText(`"a"`))))
      assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.every(({ _tag }) => _tag === "Die"))
    }
  })
})
