/**
 * A network in memory: one address, one listener at a time, many links, and faults on demand.
 */
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { TransportError } from "../../SluiceError.ts"
import { type Acceptor, type Address, formatAddress, type Listening, type Wire } from "../../Transport.ts"
import { type MemoryHost, MemoryWire } from "./memoryWire.ts"
import { SeededRandom } from "./random.ts"
import { Turns } from "./turns.ts"

/** The options of a network, decoded. */
export interface NetworkSettings {
  readonly name: string
  readonly window: number
  readonly maxChunk: number | undefined
  readonly delayToServer: Duration.Duration
  readonly delayToClient: Duration.Duration
  readonly seed: number
}

/** Both ends of a connection. */
export interface Link {
  readonly client: MemoryWire
  readonly server: MemoryWire
}

/** A running network. Whoever changes its fields changes how it behaves from then on. */
export class MemoryNetworkState {
  readonly address: Address
  maxChunk: number | undefined
  delayToServer: number
  delayToClient: number
  readonly links = new Set<Link>()
  private readonly settings: NetworkSettings
  private readonly clock: Clock.Clock
  private readonly runFork: (effect: Effect.Effect<void>) => { readonly interruptUnsafe: () => void }
  private readonly turns = new Turns()
  private listening: { readonly acceptor: Acceptor } | undefined = undefined
  private isStalled = false
  private linkCount = 0

  constructor(settings: NetworkSettings, clock: Clock.Clock, context: Context.Context<never>) {
    this.address = { _tag: "Memory", name: settings.name }
    this.settings = settings
    this.clock = clock
    this.runFork = Effect.runForkWith(context)
    this.maxChunk = settings.maxChunk
    this.delayToServer = Duration.toMillis(settings.delayToServer)
    this.delayToClient = Duration.toMillis(settings.delayToClient)
  }

  listen(acceptor: Acceptor): Effect.Effect<Listening, TransportError, Scope.Scope> {
    // Boxed, so that closing twice never closes a later listener of the same acceptor.
    const own = { acceptor }
    const close = Effect.sync(() => {
      if (this.listening === own) {
        this.listening = undefined
      }
    })
    const open = Effect.suspend(() => {
      if (this.listening !== undefined) {
        return Effect.fail(this.failed("listen", "AddressInUse", "another server listens here"))
      }
      this.listening = own
      return Effect.succeed<Listening>({ address: this.address, close })
    })
    return Effect.acquireRelease(open, () => close)
  }

  readonly connect: Effect.Effect<Wire, TransportError> = Effect.callback<Wire, TransportError>((resume) => {
    let wanted = true
    this.turns.later(() => {
      if (!wanted) {
        return
      }
      const acceptor = this.listening?.acceptor
      if (acceptor === undefined) {
        resume(Effect.fail(this.failed("connect", "ConnectionRefused", "nobody listens here")))
        return
      }
      const link = this.makeLink()
      acceptor.onWire(link.server)
      resume(Effect.succeed(link.client))
    })
    return Effect.sync(() => {
      wanted = false
    })
  })

  setStalled(stalled: boolean): void {
    this.isStalled = stalled
    if (!stalled) {
      for (const { client, server } of this.links) {
        client.schedulePump()
        server.schedulePump()
      }
    }
  }

  private makeLink(): Link {
    const number = ++this.linkCount
    const clientAddress: Address = { _tag: "Memory", name: `${this.settings.name}/client-${number}` }
    let alive = 2
    const host: MemoryHost = {
      window: this.settings.window,
      maximumChunk: () => this.maxChunk,
      stalled: () => this.isStalled,
      now: () => Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6,
      later: (work) => this.turns.later(work),
      after: (milliseconds, work) => {
        const fiber = this.runFork(
          Effect.andThen(this.clock.sleep(Duration.millis(milliseconds)), Effect.sync(work))
        )
        return () => fiber.interruptUnsafe()
      },
      onGone: () => {
        alive -= 1
        if (alive === 0) {
          this.links.delete(link)
        }
      }
    }
    // What an end reads is cut by dice of its own, so that links do not disturb each other.
    const dice = (end: number) => new SeededRandom(this.settings.seed * 7919 + number * 2 + end)
    const link: Link = {
      client: new MemoryWire(clientAddress, this.address, host, dice(0), () => this.delayToServer),
      server: new MemoryWire(this.address, clientAddress, host, dice(1), () => this.delayToClient)
    }
    MemoryWire.join(link.client, link.server)
    this.links.add(link)
    return link
  }

  private failed(
    operation: "listen" | "connect",
    kind: "AddressInUse" | "ConnectionRefused",
    detail: string
  ): TransportError {
    return new TransportError({ operation, kind, address: formatAddress(this.address), detail })
  }
}
