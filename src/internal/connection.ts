/** One peer, as its handler holds it. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { CloseReason } from "../CloseReason.ts"
import type { Connection, ConnectionStats, SendError } from "../Connection.ts"
import type { ConnectionClosed } from "../SluiceError.ts"
import type { Address, TlsDetails, Wire } from "../Transport.ts"
import { AttributeMap } from "./attributes.ts"
import { ConnectionLife } from "./connectionLife.ts"
import type { ConnectionShared } from "./connectionShared.ts"
import { statsOf } from "./connectionStats.ts"
import { limitUnsafe } from "./deadlineSettings.ts"
import { DeadlineWatch } from "./deadlineWatch.ts"
import { Heartbeat } from "./heartbeat.ts"
import { InboundQueue } from "./inboundQueue.ts"
import { OutboundQueue } from "./outboundQueue.ts"
import { Reader } from "./reader.ts"
import { Sender } from "./sender.ts"

export class ConnectionImpl<In, Out> extends ConnectionLife<In, Out> implements Connection<In, Out> {
  readonly inbound: InboundQueue<In>
  readonly outbound: OutboundQueue
  readonly reader: Reader<In, Out>
  readonly deadlines: DeadlineWatch<In, Out>
  readonly heartbeat: Heartbeat<In, Out> | undefined
  readonly scope = Scope.makeUnsafe()
  private readonly sender: Sender<Out>
  private attributeMap: AttributeMap | undefined

  constructor(wire: Wire, shared: ConnectionShared<In, Out>) {
    super(wire, shared)
    this.inbound = new InboundQueue(shared.inboundLimits.maxMessages, shared.inboundLimits.maxBytes, () =>
      this.reader.roomAgain()
    )
    this.outbound = new OutboundQueue(wire, shared.framing, shared.outboundLimits, this)
    this.deadlines = new DeadlineWatch(this)
    this.heartbeat = shared.heartbeat && new Heartbeat(this, shared.heartbeat)
    this.reader = new Reader(this)
    this.sender = new Sender(this)
  }

  protected get self(): this {
    return this
  }

  get localAddress(): Address {
    return this.wire.localAddress
  }

  get remoteAddress(): Address {
    return this.wire.remoteAddress
  }

  get tls(): TlsDetails | undefined {
    return this.wire.tls
  }

  get messages(): Stream.Stream<In, ConnectionClosed> {
    return Stream.fromPull(Exit.succeed(this.inbound.take()))
  }

  get sink(): Sink.Sink<void, Out, never, SendError> {
    return Sink.forEachArray(this.sendAll)
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

  get sendLast(): (message: Out) => Effect.Effect<void, SendError> {
    return (message) => this.sender.sendLast(message)
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

  /** Runs work of the library's own in the connection's scope; its failure counts as the handler's. */
  runOwn(effect: Effect.Effect<unknown, unknown>): void {
    const guarded = Effect.catchCause(effect, (cause) =>
      Effect.sync(() => {
        if (!Cause.hasInterruptsOnly(cause)) this.closeWith(CloseReason.HandlerFailed({ cause }))
      })
    )
    this.shared.fork(Effect.asVoid(this.fork(guarded)))
  }

  get stats(): ConnectionStats {
    return statsOf(this)
  }
}
