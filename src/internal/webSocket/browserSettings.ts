/** The options of a WebSocket in a browser, as a schema; `TransportBrowser` documents each. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { durationOption, integerOption, withDefault } from "../options.ts"
import { pageAddress } from "./platform.ts"
import { messageFields, subprotocols } from "./settings.ts"

const mebibyte = 1024 * 1024

/** `/chat` in a page is that path of the page's own host, by TLS where the page came by TLS. */
export const resolveUrl = (text: string, page: string | undefined): URL | undefined => {
  if (!URL.canParse(text, page)) return undefined
  const url = new URL(text, page)
  if (url.protocol === "http:") url.protocol = "ws:"
  if (url.protocol === "https:") url.protocol = "wss:"
  return (url.protocol === "ws:" || url.protocol === "wss:") && url.hash === "" ? url : undefined
}

const url = Schema.String.check(
  Schema.makeFilter((text) =>
    resolveUrl(text, pageAddress()) === undefined
      ? "must be ws://, wss:// or, in a page, a path, without a fragment"
      : undefined
  )
)

const constructor = Schema.optional(
  Schema.Unknown.check(
    Schema.makeFilter((value) => (typeof value === "function" ? undefined : "must be a class of WebSockets"))
  )
)

/** `BrowserOptions`. */
export const BrowserSettings = Schema.Struct({
  ...messageFields,
  url,
  subprotocols,
  connectTimeout: withDefault(durationOption("1 millis", "1 hour"), Duration.seconds(10)),
  maxWaitingBytes: withDefault(integerOption(1, 1024 * mebibyte), 16 * mebibyte),
  WebSocket: constructor
})

/** `BrowserOptions` with every default filled in. */
export type BrowserSettings = typeof BrowserSettings.Type
