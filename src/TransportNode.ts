/**
 * TCP, TLS and Unix sockets over `node:net` and `node:tls`.
 *
 * Every layer checks its options when it is built and fails with all problems at once.
 *
 * On Linux a listener keeps the last few file descriptors of the process free, one in 32, 4 to 64 of them: a peer that
 * gets one of those waits, unread, until there is room, which is looked for after 5 milliseconds and then half as often
 * each time, down to once a second. Who has waited for 5 seconds, or gets the very last descriptor, is turned away. Live
 * connections go on meanwhile. Where something else takes every descriptor, and elsewhere than on Linux, Node resets the
 * peers that it cannot accept, and tells nobody.
 *
 * At most 4096 peers of a listener are here and no connections yet: their PROXY header, first byte or handshake of TLS is
 * still to come, each within its own time. One more is turned away.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import {
  TcpClientSettings,
  TcpSettings,
  UnixClientSettings,
  UnixSettings
} from "./internal/node/socketOptions.ts"
import { SocketSource } from "./internal/node/socketSource.ts"
import { tcpConnector, tcpListener } from "./internal/node/tcp.ts"
import { tlsConnector, tlsListener } from "./internal/node/tls.ts"
import { TlsKeeper } from "./internal/node/tlsKeeper.ts"
import { TcpTlsClientSettings, TcpTlsSettings, TcpTlsSettingsWith } from "./internal/node/tlsOptions.ts"
import { unixConnector, unixListener } from "./internal/node/unix.ts"
import { decodeOptions } from "./internal/options.ts"
import type { ProxyProtocolOptions, SendProxyOptions, UnixProxyProtocolOptions } from "./ProxyProtocol.ts"
import type { InvalidConfig } from "./SluiceError.ts"
import type { TlsClientOptions, TlsServer, TlsServerOptions } from "./Tls.ts"
import { Connector, Listener } from "./Transport.ts"

/**
 * How to listen on TCP: what plain text and TLS have in common.
 *
 * @category options
 * @since 0.1.0
 */
export interface TcpListenOptions {
  /** 0 to 65535; with 0 the system chooses a free one, which `Listening.address` tells. */
  readonly port: number
  /**
   * The host name or address to listen on. Default: every interface, IPv6 and IPv4 (`::`, or `0.0.0.0` where
   * there is no IPv6). `127.0.0.1` keeps a server to its own machine.
   */
  readonly host?: string | undefined
  /** Connections that the system queues until they are accepted, 1 to 65535. Default 1024; the kernel has a cap of its own. */
  readonly backlog?: number | undefined
  /** Sends small writes at once (no Nagle). Default true. */
  readonly noDelay?: boolean | undefined
  /** Lets the kernel probe silent peers. Default true. */
  readonly keepAlive?: boolean | undefined
  /** The silence before the first probe, 1 second to 9 hours. Default 60 seconds. */
  readonly keepAliveInitialDelay?: Duration.Input | undefined
  /** Takes no IPv4 peers on an IPv6 address. Default false. */
  readonly ipv6Only?: boolean | undefined
  /** In a `node:cluster` worker: does not share the port with the other workers. Default false. */
  readonly exclusive?: boolean | undefined
  /** The proxies in front of it, which announce their clients; see `ProxyProtocol`. Default: none are believed. */
  readonly proxyProtocol?: ProxyProtocolOptions | undefined
}

/**
 * What becomes of TLS on a listener in plain text.
 *
 * @category options
 * @since 0.1.0
 */
export interface PlainTextOptions {
  /**
   * What becomes of a peer that begins with the ClientHello of TLS: `refuse` closes its connection at once with the reason
   * `FrameError`, an `UnexpectedPreamble`; `data` hands it on, as a server that forwards TLS needs it. Nothing is held
   * back for that look, and `connection.startTls` is none of its business. Default `refuse`.
   */
  readonly clientHello?: "refuse" | "data" | undefined
}

export { type ActivatedOptions, layerActivated } from "./internal/node/activated.ts"

/**
 * How to listen on TCP.
 *
 * @category options
 * @since 0.1.0
 */
export interface TcpOptions extends TcpListenOptions, PlainTextOptions {}

/**
 * Another address of a service.
 *
 * @category options
 * @since 0.1.0
 */
export interface TcpClientAddress {
  readonly host?: string | undefined
  /** 1 to 65535. */
  readonly port?: number | undefined
}

/**
 * How to connect over TCP.
 *
 * @category options
 * @since 0.1.0
 */
export interface TcpClientOptions {
  /** 1 to 65535. */
  readonly port: number
  /** Host name or address. A name with several addresses is tried on IPv6 and IPv4 (happy eyeballs). Default `127.0.0.1`. */
  readonly host?: string | undefined
  /**
   * Other addresses of the same service; what one leaves out is that of `port` and `host`. All are tried in turn until
   * one answers, each with the whole `connectTimeout`; the next time begins with the one after the last one tried. TLS
   * asks each for its own name. Default: none.
   */
  readonly alternatives?: ReadonlyArray<TcpClientAddress> | undefined
  /**
   * Where a host name has several addresses: how long one may take to answer until the next is tried as well, 10
   * milliseconds to 1 minute. Default 250 milliseconds.
   */
  readonly familyTimeout?: Duration.Input | undefined
  /** The address to connect from. Default: the system's choice. */
  readonly localAddress?: string | undefined
  /** Announces a client, as a proxy does, before everything else; see `ProxyProtocol`. Default: announces nobody. */
  readonly proxyHeader?: SendProxyOptions | undefined
  /** The time for name look-up, connection and TLS handshake together, 1 millisecond to 1 hour. Default 10 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** Sends small writes at once (no Nagle). Default true. */
  readonly noDelay?: boolean | undefined
  /** Lets the kernel probe a silent peer. Default true. */
  readonly keepAlive?: boolean | undefined
  /** The silence before the first probe, 1 second to 9 hours. Default 60 seconds. */
  readonly keepAliveInitialDelay?: Duration.Input | undefined
}

/**
 * How to listen on TLS.
 *
 * @category options
 * @since 0.1.0
 */
export interface TcpTlsOptions extends TcpListenOptions {
  readonly tls: TlsServerOptions | TlsServer["Service"]
  /**
   * Whether peers may come in plain text as well, on the same port: `connection.tls` tells which way one came. The first
   * byte of a peer says, for that of TLS is always 0x16, so nobody is a connection before it: where the server speaks
   * first, say what to do about silent peers. Default `refuse`.
   */
  readonly plain?: "refuse" | "accept" | FirstByteOptions | undefined
}

/**
 * Plain text beside TLS.
 *
 * @category options
 * @since 0.1.0
 */
export interface FirstByteOptions {
  /** How long to wait for the first byte, 10 milliseconds to 10 minutes, in real time. Default 5 seconds. */
  readonly timeout?: Duration.Input | undefined
  /**
   * What becomes of a peer that has said nothing by then: `close`, or `plain`, which takes it for one that waits for a
   * greeting in plain text: a client of TLS always speaks first. Default `close`.
   */
  readonly silent?: "close" | "plain" | undefined
}

/**
 * How to connect over TLS.
 *
 * @category options
 * @since 0.1.0
 */
export interface TcpTlsClientOptions extends TcpClientOptions {
  /** `{}` trusts the authorities that come with Node, for the name in `host`. */
  readonly tls: TlsClientOptions
}

/**
 * How to listen on a Unix socket.
 *
 * @category options
 * @since 0.1.0
 */
export interface UnixOptions extends PlainTextOptions {
  /**
   * The socket's file, at most 107 bytes (103 on other systems than Linux), in a directory we may write to.
   * A socket that nobody answers on is replaced. Any other file, and a socket in use, stays and fails the
   * listener with `AddressInUse`. The end of the listener removes the file, unless it has become another one.
   */
  readonly path: string
  /** Its permissions, 0 to 0o777; a peer needs to write. They hold from its first moment. Default: as the umask has it. */
  readonly mode?: number | undefined
  /** Connections that the system queues until they are accepted, 1 to 65535. Default 1024. */
  readonly backlog?: number | undefined
  /** Every peer is a proxy, which announces its client; see `ProxyProtocol`. Default: none is. */
  readonly proxyProtocol?: UnixProxyProtocolOptions | undefined
}

/**
 * How to connect to a Unix socket.
 *
 * @category options
 * @since 0.1.0
 */
export interface UnixClientOptions {
  /** The socket's file, at most 107 bytes (103 on other systems than Linux). */
  readonly path: string
  /** The time for connecting, 1 millisecond to 1 hour. Default 10 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
}

/** The sockets come from where the layer is built: see `Multicore`. */
const listenerLayer = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  options: unknown,
  make: (settings: S["Type"], source: SocketSource) => Context.Service.Shape<typeof Listener>
): Layer.Layer<Listener, InvalidConfig> =>
  Layer.effect(
    Listener,
    Effect.flatMap(decodeOptions(schema, options), (settings) =>
      Effect.map(SocketSource, (source) => make(settings, source))
    )
  )

/**
 * Listens on TCP.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTcp = (options: TcpOptions): Layer.Layer<Listener, InvalidConfig> =>
  listenerLayer(TcpSettings, options, tcpListener)

/**
 * Listens on TCP, with options from the configuration. A `Config` may stand for all of them or for each.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTcpConfig = (
  options: Config.Wrap<TcpOptions>
): Layer.Layer<Listener, InvalidConfig | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap<TcpOptions>(options), layerTcp))

/**
 * Connects over TCP.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTcpClient = (options: TcpClientOptions): Layer.Layer<Connector, InvalidConfig> =>
  Layer.effect(Connector, Effect.map(decodeOptions(TcpClientSettings, options), tcpConnector))

/**
 * Connects over TCP, with options from the configuration. A `Config` may stand for all of them or for each.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTcpClientConfig = (
  options: Config.Wrap<TcpClientOptions>
): Layer.Layer<Connector, InvalidConfig | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap<TcpClientOptions>(options), layerTcpClient))

/**
 * Listens on TLS. A peer's handshake has its own deadline, and its failure goes to `Acceptor.onError`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTls = (options: TcpTlsOptions): Layer.Layer<Listener, InvalidConfig> =>
  options.tls instanceof TlsKeeper
    ? listenerLayer(TcpTlsSettingsWith(options.tls), options, tlsListener)
    : listenerLayer(TcpTlsSettings, options, tlsListener)

/**
 * Listens on TLS, with options from the configuration. A `Config` may stand for all of them or for each.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTlsConfig = (
  options: Config.Wrap<TcpTlsOptions & { readonly tls: TlsServerOptions }>
): Layer.Layer<Listener, InvalidConfig | Config.ConfigError> =>
  Layer.unwrap(
    Effect.map(Config.unwrap<TcpTlsOptions & { readonly tls: TlsServerOptions }>(options), layerTls)
  )

/**
 * Connects over TLS. A server that it must not trust fails with `BadCertificate`, any other failure of the
 * handshake with `HandshakeFailed`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTlsClient = (options: TcpTlsClientOptions): Layer.Layer<Connector, InvalidConfig> =>
  Layer.effect(Connector, Effect.map(decodeOptions(TcpTlsClientSettings, options), tlsConnector))

/**
 * Connects over TLS, with options from the configuration. A `Config` may stand for all of them or for each.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTlsClientConfig = (
  options: Config.Wrap<TcpTlsClientOptions>
): Layer.Layer<Connector, InvalidConfig | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap<TcpTlsClientOptions>(options), layerTlsClient))

/**
 * Listens on a Unix socket (Linux, macOS, BSD). Such sockets know no reset: `Wire.reset` is `destroy`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerUnix = (options: UnixOptions): Layer.Layer<Listener, InvalidConfig> =>
  listenerLayer(UnixSettings, options, unixListener)

/**
 * Connects to a Unix socket.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerUnixClient = (options: UnixClientOptions): Layer.Layer<Connector, InvalidConfig> =>
  Layer.effect(Connector, Effect.map(decodeOptions(UnixClientSettings, options), unixConnector))
