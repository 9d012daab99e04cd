/** Codecs whose schemas use services or take their time, and codecs of one's own. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Schema, SchemaGetter, SchemaIssue } from "effect"
import * as Codec from "../../src/Codec.ts"
import { CodecError } from "../../src/SluiceError.ts"
import { atOnce, bounded, fromText, hex, refuses, succeeds, toHex } from "./support.ts"

class Key extends Context.Service<Key, { readonly shift: Effect.Effect<number> }>()("test/Key") {}
class Seal extends Context.Service<Seal, { readonly mark: string }>()("test/Seal") {}

const shifted = (text: string, by: number): string =>
  [...text].map((letter) => String.fromCharCode(letter.charCodeAt(0) + by)).join("")

/** A text that travels shifted by a key's number, and marked by a seal. */
const Secret = Schema.String.pipe(
  Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transformEffect((text: string) =>
      Effect.gen(function* () {
        const { shift } = yield* Key
        const by = yield* shift
        return text.startsWith("#")
          ? shifted(text.slice(1), -by)
          : yield* Effect.fail(new SchemaIssue.InvalidValue({ message: "no mark" }, text))
      })
    ),
    encode: SchemaGetter.transformEffect((text: string) =>
      Effect.gen(function* () {
        const { mark } = yield* Seal
        return `${mark}${shifted(text, 1)}`
      })
    )
  })
)

const Letter = Schema.Struct({ to: Schema.String, text: Secret })

const key = { shift: Effect.succeed(1) }
const seal = { mark: "#" }

describe("codecs with services", () => {
  for (const [name, codec] of [
    ["json", Codec.json(Letter)],
    ["binary", Codec.binary(Letter)],
    ["messagePack", Codec.messagePack(Letter)]
  ] as const) {
    it.effect(`${name}: decoding takes one service, encoding the other`, () =>
      Effect.gen(function* () {
        expectTypeOf(codec).toEqualTypeOf<Codec.Codec<typeof Letter.Type, Key, Seal>>()
        const message = { to: "you", text: "abc" }
        const encoding = codec.encode(message)
        expectTypeOf(encoding).toEqualTypeOf<Effect.Effect<Uint8Array, CodecError, Seal>>()
        const frame = yield* Effect.provideService(encoding, Seal, seal)
        assert.include(Buffer.from(frame).toString("latin1"), "#bcd")
        const decoding = codec.decode(frame)
        expectTypeOf(decoding).toEqualTypeOf<Effect.Effect<typeof Letter.Type, CodecError, Key>>()
        assert.deepStrictEqual(yield* Effect.provideService(decoding, Key, key), message)
      })
    )

    it.effect(`${name}: a failure of the schema's own effect is a CodecError with its path`, () =>
      Effect.gen(function* () {
        const frame = yield* Effect.provideService(codec.encode({ to: "you", text: "abc" }), Seal, {
          mark: ""
        })
        const error = yield* Effect.flip(Effect.provideService(codec.decode(frame), Key, key))
        assert.instanceOf(error, CodecError)
        assert.deepStrictEqual(
          error.issues.map(({ path }) => path),
          ["text"]
        )
      })
    )

    it.effect(`${name}: decoding may wait, and be interrupted`, () =>
      Effect.gen(function* () {
        const turn = yield* Deferred.make<number>()
        const frame = yield* Effect.provideService(codec.encode({ to: "you", text: "abc" }), Seal, seal)
        const decoding = Effect.provideService(codec.decode(frame), Key, { shift: Deferred.await(turn) })
        assert.isFalse(Exit.isExit(decoding))
        const stopped = yield* Effect.forkChild(decoding, { startImmediately: true })
        const fiber = yield* Effect.forkChild(decoding, { startImmediately: true })
        yield* Fiber.interrupt(stopped)
        const exit = yield* Fiber.await(stopped)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
        yield* Deferred.succeed(turn, 1)
        assert.deepStrictEqual((yield* Fiber.join(fiber)).text, "abc")
      })
    )
  }

  it.effect("a missing service is a defect, not a CodecError", () =>
    Effect.gen(function* () {
      // What a wrong cast or a forgotten layer would do.
      const decoding = Codec.json(Secret).decode(fromText(`"#b"`)) as Effect.Effect<string, CodecError>
      const exit = yield* Effect.exit(decoding)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )

  it.effect("transform keeps the services", () =>
    Effect.gen(function* () {
      const codec = Codec.transform(Codec.json(Secret), {
        decode: (text) => text.length,
        encode: (length: number) => "a".repeat(length)
      })
      expectTypeOf(codec).toEqualTypeOf<Codec.Codec<number, Key, Seal>>()
      const frame = yield* Effect.provideService(codec.encode(3), Seal, seal)
      assert.strictEqual(yield* Effect.provideService(codec.decode(frame), Key, key), 3)
    })
  )
})

describe("make", () => {
  const options = {
    decode: (frame: Uint8Array) => Effect.succeed(frame.length),
    encode: (length: number) => Effect.succeed(new Uint8Array(length))
  }

  it("takes messages for views unless told otherwise", () => {
    assert.isTrue(Codec.make("length", options).views)
    assert.isFalse(Codec.make("length", { ...options, views: false }).views)
    assert.isTrue(Codec.make("length", { ...options, views: true }).views)
  })

  it("is what it was given", () => {
    const codec = Codec.make("length", options)
    assert.strictEqual(codec.name, "length")
    assert.deepStrictEqual(atOnce(codec.decode(hex("01 02"))), Exit.succeed(2))
    assert.strictEqual(succeeds(codec.encode(3)).length, 3)
  })

  it("has the types of its functions", () => {
    const codec = Codec.make("keyed", {
      decode: () => Effect.map(Key, () => 1),
      encode: (_message: number) => Effect.map(Seal, () => hex("00"))
    })
    expectTypeOf(codec).toEqualTypeOf<Codec.Codec<number, Key, Seal>>()
  })
})

describe("transform", () => {
  const reversed = Codec.transform(Codec.utf8, {
    decode: (text) => [...text].reverse().join(""),
    encode: (text: string) => [...text].reverse().join("")
  })

  it("applies its functions both ways, at once, under the same name", () => {
    assert.deepStrictEqual(atOnce(reversed.decode(fromText("abc"))), Exit.succeed("cba"))
    assert.strictEqual(toHex(succeeds(reversed.encode("cba"))), toHex(fromText("abc")))
    assert.strictEqual(reversed.name, "utf8")
  })

  it("passes failures on", () => {
    assert.deepStrictEqual(refuses(reversed.decode(hex("ff"))).issues, [
      { path: "", message: "malformed UTF-8" }
    ])
  })

  it("keeps what the codec says about views", () => {
    const same = { decode: (a: Uint8Array) => a, encode: (a: Uint8Array) => a }
    const own = { decode: (a: Uint8Array) => Exit.succeed(a), encode: (a: Uint8Array) => Exit.succeed(a) }
    assert.isFalse(reversed.views)
    assert.isTrue(Codec.transform(Codec.bytes, same).views)
    assert.isFalse(Codec.transform(Codec.make("own", { ...own, views: false }), same).views)
  })
})

describe("fail", () => {
  it("is an Exit with one issue of the whole message", () => {
    const exit = Codec.fail("mine", "no good")
    assert.isTrue(Exit.isExit(exit))
    const error = refuses(exit)
    assert.strictEqual(error.codec, "mine")
    assert.deepStrictEqual(error.issues, [{ path: "", message: "no good" }])
    assert.strictEqual(error.message, "mine: no good")
  })

  it("cuts its message at 200 characters", () => {
    for (const [length, expected] of [
      [199, 199],
      [200, 200],
      [201, 201],
      [10_000, 201]
    ] as const) {
      const error = refuses(Codec.fail("mine", "x".repeat(length)))
      bounded(error)
      assert.strictEqual(error.issues[0]?.message.length, expected)
      assert.strictEqual(error.issues[0]?.message.endsWith("…"), length > 200)
    }
  })
})
