/**
 * The schemas of the socket options; `TransportNode` documents each option.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { durationOption, integerOption, withDefault } from "../options.ts"
import { ProxySettings, SendProxySettings, UnixProxySettings } from "../proxy/settings.ts"

/** The longest path that the system takes for a Unix socket, in bytes. */
export const maximumPathBytes = process.platform === "linux" ? 107 : 103

const host = Schema.NonEmptyString.annotate({ message: "must be a host name or an address" })

const keepAliveInitialDelay = withDefault(durationOption("1 second", "9 hours"), Duration.seconds(60))

const connectTimeout = withDefault(durationOption("1 millis", "1 hour"), Duration.seconds(10))

const path = Schema.String.check(
  Schema.makeFilter((text) =>
    text === ""
      ? "must not be empty"
      : text.includes("\0")
        ? "must not hold a NUL"
        : Buffer.byteLength(text) > maximumPathBytes
          ? `must be at most ${maximumPathBytes} bytes long for a Unix socket, and has ${Buffer.byteLength(text)}`
          : undefined
  )
)

const clientHello = withDefault(Schema.Literals(["refuse", "data"]), "refuse")

/** Fields that TCP and TLS listeners share. */
export const tcpFields = {
  port: integerOption(0, 65_535),
  host: Schema.optional(host),
  backlog: withDefault(integerOption(1, 65_535), 1024),
  noDelay: withDefault(Schema.Boolean, true),
  keepAlive: withDefault(Schema.Boolean, true),
  keepAliveInitialDelay,
  ipv6Only: withDefault(Schema.Boolean, false),
  exclusive: withDefault(Schema.Boolean, false),
  proxyProtocol: Schema.optional(ProxySettings)
} as const

const TcpFields = Schema.Struct(tcpFields)

/** What TCP and TLS listeners share, with every default filled in. */
export type TcpFields = typeof TcpFields.Type

const clientPort = integerOption(1, 65_535)

const Alternative = Schema.Struct({ host: Schema.optional(host), port: Schema.optional(clientPort) })

/** Fields that TCP and TLS connectors share. */
export const tcpClientFields = {
  port: clientPort,
  host: withDefault(host, "127.0.0.1"),
  alternatives: withDefault(Schema.Array(Alternative), []),
  familyTimeout: withDefault(durationOption("10 millis", "1 minute"), Duration.millis(250)),
  localAddress: Schema.optional(host),
  proxyHeader: Schema.optional(SendProxySettings),
  connectTimeout,
  noDelay: withDefault(Schema.Boolean, true),
  keepAlive: withDefault(Schema.Boolean, true),
  keepAliveInitialDelay
} as const

/** `TcpOptions`. */
export const TcpSettings = Schema.Struct({ ...tcpFields, clientHello })

/** `TcpOptions` with every default filled in. */
export type TcpSettings = typeof TcpSettings.Type

/** `ActivatedOptions`. */
export const ActivatedSettings = Schema.Struct({
  name: Schema.optional(Schema.String),
  index: Schema.optional(integerOption(0, 1023)),
  fd: Schema.optional(integerOption(3, 1_048_575)),
  heldPeers: withDefault(integerOption(0, 65_535), 128),
  backlog: tcpFields.backlog,
  noDelay: tcpFields.noDelay,
  keepAlive: tcpFields.keepAlive,
  keepAliveInitialDelay,
  proxyProtocol: tcpFields.proxyProtocol,
  clientHello
})

/** `ActivatedOptions` with every default filled in. */
export type ActivatedSettings = typeof ActivatedSettings.Type

/** `TcpClientOptions`. */
export const TcpClientSettings = Schema.Struct(tcpClientFields)

/** `TcpClientOptions` with every default filled in. */
export type TcpClientSettings = typeof TcpClientSettings.Type

/** `UnixOptions`. */
export const UnixSettings = Schema.Struct({
  path,
  mode: Schema.optional(integerOption(0, 0o777)),
  backlog: withDefault(integerOption(1, 65_535), 1024),
  proxyProtocol: Schema.optional(UnixProxySettings),
  clientHello
})

/** `UnixOptions` with every default filled in. */
export type UnixSettings = typeof UnixSettings.Type

/** `UnixClientOptions`. */
export const UnixClientSettings = Schema.Struct({ path, connectTimeout })

/** `UnixClientOptions` with every default filled in. */
export type UnixClientSettings = typeof UnixClientSettings.Type
