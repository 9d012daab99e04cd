/** The schemas of the PROXY protocol's options; `ProxyProtocol` documents each option. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import type { Address } from "../../Transport.ts"
import { blockOption } from "../admissionSettings.ts"
import { durationOption, integerOption, withDefault } from "../options.ts"
import { problemsOf } from "./encode.ts"

const sharedFields = {
  timeout: withDefault(durationOption("10 millis", "10 minutes"), Duration.seconds(5)),
  maxLength: withDefault(integerOption(16, 65_551), 4096)
} as const

/** `ProxyProtocolOptions`. */
export const ProxySettings = Schema.Struct({
  from: Schema.Union([
    Schema.Literal("anyone"),
    Schema.NonEmptyArray(blockOption).annotate({ message: "must be anyone, or a list that is not empty" })
  ]),
  others: withDefault(
    Schema.Literals(["refuse", "direct", "data"]).annotate({ message: "must be refuse, direct or data" }),
    "refuse"
  ),
  ...sharedFields
})

/** `ProxyProtocolOptions` with every default filled in. */
export type ProxySettings = typeof ProxySettings.Type

/** `UnixProxyProtocolOptions`. */
export const UnixProxySettings = Schema.Struct(sharedFields)

const address = Schema.Union([
  Schema.TaggedStruct("Tcp", { host: Schema.String, port: integerOption(0, 65_535) }),
  Schema.TaggedStruct("Udp", { host: Schema.String, port: integerOption(0, 65_535) }),
  Schema.TaggedStruct("Unix", { path: Schema.String }),
  Schema.TaggedStruct("Memory", { name: Schema.String }),
  Schema.TaggedStruct("Stdio", {}),
  Schema.TaggedStruct("Process", { command: Schema.String, pid: integerOption(0, 2 ** 31 - 1) }),
  Schema.TaggedStruct("Unknown", {})
])

const text = Schema.optional(Schema.String)

const bytes = Schema.Uint8Array

const Values = Schema.Struct({
  alpn: text,
  authority: text,
  uniqueId: Schema.optional(bytes),
  namespace: text,
  ssl: Schema.optional(
    Schema.Struct({
      secure: Schema.Boolean,
      certificate: Schema.Literals(["none", "connection", "session"]),
      verified: Schema.Boolean,
      version: text,
      commonName: text,
      cipher: text,
      signatureAlgorithm: text,
      keyAlgorithm: text
    })
  ),
  others: Schema.optional(Schema.Array(Schema.Struct({ type: integerOption(0, 255), value: bytes })))
})

const SendProxyFields = Schema.Struct({
  version: withDefault(Schema.Literals([1, 2]).annotate({ message: "must be 1 or 2" }), 2),
  command: withDefault(Schema.Literals(["PROXY", "LOCAL"]), "PROXY"),
  source: Schema.optional(address),
  destination: Schema.optional(address),
  values: withDefault(Values, {}),
  checksum: withDefault(Schema.Boolean, false)
})

/** What cannot be written whatever the ends are. */
const writable = Schema.makeFilter((plan: typeof SendProxyFields.Type): ReadonlyArray<Schema.FilterIssue> => {
  const { destination = unknown, source = unknown, ...rest } = plan
  return problemsOf({ ...rest, source, destination }).map(({ message, path }) => ({
    path: path.split("."),
    issue: message
  }))
})

const unknown: Address = { _tag: "Unknown" }

/** `SendProxyOptions`. */
export const SendProxySettings = SendProxyFields.check(writable)

/** `SendProxyOptions` with every default filled in. */
export type SendProxySettings = typeof SendProxySettings.Type
