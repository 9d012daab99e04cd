/**
 * Transports: what a server listens on, what a client connects through, and the wire between the two.
 *
 * A server needs a {@link Listener}, a client a {@link Connector}. The layers that provide them are in
 * `TransportNode` (TCP, TLS, Unix sockets), `TransportUdp`, `TransportMemory` (tests) and `TransportSocket` (any Effect
 * socket).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { CloseReason } from "./CloseReason.ts"
import type { Framing } from "./Framing.ts"
import type { Datagrams, DroppedDatagrams } from "./internal/datagram/models.ts"
import type { ProxiedBy } from "./internal/proxy/models.ts"
import type { TlsDetails } from "./internal/tlsDetails.ts"
import type { FrameError, InvalidConfig, TransportError } from "./SluiceError.ts"
import type { StartTlsOptions } from "./Tls.ts"

export type { ProxiedBy, ProxyHeader, ProxySsl, ProxyValues } from "./internal/proxy/models.ts"
export type { CertificateNames, PeerCertificate, TlsDetails } from "./internal/tlsDetails.ts"

/**
 * Where an end of a connection is.
 *
 * @category models
 * @since 0.1.0
 */
export type Address =
  | { readonly _tag: "Tcp"; readonly host: string; readonly port: number }
  | { readonly _tag: "Udp"; readonly host: string; readonly port: number }
  | { readonly _tag: "Unix"; readonly path: string }
  | { readonly _tag: "Memory"; readonly name: string }
  | { readonly _tag: "Stdio" }
  | { readonly _tag: "Process"; readonly command: string; readonly pid: number }
  | { readonly _tag: "Unknown" }

/**
 * An address as text: `127.0.0.1:7000`, `[::1]:7000`, `udp:127.0.0.1:7000`, `unix:/run/chat.sock`, `memory:chat`,
 * `stdio`, `process:sort[4711]`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatAddress = (address: Address): string => {
  switch (address._tag) {
    case "Tcp":
      return hostAndPort(address)
    case "Udp":
      return `udp:${hostAndPort(address)}`
    case "Unix":
      return `unix:${address.path}`
    case "Memory":
      return `memory:${address.name}`
    case "Stdio":
      return "stdio"
    case "Process":
      return `process:${address.command}[${address.pid}]`
    case "Unknown":
      return "unknown"
  }
}

const hostAndPort = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

/**
 * What a wire tells its connection. Plain calls on the hot path: a fiber wake-up per chunk would cost more than
 * the rest of the way of a byte together. Calls never overlap, and none comes before `attach` returned its turn.
 *
 * @category models
 * @since 0.1.0
 */
export interface WireReceiver {
  /** The next bytes. They belong to the receiver and never change again. Not called while paused. */
  readonly onData: (chunk: Uint8Array) => void
  /**
   * What came is no data: it broke the rules of the transport. Nothing more is told but the close. A wire that knows no
   * such rules has no such thing.
   */
  readonly onUnexpected?: (error: FrameError) => void
  /**
   * The peer ended its side: no more bytes come. Writing still works. `code` is the number that the peer gave for it, in
   * a transport that has such numbers.
   */
  readonly onEnd: (code?: number) => void
  /** After a `write` that returned false: there is room again. */
  readonly onDrain: () => void
  /**
   * The wire is gone, both ways; comes exactly once and last. `error` is the system's word for it (`ECONNRESET`)
   * where it broke, undefined where both sides ended in good order or we destroyed it. `code` is again the peer's.
   */
  readonly onClose: (error: string | undefined, code?: number) => void
  /** A sign of life that is no byte of the stream: the peer's ping, or (`answer`) its answer to the last one of ours. */
  readonly onSign?: (answer: boolean) => void
}

/**
 * One connection as its transport sees it: bytes in, bytes out, two ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wire {
  readonly localAddress: Address
  /** Where the peer is: the client, where a proxy has announced one. */
  readonly remoteAddress: Address
  readonly tls: TlsDetails | undefined
  /** The proxy that `remoteAddress` was learnt from; undefined where the peer came itself. */
  readonly proxy?: ProxiedBy | undefined
  /** Bytes that were handed over and that the kernel (or the peer, in memory) does not have yet. */
  readonly unsent: number
  /** Starts the flow of bytes to `receiver`. Called once; until then the wire is paused. What happened before is told then. */
  readonly attach: (receiver: WireReceiver) => void
  /** Stops reading. At most what has been read already still comes; the peer's window closes. */
  readonly pause: () => void
  /** Reads on. */
  readonly resume: () => void
  /**
   * Hands bytes over, in order; they must not be changed until `written` is called, and never by the wire: others may
   * have the same. False means enough is
   * underway: wait for `onDrain` before the next. `written` is called once the kernel (or the peer, in memory)
   * has all of them, and never if the wire breaks before.
   */
  readonly write: (bytes: Uint8Array, written?: () => void) => boolean
  /**
   * Ends our side after all that was written. Reading goes on. `reason` is why the connection ends, for a transport that
   * tells its peer; undefined where it goes on in the other direction.
   */
  readonly end: (reason?: CloseReason) => void
  /** Ends both sides at once and lets the peer know by a reset. What was not sent yet is lost. */
  readonly reset: () => void
  /** Releases everything at once. Where our side has ended and been flushed, the peer sees an orderly close. */
  readonly destroy: () => void
  /** Asks the peer for a sign of life, which `onSign` tells. Left out by a transport that has no pings of its own. */
  readonly ping?: (() => void) | undefined
  /**
   * Makes TLS on this wire ready: options checked, files read, nothing changed yet. Left out by a transport that knows
   * no TLS on a connection that exists already.
   */
  readonly startTls?:
    | ((options: StartTlsOptions) => Effect.Effect<TlsUpgrade, InvalidConfig | TransportError>)
    | undefined
  /** The datagram of the `onData` at hand was not whole frames, for this reason. Only where {@link Datagrams} are. */
  readonly refuse?: ((error: FrameError) => void) | undefined
}

export type { DatagramCause, Datagrams, DroppedDatagrams } from "./internal/datagram/models.ts"

/**
 * How a wire changes from plain text to TLS, for a connection that drives it.
 *
 * @category models
 * @since 0.1.0
 */
export interface TlsUpgrade {
  /** The time for all of it. */
  readonly timeout: Duration.Duration
  /**
   * Tells its receiver nothing more until the handshake is through, except that the wire is gone; drops bytes that were
   * read and not told yet and says how many. What comes from now on is the handshake's. What is still to be written
   * goes out in plain text.
   */
  readonly begin: () => number
  /**
   * The handshake, once all that was written is with the kernel. Afterwards the wire is TLS, and paused. Where it fails
   * the wire is of no use any more.
   */
  readonly handshake: Effect.Effect<TlsDetails, TransportError>
}

/**
 * A listener that accepts peers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listening {
  /** Where it listens; with port 0, the port that the system chose. */
  readonly address: Address
  /**
   * Stops accepting and gives the address free. Connections that it brought live on. Returns at once and
   * may be called twice; the end of the scope calls it too.
   */
  readonly close: Effect.Effect<void>
  /**
   * Goes on accepting until nobody new comes, for a second at most: peers whose handshake is through but
   * whom nobody has accepted yet would see a reset from `close`. A transport that keeps nobody waiting has none.
   */
  readonly sweep?: Effect.Effect<void> | undefined
  /**
   * Stops accepting until somebody listens again, for a listener that `close` ends for good: peers wait meanwhile. A
   * suspended server calls it in the place of `close`, and `close` when it is stopped.
   */
  readonly hold?: Effect.Effect<void> | undefined
}

/**
 * Why a peer did not become a connection.
 *
 * - `Accept`: the system could not accept it
 * - `Descriptors`: there were no file descriptors left for it
 * - `TooMany`: too many others were not through either
 * - `ProxyHeader`: it sent no header of the PROXY protocol, or a bad one, or is none of the proxies that may
 * - `PlainText`: it does not speak TLS, where only TLS is spoken
 * - `Handshake`: TLS came to no agreement
 * - `Gone`: it left, in whatever way, without having sent anything; as load balancers do that look after a server. Not
 *   worth a warning
 * - `Timeout`: it took too long for one of these
 * - `Unknown`: the transport does not tell
 *
 * @category models
 * @since 0.1.0
 */
export type AcceptFailure =
  | "Accept"
  | "Descriptors"
  | "TooMany"
  | "ProxyHeader"
  | "PlainText"
  | "Handshake"
  | "Gone"
  | "Timeout"
  | "Unknown"

/**
 * What a listener tells its server. Plain calls, like {@link WireReceiver}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Acceptor {
  /** A peer is here, TLS handshake and all behind it. */
  readonly onWire: (wire: Wire) => void
  /**
   * A peer did not become a connection: a failed or slow TLS handshake, an accept error. `address` is the client's, where
   * a proxy has announced one.
   */
  readonly onError: (error: {
    readonly address: Address
    readonly detail: string
    readonly kind?: AcceptFailure | undefined
  }) => void
  /**
   * Where the same server listened before it was suspended. A listener that lets the system choose its port takes
   * that one again.
   */
  readonly again?: Address | undefined
  /** Whether a datagram is whole frames, one at least. Nobody becomes a peer by another one. */
  readonly holdsFrame?: ((datagram: Uint8Array) => boolean) | undefined
  /** Datagrams were dropped: told at once, and then once a second for each cause while there are more. */
  readonly onDropped?: ((dropped: DroppedDatagrams) => void) | undefined
}

/**
 * What is special about the wires of a transport. Servers and clients see to it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Carriage {
  /** Where they carry datagrams. */
  readonly datagrams?: Datagrams | undefined
  /** Where they keep messages apart: the framing that stands in for a protocol's. */
  readonly framing?: ((framing: Framing, frames: FrameTraits) => Framing) | undefined
  /** Whether they have a `ping`, for protocols that have none. Default false. */
  readonly pings?: boolean | undefined
}

/**
 * What is known of the frames of a protocol besides its framing.
 *
 * @category models
 * @since 0.1.0
 */
export interface FrameTraits {
  /** All that are sent are UTF-8. */
  readonly text: boolean
  /** They are what stands on the wire, so that the framing has to see all of it. */
  readonly whole: boolean
}

/**
 * What a server needs: a way to listen.
 *
 * @category services
 * @since 0.1.0
 */
export class Listener extends Context.Service<
  Listener,
  Carriage & {
    /** Listens until the scope ends. Fails with a tagged error that names address and cause. */
    readonly listen: (acceptor: Acceptor) => Effect.Effect<Listening, TransportError, Scope.Scope>
  }
>()("effect-sluice/Transport/Listener") {}

/**
 * What a client needs: a way to connect.
 *
 * @category services
 * @since 0.1.0
 */
export class Connector extends Context.Service<
  Connector,
  Carriage & {
    /** Connects, TLS handshake and all. Interruption gives up and leaves nothing behind. */
    readonly connect: Effect.Effect<Wire, TransportError>
  }
>()("effect-sluice/Transport/Connector") {}
