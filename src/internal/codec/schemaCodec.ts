/** Runs a schema between a codec's raw values and its messages, synchronously wherever the schema allows. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import { CodecError } from "../../SluiceError.ts"

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

// A schema without asynchronous parts or services answers with an Exit, and the eager map keeps it one.
const withCodecError =
  <A, B, R>(codec: string, parse: (input: A) => Effect.Effect<B, SchemaIssue.Issue, R>): Parser<A, B, R> =>
  (input) =>
    Effect.mapErrorEager(parse(input), (issue) => schemaError(codec, issue))

/** Decodes what the codec's own format gave. */
export const schemaDecoder = <A, I, RD, RE>(
  codec: string,
  schema: Schema.Codec<A, I, RD, RE>
): Parser<unknown, A, RD> => withCodecError(codec, SchemaParser.decodeUnknownEffect(schema))

/** Encodes a message to what the codec's own format takes. */
export const schemaEncoder = <A, I, RD, RE>(codec: string, schema: Schema.Codec<A, I, RD, RE>): Parser<A, I, RE> =>
  withCodecError(codec, SchemaParser.encodeEffect(schema))
