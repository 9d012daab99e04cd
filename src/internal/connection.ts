/** One peer: its state, its queues, and the order in which it ends. */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { CloseReason } from "../CloseReason.ts"
import type { Connection, ConnectionStats, SendError } from "../Connection.ts"
import type { Framing } from "../Framing.ts"
import { type CodecError, ConnectionClosed, type MessageError } from "../SluiceError.ts"
import type { Address, TlsDetails, Wire, WireReceiver } from "../Transport.ts"
import { AttributeMap } from "./attributes.ts"
import { InboundQueue } from "./inboundQueue.ts"
import { OutboundQueue } from "./outboundQueue.ts"
import { Reader } from "./reader.ts"
import { Sender } from "./sender.ts"
import { Signal } from "./signal.ts"

/** What all connections of a server or client share. */
export interface ConnectionShared<In, Out> {
  readonly framing: Framing
  readonly decode: (frame: Uint8Array) => Effect.Effect<In, CodecError>
  readonly encode: (message: Out) => Effect.Effect<Uint8Array, CodecError>
  /** Whether messages may be views into their frames, and whether they are the frames. */
  readonly views: boolean
  readonly identity: boolean
  readonly inboundLimits: { readonly maxMessages: number; readonly maxBytes: number }
  readonly outboundLimits: { readonly maxMessages: number; readonly maxBytes: number }
  readonly onMessageError: "close" | "skip" | ((error: MessageError) => Out)
  readonly closeTimeout: Duration.Duration
  readonly clock: Clock.Clock
}

let lastId = 0

type Ended = "handler" | "broken"

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

  private lastWriteAt = 0
  private reason: CloseReason | undefined
  /** The wire is gone. */
  readonly gone = new Signal()
  /** The server began to stop. */
  readonly drainBegun = new Signal()
  /** No more input comes, and all of it is in the inbound queue. */
  readonly inputDone = new Signal()
  private readonly finished = new Signal()
  private closing = false
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
    this.outbound = new OutboundQueue(wire, shared.framing, shared.outboundLimits, () => {
      this.lastWriteAt = shared.clock.currentTimeMillisUnsafe()
    })
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
      this.reader.stop()
      this.broken(CloseReason.PeerReset({ detail: error ?? "closed without an end" }))
    }
    this.outbound.abandon()
    this.gone.fire()
  }

  // --- how it ends ---

  /** No more input comes, in good order. */
  inputEnded(): void {
    this.inbound.end(Exit.fail(Cause.Done()))
    this.inputDone.fire()
  }

  /** The connection cannot go on: what was accepted is still handled, then the handler is told. */
  broken(reason: CloseReason): void {
    this.reason ??= reason
    this.inbound.end(Exit.fail(this.closedError()))
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
    this.closing = true
    this.reader.stop()
    this.inbound.end(Exit.fail(this.closedError()))
    this.handler?.interruptUnsafe()
    this.onEnded?.("broken")
  }

  /** The handler fiber is there; bytes may flow. */
  start(handler: Fiber.Fiber<unknown, unknown>): void {
    this.handler = handler
    if (this.closing) handler.interruptUnsafe()
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
    if (this.reason === undefined) {
      if (exit !== undefined && Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) {
        this.reason = CloseReason.HandlerFailed({ cause: exit.cause })
      } else if (this.drainBegun.fired) {
        this.reason = CloseReason.ServerStopped()
      } else {
        this.reason = this.reader.ended ? CloseReason.PeerClosed() : CloseReason.LocalClosed()
      }
    }
    this.reader.stop()
    this.inbound.end(Exit.fail(this.closedError()))
  }

  /** Whether nothing has to be waited for but the wire's own close. */
  get endsAtOnce(): boolean {
    return this.gone.fired || (this.reader.ended && this.outbound.idle && this.wire.unsent === 0)
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

  get stats(): ConnectionStats {
    const { inbound, outbound, reader } = this
    return {
      bytesIn: reader.bytesIn,
      bytesOut: outbound.bytesWritten,
      messagesIn: reader.messagesIn,
      messagesOut: outbound.messagesWritten,
      skipped: reader.skipped,
      unknown: reader.unknown,
      openedAt: this.openedAt,
      lastReadAt: reader.lastReadAt,
      lastWriteAt: this.lastWriteAt,
      inboundMessages: inbound.messages,
      inboundBytes: inbound.bytes,
      outboundMessages: outbound.messages,
      outboundBytes: outbound.bytes
    }
  }
}
