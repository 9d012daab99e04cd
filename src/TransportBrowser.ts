/**
 * WebSockets through the platform's own class: in browsers, and in Node 22, Deno and Bun. No package and no module of Node
 * is needed. The server is `TransportWebSocket`'s, or any other.
 *
 * In a page import by subpath (`effect-sluice/Client`, `effect-sluice/TransportBrowser`): the root has modules of Node too.
 *
 * A browser's WebSocket has less to offer than TCP, and so have its wires:
 *
 * - No pings, though the browser answers the server's: a page that is to notice a dead server needs a protocol with pings
 *   (`Protocol.heartbeat`).
 * - No pause. What comes while the program does not take it waits here, up to `maxWaitingBytes`.
 * - No half of a close: what the server sends after our `end` is lost. No reset: `abort` closes with 4001.
 * - Of the close codes a page may send 1000 and those from 3000 up. So 1009, say, goes as 4009, and our servers take it for
 *   that.
 * - No addresses but what the URL says, no details of TLS, and no reason why a connection failed.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Connection } from "./Connection.ts"
import { coreOf } from "./internal/coreOf.ts"
import { decodeOptions } from "./internal/options.ts"
import { browserConnector } from "./internal/webSocket/browserConnector.ts"
import { BrowserSettings } from "./internal/webSocket/browserSettings.ts"
import { BrowserWire } from "./internal/webSocket/browserWire.ts"
import type { InvalidConfig } from "./SluiceError.ts"
import { Connector } from "./Transport.ts"

/**
 * The class of a platform's WebSockets: `WebSocket` of browsers and Node 22, or one like it.
 *
 * @category models
 * @since 0.1.0
 */
export type WebSocketConstructor = new (
  url: string,
  subprotocols: Array<string>
) => {
  binaryType: string
  readonly bufferedAmount: number
  readonly protocol: string
  send(data: string | Uint8Array<ArrayBuffer>): void
  close(code?: number, reason?: string): void
  addEventListener(type: string, listener: (event: never) => void): void
}

/**
 * How to connect from a browser.
 *
 * @category options
 * @since 0.1.0
 */
export interface BrowserOptions {
  /**
   * `wss://example.org/chat`; in a page also `/chat`, a path of the page's own host, by TLS where the page came by TLS.
   */
  readonly url: string
  /** The subprotocols that we speak, the best one first. Default: none. */
  readonly subprotocols?: ReadonlyArray<string> | undefined
  /**
   * How frames and messages go together: a frame is a message of the codec's kind (`auto`), a `text`, or `binary`, or
   * messages are a `stream`. As the server has it; see `TransportWebSocket.SocketOptions`. Default `auto`.
   */
  readonly messages?: "auto" | "text" | "binary" | "stream" | undefined
  /**
   * The most bytes of a message, 1 to 1 GiB; more closes. The browser has it in memory by then. The smaller one of this
   * and the framing's `maxLength` holds. Default 1 MiB.
   */
  readonly maxMessageBytes?: number | undefined
  /** The most bytes that wait while the program does not take messages, 1 to 1 GiB; more closes. Default 16 MiB. */
  readonly maxWaitingBytes?: number | undefined
  /** The time for connecting, 1 millisecond to 1 hour. Default 10 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** The class to use. Default: the platform's `WebSocket`. */
  readonly WebSocket?: WebSocketConstructor | undefined
}

/**
 * Connects through the platform's WebSocket.
 *
 * **Example** (A client in a page, which comes back by itself)
 *
 * ```ts
 * import * as Client from "effect-sluice/Client"
 * import * as Codec from "effect-sluice/Codec"
 * import * as Framing from "effect-sluice/Framing"
 * import * as Protocol from "effect-sluice/Protocol"
 * import * as TransportBrowser from "effect-sluice/TransportBrowser"
 * import { Effect, Stream } from "effect"
 *
 * const Lines = Protocol.make("Lines", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 *
 * const program = Effect.gen(function* () {
 *   const client = yield* Client.make(Lines)
 *   yield* client.send("hello")
 *   yield* Stream.runForEach(client.messages, Effect.log)
 * }).pipe(Effect.scoped, Effect.provide(TransportBrowser.layer({ url: "/lines" })))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: BrowserOptions): Layer.Layer<Connector, InvalidConfig> =>
  Layer.effect(Connector, Effect.map(decodeOptions(BrowserSettings, options), browserConnector))

/**
 * The subprotocol that both ends of a connection agreed on. None where they did not, and for other transports.
 *
 * @category accessors
 * @since 0.1.0
 */
export const subprotocolOf = <In, Out>(connection: Connection<In, Out>): Option.Option<string> => {
  const wire = coreOf(connection)?.wire
  return wire instanceof BrowserWire && wire.subprotocol !== ""
    ? Option.some(wire.subprotocol)
    : Option.none()
}
