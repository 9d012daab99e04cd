/**
 * WebSockets (RFC 6455) on Node, server and client, through the package `ws`, which is an optional peer. For the client
 * in a browser see `TransportBrowser`.
 *
 * Any protocol runs over them, the same value as over TCP. One message of a WebSocket is one frame of the protocol, and
 * its framing adds nothing: with `Codec.json` a browser's `socket.send(JSON.stringify(message))` is a message, and what
 * it gets is a text for `JSON.parse`. See `messages` for the other ways.
 *
 * What is different from TCP:
 *
 * - A protocol without pings of its own uses those of the WebSocket, on servers and clients of this module: the
 *   `heartbeat` option says when, and `stats.roundTripMillis` tells the time.
 * - The end of our side is a close frame, whose code says why (`docs/websocket.md` has the table). A peer's close frame
 *   is `PeerClosed` with its `code`, or `PeerReset` with it where the code says that we did something wrong (1002, 1003,
 *   1007 to 1010). A peer that breaks the rules of WebSockets is a `FrameError`, one that is gone without a close frame
 *   `PeerReset`.
 * - Half a close is a matter of the peer. After its close frame ours waits until the handler is done, `closeDelay` at
 *   most; `ws` still takes what is sent meanwhile, browsers do not.
 * - A frame is seen when its message is complete: until then up to `maxMessageBytes` are held, which no memory budget
 *   knows of, and only `readIdle` or the heartbeat end a message that does not.
 * - No `startTls`.
 *
 * @since 0.1.0
 */
import type * as Http from "node:http"
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Connection } from "./Connection.ts"
import { coreOf } from "./internal/coreOf.ts"
import { SocketSource } from "./internal/node/socketSource.ts"
import { tcpListener } from "./internal/node/tcp.ts"
import { connectorBelow } from "./internal/node/webSocket/below.ts"
import { upgradeConnector } from "./internal/node/webSocket/connector.ts"
import { attachedListener, upgradeListener } from "./internal/node/webSocket/listener.ts"
import {
  AttachSettings,
  ConnectSettings,
  ListenSettings,
  RequestSettings,
  UpgradeSettings
} from "./internal/node/webSocket/settings.ts"
import { WebSocketWire } from "./internal/node/webSocket/wire.ts"
import { decodeOptions } from "./internal/options.ts"
import type { InvalidConfig } from "./SluiceError.ts"
import type { TlsClientOptions } from "./Tls.ts"
import { Connector, Listener } from "./Transport.ts"
import type { TcpOptions } from "./TransportNode.ts"

/**
 * How a request to become a WebSocket looked. On a client the headers are those of the server's answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handshake {
  /** The path of the request, as it came: `/rooms/lobby`. */
  readonly path: string
  /** What stood behind the question mark; empty where there was none. `new URLSearchParams(query)` reads it. */
  readonly query: string
  /** The headers, by their names in lower case. */
  readonly headers: Http.IncomingHttpHeaders
  /** The page that a browser's request came from: `https://example.org`. Undefined for what is no browser. */
  readonly origin: string | undefined
  /** The subprotocol that both ends agreed on. */
  readonly subprotocol: string | undefined
}

/**
 * Which paths are served: this one, whatever the query, or those for which a function says so.
 *
 * @category models
 * @since 0.1.0
 */
export type PathRule = string | ((path: string) => boolean)

/**
 * From which pages browsers may connect. Browsers send cookies along with any page's request, and nothing else stops
 * such a page: this check does (RFC 6455, section 10.2).
 *
 * - `same`: from pages of the same host and port as the request's `Host`
 * - a list: from these, as browsers write them: scheme, host, and the port where it is not the usual one. Needed behind a
 *   proxy that changes `Host`; and it keeps out pages of any host whose name was made to lead here (DNS rebinding)
 * - `any`: from any page
 * - a function of origin and request: true lets in
 *
 * Requests without an origin are no browser's and let in, except that a function is asked about them too.
 *
 * @category models
 * @since 0.1.0
 */
export type Origins =
  | "same"
  | "any"
  | ReadonlyArray<string>
  | ((origin: string | undefined, handshake: Handshake) => boolean)

/**
 * How messages are compressed (permessage-deflate, RFC 7692).
 *
 * @category options
 * @since 0.1.0
 */
export interface CompressionOptions {
  /** Messages with fewer bytes go as they are, 0 to 1 GiB. Default 1024. */
  readonly threshold?: number | undefined
  /** How hard to try, 1 to 9. Default 6. */
  readonly level?: number | undefined
  /**
   * Whether a message may refer to those before it. Compresses small ones better, and costs each connection some 300 kB
   * for as long as it lives. Default false.
   */
  readonly contextTakeover?: boolean | undefined
}

/**
 * What both ends of a WebSocket have.
 *
 * @category options
 * @since 0.1.0
 */
export interface SocketOptions {
  /**
   * How frames and messages go together.
   *
   * - `auto`: a message is a frame, a text where the codec makes texts (`utf8`, `json`), and binary otherwise. Either
   *   kind is taken.
   * - `text`, `binary`: a message is a frame of this kind. The other kind closes with 1003.
   * - `stream`: messages are binary and carry the bytes of the protocol's own framing, cut anywhere: for a peer that
   *   tunnels TCP, and for framings that are no frames (`untilEnd`). Either kind is taken.
   *
   * In all but `stream` the framing counts for its `maxLength` only; a longer message closes with 1009, whatever the
   * framing's `oversize`. Frames that hold their header (`typeLengthValue`) hold it in the message too. Default `auto`.
   */
  readonly messages?: "auto" | "text" | "binary" | "stream" | undefined
  /**
   * The most bytes of a message, 1 to 1 GiB, after decompression. More closes with 1009, before it is all there. The
   * smaller one of this and the framing's `maxLength` holds, for what is sent too. Default 1 MiB.
   */
  readonly maxMessageBytes?: number | undefined
  /**
   * Whether messages are compressed where the peer agrees. Compression costs both ends time and memory. Default false.
   */
  readonly compression?: boolean | CompressionOptions | undefined
  /**
   * How long our answer to the peer's close frame may wait for the handler to finish, 0 to 1 minute. Default 1 second.
   */
  readonly closeDelay?: Duration.Input | undefined
}

/**
 * Which requests become WebSockets.
 *
 * @category options
 * @since 0.1.0
 */
export interface UpgradeOptions extends SocketOptions {
  /** The path that is served; any other is answered with 404. Default: every path. */
  readonly path?: PathRule | undefined
  /** From which pages browsers may connect; the others get 403. Default `same`. */
  readonly origins?: Origins | undefined
  /**
   * The subprotocols that are spoken. The first of the client's that is one of them is chosen; a client that asks for
   * others only gets 400; one that asks for none has none. Default: none.
   */
  readonly subprotocols?: ReadonlyArray<string> | undefined
  /**
   * The time from the connection (its TLS handshake behind it) to the WebSocket, 10 milliseconds to 10 minutes. Default
   * 5 seconds.
   */
  readonly handshakeTimeout?: Duration.Input | undefined
}

/**
 * How to listen for WebSockets on a port of their own.
 *
 * @category options
 * @since 0.1.0
 */
export interface ListenOptions extends UpgradeOptions, TcpOptions {}

/**
 * How to listen for WebSockets on somebody else's HTTP server.
 *
 * @category options
 * @since 0.1.0
 */
export interface AttachOptions extends UpgradeOptions {
  /** The path that is served here; requests for any other are left to the others on that server. */
  readonly path: PathRule
}

/**
 * What to ask a server for.
 *
 * @category options
 * @since 0.1.0
 */
export interface RequestOptions extends SocketOptions {
  /** `ws://127.0.0.1:7000/chat`, `wss://example.org/chat?room=lobby`. */
  readonly url: string
  /** The subprotocols that we speak, the best one first. The server has to choose one. Default: none. */
  readonly subprotocols?: ReadonlyArray<string> | undefined
  /** More headers of the request: a cookie, an authorization. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The time for all of it together, 1 millisecond to 1 hour. Default 10 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
}

/**
 * How to connect a WebSocket.
 *
 * @category options
 * @since 0.1.0
 */
export interface ConnectOptions extends RequestOptions {
  /** For `wss://`: whom to trust. Default: the authorities that come with Node, for the name in `url`. */
  readonly tls?: TlsClientOptions | undefined
}

/**
 * Listens for WebSockets on a TCP port. Whatever else is asked for over HTTP is answered with 426 or 404 and closed.
 *
 * **Example** (Rooms for browsers and for programs)
 *
 * ```ts
 * import { Codec, Framing, Handler, Protocol, Server } from "effect-sluice"
 * import * as TransportWebSocket from "effect-sluice/TransportWebSocket"
 * import { Layer, Schema } from "effect"
 *
 * const Message = Schema.Struct({ text: Schema.String })
 * const Shout = Protocol.make("Shout", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.json(Message),
 *   fromServer: Codec.json(Message)
 * })
 *
 * // In a page: new WebSocket("ws://127.0.0.1:7000/shout").send(JSON.stringify({ text: "hello" }))
 * const ShoutServer = Server.layer(Shout, Handler.map(({ text }) => ({ text: text.toUpperCase() }))).pipe(
 *   Layer.provide(TransportWebSocket.layer({ port: 7000, path: "/shout", origins: ["http://localhost:5173"] }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: ListenOptions): Layer.Layer<Listener, InvalidConfig> =>
  Layer.effect(
    Listener,
    Effect.gen(function* () {
      const settings = yield* decodeOptions(ListenSettings, options)
      return upgradeListener(settings, tcpListener(settings, yield* SocketSource))
    })
  )

/**
 * Listens for WebSockets on a TCP port, with options from the configuration. A `Config` may stand for all of them or for
 * each.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Config.Wrap<ListenOptions>
): Layer.Layer<Listener, InvalidConfig | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap<ListenOptions>(options), layer))

/**
 * Listens for WebSockets over the listener of the environment: TLS (which makes it `wss://`), a Unix socket behind a
 * proxy, the network in memory.
 *
 * **Example** (wss)
 *
 * ```ts
 * import { TransportNode } from "effect-sluice"
 * import * as TransportWebSocket from "effect-sluice/TransportWebSocket"
 * import { Layer } from "effect"
 *
 * const Secure = TransportWebSocket.layerOver({ path: "/chat" }).pipe(
 *   Layer.provide(
 *     TransportNode.layerTls({ port: 443, tls: { certificateFile: "/etc/chat/chain.pem", keyFile: "/etc/chat/key.pem" } })
 *   )
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerOver = (options: UpgradeOptions = {}): Layer.Layer<Listener, InvalidConfig, Listener> =>
  Layer.effect(
    Listener,
    Effect.gen(function* () {
      return upgradeListener(yield* decodeOptions(UpgradeSettings, options), yield* Listener)
    })
  )

/**
 * Listens for WebSockets on one path of an HTTP or HTTPS server of Node, beside whatever else it serves: its request
 * listeners, other paths of this kind, another library's upgrades, Effect's HTTP server (hand it the same server). What
 * `path` takes is kept from the other listeners of `upgrade`; what nobody takes is answered with 404.
 *
 * The server is its owner's: it is not started and not stopped here, its own deadlines hold until a request is there, and
 * its port is the `address` if it listens already. The end of the listener leaves it as it was.
 *
 * **Example** (Beside other routes)
 *
 * ```ts
 * import * as Http from "node:http"
 * import * as TransportWebSocket from "effect-sluice/TransportWebSocket"
 *
 * const http = Http.createServer((_request, response) => {
 *   response.end("hello")
 * })
 * const Chat = TransportWebSocket.layerAttached(http, { path: "/chat" })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAttached = (
  server: Http.Server,
  options: AttachOptions
): Layer.Layer<Listener, InvalidConfig> =>
  Layer.effect(
    Listener,
    Effect.map(decodeOptions(AttachSettings, options), (settings) => attachedListener(settings, server))
  )

/**
 * Connects a WebSocket over TCP, or over TLS for `wss://`. A server that answers with anything but a WebSocket fails with
 * `HandshakeFailed` and its status.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClient = (options: ConnectOptions): Layer.Layer<Connector, InvalidConfig> =>
  Layer.effect(
    Connector,
    Effect.flatMap(decodeOptions(ConnectSettings, options), ({ tls, ...settings }) =>
      Effect.map(connectorBelow(settings, tls), (below) => upgradeConnector(settings, below))
    )
  )

/**
 * Connects a WebSocket, with options from the configuration. A `Config` may stand for all of them or for each.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClientConfig = (
  options: Config.Wrap<ConnectOptions>
): Layer.Layer<Connector, InvalidConfig | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap<ConnectOptions>(options), layerClient))

/**
 * Connects a WebSocket over the connector of the environment. Host and path are those of `url`, for the request's sake;
 * where it leads is the connector's business.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClientOver = (options: RequestOptions): Layer.Layer<Connector, InvalidConfig, Connector> =>
  Layer.effect(
    Connector,
    Effect.gen(function* () {
      return upgradeConnector(yield* decodeOptions(RequestSettings, options), yield* Connector)
    })
  )

/**
 * The request that a connection began with: for rooms in paths, tokens in queries, cookies, subprotocols. None for a
 * connection of another transport.
 *
 * @category accessors
 * @since 0.1.0
 */
export const handshakeOf = <In, Out>(connection: Connection<In, Out>): Option.Option<Handshake> => {
  const wire = coreOf(connection)?.wire
  return wire instanceof WebSocketWire ? Option.some(wire.handshake) : Option.none()
}
