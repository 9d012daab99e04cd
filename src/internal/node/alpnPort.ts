/** One TLS port that several servers share, each with the peers whose protocol it speaks. */
import type * as Tls from "node:tls"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { TransportError } from "../../SluiceError.ts"
import type { Acceptor, Listening, Wire } from "../../Transport.ts"
import { tcpTarget } from "./listenHere.ts"
import type { SocketSource } from "./socketSource.ts"
import { listenTls, type TlsListenerSettings } from "./tls.ts"

/** A server that listens for some protocols. */
interface Member {
  readonly protocols: ReadonlyArray<string>
  /** It takes peers that name no protocol, too. */
  readonly otherwise: boolean
  readonly acceptor: Acceptor
}

/** What all of them listen on. */
interface Open {
  readonly listening: Listening
  readonly scope: Scope.Closeable
}

/** Open while somebody listens. */
export class AlpnPortImpl {
  private readonly settings: TlsListenerSettings
  private readonly source: SocketSource
  private readonly preference: ReadonlyArray<string>
  private readonly members = new Set<Member>()
  private readonly turn = Semaphore.makeUnsafe(1)
  private open: Open | undefined

  constructor(settings: TlsListenerSettings, source: SocketSource, preference: ReadonlyArray<string>) {
    this.settings = settings
    this.source = source
    this.preference = preference
  }

  /** Listens for some protocols until the scope ends. The first one opens the port, the last one closes it. */
  listen(member: Member): Effect.Effect<Listening, TransportError, Scope.Scope> {
    const leave = this.leave(member)
    const join = Effect.gen({ self: this }, function* () {
      const taken = this.conflict(member)
      if (taken !== undefined) return yield* taken
      this.members.add(member)
      const { listening } = this.open ?? (yield* this.start(member))
      return { ...listening, close: leave }
    })
    const joined = Effect.onExit(join, (exit) => (Exit.isSuccess(exit) ? Effect.void : this.drop(member)))
    return Effect.acquireRelease(Semaphore.withPermit(this.turn, joined), () => leave, {
      interruptible: true
    })
  }

  private start(member: Member): Effect.Effect<Open, TransportError> {
    const scope = Scope.makeUnsafe()
    const acceptor: Acceptor = {
      onWire: (wire) => this.arrive(wire),
      // Whom such a peer was for nobody knows; one of them tells.
      onError: (error) => this.first?.acceptor.onError(error),
      again: member.acceptor.again
    }
    return Effect.uninterruptibleMask((restore) =>
      restore(Scope.provide(listenTls(this.settings, this.source, acceptor, this.choose), scope)).pipe(
        Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit))),
        Effect.map((listening) => {
          this.open = { listening, scope }
          return this.open
        })
      )
    )
  }

  private get first(): Member | undefined {
    return this.members.values().next().value
  }

  private leave(member: Member): Effect.Effect<void> {
    return Effect.uninterruptible(
      Semaphore.withPermit(
        this.turn,
        Effect.suspend(() => this.drop(member))
      )
    )
  }

  private drop(member: Member): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.members.delete(member)
      const { open } = this
      if (this.members.size > 0 || open === undefined) return Effect.void
      this.open = undefined
      return Effect.andThen(open.listening.close, Scope.close(open.scope, Exit.void))
    })
  }

  private conflict({ otherwise, protocols }: Member): TransportError | undefined {
    for (const other of this.members) {
      const taken = protocols.find((protocol) => other.protocols.includes(protocol))
      if (taken === undefined && !(otherwise && other.otherwise)) continue
      const what = taken === undefined ? "peers without a protocol have" : `the protocol ${taken} has`
      return new TransportError({
        operation: "listen",
        kind: "AddressInUse",
        address: tcpTarget(this.settings),
        detail: `${what} a server already`
      })
    }
    return undefined
  }

  private takes(protocol: string): Member | undefined {
    for (const member of this.members) if (member.protocols.includes(protocol)) return member
    return undefined
  }

  /** The one that we like best, or else the client; undefined ends the handshake with `no_application_protocol`. */
  private readonly choose = ({ protocols }: Parameters<NonNullable<Tls.TlsOptions["ALPNCallback"]>>[0]) => {
    const spoken = protocols.filter((protocol) => this.takes(protocol) !== undefined)
    return this.preference.find((protocol) => spoken.includes(protocol)) ?? spoken[0]
  }

  private arrive(wire: Wire): void {
    const protocol = wire.tls?.applicationProtocol
    const member =
      protocol === undefined ? [...this.members].find(({ otherwise }) => otherwise) : this.takes(protocol)
    if (member !== undefined) {
      member.acceptor.onWire(wire)
      return
    }
    wire.destroy()
    const detail =
      protocol === undefined ? "it names no protocol (ALPN)" : `nobody speaks ${protocol} any more`
    this.first?.acceptor.onError({ address: wire.remoteAddress, kind: "Handshake", detail })
  }
}
