/** A server from its first listening to its stop: the connections, the door, the status, and the one drain. */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Limits, RefusedReason } from "../Admission.ts"
import type { Connections } from "../Connections.ts"
import { type DrainReport, ServerEvent, type ServerStatus } from "../Events.ts"
import type { Handler } from "../Handler.ts"
import type { Protocol } from "../Protocol.ts"
import type { TransportError } from "../SluiceError.ts"
import { type Address, formatAddress, type Listener, type Wire } from "../Transport.ts"
import { ConnectionSet, type Goodbye } from "./connectionSet.ts"
import type { ConnectionShared } from "./connectionShared.ts"
import { Door } from "./door.ts"
import { type DrainLimits, drain } from "./drain.ts"
import { Cell, Hub } from "./events.ts"
import { holdsFrame } from "./framing/datagram.ts"
import { Gate, type GatePolicy } from "./gate.ts"
import { Registry } from "./registry.ts"
import { Signal } from "./signal.ts"

/** What a server is made of. */
export interface ServerParts<In, Out, E, R> {
  /** Only compared with. */
  readonly protocol: { readonly name: string }
  readonly handler: Handler<In, Out, E, R>
  readonly shared: ConnectionShared<In, Out>
  readonly context: Context.Context<Exclude<R, Scope.Scope>>
  readonly listener: Context.Service.Shape<typeof Listener>
  readonly limits: DrainLimits
  readonly goodbye: Goodbye<Out> | undefined
  readonly eventBuffer: number
  readonly admission: {
    readonly limits: SubscriptionRef.SubscriptionRef<Limits>
    readonly policy: GatePolicy
  }
}

export class ServerLife<In, Out, E, R> {
  readonly connections: ConnectionSet<In, Out, E, R>
  readonly events: Hub<ServerEvent>
  readonly status = new Cell<ServerStatus>("running")
  private readonly parts: ServerParts<In, Out, E, R>
  private readonly door: Door
  private readonly forced = new Signal()
  private readonly report = Deferred.makeUnsafe<DrainReport>()
  private readonly turn = Semaphore.makeUnsafe(1)
  private draining = false
  private readonly gate: Gate

  constructor(parts: ServerParts<In, Out, E, R>) {
    const events = new Hub<ServerEvent>(parts.eventBuffer, () => this.listening)
    const connections = new ConnectionSet(parts.shared, parts.context, parts.handler, events, parts.goodbye)
    this.parts = parts
    this.events = events
    this.connections = connections
    this.gate = this.makeGate()
    connections.behind(this.gate)
    this.door = new Door(parts.listener, {
      onWire: (wire) => this.gate.arrive(wire),
      onError: ({ address, detail, kind = "Unknown" }) => {
        if (events.active) events.publish(ServerEvent.AcceptFailed({ address, kind, detail }))
        const log = kind === "Gone" ? Effect.logDebug : Effect.logWarning
        connections.run(log(`${formatAddress(address)} did not become a connection: ${detail}`))
      },
      holdsFrame: (datagram) => holdsFrame(parts.shared.framing, datagram),
      onDropped: (dropped) => {
        const { bytes, cause, datagrams, detail, remoteAddress } = dropped
        if (events.active) events.publish(ServerEvent.DatagramsDropped(dropped))
        const what = `${datagrams} dropped (${cause}, ${bytes} bytes): ${detail}`
        connections.run(Effect.logInfo(`datagrams of ${formatAddress(remoteAddress)}: ${what}`))
      }
    })
  }

  /** That it listens, for who subscribes meanwhile: nobody can before it does. */
  private get listening(): ServerEvent | undefined {
    const { address } = this.door
    return address !== undefined && this.status.value === "running"
      ? ServerEvent.Listening({ address })
      : undefined
  }

  private makeGate(): Gate {
    const { connections, events } = this
    const host = {
      get size() {
        return connections.size
      },
      now: connections.shared.now,
      remoteAddresses: () => Array.from(connections, ({ remoteAddress }) => remoteAddress),
      open: (wire: Wire) => connections.open(wire),
      run: (effect: Effect.Effect<void>) => connections.run(effect),
      refused: (remoteAddress: Address, reason: RefusedReason) => {
        if (events.active) events.publish(ServerEvent.Refused({ remoteAddress, reason }))
      },
      emptied: () => connections.wakeIfEmpty()
    }
    const { limits, policy } = this.parts.admission
    return new Gate(host, limits, policy)
  }

  /** Minds the limits as they change, for as long as its fiber runs. */
  get followLimits(): Effect.Effect<void> {
    return Stream.runForEach(SubscriptionRef.changes(this.parts.admission.limits), () =>
      Effect.sync(() => this.gate.refresh())
    )
  }

  /** Opens the door for the first time. */
  start(): Effect.Effect<Address, TransportError> {
    return this.door.open()
  }

  get stopped(): Effect.Effect<DrainReport> {
    return Deferred.await(this.report)
  }

  get stop(): Effect.Effect<DrainReport> {
    return Effect.suspend(() => {
      this.begin()
      return this.stopped
    })
  }

  get kill(): Effect.Effect<DrainReport> {
    return Effect.suspend(() => {
      this.forced.fire()
      return this.stop
    })
  }

  get suspend(): Effect.Effect<void> {
    const suspend = Effect.suspend(() => {
      if (this.status.value !== "running") return Effect.void
      this.status.set("suspended")
      return this.door.hold()
    })
    return Effect.uninterruptible(Semaphore.withPermit(this.turn, suspend))
  }

  get resume(): Effect.Effect<void, TransportError> {
    const resume = Effect.suspend(() => {
      if (this.status.value !== "suspended") return Effect.void
      return Effect.flatMap(this.door.open(), (address) => {
        // The stop that began meanwhile found the door shut.
        if (this.status.value !== "suspended") return this.door.shut()
        this.status.set("running")
        if (this.events.active) this.events.publish(ServerEvent.Listening({ address }))
        return Effect.void
      })
    })
    return Semaphore.withPermit(this.turn, resume)
  }

  /** The registry, typed by the protocol that the server was made with. */
  registry<OtherIn, OtherOut, ServerServices, ClientServices>(
    protocol: Protocol<OtherIn, OtherOut, ServerServices, ClientServices>
  ): Effect.Effect<Connections<OtherIn, OtherOut>> {
    return Effect.suspend(() => {
      const own = this.parts.protocol
      if (!Object.is(protocol, own)) {
        return Effect.die(new Error(`the server speaks ${own.name}, and was asked for ${protocol.name}`))
      }
      // One and the same protocol, therefore one and the same messages.
      const registry = new Registry(this.connections) as Connections<unknown, never>
      return Effect.succeed(registry as Connections<OtherIn, OtherOut>)
    })
  }

  /** Starts the drain, once, in a fiber of its own: whoever waits for it may be interrupted. */
  private begin(): void {
    if (this.draining) return
    this.draining = true
    const { connections, door, forced, status } = this
    // A server that never listened has nothing to wait for.
    if (door.address === undefined) this.forced.fire()
    connections.run(
      Effect.flatMap(drain({ connections, door, forced, limits: this.parts.limits, status }), (report) =>
        Effect.sync(() => Deferred.doneUnsafe(this.report, Exit.succeed(report)))
      )
    )
  }
}
