/**
 * UDP: the same protocols and handlers, over datagrams.
 *
 * A peer is an address. It is a connection from its first datagram until nothing came for `idleTimeout`, which is the
 * end of its side; then its handler ends, and whoever writes from there later is somebody new. All that a server does
 * with connections holds for these: admission, deadlines, heartbeats, registry, events, drain.
 *
 * - **Frames.** Each datagram is a complete input for the framing, with one frame or more; `Framing.untilEnd` and `none`
 *   take it as it is. What is not a whole frame is dropped and told, never carried over, and the connection lives. Each
 *   message is sent in a datagram of its own; one that is longer than `maxDatagram` fails its sender, with
 *   `MessageError` and in it `DatagramTooLong`.
 * - **At most once, in no order.** What is lost, doubled or overtaken on the way, is. `Delivery` asks again.
 * - **Spoofing.** Whoever sends may lie about the address. Nobody becomes a peer by anything but whole frames, and
 *   nothing is sent to an address before; there are at most `maxPeers`, and `newPeersPerSecond` new ones; and no more
 *   than `amplification` times the bytes that came from an address go there.
 * - **No end.** `end` and `close` flush what was sent and close, both ways; nothing tells the peer. A stop waits for the
 *   handlers and for what they send, and for no peer. A suspended server keeps the address while peers are left.
 * - **Bounds.** While a handler is slow and its inbound queue full, `maxQueued` datagrams wait, all together
 *   `maxQueuedBytes`; more are dropped. So are all that the system's own buffer has no room for, which nobody can tell.
 *
 * What is dropped is told by the event `DatagramsDropped`, once a second for each cause, and logged.
 *
 * **Example** (An echo, and one who asks)
 *
 * ```ts
 * import { Client, Codec, Framing, Handler, Protocol, Server, TransportUdp } from "effect-sluice"
 * import { Effect, Layer, Stream } from "effect"
 *
 * const Echo = Protocol.make("Echo", {
 *   framing: Framing.untilEnd(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 *
 * const EchoServer = Server.layer(Echo, Handler.map((text) => text)).pipe(
 *   Layer.provide(TransportUdp.layer({ port: 7000 }))
 * )
 *
 * const program = Effect.gen(function* () {
 *   const connection = yield* Client.connect(Echo)
 *   yield* connection.send("hello")
 *   return yield* Stream.runHead(connection.messages)
 * }).pipe(Effect.scoped, Effect.provide(TransportUdp.layerClient({ port: 7000 })))
 * ```
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { udpConnector } from "./internal/node/udpConnect.ts"
import { udpListener } from "./internal/node/udpListen.ts"
import { UdpClientSettings, UdpSettings } from "./internal/node/udpOptions.ts"
import { decodeOptions } from "./internal/options.ts"
import type { InvalidConfig } from "./SluiceError.ts"
import { Connector, Listener } from "./Transport.ts"

/**
 * The bounds of both ends.
 *
 * @category options
 * @since 0.1.0
 */
export interface DatagramOptions {
  /**
   * The most bytes in a datagram, in and out: 1 to 65 507. Longer ones are dropped, and not sent. Default 1232, which
   * every IPv6 path carries in one piece (RFC 8200, section 5); longer ones may travel in fragments, of which losing one
   * is losing all.
   */
  readonly maxDatagram?: number | undefined
  /** Datagrams that wait for one connection which does not read, 1 to 65 536. Default 64. */
  readonly maxQueued?: number | undefined
  /** Bytes of all that wait, 1 KiB to 1 GiB. Default 16 MiB. */
  readonly maxQueuedBytes?: number | undefined
  /** The size of the system's buffer for what comes, in bytes, 1 KiB to 1 GiB; it has a cap. Default: the system's. */
  readonly receiveBuffer?: number | undefined
}

/**
 * How to listen on UDP.
 *
 * @category options
 * @since 0.1.0
 */
export interface UdpOptions extends DatagramOptions {
  /** 0 to 65535; with 0 the system chooses a free one, which `Listening.address` tells. */
  readonly port: number
  /**
   * The host name or address to listen on. Default: every interface, IPv6 and IPv4 (`::`, or `0.0.0.0` where there is no
   * IPv6). On a machine with several addresses name one: else the answer may come from another one than was asked.
   */
  readonly host?: string | undefined
  /** Takes no IPv4 peers on an IPv6 address. Default false. */
  readonly ipv6Only?: boolean | undefined
  /** Peers at a time, those on their way out included, 1 to 1 000 000. Default 4096. */
  readonly maxPeers?: number | undefined
  /** New peers a second, and as many at once after a pause: 1 to 1 000 000, or `off`. Default 1000. */
  readonly newPeersPerSecond?: number | "off" | undefined
  /** How long a peer may be silent until that is its end, 10 milliseconds to 1 day. Seen an eighth too late at most. Default 30 seconds. */
  readonly idleTimeout?: Duration.Input | undefined
  /**
   * How many bytes go to a peer for each that it sent, 0 to 1000, or `off`; more are dropped (RFC 9000, section 8.1,
   * has 3). Only what makes sure that a peer hears what is sent to it, as a token that it has to give back, may do
   * without. Default 3.
   */
  readonly amplification?: number | "off" | undefined
}

/**
 * How to connect over UDP.
 *
 * @category options
 * @since 0.1.0
 */
export interface UdpClientOptions extends DatagramOptions {
  /** 1 to 65535. */
  readonly port: number
  /** Host name or address. Default `127.0.0.1`. */
  readonly host?: string | undefined
  /** The address to send from. Default: the system's choice. */
  readonly localAddress?: string | undefined
  /** The port to send from, 0 to 65535. Default 0: the system's choice. */
  readonly localPort?: number | undefined
  /** The time for looking the host up, 1 millisecond to 1 hour. Default 10 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
}

/**
 * Listens on UDP.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: UdpOptions): Layer.Layer<Listener, InvalidConfig> =>
  Layer.effect(Listener, Effect.map(decodeOptions(UdpSettings, options), udpListener))

/**
 * Listens on UDP, with options from the configuration. A `Config` may stand for all of them or for each.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Config.Wrap<UdpOptions>
): Layer.Layer<Listener, InvalidConfig | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap<UdpOptions>(options), layer))

/**
 * Sends to one address over UDP, and hears no other. That is the whole of connecting: that nobody is there turns out
 * with the first message, by which the connection ends as `PeerReset` (`ECONNREFUSED`), where the other machine says so.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClient = (options: UdpClientOptions): Layer.Layer<Connector, InvalidConfig> =>
  Layer.effect(Connector, Effect.map(decodeOptions(UdpClientSettings, options), udpConnector))

/**
 * Sends to one address over UDP, with options from the configuration. A `Config` may stand for all of them or for each.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClientConfig = (
  options: Config.Wrap<UdpClientOptions>
): Layer.Layer<Connector, InvalidConfig | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap<UdpClientOptions>(options), layerClient))
