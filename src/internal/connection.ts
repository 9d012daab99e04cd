/** One peer: its state, its queues, and the order in which it ends. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { CloseReason } from "../CloseReason.ts"
import type { Connection, ConnectionStats, SendError } from "../Connection.ts"
import type { PolicyName } from "../Outbound.ts"
import { ConnectionClosed } from "../SluiceError.ts"
import type { Address, TlsDetails, Wire, WireReceiver } from "../Transport.ts"
import { AttributeMap } from "./attributes.ts"
import type { ConnectionShared } from "./connectionShared.ts"
import { limitUnsafe } from "./deadlineSettings.ts"
import { DeadlineWatch } from "./deadlineWatch.ts"
import { Drops } from "./drops.ts"
import { Heartbeat } from "./heartbeat.ts"
import { InboundQueue } from "./inboundQueue.ts"
import { OutboundQueue } from "./outboundQueue.ts"
import { Reader } from "./reader.ts"
import { Sender } from "./sender.ts"
import { Signal } from "./signal.ts"

let lastId = 0

const done = Exit.fail(Cause.Done())

type Ended = "handler" | "broken"

/** Output that the peer did not take: messages still in the queue, and bytes, those in the wire included. */
interface Lost {
  readonly messages: number
  readonly bytes: number
}

export class ConnectionImpl<In, Out> implements Connection<In, Out>, WireReceiver {
  readonly id = ++lastId
  readonly wire: Wire
  readonly shared: ConnectionShared<In, Out>
  readonly inbound: InboundQueue<In>
  readonly outbound: OutboundQueue
  readonly reader: Reader<In, Out>
  private readonly sender: Sender<Out>
  readonly scope = Scope.makeUnsafe()
  readonly openedAt: number
  /** The opening, in milliseconds of the monotonic clock. */
  readonly opened: number
  readonly deadlines: DeadlineWatch<In, Out>
  readonly heartbeat: Heartbeat<In, Out> | undefined

  /** What the peer did not get; there once something was dropped. */
  drops: Drops | undefined
  /** When bytes were handed to the wire last, in milliseconds of the monotonic clock; -1 for never. */
  lastWrite = -1
  private reason: CloseReason | undefined
  /** The wire is gone. */
  readonly gone = new Signal()
  /** The server began to stop. */
  readonly drainBegun = new Signal()
  /** No more input comes, and all of it is in the inbound queue. */
  readonly inputDone = new Signal()
  private readonly finished = new Signal()
  private closing = false
  private drainReason: CloseReason | undefined
  private lost: Lost | undefined
  private handler: Fiber.Fiber<unknown, unknown> | undefined
  private onEnded: ((by: Ended) => void) | undefined
  private attributeMap: AttributeMap | undefined

  constructor(wire: Wire, shared: ConnectionShared<In, Out>) {
    this.wire = wire
    this.shared = shared
    this.openedAt = shared.clock.currentTimeMillisUnsafe()
    this.inbound = new InboundQueue(shared.inboundLimits.maxMessages, shared.inboundLimits.maxBytes, () =>
      this.reader.roomAgain()
    )
    this.opened = shared.now()
    this.outbound = new OutboundQueue(wire, shared.framing, shared.outboundLimits, this)
    this.deadlines = new DeadlineWatch(this)
    this.heartbeat = shared.heartbeat && new Heartbeat(this, shared.heartbeat)
    this.reader = new Reader(this)
    this.sender = new Sender(this)
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

  // --- what the wire tells ---

  onData(chunk: Uint8Array): void {
    // What a handler answers within this call leaves in one write at its end.
    this.outbound.cork()
    this.reader.chunk(chunk)
    this.outbound.uncork()
  }

  onEnd(): void {
    this.outbound.cork()
    this.reader.end()
    this.outbound.uncork()
  }

  onDrain(): void {
    this.outbound.drained()
  }

  onClose(error: string | undefined): void {
    if (error !== undefined || !this.reader.endSeen) {
      const reason = CloseReason.PeerReset({ detail: error ?? "closed without an end" })
      this.reason ??= reason
      // What was read before is still delivered, even where it waits for its turn.
      this.reader.fail(reason)
    }
    this.outbound.abandon()
    this.gone.fire()
  }

  // --- what the queues tell ---

  /** The outbound queue hands bytes to the wire. */
  written(): void {
    this.lastWrite = this.shared.now()
    this.deadlines.wrote(this.lastWrite)
  }

  /** The wire takes no more. */
  outboundBlocked(): void {
    this.deadlines.blocked(this.lastWrite)
  }

  /** Messages were dropped, or refused to somebody who cannot wait. */
  outboundDropped(policy: PolicyName, messages: number, bytes: number): void {
    const { deadlines, now, tellDropped } = this.shared
    this.drops ??= new Drops(deadlines.scheduler, now, (...counts) => tellDropped?.(this, ...counts))
    this.drops.add(policy, messages, bytes)
  }

  /** The peer does not keep up, and the policy is to part. */
  slowConsumer(): void {
    const { bytes, messages } = this.outbound
    this.closeWith(CloseReason.SlowConsumer({ messages, bytes }))
  }

  /** The reader reads again. */
  readingAgain(now: number): void {
    this.deadlines.readingAgain(now)
    this.heartbeat?.readingAgain()
  }

  // --- how it ends ---

  /** Has lived long enough: ends politely, as when the server stops, and for `reason` if nothing comes before. */
  retire(reason: CloseReason): void {
    this.drainReason = reason
    if (this.shared.retire === undefined) this.drain()
    else this.shared.retire(this)
  }

  /** No more input comes, in good order. */
  inputEnded(): void {
    this.inbound.end(() => done)
    this.inputDone.fire()
  }

  /** The connection cannot go on: what was accepted is still handled, then the handler is told. */
  broken(reason: CloseReason): void {
    this.reason ??= reason
    this.deadlines.stop()
    this.inbound.end(() => Exit.fail(this.closedError()))
    this.inputDone.fire()
    this.onEnded?.("broken")
  }

  /** No more input is taken; what was accepted is still handled. */
  drain(): void {
    if (this.drainBegun.fired) return
    this.drainBegun.fire()
    this.reader.drain()
  }

  /** Closes for `reason`: interrupts the handler; what was sent is still flushed. */
  closeWith(reason: CloseReason): void {
    this.reason ??= reason
    this.deadlines.stop()
    this.closing = true
    this.reader.stop()
    this.inbound.end(() => Exit.fail(this.closedError()))
    this.handler?.interruptUnsafe()
    this.onEnded?.("broken")
  }

  /** The handler fiber is there; bytes may flow. */
  start(handler: Fiber.Fiber<unknown, unknown>): void {
    this.handler = handler
    if (this.closing) handler.interruptUnsafe()
    this.deadlines.start()
    this.wire.attach(this)
  }

  /** The handler completed, or the connection broke, whichever is first. */
  awaitEnded(handler: Fiber.Fiber<unknown, unknown>): Effect.Effect<Ended> {
    return Effect.callback<Ended>((resume) => {
      this.onEnded = (by) => {
        this.onEnded = undefined
        resume(Exit.succeed(by))
      }
      handler.addObserver(() => this.onEnded?.("handler"))
      if (this.reason !== undefined) this.onEnded?.("broken")
    })
  }

  /** The handler is done: why, if nothing ended the connection before it. */
  handlerDone(exit: Exit.Exit<unknown, unknown> | undefined): void {
    this.outbound.close()
    this.deadlines.stop()
    if (this.reason === undefined) {
      if (exit !== undefined && Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) {
        this.reason = CloseReason.HandlerFailed({ cause: exit.cause })
      } else if (this.drainBegun.fired) {
        this.reason = this.drainReason ?? CloseReason.ServerStopped()
      } else {
        this.reason = this.reader.ended ? CloseReason.PeerClosed() : CloseReason.LocalClosed()
      }
    }
    this.reader.stop()
    this.inbound.end(() => Exit.fail(this.closedError()))
  }

  /** Whether nothing has to be waited for but the wire's own close. */
  get endsAtOnce(): boolean {
    return this.gone.fired || (this.reader.ended && this.outbound.idle && this.wire.unsent === 0)
  }

  /** Our part is done and with the kernel; only the peer's end is awaited. */
  get lingering(): boolean {
    return this.handler?.pollUnsafe() !== undefined && this.outbound.finished && this.wire.unsent === 0
  }

  /** Releases the wire. What the peer has not taken by now is lost. */
  cut(): void {
    if (this.gone.fired) return
    const bytes = this.outbound.waitingBytes + this.wire.unsent
    if (bytes > 0) this.lost = { messages: this.outbound.messages, bytes }
    this.wire.destroy()
  }

  /** What was lost by the cut, once. */
  takeLost(): Lost | undefined {
    const { lost } = this
    this.lost = undefined
    return lost
  }

  /** The very end. Returns the reason. */
  finish(): CloseReason {
    this.finished.fire()
    return this.currentReason()
  }

  private currentReason(): CloseReason {
    return this.reason ?? CloseReason.LocalClosed()
  }

  /** What to fail with from now on. */
  closedError(): ConnectionClosed {
    return new ConnectionClosed({ connection: this.id, reason: this.currentReason() })
  }

  // --- what the handler uses ---

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

  /** What a protocol's own functions did wrong, outside the handler: the connection ends as if the handler had. */
  fault(defect: unknown): void {
    this.closeWith(CloseReason.HandlerFailed({ cause: Cause.die(defect) }))
  }

  /** Whether its reason is known. */
  get ending(): boolean {
    return this.reason !== undefined
  }

  /** A moment of the monotonic clock as one of the calendar's. */
  private calendar(moment: number): number {
    if (moment < 0) return 0
    return Math.round(this.shared.clock.currentTimeMillisUnsafe() - (this.shared.now() - moment))
  }

  get stats(): ConnectionStats {
    const { inbound, outbound, reader } = this
    return {
      bytesIn: reader.bytesIn,
      bytesOut: outbound.bytesWritten,
      messagesIn: reader.messagesIn,
      messagesOut: outbound.messagesWritten,
      skipped: reader.skipped,
      dropped: this.drops?.total ?? 0,
      unknown: reader.unknown,
      openedAt: this.openedAt,
      lastReadAt: this.calendar(reader.lastRead),
      lastWriteAt: this.calendar(this.lastWrite),
      inboundMessages: inbound.messages,
      inboundBytes: inbound.bytes,
      outboundMessages: outbound.messages,
      outboundBytes: outbound.bytes,
      roundTripMillis: this.heartbeat?.roundTrip
    }
  }
}
