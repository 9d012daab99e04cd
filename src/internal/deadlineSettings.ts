/** The options of deadlines and heartbeats, as schemas. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import { clientDefaults, type Deadline, type Limit, serverDefaults } from "../Deadlines.ts"
import { defaults } from "../Heartbeat.ts"
import { durationOption, integerOption, withDefault } from "./options.ts"

const longest = Duration.days(365)

/** A limit in milliseconds, `Infinity` where it is off; undefined for what is no limit. */
const limitMillis = (input: unknown): number | undefined => {
  if (input === "off") return Number.POSITIVE_INFINITY
  // `fromInput` looks at what it got and answers `none` for anything that is no duration.
  const duration = Duration.fromInput(input as Duration.Input)
  if (Option.isNone(duration)) return undefined
  const millis = Duration.toMillis(duration.value)
  if (millis === Number.POSITIVE_INFINITY) return millis
  return millis >= 1 && millis <= Duration.toMillis(longest) ? millis : undefined
}

const expectedLimit = "must be a duration from 1ms to 365d, or off"

const limitOption = Schema.Unknown.pipe(
  Schema.decodeTo(Schema.Number, {
    decode: SchemaGetter.transformEffect((input: unknown, options) => {
      const millis = limitMillis(input)
      return millis === undefined
        ? Effect.fail(new SchemaIssue.InvalidValue({ message: expectedLimit }, input, options))
        : Effect.succeed(millis)
    }),
    encode: SchemaGetter.passthrough<unknown>()
  })
)

/** A limit that a handler gives; one that is none is a defect. */
export const limitUnsafe = (limit: Limit): number => {
  const millis = limitMillis(limit)
  if (millis === undefined) throw new RangeError(`a deadline ${expectedLimit}`)
  return millis
}

const ratioOption = Schema.Finite.check(
  Schema.isBetween({ minimum: 0, maximum: 1 }, { message: "must be a number from 0 to 1" })
).annotate({ message: "must be a number from 0 to 1" })

type Defaults = { readonly [Name in Deadline]: Limit } & { readonly lifetimeJitter: number }

const settings = (defaults: Defaults) => {
  const limit = (name: Deadline) => withDefault(limitOption, limitUnsafe(defaults[name]))
  const fields = Schema.Struct({
    hello: limit("hello"),
    frame: limit("frame"),
    readIdle: limit("readIdle"),
    writeIdle: limit("writeIdle"),
    allIdle: limit("allIdle"),
    send: limit("send"),
    lifetime: limit("lifetime"),
    lifetimeJitter: withDefault(ratioOption, defaults.lifetimeJitter)
  })
  return withDefault(fields, Schema.decodeUnknownSync(fields)({}))
}

/** The deadlines of a server, in milliseconds. */
export const serverDeadlines = settings(serverDefaults)

/** The deadlines of a client, in milliseconds. */
export const clientDeadlines = settings(clientDefaults)

/** Deadlines in milliseconds, `Infinity` where they are off. */
export type DeadlineTimes = (typeof serverDeadlines)["Type"]

const HeartbeatFields = Schema.Struct({
  interval: withDefault(durationOption("1 millis", "1 day"), Duration.fromInputUnsafe(defaults.interval)),
  misses: withDefault(integerOption(1, 1000), defaults.misses),
  jitter: withDefault(ratioOption, defaults.jitter),
  schedule: Schema.optional(
    Schema.Unknown.check(
      Schema.makeFilter((schedule) => (Schedule.isSchedule(schedule) ? undefined : "must be a Schedule"))
    )
  )
})

/** The options of a heartbeat, or `off`. */
export const heartbeatSettings = withDefault(
  Schema.Union([Schema.Literal("off"), HeartbeatFields]),
  Schema.decodeUnknownSync(HeartbeatFields)({})
)

export type HeartbeatSettings = (typeof heartbeatSettings)["Type"]
