/** The options of `Multicore`, as schemas. */
import { availableParallelism } from "node:os"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { InvalidConfig } from "../../../SluiceError.ts"
import { admissionSettings } from "../../admissionSettings.ts"
import { decodeOptions, durationOption, integerOption, withDefault } from "../../options.ts"

const mebibyte = 1024 * 1024

const RestartSettings = Schema.Struct({
  max: withDefault(integerOption(0, 10_000), 10),
  within: withDefault(durationOption("1 second", "1 day"), Duration.minutes(1)),
  delay: withDefault(durationOption("1 millis", "1 hour"), Duration.millis(100)),
  maxDelay: withDefault(durationOption("1 millis", "1 hour"), Duration.seconds(10))
})

const WaitingSettings = Schema.Struct({
  max: withDefault(integerOption(0, 100_000), 1024),
  time: withDefault(durationOption("1 millis", "1 hour"), Duration.seconds(10))
})

const QueueSettings = Schema.Struct({
  maxMessages: withDefault(integerOption(1, 1_000_000), 8192),
  maxBytes: withDefault(integerOption(1024, 1024 * mebibyte), 16 * mebibyte)
})

const oneOf = <const L extends ReadonlyArray<string>>(literals: L) =>
  Schema.Literals(literals).annotate({ message: `must be ${literals.join(" or ")}` })

const decodeDefaults = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) =>
  withDefault(schema, Schema.decodeUnknownSync(schema)({}))

/** `MulticoreOptions`. */
const fields = {
  processes: withDefault(integerOption(1, 1024), availableParallelism()),
  balance: withDefault(oneOf(["roundRobin", "leastConnections", "sourceHash", "kernel"]), "leastConnections"),
  restarts: decodeDefaults(RestartSettings),
  waiting: decodeDefaults(WaitingSettings),
  queue: decodeDefaults(QueueSettings),
  startTimeout: withDefault(durationOption("1 millis", "1 hour"), Duration.seconds(60)),
  retireDelay: withDefault(durationOption(0, "1 hour"), Duration.seconds(1)),
  stopTimeout: withDefault(durationOption("1 millis", "1 day"), Duration.seconds(30)),
  hangTimeout: withDefault(
    Schema.Union([Schema.Literal("off"), durationOption("100 millis", "1 hour")]),
    Duration.seconds(30)
  ),
  answerTimeout: withDefault(durationOption("1 millis", "1 hour"), Duration.seconds(5)),
  admission: Schema.optional(admissionSettings),
  reloadSignal: withDefault(oneOf(["off", "SIGHUP", "SIGUSR2"]), "off"),
  execArgv: Schema.optional(Schema.Array(Schema.String)),
  env: withDefault(Schema.Record(Schema.String, Schema.UndefinedOr(Schema.String)), {})
} as const

const MulticoreSettings = Schema.Struct(fields)

export type MulticoreSettings = (typeof MulticoreSettings)["Type"]

/** Whether this Node lets several processes listen at one port: since 22.12 and 23.1. */
export const hasReusePort = (version: string): boolean => {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number)
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
}

/** Options checked, all that is wrong with them told at once. */
export const decodeMulticore = (
  options: unknown,
  version = process.version
): Effect.Effect<MulticoreSettings, InvalidConfig> =>
  Effect.flatMap(Effect.result(decodeOptions(MulticoreSettings, options)), (decoded) => {
    if (Result.isFailure(decoded)) return Effect.fail(decoded.failure)
    const { admission, balance } = decoded.success
    const problems: Array<InvalidConfig["problems"][number]> = []
    if (balance === "kernel" && !hasReusePort(version)) {
      problems.push({ path: "balance", message: `kernel needs Node 22.12 or later, and this is ${version}` })
    }
    if (balance === "kernel" && admission !== undefined) {
      problems.push({
        path: "admission",
        message: "is the supervisor's, which sees no peer under the balance kernel"
      })
    }
    return problems.length > 0
      ? Effect.fail(new InvalidConfig({ problems }))
      : Effect.succeed(decoded.success)
  })
