/** Runs a schema between a codec's raw values and its messages, synchronously wherever the schema allows. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import { CodecError } from "../../SluiceError.ts"
import { isSuccess } from "../settled.ts"

const issueLimit = 8
const textLimit = 200

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

const cut = (text: string): string => (text.length > textLimit ? `${text.slice(0, textLimit)}…` : text)

/** A codec's failure in one sentence. */
export const codecError = (codec: string, message: string): CodecError =>
  new CodecError({ codec, issues: [{ path: "", message: cut(message) }] })

const schemaError = (codec: string, issue: SchemaIssue.Issue): CodecError =>
  new CodecError({
    codec,
    issues: formatIssues(issue)
      .issues.slice(0, issueLimit)
      .map(({ message, path }) => ({ path: cut((path ?? []).map(String).join(".")), message: cut(message) }))
  })

type Parser<A, B, R> = (input: A) => Effect.Effect<B, CodecError, R>

// A schema without asynchronous parts or services answers with an Exit, save that Effect leaves some failures of
// transformations an effect; the eager maps keep it one.
const withCodecError =
  <A, B, R>(codec: string, parse: (input: A) => Effect.Effect<B, SchemaIssue.Issue, R>): Parser<A, B, R> =>
  (input) => {
    let parsed: Effect.Effect<B, CodecError, R>
    try {
      const answer = parse(input)
      if (isSuccess(answer)) return answer
      parsed = Effect.mapErrorEager(answer, (issue) => schemaError(codec, issue))
    } catch (defect) {
      return overflow(codec, defect)
    }
    if (!Exit.isExit(parsed)) return Effect.catchDefect(parsed, (defect) => overflow(codec, defect))
    if (Exit.isSuccess(parsed)) return parsed
    const died = parsed.cause.reasons.find(({ _tag }) => _tag === "Die")
    return died?._tag === "Die" ? overflow(codec, died.defect) : parsed
  }

// A message of a recursive schema, nested deeper than the stack, is the peer's mistake and no defect.
const overflow = (codec: string, defect: unknown): Effect.Effect<never, CodecError> =>
  defect instanceof RangeError && /call stack/i.test(defect.message)
    ? Exit.fail(codecError(codec, "nested too deeply"))
    : Exit.die(defect)

/** Decodes what the codec's own format gave. */
export const schemaDecoder = <A, I, RD, RE>(
  codec: string,
  schema: Schema.Codec<A, I, RD, RE>
): Parser<unknown, A, RD> => withCodecError(codec, SchemaParser.decodeUnknownEffect(schema))

/** Encodes a message to what the codec's own format takes. */
export const schemaEncoder = <A, I, RD, RE>(
  codec: string,
  schema: Schema.Codec<A, I, RD, RE>
): Parser<A, I, RE> => withCodecError(codec, SchemaParser.encodeEffect(schema))
