/** What the header of the PROXY protocol says. */
import type { Address } from "../../Transport.ts"

/**
 * What a proxy in front of us says about a connection that it hands on: the header of the PROXY protocol.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProxyHeader {
  readonly version: 1 | 2
  /** `LOCAL`: the proxy speaks for itself, in a health check say; the addresses are its own. */
  readonly command: "PROXY" | "LOCAL"
  /** How the client came to the proxy; `unknown` where the proxy does not say. */
  readonly transport: "stream" | "datagram" | "unknown"
  /** Where the client is, `Unknown` where the proxy does not say. */
  readonly source: Address
  /** Where the client connected to, `Unknown` where the proxy does not say. */
  readonly destination: Address
  readonly values: ProxyValues
}

/**
 * What else the header of the PROXY protocol, version 2, may say.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProxyValues {
  /** The protocol that ALPN chose between the client and the proxy. */
  readonly alpn?: string | undefined
  /** The host name that the client asked for: the SNI of its TLS. */
  readonly authority?: string | undefined
  /** What the proxy calls the connection, at most 128 bytes. */
  readonly uniqueId?: Uint8Array | undefined
  /** The name of the proxy's network namespace. */
  readonly namespace?: string | undefined
  /** The TLS between the client and the proxy. */
  readonly ssl?: ProxySsl | undefined
  /** All others, in their order: types of applications are 0xE0 to 0xEF. */
  readonly others?: ReadonlyArray<{ readonly type: number; readonly value: Uint8Array }> | undefined
}

/**
 * What a proxy says about the TLS between its client and itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProxySsl {
  /** The client came over TLS. */
  readonly secure: boolean
  /** Whether the client showed a certificate: in this connection, or earlier in its TLS session. */
  readonly certificate: "none" | "connection" | "session"
  /** The client showed a certificate, and the proxy found it valid. */
  readonly verified: boolean
  /** `TLSv1.3`. */
  readonly version?: string | undefined
  /** The common name in the client's certificate. */
  readonly commonName?: string | undefined
  readonly cipher?: string | undefined
  readonly signatureAlgorithm?: string | undefined
  readonly keyAlgorithm?: string | undefined
}

/**
 * The proxy that a connection came through.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProxiedBy {
  /** Where the proxy itself is. */
  readonly address: Address
  readonly header: ProxyHeader
}
