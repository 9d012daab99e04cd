/**
 * TLS: what a server shows and asks for, and whom a client trusts.
 *
 * Certificates and keys are PEM, given as text or as files. Files are read when a server starts to listen and
 * each time a client connects, so a renewed file counts from the next connect on. A file that cannot be read
 * fails with `UnreadableFile`, PEM that does not parse or a key that is not the certificate's with
 * `BadCertificate`.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"

/**
 * The lowest version of TLS that is spoken. Older ones are broken and not on offer.
 *
 * @category models
 * @since 0.1.0
 */
export type TlsVersion = "TLSv1.2" | "TLSv1.3"

/**
 * A certificate and its key, from text or files.
 *
 * @category options
 * @since 0.1.0
 */
export interface TlsIdentity {
  /** The certificate and, after it, its chain. PEM text. */
  readonly certificate?: string | undefined
  /** The same from a file. */
  readonly certificateFile?: string | undefined
  /** The certificate's private key. PEM text. */
  readonly key?: string | Redacted.Redacted<string> | undefined
  /** The same from a file. */
  readonly keyFile?: string | undefined
  /** What the key is encrypted with. */
  readonly passphrase?: Redacted.Redacted<string> | undefined
}

/**
 * TLS for a listener. Needs a certificate and its key, each from text or from a file.
 *
 * @category options
 * @since 0.1.0
 */
export interface TlsServerOptions extends TlsIdentity {
  /**
   * Whether peers are asked for a certificate. `request` lets those without a valid one in, and
   * `TlsDetails.authorized` tells; `require` refuses them. Both need `ca` or `caFile`. Default `none`.
   *
   * With TLS 1.3 a refused client may first see a connection, which then closes with an alert.
   */
  readonly clientCertificate?: "none" | "request" | "require" | undefined
  /** The authorities that vouch for peers' certificates. PEM text, one or many in each. */
  readonly ca?: string | ReadonlyArray<string> | undefined
  /** The same from a file. */
  readonly caFile?: string | undefined
  /** Protocols for ALPN, best first. A client that offers others only is refused. Default: no ALPN. */
  readonly alpn?: ReadonlyArray<string> | undefined
  /** Default `TLSv1.2`. */
  readonly minVersion?: TlsVersion | undefined
  /** The time for a whole handshake, 10 milliseconds to 10 minutes, in real time. Default 5 seconds. */
  readonly handshakeTimeout?: Duration.Input | undefined
}

/**
 * TLS for a connector. `connectTimeout` covers the handshake. A certificate of its own is optional.
 *
 * @category options
 * @since 0.1.0
 */
export interface TlsClientOptions extends TlsIdentity {
  /** The authorities to trust, instead of the ones that come with Node. PEM text, one or many in each. */
  readonly ca?: string | ReadonlyArray<string> | undefined
  /** The same from a file. */
  readonly caFile?: string | undefined
  /** The host name to ask for (SNI) and to find in the certificate. Default: the `host` it connects to. */
  readonly servername?: string | undefined
  /**
   * `verify` accepts only a server whose certificate is valid, trusted and made out to its name. `any` accepts
   * every server, so anyone on the way can read and change all traffic: for experiments only. Default `verify`.
   */
  readonly trust?: "verify" | "any" | undefined
  /** Protocols for ALPN, best first. Default: no ALPN. */
  readonly alpn?: ReadonlyArray<string> | undefined
  /** Default `TLSv1.2`. */
  readonly minVersion?: TlsVersion | undefined
}

/**
 * TLS as a client on a connection that exists already.
 *
 * @category options
 * @since 0.1.0
 */
export interface StartTlsClientOptions extends TlsClientOptions {
  /**
   * The host name to ask for (SNI) and to find in the certificate. Default: the address that the connection is to, which
   * few certificates are made out to. Over a Unix socket it must be given, unless `trust` is `any`.
   */
  readonly servername?: string | undefined
  /** The time for what was sent to leave and for the whole handshake, 10 milliseconds to 10 minutes. Default 5 seconds. */
  readonly handshakeTimeout?: Duration.Input | undefined
}

/**
 * TLS on a connection that exists already: which part this end takes in the handshake, and the options of that part.
 *
 * @category options
 * @since 0.1.0
 */
export type StartTlsOptions =
  | { readonly server: TlsServerOptions; readonly client?: undefined }
  | { readonly client: StartTlsClientOptions; readonly server?: undefined }
