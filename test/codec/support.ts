/** What the tests of codecs share. */
import { inspect } from "node:util"
import { assert } from "@effect/vitest"
import { Arbitrary, Cause, Effect, Exit, Schema } from "effect"
import * as Codec from "../../src/Codec.ts"
import { CodecError } from "../../src/SluiceError.ts"

export const integer = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

/** Random bytes, as the plain class that the web has. */
export const someBytes = (options?: Arbitrary.ArrayOptions) =>
  Arbitrary.map(Arbitrary.array(integer(0, 255), options), (values) => Uint8Array.from(values))

/** Bytes from hex; blanks are free. */
export const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"))

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

export const fromText = (text: string): Uint8Array => new TextEncoder().encode(text)

export const toText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** The outcome of something that answers at once, without the runtime. */
export const atOnce = <A, E>(effect: Effect.Effect<A, E>): Exit.Exit<A, E> => {
  assert.isTrue(Exit.isExit(effect), "must answer with an Exit")
  return Effect.runSyncExit(effect)
}

export const succeeds = <A>(effect: Effect.Effect<A, CodecError>): A => {
  const exit = Effect.runSyncExit(effect)
  return Exit.isSuccess(exit) ? exit.value : assert.fail(Cause.pretty(exit.cause))
}

/** The error that a codec answers. A defect, a throw or an error of another class is none. */
export const refuses = (effect: Effect.Effect<unknown, CodecError>): CodecError => {
  const exit = Effect.runSyncExit(effect)
  if (Exit.isSuccess(exit)) return assert.fail(`must fail, succeeded with ${String(exit.value)}`)
  const error = Cause.findErrorOption(exit.cause)
  if (error._tag === "None") return assert.fail(`died: ${Cause.pretty(exit.cause)}`)
  assert.instanceOf(error.value, CodecError)
  assert.isFalse(Cause.hasDies(exit.cause))
  bounded(error.value)
  return error.value
}

/** At most 8 issues of at most 200 characters and an ellipsis, so that no log holds a payload. */
export const bounded = (error: CodecError): void => {
  assert.isAtLeast(error.issues.length, 1)
  assert.isAtMost(error.issues.length, 8)
  for (const { message, path } of error.issues) {
    assert.isAtMost(message.length, 201)
    assert.isAtMost(path.length, 201)
  }
}

/** Encodes, lets `frame` cross a wire, decodes. */
export const roundTrip = <A>(codec: Codec.Codec<A>, message: A): A =>
  succeeds(codec.decode(Uint8Array.from(succeeds(codec.encode(message)))))

/** What comes back is the message, by the schema's own equivalence. */
export const assertRoundTrip = <A>(
  codec: Codec.Codec<A>,
  schema: Schema.Codec<A, unknown>,
  message: A
): void => {
  const back = roundTrip(codec, message)
  assert.isTrue(
    Schema.toEquivalence(schema)(back, message),
    `${inspect(message)} came back as ${inspect(back)}`
  )
}

/** A text of whole Unicode characters, which every form carries. */
export const WellFormed = Schema.String.check(Schema.makeFilter((text) => !/\p{Surrogate}/u.test(text)))

export class Point extends Schema.Class<Point>("Point")({ x: Schema.Finite, y: Schema.Finite }) {
  get norm(): number {
    return Math.hypot(this.x, this.y)
  }
}

export class Visit extends Schema.TaggedClass<Visit>()("Visit", {
  at: Schema.Date,
  where: Point,
  note: Schema.optional(WellFormed)
}) {}

export interface Tree {
  readonly value: number
  readonly children: ReadonlyArray<Tree>
}

export const Tree: Schema.Codec<Tree> = Schema.Struct({
  value: Schema.Finite,
  children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
})

/** Everything a message may be made of. */
export const Everything = Schema.Struct({
  text: WellFormed,
  number: Schema.Finite,
  flag: Schema.Boolean,
  nothing: Schema.Null,
  at: Schema.Date,
  count: Schema.BigInt,
  bytes: Schema.Uint8Array,
  maybe: Schema.Option(WellFormed),
  list: Schema.Array(Schema.Int),
  pair: Schema.Tuple([WellFormed, Schema.Int]),
  either: Schema.Union([Schema.Int, WellFormed]),
  point: Point,
  left: Schema.optionalKey(WellFormed),
  kind: Schema.Literals(["a", "b"])
})

/** The same codec, with messages of any kind, for the tests that only feed it frames. */
export const anyMessage = <A>(codec: Codec.Codec<A>): Codec.Codec<unknown> =>
  Codec.transform(codec, { decode: (message): unknown => message, encode: (message) => message as A })

/** Decodes to a message or fails with a `CodecError`, and nothing else. */
export const decodesOrRefuses = (codec: Codec.Codec<unknown>, frame: Uint8Array): void => {
  const exit = Effect.runSyncExit(codec.decode(frame))
  if (Exit.isFailure(exit)) refuses(exit)
}
