/** Who a process is: told by its supervisor in the environment, and not handed on to what the process starts itself. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const variable = "EFFECT_SLUICE_WORKER"

const Settings = {
  /** Of all processes that the supervisor ever started, which one. Never given twice. */
  worker: Schema.Number,
  /** Its place among those that work at the same time. */
  index: Schema.Number,
  processes: Schema.Number,
  /** Milliseconds. */
  answerTimeout: Schema.Number,
  stopTimeout: Schema.Number,
  maxMessages: Schema.Number,
  maxBytes: Schema.Number
}

const Identity = Schema.fromJsonString(Schema.Struct(Settings))

/** What a supervisor tells a worker when it starts it. */
export type Identity = (typeof Identity)["Type"]

export const environmentOf = (identity: Identity): Record<string, string> => ({
  [variable]: JSON.stringify(identity)
})

const decode = Schema.decodeUnknownOption(Identity)

let own: Option.Option<Identity> | undefined

/** Who this process is, if it is a worker. */
export const ownIdentity = (): Option.Option<Identity> => {
  if (own === undefined) {
    own = process.send === undefined ? Option.none() : decode(process.env[variable])
    delete process.env[variable]
  }
  return own
}
