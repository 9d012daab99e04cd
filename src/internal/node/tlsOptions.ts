/**
 * The schemas of the TLS options; `Tls` documents each option.
 */
import * as Net from "node:net"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { durationOption, integerOption, withDefault } from "../options.ts"
import { tcpClientFields, tcpFields } from "./socketOptions.ts"

const text = Schema.optional(Schema.NonEmptyString)

const protocolName = Schema.String.check(
  Schema.makeFilter((name) =>
    name !== "" && Buffer.byteLength(name) <= 255 ? undefined : "must have 1 to 255 bytes"
  )
)

/** Protocols of ALPN. */
export const protocolNames = Schema.NonEmptyArray(protocolName)

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
  alpn: Schema.optional(protocolNames),
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

/** A certificate that is shown, and its key. */
const shown = (options: Input): ReadonlyArray<Schema.FilterIssue> => [
  ...["certificate", "key"].flatMap((name) => bothGiven(options, name)),
  ...["certificate", "key"].filter((name) => !has(options, name)).map((name) => missing(name, ""))
]

const hostName = Schema.String.check(
  Schema.makeFilter((name) =>
    name.length <= 253 && /^(\*\.)?[\w-]{1,63}(\.[\w-]{1,63})*\.?$/.test(name) && Net.isIP(name) === 0
      ? undefined
      : "must be a host name, or *. and a host name"
  )
)

const certificatesFields = {
  ...identityFields,
  certificates: Schema.optional(
    Schema.Array(
      Schema.Struct({ ...identityFields, names: Schema.optional(Schema.NonEmptyArray(hostName)) }).check(
        Schema.makeFilter(shown)
      )
    )
  )
} as const

/** `TlsCertificates`. */
export const TlsCertificatesSettings = Schema.Struct(certificatesFields).check(Schema.makeFilter(shown))

/** `TlsCertificates` with every default filled in. */
export type TlsCertificatesSettings = typeof TlsCertificatesSettings.Type

const shortSecret = "must have 32 characters or more"

const SessionSettings = Schema.Struct({
  lifetime: withDefault(durationOption("1 minute", "7 days"), Duration.hours(1)),
  rotation: withDefault(durationOption("1 minute", "30 days"), Duration.hours(12)),
  secret: Schema.optional(
    Schema.Redacted(Schema.String).check(
      Schema.makeFilter((secret) => (Redacted.value(secret).length >= 32 ? undefined : shortSecret))
    )
  ),
  remembered: withDefault(integerOption(0, 1_000_000), 0)
})

const orOff = <S extends Schema.Constraint>(schema: S) => Schema.Union([Schema.Literal("off"), schema])

/** `TlsServerOptions`. */
export const TlsServerSettings = Schema.Struct({
  ...certificatesFields,
  ...peerFields,
  unknownName: withDefault(Schema.Literals(["default", "refuse"]), "default"),
  clientCertificate: withDefault(Schema.Literals(["none", "request", "require"]), "none"),
  handshakeTimeout,
  watch: withDefault(orOff(durationOption("10 millis", "1 day")), "off"),
  sessions: withDefault(orOff(SessionSettings), Schema.decodeUnknownSync(SessionSettings)({}))
}).check(
  Schema.makeFilter((options) => [
    ...shown(options),
    ...bothGiven(options, "ca"),
    ...(options.clientCertificate !== "none" && !has(options, "ca")
      ? [missing("ca", " to judge client certificates by")]
      : [])
  ])
)

/** `TlsServerOptions` with every default filled in. */
export type TlsServerSettings = typeof TlsServerSettings.Type

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

const PlainSettings = Schema.Struct({
  timeout: withDefault(durationOption("10 millis", "10 minutes"), Duration.seconds(5)),
  silent: withDefault(Schema.Literals(["close", "plain"]), "close")
})

/** What `accept` stands for. */
export const acceptPlain = Schema.decodeUnknownSync(PlainSettings)({})

const tcpTlsFields = {
  ...tcpFields,
  plain: withDefault(Schema.Union([Schema.Literals(["refuse", "accept"]), PlainSettings]), "refuse")
} as const

/** `TcpTlsOptions`. */
export const TcpTlsSettings = Schema.Struct({ ...tcpTlsFields, tls: TlsServerSettings })

const TcpTlsFields = Schema.Struct(tcpTlsFields)

const alpnPortFields = { ...tcpTlsFields, preference: withDefault(Schema.Array(protocolName), []) } as const

/** The servers say what is on offer. */
const noAlpn = Schema.makeFilter(({ tls }: { readonly tls: unknown }): ReadonlyArray<Schema.FilterIssue> => {
  const settings = tls instanceof Object && "settings" in tls ? tls.settings : tls
  return settings instanceof Object && "alpn" in settings && settings.alpn !== undefined
    ? [{ path: ["tls", "alpn"], issue: "is no option here: the servers on the port say what they speak" }]
    : []
})

/** `AlpnPortOptions`. */
export const AlpnPortSettings = Schema.Struct({ ...alpnPortFields, tls: TlsServerSettings }).check(noAlpn)

/** `AlpnPortOptions` whose TLS is known already. */
export const AlpnPortSettingsWith = <A>(tls: A) =>
  Schema.Struct({
    ...alpnPortFields,
    tls: Schema.declare((value): value is A => Object.is(value, tls))
  }).check(noAlpn)

/** `TcpTlsOptions` whose TLS is known already. */
export const TcpTlsSettingsWith = <A>(tls: A) =>
  Schema.Struct({ ...tcpTlsFields, tls: Schema.declare((value): value is A => Object.is(value, tls)) })

/** `TcpTlsOptions` with every default filled in, but for its TLS. */
export type TcpTlsFields = typeof TcpTlsFields.Type

/** `TcpTlsClientOptions`. */
export const TcpTlsClientSettings = Schema.Struct({ ...tcpClientFields, tls: TlsClientSettings })

/** `TcpTlsClientOptions` with every default filled in. */
export type TcpTlsClientSettings = typeof TcpTlsClientSettings.Type

/** What a context is made of. */
export type TlsMaterial = Pick<
  TlsServerSettings & TcpTlsClientSettings["tls"],
  keyof typeof identityFields | "ca" | "caFile" | "minVersion"
>

const StartTlsClientSettings = Schema.Struct({ ...clientFields, handshakeTimeout }).check(clientPairs)

/** `StartTlsOptions` whose `server`, if there is one, is no `TlsServer`. */
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
