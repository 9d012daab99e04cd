/** What a WebSocket to a URL runs over. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { InvalidConfig } from "../../../SluiceError.ts"
import type { Connector } from "../../../Transport.ts"
import { decodeOptions } from "../../options.ts"
import { TcpClientSettings } from "../socketOptions.ts"
import { tcpConnector } from "../tcp.ts"
import { tlsConnector } from "../tls.ts"
import { TcpTlsClientSettings } from "../tlsOptions.ts"
import type { ConnectSettings, RequestSettings } from "./settings.ts"

/** TCP, or TLS for `wss://`. */
export const connectorBelow = (
  settings: RequestSettings,
  tls: ConnectSettings["tls"]
): Effect.Effect<Context.Service.Shape<typeof Connector>, InvalidConfig> => {
  const { hostname, port, protocol } = new URL(settings.url)
  const secure = protocol === "wss:"
  const options = {
    host: hostname.startsWith("[") ? hostname.slice(1, -1) : hostname,
    port: port === "" ? (secure ? 443 : 80) : Number(port),
    connectTimeout: settings.connectTimeout
  }
  return Effect.gen(function* () {
    const tcp = yield* decodeOptions(TcpClientSettings, options)
    if (!secure) return tcpConnector(tcp)
    return tlsConnector({ ...tcp, tls: tls ?? (yield* decodeOptions(TcpTlsClientSettings.fields.tls, {})) })
  })
}
