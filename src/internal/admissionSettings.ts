/** The options of admission, as schemas, and limits made ready to be asked. */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Limits } from "../Admission.ts"
import { type Block, parseBlock } from "./cidr.ts"
import { durationOption, integerOption, problemsOf, withDefault } from "./options.ts"
import type { Rate } from "./rateTable.ts"

const most = 10_000_000

const orOff = <S extends Schema.Constraint>(schema: S) => Schema.Union([Schema.Literal("off"), schema])

const expectedCount = `must be a whole number from 1 to ${most}, or off`

const countOption = Schema.Unknown.check(
  Schema.makeFilter((value) =>
    value === "off" || (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most)
      ? undefined
      : expectedCount
  )
)

/** An address or a block of them. */
export const blockOption = Schema.String.check(
  Schema.makeFilter((text) =>
    parseBlock(text) === undefined
      ? "must be an IP address or a CIDR block, as in 10.0.0.0/8 or 2001:db8::/32"
      : undefined
  )
)

const RateSettings = Schema.Struct({
  connections: integerOption(1, 1_000_000),
  per: durationOption("1 millis", "1 day"),
  burst: Schema.optional(integerOption(1, 1_000_000))
})

const limitFields = {
  maxConnections: withDefault(countOption, 16_384),
  maxPerAddress: withDefault(countOption, "off"),
  rate: withDefault(orOff(RateSettings), "off"),
  allow: withDefault(Schema.Array(blockOption), []),
  deny: withDefault(Schema.Array(blockOption), [])
} as const

const LimitSettings = Schema.Struct(limitFields)

const AdmissionFields = Schema.Struct({
  ...limitFields,
  overLimit: withDefault(
    Schema.Union([
      Schema.Literal("refuse"),
      Schema.Struct({
        wait: durationOption("1 millis", "1 hour"),
        maxWaiting: withDefault(integerOption(1, 1_000_000), 1024)
      })
    ]),
    "refuse"
  ),
  farewell: Schema.optional(Schema.Unknown)
})

/** The options of admission. */
export const admissionSettings = withDefault(AdmissionFields, Schema.decodeUnknownSync(AdmissionFields)({}))

/** Limits, ready to be asked. */
export interface Rules {
  readonly maxConnections: number
  readonly maxPerAddress: number
  readonly rate: Rate | undefined
  readonly allow: ReadonlyArray<Block>
  readonly deny: ReadonlyArray<Block>
}

const countOf = (limit: unknown): number => (typeof limit === "number" ? limit : Number.POSITIVE_INFINITY)

const blocksOf = (texts: ReadonlyArray<string>): ReadonlyArray<Block> =>
  texts.flatMap((text) => parseBlock(text) ?? [])

const rateOf = (rate: (typeof RateSettings)["Type"]): Rate => ({
  perMilli: rate.connections / Duration.toMillis(rate.per),
  burst: rate.burst ?? rate.connections
})

/** The rules that limits say, or what is wrong with them, in one line. */
export const rulesOf = (limits: Limits): Result.Result<Rules, string> => {
  const decoded = Schema.decodeUnknownResult(LimitSettings, { errors: "all", onExcessProperty: "error" })(
    limits
  )
  return Result.mapBoth(decoded, {
    onFailure: ({ issue }) =>
      problemsOf(issue)
        .map(({ message, path }) => `${path}: ${message}`)
        .join("; "),
    onSuccess: ({ allow, deny, maxConnections, maxPerAddress, rate }) => ({
      maxConnections: countOf(maxConnections),
      maxPerAddress: countOf(maxPerAddress),
      rate: rate === "off" ? undefined : rateOf(rate),
      allow: blocksOf(allow),
      deny: blocksOf(deny)
    })
  })
}

/** The limits among the options of a server. */
export const limitsOf = (options: Limits = {}): Limits => ({
  maxConnections: options.maxConnections ?? 16_384,
  maxPerAddress: options.maxPerAddress ?? "off",
  rate: options.rate ?? "off",
  allow: options.allow ?? [],
  deny: options.deny ?? []
})
