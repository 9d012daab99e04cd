/**
 * Options as schemas: decoded once, every problem told at once with its path, unknown keys refused.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import { InvalidConfig, type OptionProblem } from "../SluiceError.ts"

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    switch (issue._tag) {
      case "MissingKey":
        return "is required"
      case "UnexpectedKey":
        return "is not an option"
      default:
        return SchemaIssue.defaultLeafHook(issue)
    }
  }
})

/** `tls.alpn[0]` from its segments, below `prefix`. */
const formatPath = (prefix: string, path: ReadonlyArray<PropertyKey>): string => {
  let text = prefix
  for (const key of path) {
    text += typeof key === "number" ? `[${key}]` : text === "" ? String(key) : `.${String(key)}`
  }
  return text === "" ? "options" : text
}

/** What a schema found wrong, one problem each. `prefix` goes in front of every path. */
export const problemsOf = (issue: SchemaIssue.Issue, prefix = ""): ReadonlyArray<OptionProblem> =>
  formatIssue(issue).issues.map(({ message, path = [] }) => ({
    // Only string keys and array indexes occur in options; the standard also allows `{ key }` segments.
    path: formatPath(
      prefix,
      path.map((segment) => (typeof segment === "object" ? segment.key : segment))
    ),
    message
  }))

/**
 * Decodes options, or fails with all their problems. Input is never echoed, for it may hold a secret.
 *
 * `prefix` is the path of the options themselves (`heartbeat` gives `heartbeat.interval`).
 */
export const decodeOptions = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  input: unknown,
  prefix?: string
): Effect.Effect<S["Type"], InvalidConfig> =>
  Effect.suspend(() => {
    const result = Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error" })(input)
    return Result.isSuccess(result)
      ? Effect.succeed(result.success)
      : Effect.fail(new InvalidConfig({ problems: problemsOf(result.failure.issue, prefix) }))
  })

/** A whole number from `minimum` to `maximum`. */
export const integerOption = (minimum: number, maximum: number) => {
  const expected = `must be a whole number from ${minimum} to ${maximum}`
  return Schema.Number.annotate({ message: expected }).check(
    Schema.makeFilter((value) =>
      Number.isInteger(value) && value >= minimum && value <= maximum ? undefined : expected
    )
  )
}

/** Anything that Effect takes as a duration, within bounds, both allowed. */
export const durationOption = (minimum: Duration.Input, maximum: Duration.Input) => {
  const lowest = Duration.fromInputUnsafe(minimum)
  const highest = Duration.fromInputUnsafe(maximum)
  const expected = `must be a duration from ${Duration.format(lowest)} to ${Duration.format(highest)}`
  return Schema.Unknown.pipe(
    Schema.decodeTo(Schema.Duration, {
      decode: SchemaGetter.transformEffect((input: unknown, options) => {
        // `fromInput` looks at what it got and answers `none` for anything that is no duration.
        const duration = Duration.fromInput(input as Duration.Input)
        return Option.isSome(duration) &&
          Duration.isGreaterThanOrEqualTo(duration.value, lowest) &&
          Duration.isLessThanOrEqualTo(duration.value, highest)
          ? Effect.succeed(duration.value)
          : Effect.fail(new SchemaIssue.InvalidValue({ message: expected }, input, options))
      }),
      encode: SchemaGetter.passthrough<unknown>()
    })
  )
}

/** An option that may be left out, or be undefined, and is `value` then. */
export const withDefault = <S extends Schema.Constraint>(
  schema: S,
  value: S["Type"]
): Schema.withDecodingDefaultType<S> => Schema.withDecodingDefaultType<S>(Effect.succeed(value))(schema)
