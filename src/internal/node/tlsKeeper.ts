/** What a TLS server shows and asks for: loaded, kept fresh, and handed to handshakes. */
import * as Tls from "node:tls"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import { TransportError } from "../../SluiceError.ts"
import type { CertificateInfo, TlsCertificates, TlsChange, TlsServer } from "../../Tls.ts"
import { Hub } from "../events.ts"
import { decodeOptions } from "../options.ts"
import { describeCertificate, infoOf, trustOf } from "./certificateInfo.ts"
import { errorDetail } from "./nodeError.ts"
import { ServerNames } from "./serverNames.ts"
import { TlsHandshakes } from "./tlsHandshakes.ts"
import { loadMaterial, type MaterialUse } from "./tlsMaterial.ts"
import { TlsCertificatesSettings, type TlsServerSettings } from "./tlsOptions.ts"
import { TlsSessions } from "./tlsSessions.ts"
import { refuseName } from "./unknownName.ts"

/** A certificate that was loaded. */
interface Loaded {
  readonly options: Tls.SecureContextOptions
  readonly info: CertificateInfo
}

/** What answers a client that asks for a name. */
interface Shown {
  readonly fallback: Tls.SecureContextOptions
  readonly names: ServerNames<Tls.SecureContext | "fallback">
  readonly certificates: ReadonlyArray<CertificateInfo>
}

type Service = TlsServer["Service"]

/** Certificates, what is asked of clients, and the keys of tickets. */
export class TlsKeeper implements Service {
  readonly settings: TlsServerSettings
  private readonly use: MaterialUse
  private readonly sessions: TlsSessions
  private readonly hub = new Hub<TlsChange>(16)
  private readonly turn = Semaphore.makeUnsafe(1)
  /** Where the certificates come from, since the last replacement. */
  private source: TlsCertificatesSettings
  private loaded: ReadonlyArray<Loaded> = []
  private shown: Shown = { fallback: {}, names: new ServerNames(), certificates: [] }
  private readonly servers = new Set<Tls.Server>()
  private shared: TlsHandshakes | undefined

  constructor(settings: TlsServerSettings, use: MaterialUse, now: number) {
    this.settings = settings
    this.source = settings
    this.use = use
    this.sessions = new TlsSessions(settings.sessions, now)
  }

  get certificates(): Service["certificates"] {
    return Effect.sync(() => this.shown.certificates)
  }

  get changes(): Service["changes"] {
    return this.hub.stream
  }

  get reload(): Service["reload"] {
    return this.change(Effect.suspend(() => this.load(this.source)))
  }

  /** Reloads; a failure is told unless it is the one of `before`, and returned. */
  reloadQuietly(before: string | undefined): Effect.Effect<string | undefined> {
    return Effect.match(
      this.change(
        Effect.suspend(() => this.load(this.source)),
        before
      ),
      { onFailure: ({ message }) => message, onSuccess: () => undefined }
    )
  }

  get replace(): Service["replace"] {
    return (certificates: TlsCertificates) =>
      Effect.flatMap(decodeOptions(TlsCertificatesSettings, certificates), (source) =>
        this.change(this.load(source))
      )
  }

  /** Loads what was given at first. */
  get start(): Effect.Effect<void, TransportError> {
    return this.load(this.source)
  }

  /** Every file that it was read from. */
  get files(): ReadonlyArray<string> {
    const identities = [this.source, ...(this.source.certificates ?? [])]
    return [
      ...identities.flatMap(({ certificateFile, keyFile }) => [certificateFile, keyFile]),
      this.settings.caFile
    ].filter((path) => path !== undefined)
  }

  /** A server that does not listen, but takes sockets for handshakes. It shows what is to be shown, until `release`. */
  createServer(options: Pick<Tls.TlsOptions, "ALPNProtocols" | "ALPNCallback">): Tls.Server {
    const { clientCertificate, handshakeTimeout } = this.settings
    const keeper = this
    const server = Tls.createServer({
      ...options,
      ...this.shown.fallback,
      allowHalfOpen: true,
      pauseOnConnect: true,
      requestCert: clientCertificate !== "none",
      rejectUnauthorized: clientCertificate === "require",
      // Ours is the deadline; Node's counts from the last byte.
      handshakeTimeout: 2 * Duration.toMillis(handshakeTimeout),
      // Node calls it on the socket that the handshake is on, which its types do not say.
      SNICallback(this: unknown, name, callback) {
        const found = keeper.find(name)
        if (found === "unknown") callback(refuseName(this, name))
        else callback(null, found)
      }
    })
    this.sessions.attach(server)
    this.servers.add(server)
    return server
  }

  /** Those of `startTls`, which all connections share. */
  get handshakes(): TlsHandshakes {
    this.shared ??= new TlsHandshakes(this)
    return this.shared
  }

  release(server: Tls.Server): void {
    this.servers.delete(server)
  }

  /** Nothing more changes. */
  end(): void {
    this.hub.end()
  }

  /** Goes on to the ticket key of this time. */
  rotate(now: number): void {
    if (this.sessions.advance(now)) this.show(this.loaded)
  }

  /** Milliseconds until the ticket key at hand is over. */
  untilRotation(now: number): number {
    return this.sessions.untilNext(now)
  }

  private find(name: string): Tls.SecureContext | "unknown" | undefined {
    const found = this.shown.names.find(name)
    if (found === undefined) return this.settings.unknownName === "refuse" ? "unknown" : undefined
    return found === "fallback" ? undefined : found
  }

  /** One change at a time, told of in either case. */
  private change(
    load: Effect.Effect<void, TransportError>,
    known?: string
  ): Effect.Effect<void, TransportError> {
    const told = Effect.onExit(load, (exit) => {
      if (Exit.isSuccess(exit)) {
        const { certificates } = this.shown
        this.hub.publish({ _tag: "Reloaded", certificates })
        return Effect.logInfo(
          `TLS certificates reloaded: ${certificates.map(describeCertificate).join("; ")}`
        )
      }
      const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
      if (error === undefined || error.message === known) return Effect.void
      this.hub.publish({ _tag: "Failed", error })
      return Effect.logWarning(`the TLS certificates stay as they are: ${error.message}`)
    })
    return Semaphore.withPermit(this.turn, told)
  }

  private load(source: TlsCertificatesSettings): Effect.Effect<void, TransportError> {
    const { settings, use } = this
    const { certificates = [], ...own } = source
    const trust = { ca: settings.ca, caFile: settings.caFile, minVersion: settings.minVersion }
    const first = { ...own, names: undefined }
    return Effect.forEach([first, ...certificates], ({ names, ...identity }, index) =>
      loadMaterial({ ...identity, ...trust }, use).pipe(
        Effect.mapError((error) => (index === 0 ? error : within(`certificates[${index - 1}]`, error))),
        Effect.map(({ options }): Loaded => ({ options, info: infoOf(options, names) }))
      )
    ).pipe(
      Effect.flatMap((loaded) =>
        Effect.try({
          try: () => {
            this.sessions.trusting(trustOf(settings, loaded[0]?.options.ca))
            this.show(loaded)
            this.loaded = loaded
            this.source = source
          },
          catch: (error) =>
            new TransportError({
              operation: use.operation,
              kind: "BadCertificate",
              address: use.target,
              detail: errorDetail(error),
              cause: error
            })
        })
      )
    )
  }

  /** From here on handshakes get these. */
  private show(loaded: ReadonlyArray<Loaded>): void {
    const session = this.sessions.options
    const names = new ServerNames<Tls.SecureContext | "fallback">()
    const [first, ...others] = loaded
    // What a name is asked for by name goes first.
    for (const { info, options } of others) {
      const context = Tls.createSecureContext({ ...options, ...session })
      for (const name of info.names) names.add(name, context)
    }
    for (const name of first?.info.names ?? []) names.add(name, "fallback")
    const fallback = { ...first?.options, ...session }
    for (const server of this.servers) server.setSecureContext(fallback)
    this.shown = { fallback, names, certificates: loaded.map(({ info }) => info) }
  }
}

const within = (path: string, error: TransportError): TransportError => {
  const { address, cause, detail, kind, operation } = error
  return new TransportError({ operation, kind, address, detail: `${path}: ${detail}`, cause })
}
