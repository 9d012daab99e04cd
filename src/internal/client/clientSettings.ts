/** The options of clients, as schemas. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { clientDeadlines } from "../deadlineSettings.ts"
import { durationOption, integerOption, withDefault } from "../options.ts"
import { connectionFields } from "../settings.ts"

/** The options of one connection. */
export const ConnectSettings = Schema.Struct({ ...connectionFields, deadlines: clientDeadlines })

/** Half a second, half as much again each time, up to five, and a fifth more or less. */
export const defaultReconnect = Schedule.exponential("500 millis", 1.5).pipe(
  Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.seconds(5)))),
  Schedule.jittered
)

const reconnect = Schema.optional(
  Schema.Unknown.check(
    Schema.makeFilter((schedule) => (Schedule.isSchedule(schedule) ? undefined : "must be a Schedule"))
  )
)

const onConnect = Schema.optional(
  Schema.Unknown.check(
    Schema.makeFilter((hook) =>
      typeof hook === "function" ? undefined : "must be a function from the connection to an effect"
    )
  )
)

const Queue = Schema.Struct({
  queue: integerOption(1, 1_000_000),
  deadline: withDefault(durationOption("1 millis", "1 day"), Duration.seconds(30))
})

const fields = {
  ...connectionFields,
  deadlines: clientDeadlines,
  reconnect,
  stableAfter: withDefault(durationOption(0, "1 day"), Duration.seconds(30)),
  onConnect,
  onConnectTimeout: withDefault(durationOption("1 millis", "1 hour"), Duration.seconds(10))
} as const

/** The options of a client that comes back. */
export const ClientSettings = Schema.Struct({
  ...fields,
  whenDown: withDefault(Schema.Union([Schema.Literals(["suspend", "fail"]), Queue]), "suspend")
})

/** The options of a pool of them. */
export const PoolSettings = Schema.Struct({
  ...fields,
  size: integerOption(1, 1000),
  timeout: withDefault(durationOption("1 millis", "1 hour"), Duration.seconds(10))
})
