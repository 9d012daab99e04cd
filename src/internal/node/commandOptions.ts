/** The options of a command, as a schema. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { durationOption, withDefault } from "../options.ts"

const text = Schema.String.check(
  Schema.makeFilter((value) => (value.includes("\0") ? "must not hold a NUL" : undefined))
)

const functionOption = Schema.Unknown.check(
  Schema.makeFilter((value) => (typeof value === "function" ? undefined : "must be a function"))
)

/** `CommandOptions`, but for its functions. */
export const CommandSettings = Schema.Struct({
  command: text.check(
    Schema.makeFilter((value) => (value === "" ? "must be the name or path of a program" : undefined))
  ),
  args: withDefault(Schema.Array(text), []),
  cwd: Schema.optional(text),
  env: withDefault(Schema.Record(Schema.String, text), {}),
  inheritEnv: withDefault(Schema.Boolean, true),
  killTimeout: withDefault(durationOption(0, "1 hour"), Duration.seconds(2)),
  onStderr: Schema.optional(functionOption),
  onExit: Schema.optional(functionOption)
})

/** `CommandOptions` with every default filled in. */
export type CommandSettings = typeof CommandSettings.Type
