/**
 * The schemas of the WebSocket options; `TransportWebSocket` documents each option.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { durationOption, integerOption, withDefault } from "../../options.ts"
import { messageFields, subprotocols } from "../../webSocket/settings.ts"
import { TcpSettings, tcpClientFields } from "../socketOptions.ts"
import { TcpTlsClientSettings } from "../tlsOptions.ts"

const mebibyte = 1024 * 1024

const Compression = Schema.Struct({
  threshold: withDefault(integerOption(0, 1024 * mebibyte), 1024),
  level: withDefault(integerOption(1, 9), 6),
  contextTakeover: withDefault(Schema.Boolean, false)
})

/** Fields of both ends. */
const socketFields = {
  ...messageFields,
  compression: withDefault(Schema.Union([Schema.Boolean, Compression]), false),
  closeDelay: withDefault(durationOption(0, "1 minute"), Duration.seconds(1))
} as const

/** `https://example.org`, as browsers send it: no path, and no port where it is the usual one. */
const isOrigin = (text: string): boolean => {
  try {
    return new URL(text).origin === text
  } catch {
    return false
  }
}

const origins = withDefault(
  Schema.Unknown.check(
    Schema.makeFilter((value) =>
      value === "same" ||
      value === "any" ||
      typeof value === "function" ||
      (Array.isArray(value) && value.every((entry) => typeof entry === "string" && isOrigin(entry)))
        ? undefined
        : "must be same, any, a function, or a list of origins such as https://example.org"
    )
  ),
  "same"
)

const path = Schema.Unknown.check(
  Schema.makeFilter((value) =>
    typeof value === "function" || (typeof value === "string" && /^\/[^?#]*$/.test(value))
      ? undefined
      : "must begin with / and have no query, or be a function"
  )
)

const upgradeFields = {
  ...socketFields,
  origins,
  subprotocols,
  handshakeTimeout: withDefault(durationOption("10 millis", "10 minutes"), Duration.seconds(5))
} as const

/** `UpgradeOptions`. */
export const UpgradeSettings = Schema.Struct({ ...upgradeFields, path: Schema.optional(path) })

/** `ListenOptions`. */
export const ListenSettings = Schema.Struct({
  ...upgradeFields,
  ...TcpSettings.fields,
  path: Schema.optional(path)
})

/** `AttachOptions`. */
export const AttachSettings = Schema.Struct({ ...upgradeFields, path })

/** What a listener needs to know, with every default filled in. */
export type UpgradeSettings = typeof UpgradeSettings.Type

const address = (schemes: ReadonlyArray<string>) =>
  Schema.String.check(
    Schema.makeFilter((text) => {
      if (!URL.canParse(text)) return "must be a URL"
      const { hash, protocol } = new URL(text)
      if (!schemes.includes(protocol))
        return `must begin with ${schemes.map((name) => `${name}//`).join(" or ")}`
      return hash === "" ? undefined : "must have no fragment"
    })
  )

const requestFields = {
  ...socketFields,
  subprotocols,
  headers: withDefault(Schema.Record(Schema.String, Schema.String), {}),
  connectTimeout: tcpClientFields.connectTimeout
} as const

/** `RequestOptions`. */
export const RequestSettings = Schema.Struct({ ...requestFields, url: address(["ws:", "wss:"]) })

/** What a connector needs to know, with every default filled in. */
export type RequestSettings = typeof RequestSettings.Type

/** `ConnectOptions`. */
export const ConnectSettings = Schema.Struct({
  ...requestFields,
  url: address(["ws:", "wss:"]),
  tls: Schema.optional(TcpTlsClientSettings.fields.tls)
}).check(
  Schema.makeFilter(({ tls, url }) =>
    tls === undefined || url.startsWith("wss:") ? [] : [{ path: ["tls"], issue: "is for wss:// only" }]
  )
)

export type ConnectSettings = typeof ConnectSettings.Type

/** What both ends' settings have. */
export type SocketSettings = Pick<
  UpgradeSettings | RequestSettings,
  "messages" | "maxMessageBytes" | "compression" | "closeDelay"
>

/** Compression as `ws` wants to have it. */
export const deflateOptions = ({ compression }: SocketSettings) => {
  if (compression === false) return false
  const { contextTakeover, level, threshold } =
    compression === true ? { contextTakeover: false, level: 6, threshold: 1024 } : compression
  return {
    threshold,
    serverNoContextTakeover: !contextTakeover,
    clientNoContextTakeover: !contextTakeover,
    zlibDeflateOptions: { level }
  }
}

/** The options of `ws` for both ends. */
export const socketOptions = (settings: SocketSettings) => ({
  maxPayload: settings.maxMessageBytes,
  perMessageDeflate: deflateOptions(settings),
  // Ours is the deadline of a close; this one ends a peer that answers ours and stays.
  closeTimeout: 5000
})
