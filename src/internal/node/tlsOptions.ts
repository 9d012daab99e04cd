/**
 * The schemas of the TLS options; `Tls` documents each option.
 */
import * as Net from "node:net"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { durationOption, withDefault } from "../options.ts"
import { tcpClientFields, tcpFields } from "./socketOptions.ts"

const text = Schema.optional(Schema.NonEmptyString)

const protocolName = Schema.String.check(
  Schema.makeFilter((name) =>
    name !== "" && Buffer.byteLength(name) <= 255 ? undefined : "must have 1 to 255 bytes"
  )
)

const identityFields = {
  certificate: text,
  certificateFile: text,
  key: Schema.optional(Schema.Union([Schema.NonEmptyString, Schema.Redacted(Schema.String)])),
  keyFile: text,
  passphrase: Schema.optional(Schema.Redacted(Schema.String))
} as const

const peerFields = {
  ca: Schema.optional(Schema.Union([Schema.NonEmptyString, Schema.Array(Schema.NonEmptyString)])),
  caFile: text,
  alpn: Schema.optional(Schema.NonEmptyArray(protocolName)),
  minVersion: withDefault(Schema.Literals(["TLSv1.2", "TLSv1.3"]), "TLSv1.2")
} as const

type Input = Readonly<Record<string, unknown>>

const has = (options: Input, name: string): boolean =>
  options[name] !== undefined || options[`${name}File`] !== undefined

/** `name` and `nameFile` exclude each other. */
const bothGiven = (options: Input, name: string): ReadonlyArray<Schema.FilterIssue> =>
  options[name] !== undefined && options[`${name}File`] !== undefined
    ? [{ path: [`${name}File`], issue: `must not be given together with ${name}` }]
    : []

const missing = (name: string, reason: string): Schema.FilterIssue => ({
  path: [name],
  issue: `is required, here or as ${name}File${reason}`
})

const doubles = (options: Input): ReadonlyArray<Schema.FilterIssue> =>
  ["certificate", "key", "ca"].flatMap((name) => bothGiven(options, name))

const handshakeTimeout = withDefault(durationOption("10 millis", "10 minutes"), Duration.seconds(5))

const TlsServerSettings = Schema.Struct({
  ...identityFields,
  ...peerFields,
  clientCertificate: withDefault(Schema.Literals(["none", "request", "require"]), "none"),
  handshakeTimeout
}).check(
  Schema.makeFilter((options) => [
    ...doubles(options),
    ...["certificate", "key"].filter((name) => !has(options, name)).map((name) => missing(name, "")),
    ...(options.clientCertificate !== "none" && !has(options, "ca")
      ? [missing("ca", " to judge client certificates by")]
      : [])
  ])
)

const clientFields = {
  ...identityFields,
  ...peerFields,
  servername: Schema.optional(
    Schema.NonEmptyString.check(
      Schema.makeFilter((name) => (Net.isIP(name) === 0 ? undefined : "must be a host name, not an address"))
    )
  ),
  trust: withDefault(Schema.Literals(["verify", "any"]), "verify")
} as const

const clientPairs = Schema.makeFilter((options: Input) => [
  ...doubles(options),
  ...(has(options, "certificate") && !has(options, "key") ? [missing("key", " for the certificate")] : []),
  ...(has(options, "key") && !has(options, "certificate") ? [missing("certificate", " for the key")] : [])
])

const TlsClientSettings = Schema.Struct(clientFields).check(clientPairs)

/** `TcpTlsOptions`. */
export const TcpTlsSettings = Schema.Struct({ ...tcpFields, tls: TlsServerSettings })

/** `TcpTlsOptions` with every default filled in. */
export type TcpTlsSettings = typeof TcpTlsSettings.Type

/** `TcpTlsClientOptions`. */
export const TcpTlsClientSettings = Schema.Struct({ ...tcpClientFields, tls: TlsClientSettings })

/** `TcpTlsClientOptions` with every default filled in. */
export type TcpTlsClientSettings = typeof TcpTlsClientSettings.Type

/** What both sides' TLS settings have. */
export type TlsMaterial = TcpTlsSettings["tls"] | TcpTlsClientSettings["tls"]

const StartTlsClientSettings = Schema.Struct({ ...clientFields, handshakeTimeout }).check(clientPairs)

/** `StartTlsOptions`. */
export const StartTlsSettings = Schema.Struct({
  server: Schema.optional(TlsServerSettings),
  client: Schema.optional(StartTlsClientSettings)
}).check(
  Schema.makeFilter(({ client, server }) =>
    (client === undefined) === (server === undefined)
      ? [{ path: ["client"], issue: "must be given, or server, and not both" }]
      : []
  )
)

/** `StartTlsOptions` with every default filled in. */
export type StartTlsSettings = typeof StartTlsSettings.Type
