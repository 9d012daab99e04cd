/** How clients of a TLS server come back without a whole handshake. */
import { constants, hkdfSync, randomBytes } from "node:crypto"
import type * as Tls from "node:tls"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { TlsServerSettings } from "./tlsOptions.ts"

type Settings = Exclude<TlsServerSettings["sessions"], "off">

interface Remembered {
  readonly data: Buffer
  readonly until: number
}

/** Whether a session, as OpenSSL writes it down, is one of TLS 1.3, which has no ids to come back by. */
const isTls13 = (session: Buffer): boolean => {
  // A sequence: its tag and length, the version of the format (1 byte), the version of the protocol (2 bytes).
  const start = (session[1] ?? 0) & 0x80 ? 2 + (session[1]! & 0x7f) : 2
  return session.subarray(start + 3, start + 7).equals(Buffer.of(0x02, 0x02, 0x03, 0x04))
}

/** Sessions of TLS 1.2 by their ids. */
class SessionCache {
  private readonly capacity: number
  private readonly lifetime: number
  private readonly sessions = new Map<string, Remembered>()

  constructor(capacity: number, lifetime: number) {
    this.capacity = capacity
    this.lifetime = lifetime
  }

  add(id: Buffer, data: Buffer): void {
    if (isTls13(data)) return
    this.sessions.set(id.toString("latin1"), { data, until: performance.now() + this.lifetime })
    for (const oldest of this.sessions.keys()) {
      if (this.sessions.size <= this.capacity) break
      this.sessions.delete(oldest)
    }
  }

  find(id: Buffer): Buffer | null {
    const key = id.toString("latin1")
    const found = this.sessions.get(key)
    if (found === undefined) return null
    if (found.until > performance.now()) return found.data
    this.sessions.delete(key)
    return null
  }

  clear(): void {
    this.sessions.clear()
  }
}

/** Keys for tickets, which change with the time and with whom the server trusts; and what is remembered without them. */
export class TlsSessions {
  private readonly settings: Settings | undefined
  private readonly secret: string | Buffer
  private readonly rotation: number
  private readonly cache: SessionCache | undefined
  private trust = ""
  private period: number

  /** `now` in milliseconds of the clock on the wall, by which all processes change keys together. */
  constructor(settings: TlsServerSettings["sessions"], now: number) {
    this.settings = settings === "off" ? undefined : settings
    this.secret = this.settings?.secret === undefined ? randomBytes(32) : Redacted.value(this.settings.secret)
    this.rotation =
      this.settings === undefined ? Number.POSITIVE_INFINITY : Duration.toMillis(this.settings.rotation)
    this.period = this.periodAt(now)
    const remembered = this.settings?.remembered ?? 0
    this.cache = this.settings && remembered > 0 ? new SessionCache(remembered, this.lifetime) : undefined
  }

  private get lifetime(): number {
    return this.settings === undefined ? 0 : Duration.toMillis(this.settings.lifetime)
  }

  private periodAt(now: number): number {
    return Math.floor(now / this.rotation)
  }

  /** Milliseconds until the key at hand is over; infinite where there is none. */
  untilNext(now: number): number {
    return this.settings === undefined ? Number.POSITIVE_INFINITY : this.rotation - (now % this.rotation)
  }

  /** Goes on to the key of this time. Says whether it is another one. */
  advance(now: number): boolean {
    const period = this.periodAt(now)
    const changed = period !== this.period
    this.period = period
    return changed
  }

  /** Whom the server trusts: a session of before is worth nothing where that has changed. */
  trusting(trust: string): void {
    if (trust === this.trust) return
    this.trust = trust
    this.cache?.clear()
  }

  /** What a context needs. */
  get options(): Tls.SecureContextOptions {
    if (this.settings === undefined) return { secureOptions: constants.SSL_OP_NO_TICKET }
    const about = `effect-sluice tickets ${this.period} ${this.trust}`
    return {
      ticketKeys: Buffer.from(hkdfSync("sha256", this.secret, "", about, 48)),
      sessionTimeout: Math.ceil(this.lifetime / 1000),
      sessionIdContext: Buffer.from(
        hkdfSync("sha256", this.trust, "", "effect-sluice sessions", 16)
      ).toString("hex")
    }
  }

  /** Remembers the sessions of a server, where that is asked for. */
  attach(server: Tls.Server): void {
    const { cache } = this
    if (cache === undefined) return
    server.on("newSession", (id: Buffer, data: Buffer, done: () => void) => {
      cache.add(id, data)
      done()
    })
    server.on("resumeSession", (id: Buffer, done: (error: Error | null, data: Buffer | null) => void) =>
      done(null, cache.find(id))
    )
  }
}
