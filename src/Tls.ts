/**
 * TLS: what a server shows and asks for, and whom a client trusts.
 *
 * Certificates and keys are PEM, given as text or as files. Files are read when a server starts to listen, and again when
 * they change, if it is told to `watch` them, or by a {@link TlsServer}; a client reads them each time it connects. A file
 * that cannot be read fails with `UnreadableFile`, PEM that does not parse or a key that is not the certificate's with
 * `BadCertificate`.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { makeKeeper } from "./internal/node/tlsKeeping.ts"
import { TlsServerSettings } from "./internal/node/tlsOptions.ts"
import { decodeOptions } from "./internal/options.ts"
import type { InvalidConfig, TransportError } from "./SluiceError.ts"

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
 * A certificate for some of a server's names.
 *
 * @category options
 * @since 0.1.0
 */
export interface TlsCertificate extends TlsIdentity {
  /**
   * The host names it is shown for: `chat.example`, or `*.example`, which stands for one label. Upper and lower case are
   * the same. Default: the names in the certificate itself.
   */
  readonly names?: ReadonlyArray<string> | undefined
}

/**
 * The certificates of a server: one for everybody, and others by name.
 *
 * @category options
 * @since 0.1.0
 */
export interface TlsCertificates extends TlsIdentity {
  /**
   * Certificates for clients that ask for a name (SNI, RFC 6066, section 3). A whole name goes before one with a `*`, and
   * of two for the same name the first counts. Clients that ask for none, and see `unknownName`, get the one for everybody.
   * Default: none.
   */
  readonly certificates?: ReadonlyArray<TlsCertificate> | undefined
}

/**
 * How clients come back to a server without a whole handshake.
 *
 * The server gives them tickets, which it encrypts with a key of its own and keeps nothing of (RFC 8446, section 2.2;
 * RFC 5077). The key changes with each `rotation`; after that, tickets of before cost a whole handshake. Tickets outlive a
 * reload of certificates, but not one that changes whose client certificates are valid.
 *
 * @category options
 * @since 0.1.0
 */
export interface TlsSessionOptions {
  /** How long a session can be resumed, 1 minute to 7 days. Default 1 hour. */
  readonly lifetime?: Duration.Input | undefined
  /** How long a key is used, 1 minute to 30 days. Default 12 hours. */
  readonly rotation?: Duration.Input | undefined
  /**
   * What keys are made from, 32 characters or more. Processes that have the same one, and the same `rotation`, take each
   * other's tickets, for they change keys at the same times of the clock. Whoever has it can read what was said in resumed
   * sessions of TLS 1.2. Default: a random one.
   */
  readonly secret?: Redacted.Redacted<string> | undefined
  /**
   * How many sessions are remembered for clients of TLS 1.2 that know no tickets but session ids, 0 to 1 000 000. The
   * oldest is forgotten first. Default 0.
   */
  readonly remembered?: number | undefined
}

/**
 * TLS for a listener. Needs a certificate and its key, each from text or from a file.
 *
 * @category options
 * @since 0.1.0
 */
export interface TlsServerOptions extends TlsCertificates {
  /**
   * What becomes of a client that asks for a name which no certificate is for. `default` shows it the certificate for
   * everybody; `refuse` ends the handshake with the alert `unrecognized_name`, where not even that one has the name.
   * Default `default`.
   */
  readonly unknownName?: "default" | "refuse" | undefined
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
  /**
   * How often the files are looked at for changes, 10 milliseconds to 1 day, or `off`. When one has changed, all are read
   * again, as by {@link TlsServer} `reload`. Means nothing for `startTls`, whose options are read for each connection.
   * Default `off`.
   */
  readonly watch?: Duration.Input | "off" | undefined
  /** How clients come back without a whole handshake, or `off`. Default: by tickets, for an hour. */
  readonly sessions?: TlsSessionOptions | "off" | undefined
}

/**
 * A certificate that a server shows.
 *
 * @category models
 * @since 0.1.0
 */
export interface CertificateInfo {
  /** The names it is shown for. */
  readonly names: ReadonlyArray<string>
  /** The subject: `CN=chat.example`. */
  readonly subject: string
  readonly validFrom: Date
  readonly validTo: Date
  /** SHA-256 of the certificate, colon separated. */
  readonly fingerprint256: string
}

/**
 * What became of a reload.
 *
 * - `Reloaded`: the certificates are these from now on, the one for everybody first
 * - `Failed`: the certificates of before stay
 *
 * @category models
 * @since 0.1.0
 */
export type TlsChange = Data.TaggedEnum<{
  Reloaded: { readonly certificates: ReadonlyArray<CertificateInfo> }
  Failed: { readonly error: TransportError }
}>

/**
 * Constructors, `$is` and `$match` of the changes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const TlsChange = Data.taggedEnum<TlsChange>()

/**
 * What a server shows and asks for, as one value: several listeners and `startTls` may share it, and certificates change
 * while they go on. It stands wherever {@link TlsServerOptions} do.
 *
 * Certificates change all at once or not at all: where one cannot be read or used, those of before stay. New handshakes
 * get the new ones; connections that are there, and handshakes that have begun, go on as they are.
 *
 * **Example** (Reload at SIGHUP)
 *
 * ```ts
 * import { Effect, Layer, Stream } from "effect"
 * import { Tls, TransportNode } from "effect-sluice"
 *
 * const Secure = Tls.layer({ certificateFile: "chat.pem", keyFile: "chat.key" })
 *
 * const Listener = Layer.unwrap(
 *   Effect.map(Tls.TlsServer, (tls) => TransportNode.layerTls({ port: 7000, tls }))
 * )
 *
 * const Reloading = Layer.effectDiscard(
 *   Effect.flatMap(Tls.TlsServer, (tls) =>
 *     Tls.signals("SIGHUP").pipe(
 *       // One that fails is logged, and the old certificates stay.
 *       Stream.runForEach(() => Effect.ignore(tls.reload)),
 *       Effect.forkScoped
 *     )
 *   )
 * )
 *
 * export const transport = Layer.merge(Listener, Reloading).pipe(Layer.provide(Secure))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class TlsServer extends Context.Service<
  TlsServer,
  {
    /** Reads the files again, those of `ca` too. Fails, and is logged, where the old certificates stay. */
    readonly reload: Effect.Effect<void, TransportError>
    /** Other certificates, from wherever they come; `reload` reads their files from then on. Otherwise as `reload`. */
    readonly replace: (certificates: TlsCertificates) => Effect.Effect<void, InvalidConfig | TransportError>
    /** Those that are shown at this moment, the one for everybody first. */
    readonly certificates: Effect.Effect<ReadonlyArray<CertificateInfo>>
    /** What becomes of reloads from this moment on, until the scope ends. Who falls behind by more than 16 loses the oldest. */
    readonly changes: Stream.Stream<TlsChange>
  }
>()("effect-sluice/Tls/TlsServer") {}

/**
 * Checks the options, reads the files, and keeps both fresh as long as the scope lives.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: TlsServerOptions
): Effect.Effect<TlsServer["Service"], InvalidConfig | TransportError, Scope.Scope> =>
  Effect.flatMap(decodeOptions(TlsServerSettings, options), (settings) =>
    makeKeeper(settings, { operation: "load", target: "certificates" })
  )

/**
 * {@link make} as a layer.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: TlsServerOptions): Layer.Layer<TlsServer, InvalidConfig | TransportError> =>
  Layer.effect(TlsServer, make(options))

/**
 * The same with options from the configuration. A `Config` may stand for all of them or for each.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Config.Wrap<TlsServerOptions>
): Layer.Layer<TlsServer, InvalidConfig | TransportError | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap<TlsServerOptions>(options), layer))

/**
 * The signals that the process gets, one element each, while somebody runs the stream: for a reload, SIGHUP by custom.
 * Signals that come while one is handled are one.
 *
 * @category reloading
 * @since 0.1.0
 */
export const signals = (signal: "SIGHUP" | "SIGUSR2"): Stream.Stream<void> =>
  Stream.callback<void>(
    (queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const onSignal = () => Queue.offerUnsafe(queue, undefined)
          process.on(signal, onSignal)
          return onSignal
        }),
        (onSignal) => Effect.sync(() => process.off(signal, onSignal))
      ),
    { bufferSize: 1, strategy: "sliding" }
  )

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
  | { readonly server: TlsServerOptions | TlsServer["Service"]; readonly client?: undefined }
  | { readonly client: StartTlsClientOptions; readonly server?: undefined }
