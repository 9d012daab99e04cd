/** One peer, as its handler holds it. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import { CloseReason } from "../CloseReason.ts"
import type { Connection, ConnectionStats, SendError, SwitchOptions } from "../Connection.ts"
import type { Protocol } from "../Protocol.ts"
import type { ConnectionClosed, FrameError, InvalidConfig } from "../SluiceError.ts"
import type { Address, ProxiedBy, TlsDetails, Wire } from "../Transport.ts"
import type { Agreement } from "../Versions.ts"
import { AttributeMap } from "./attributes.ts"
import { ConnectionLife } from "./connectionLife.ts"
import type { ConnectionShared } from "./connectionShared.ts"
import { statsOf } from "./connectionStats.ts"
import { limitUnsafe } from "./deadlineSettings.ts"
import { DeadlineWatch } from "./deadlineWatch.ts"
import { Greeting } from "./greeting.ts"
import { Heartbeat } from "./heartbeat.ts"
import { InboundQueue } from "./inboundQueue.ts"
import type { Holding, Switched } from "./leaving.ts"
import { sinkOf, streamOf } from "./messageStream.ts"
import { OutboundQueue } from "./outboundQueue.ts"
import { Reader } from "./reader.ts"
import { Sender } from "./sender.ts"
import { startTls } from "./startTls.ts"
import { switchProtocol } from "./switching.ts"
import { Timers } from "./timers.ts"
import { runWriter } from "./writer.ts"

export class ConnectionImpl<In, Out> extends ConnectionLife<In, Out> implements Connection<In, Out> {
  inbound: InboundQueue<In>
  readonly outbound: OutboundQueue
  readonly reader: Reader<In, Out>
  readonly deadlines: DeadlineWatch<In, Out>
  heartbeat: Heartbeat<In, Out> | undefined
  greeting: Greeting<In, Out> | undefined
  agreed: Agreement | undefined
  readonly scope = Scope.makeUnsafe()
  readonly sender: Sender<Out>
  /** What became of the connection when it left the protocol that it was made with. */
  switched: Switched<In, Out> | undefined
  private attributeMap: AttributeMap | undefined
  private ownTimers: Timers | undefined
  /** Its writer and reader fibers, those that were needed so far. */
  private fibers: Set<Fiber.Fiber<unknown, unknown>> | undefined

  constructor(wire: Wire, shared: ConnectionShared<In, Out>) {
    super(wire, shared)
    this.inbound = this.newInbound()
    this.outbound = new OutboundQueue(wire, shared.framing, shared.outboundLimits, this)
    this.deadlines = new DeadlineWatch(this)
    this.heartbeat = shared.heartbeat && new Heartbeat(this, shared.heartbeat)
    this.greeting = shared.greeting && new Greeting(this, shared.greeting)
    this.reader = new Reader(this)
    this.sender = new Sender(this)
  }

  /** An inbound queue that this connection's reader fills. */
  newInbound<A>(): InboundQueue<A> {
    const { maxBytes, maxMessages } = this.shared.inboundLimits
    return new InboundQueue(maxMessages, maxBytes, this)
  }

  /** The connection as whoever speaks the protocol at hand holds it. */
  get speaking(): Connection<In, Out> {
    return this.switched?.current ?? this
  }

  protected get self(): this {
    return this
  }

  /** The inbound queue has room again. */
  roomAgain(): void {
    this.reader.roomAgain()
  }

  /** Somebody waits for a message. */
  asked(): void {
    this.reader.asked()
  }

  startWriter(): void {
    this.forkOwn(runWriter(this.outbound, this))
  }

  outboundEnded(): void {
    this.wire.end(this.reason)
  }

  /** Runs one of its fibers, from the moment that it is needed until the connection has ended. */
  forkOwn(effect: Effect.Effect<void>): void {
    const fiber = this.shared.fork(effect)
    if (fiber.pollUnsafe() !== undefined) return
    this.fibers ??= new Set()
    this.fibers.add(fiber)
    fiber.addObserver(() => this.fibers?.delete(fiber))
  }

  /** How many of those there are at this moment. */
  get ownFibers(): number {
    return this.fibers?.size ?? 0
  }

  protected endFibers(): void {
    this.heartbeat?.stop()
    if (this.fibers !== undefined) for (const fiber of this.fibers) fiber.interruptUnsafe()
  }

  onUnexpected(error: FrameError): void {
    this.reader.fail(CloseReason.FrameError({ error }))
  }

  onSign(answer: boolean): void {
    this.reader.heard(this.shared.now())
    if (answer) this.heartbeat?.answered()
  }

  get localAddress(): Address {
    return this.wire.localAddress
  }

  get remoteAddress(): Address {
    return this.wire.remoteAddress
  }

  get proxy(): ProxiedBy | undefined {
    return this.wire.proxy
  }

  get tls(): TlsDetails | undefined {
    return this.wire.tls
  }

  get messages(): Stream.Stream<In, ConnectionClosed> {
    return streamOf(this.switched?.left ?? this.inbound)
  }

  get sink(): Sink.Sink<void, Out, never, SendError> {
    return sinkOf((messages) => this.sender.sendBatch(messages))
  }

  get send(): Connection<In, Out>["send"] {
    return this.sender.send
  }

  get sendAll(): Connection<In, Out>["sendAll"] {
    return this.sender.sendAll
  }

  get trySend(): Connection<In, Out>["trySend"] {
    return this.sender.trySend
  }

  get sendAwait(): Connection<In, Out>["sendAwait"] {
    return this.sender.sendAwait
  }

  get sendWith(): Connection<In, Out>["sendWith"] {
    return this.sender.sendWith
  }

  get end(): Effect.Effect<void> {
    return Effect.sync(() => this.outbound.close())
  }

  get close(): Effect.Effect<void> {
    return Effect.sync(() => this.closeWith(CloseReason.LocalClosed()))
  }

  get abort(): Effect.Effect<void> {
    return Effect.sync(() => {
      // The reset first: once our side has ended in good order, the system refuses one.
      this.reason ??= CloseReason.LocalClosed()
      this.wire.reset()
      this.outbound.abandon()
      this.closeWith(CloseReason.LocalClosed())
    })
  }

  get closed(): Effect.Effect<CloseReason> {
    return Effect.map(this.finished.await(), () => this.currentReason())
  }

  get draining(): Effect.Effect<void> {
    return this.drainBegun.await()
  }

  get isDraining(): boolean {
    return this.drainBegun.fired
  }

  get attributes(): AttributeMap {
    this.attributeMap ??= new AttributeMap()
    return this.attributeMap
  }

  get fork(): Connection<In, Out>["fork"] {
    return (effect) => Effect.forkIn(effect, this.scope, { startImmediately: true })
  }

  get setDeadline(): Connection<In, Out>["setDeadline"] {
    return (deadline, limit) => Effect.sync(() => this.deadlines.set(deadline, limitUnsafe(limit)))
  }

  get extendDeadline(): Connection<In, Out>["extendDeadline"] {
    return (deadline, by) => Effect.sync(() => this.deadlines.extend(deadline, limitUnsafe(by)))
  }

  get runAfter(): Connection<In, Out>["runAfter"] {
    return this.timers.runAfter
  }

  get runEvery(): Connection<In, Out>["runEvery"] {
    return this.timers.runEvery
  }

  get runAt(): Connection<In, Out>["runAt"] {
    return this.timers.runAt
  }

  private get timers(): Timers {
    this.ownTimers ??= new Timers(this)
    return this.ownTimers
  }

  /**
   * Runs what belongs to the connection and no fiber of its, in its scope; a failure counts as the handler's. `done` is
   * called when it is over.
   */
  runOwn(effect: Effect.Effect<unknown, unknown>, done?: () => void): void {
    const guarded = Effect.catchCause(effect, (cause) =>
      Effect.sync(() => {
        if (!Cause.hasInterruptsOnly(cause)) this.closeWith(CloseReason.HandlerFailed({ cause }))
      })
    )
    this.shared.fork(
      Effect.map(this.fork(guarded), (fiber) => {
        if (done !== undefined) fiber.addObserver(done)
      })
    )
  }

  get switchProtocol(): Connection<In, Out>["switchProtocol"] {
    return (next, options) => this.switchFrom(this, next, options)
  }

  /** The switch of whoever holds the connection, which is another one after each. */
  switchFrom<NextIn, NextOut, Services, PeerServices>(
    from: Holding<In, Out>,
    next: Protocol<NextIn, NextOut, Services, PeerServices>,
    options: SwitchOptions<NextOut> | undefined
  ): Effect.Effect<Connection<NextIn, NextOut>, ConnectionClosed | InvalidConfig, Services> {
    return switchProtocol(this, from, next, options)
  }

  get startTls(): Connection<In, Out>["startTls"] {
    return (options) => startTls(this, this, options)
  }

  get stats(): ConnectionStats {
    return statsOf(this)
  }
}
