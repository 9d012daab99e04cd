/**
 * The PROXY protocol: how a proxy in front of a server says for whom a connection is.
 *
 * A load balancer that hands TCP on has an address of its own, and the server would take all clients for that one. With
 * `proxyProtocol` among the options of a listener, the first bytes of a connection are a header in which the proxy names
 * its client, and `connection.remoteAddress` is the client's: in limits, lists, the registry, events and logs too.
 * `connection.proxy` holds the header and the address of the proxy itself. The header stands before everything else,
 * the handshake of TLS included.
 *
 * Both versions of the protocol are read, the line and the binary one; see `proxy-protocol.txt` of HAProxy. Whoever may
 * send a header may name any address, so a listener is told whom to believe.
 *
 * **Example** (Behind two proxies, and nobody else may come)
 *
 * ```ts
 * import { TransportNode } from "effect-sluice"
 *
 * const listener = TransportNode.layerTcp({
 *   port: 7000,
 *   proxyProtocol: { from: ["10.0.0.5", "10.0.0.6"] }
 * })
 * ```
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { problemsOf } from "./internal/options.ts"
import { encode as encodePlan } from "./internal/proxy/encode.ts"
import { parse as parseBytes } from "./internal/proxy/parse.ts"
import { SendProxySettings } from "./internal/proxy/settings.ts"
import { InvalidConfig, type ProxyHeaderInvalid } from "./SluiceError.ts"
import type { Address, ProxyHeader, ProxyValues } from "./Transport.ts"

/**
 * Whose headers a listener believes, and what it expects of them.
 *
 * A peer that breaks these rules is closed at once and is an `AcceptFailed` event of the kind `ProxyHeader`. A header of
 * the command `LOCAL`, with which a proxy looks after the server's health, and one that names no address leave
 * `remoteAddress` as it is.
 *
 * @category options
 * @since 0.1.0
 */
export interface ProxyProtocolOptions extends UnixProxyProtocolOptions {
  /**
   * The proxies, as addresses or CIDR blocks: `10.0.0.0/8`, `::1`. Each of their connections must begin with a header.
   * `anyone` believes every peer, which can then call itself what it likes: only where nobody but proxies reaches the
   * port.
   */
  readonly from: "anyone" | ReadonlyArray<string>
  /**
   * What becomes of peers that are not among `from`:
   *
   * - `refuse`: they are turned away. The default
   * - `direct`: they are clients that came by themselves. One that sends a header nevertheless is refused, before TLS as
   *   the handshake that it is not, and elsewhere with `UnexpectedPreamble`
   * - `data`: the same, and a header is data like any other
   */
  readonly others?: "refuse" | "direct" | "data" | undefined
}

/**
 * What a listener expects of headers. On a Unix socket everybody is believed who may write to it.
 *
 * @category options
 * @since 0.1.0
 */
export interface UnixProxyProtocolOptions {
  /** How long the whole header may take, 10 milliseconds to 10 minutes, in real time. Default 5 seconds. */
  readonly timeout?: Duration.Input | undefined
  /**
   * The longest header of version 2 in bytes, 16 to 65 551. HAProxy sends some 50, and more where it is asked for values
   * of TLS. A line of version 1 has at most 107, always. Default 4096.
   */
  readonly maxLength?: number | undefined
}

/**
 * A header to send.
 *
 * @category options
 * @since 0.1.0
 */
export interface SendProxyOptions {
  /** Default 2. */
  readonly version?: 1 | 2 | undefined
  /** `LOCAL` speaks for nobody but the sender, and says no more. Default `PROXY`. */
  readonly command?: "PROXY" | "LOCAL" | undefined
  /** Where the client is. Default, for a connector: the connection's own end. */
  readonly source?: Address | undefined
  /** Where the client connected to. Default, for a connector: the connection's other end. */
  readonly destination?: Address | undefined
  /** What else to say, by version 2. Default: nothing. */
  readonly values?: ProxyValues | undefined
  /** Whether a header of version 2 ends with a CRC-32C of itself. Default false. */
  readonly checksum?: boolean | undefined
}

/**
 * What the first bytes of a connection are: a header of `length` bytes, the beginning of one, or none.
 *
 * @category models
 * @since 0.1.0
 */
export type Parsed =
  | { readonly _tag: "Header"; readonly header: ProxyHeader; readonly length: number }
  | { readonly _tag: "Incomplete" }
  | { readonly _tag: "Invalid"; readonly error: ProxyHeaderInvalid }

/**
 * Looks at the first bytes of a connection, all that have come so far. Listeners do that by themselves; this is for other
 * transports. The answer to a whole header does not depend on how its bytes came.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (bytes: Uint8Array, options: { readonly maxLength?: number | undefined } = {}): Parsed =>
  parseBytes(bytes, options.maxLength ?? 4096)

/**
 * The bytes of a header. Ends that are no addresses, or not told, make it one that names none (`UNKNOWN`).
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (options: SendProxyOptions = {}): Result.Result<Uint8Array, InvalidConfig> => {
  const decoded = Schema.decodeUnknownResult(SendProxySettings, { errors: "all", onExcessProperty: "error" })(
    options
  )
  if (Result.isFailure(decoded)) {
    return Result.fail(new InvalidConfig({ problems: problemsOf(decoded.failure.issue) }))
  }
  const { destination = unknown, source = unknown, ...plan } = decoded.success
  return Result.succeed(encodePlan({ ...plan, source, destination }))
}

const unknown: Address = { _tag: "Unknown" }
