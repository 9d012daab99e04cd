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
import { type CodecError, ConnectionClosed, MessageError, type PayloadError } from "../SluiceError.ts"
import type { Address, TlsDetails, Wire, WireReceiver } from "../Transport.ts"
import { AttributeMap } from "./attributes.ts"
import { codecError } from "./codec/schemaCodec.ts"
import { InboundQueue } from "./inboundQueue.ts"
import { type Offer, OutboundQueue } from "./outboundQueue.ts"
import { Reader } from "./reader.ts"
import { settled } from "./settled.ts"

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
  readonly scope = Scope.makeUnsafe()
  readonly openedAt: number

  private lastWriteAt = 0
  private messagesEncoded = 0
  private reason: CloseReason | undefined
  private finished = false
  private wireGone = false
  private isDraining = false
  private closing = false
  private handler: Fiber.Fiber<unknown, unknown> | undefined
  private onEnded: ((by: Ended) => void) | undefined
  private attributeMap: AttributeMap | undefined
  private goneWaiters: Array<() => void> = none
  private drainWaiters: Array<() => void> = none
  private inputWaiters: Array<() => void> = none
  private closeWaiters: Array<() => void> = none

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
    this.wireGone = true
    if (error !== undefined || !this.reader.endSeen) {
      this.reader.stop()
      this.broken(CloseReason.PeerReset({ detail: error ?? "closed without an end" }))
    }
    this.outbound.abandon()
    const waiters = this.goneWaiters
    this.goneWaiters = none
    wakeAll(waiters)
  }

  // --- how it ends ---

  /** The peer ended its side in good order. */
  inputEnded(): void {
    this.inbound.end(Exit.fail(Cause.Done()))
    const waiters = this.inputWaiters
    this.inputWaiters = none
    wakeAll(waiters)
  }

  /** Completes when the peer has ended its side and all its messages are in the inbound queue. */
  awaitInputEnd(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.reader.ended) return resume(Exit.void)
      const wake = () => resume(Exit.void)
      this.inputWaiters = added(this.inputWaiters, wake)
      return Effect.sync(() => remove(this.inputWaiters, wake))
    })
  }

  /** The connection cannot go on: what was accepted is still handled, then the handler is told. */
  broken(reason: CloseReason): void {
    this.reason ??= reason
    this.inbound.end(Exit.fail(this.closedError()))
    this.onEnded?.("broken")
  }

  /** No more input is taken; what was accepted is still handled. */
  drain(): void {
    if (this.isDraining) return
    this.isDraining = true
    const waiters = this.drainWaiters
    this.drainWaiters = none
    wakeAll(waiters)
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
      } else if (this.isDraining) {
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
    return this.wireGone || (this.reader.ended && this.outbound.idle && this.wire.unsent === 0)
  }

  /** Completes when the wire is gone. */
  awaitGone(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.wireGone) return resume(Exit.void)
      const wake = () => resume(Exit.void)
      this.goneWaiters = added(this.goneWaiters, wake)
      return Effect.sync(() => remove(this.goneWaiters, wake))
    })
  }

  /** The very end. Returns the reason. */
  finish(): CloseReason {
    this.finished = true
    const waiters = this.closeWaiters
    this.closeWaiters = none
    wakeAll(waiters)
    return this.currentReason()
  }

  private currentReason(): CloseReason {
    return this.reason ?? CloseReason.LocalClosed()
  }

  private closedError(): ConnectionClosed {
    return new ConnectionClosed({ connection: this.id, reason: this.currentReason() })
  }

  // --- what the handler uses ---

  // Methods are handed around as functions (`Stream.runForEach(messages, connection.send)`), so they are bound, each
  // when it is first asked for: an idle connection holds none of them.

  get messages(): Stream.Stream<In, ConnectionClosed> {
    return Stream.fromPull(Exit.succeed(this.inbound.take()))
  }

  get sink(): Sink.Sink<void, Out, never, SendError> {
    return Sink.forEachArray(this.sendAll)
  }

  private boundSend: Connection<In, Out>["send"] | undefined
  get send(): Connection<In, Out>["send"] {
    this.boundSend ??= (message) => Effect.suspend(() => this.sendNow(message))
    return this.boundSend
  }

  private boundSendAll: Connection<In, Out>["sendAll"] | undefined
  get sendAll(): Connection<In, Out>["sendAll"] {
    this.boundSendAll ??= (messages) => Effect.suspend(() => this.sendFrom(messages, 0, false))
    return this.boundSendAll
  }

  get trySend(): Connection<In, Out>["trySend"] {
    return (message) =>
      Effect.suspend(() =>
        Effect.flatMapEager(this.encode(message), (payload) => {
          const offer = this.outbound.offer(payload)
          return offer === "full" ? Exit.succeed(false) : Exit.map(this.accepted(offer), () => true)
        })
      )
  }

  get sendAwait(): Connection<In, Out>["sendAwait"] {
    return (message) => Effect.flatMap(this.send(message), () => this.awaitWritten())
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
    return Effect.callback<CloseReason>((resume) => {
      if (this.finished) return resume(Exit.succeed(this.currentReason()))
      const wake = () => resume(Exit.succeed(this.currentReason()))
      this.closeWaiters = added(this.closeWaiters, wake)
      return Effect.sync(() => remove(this.closeWaiters, wake))
    })
  }

  get draining(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.isDraining) return resume(Exit.void)
      const wake = () => resume(Exit.void)
      this.drainWaiters = added(this.drainWaiters, wake)
      return Effect.sync(() => remove(this.drainWaiters, wake))
    })
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

  // --- sending ---

  private encode(message: Out): Effect.Effect<Uint8Array, MessageError> {
    const index = this.messagesEncoded++
    try {
      return Effect.mapErrorEager(this.shared.encode(message), (issue) => this.outboundError(index, issue))
    } catch (defect) {
      return Exit.fail(this.outboundError(index, codecError("codec", String(defect))))
    }
  }

  private outboundError(index: number, issue: CodecError | PayloadError): MessageError {
    return new MessageError({ connection: this.id, direction: "outbound", index, issue, excerpt: "" })
  }

  private sendNow(message: Out): Effect.Effect<void, SendError> {
    const payload = this.encode(message)
    const exit = settled(payload)
    return exit !== undefined && Exit.isSuccess(exit)
      ? this.sendPayload(exit.value, false)
      : Effect.flatMap(payload, (bytes) => this.sendPayload(bytes, false))
  }

  private sendPayload(payload: Uint8Array, admitted: boolean): Effect.Effect<void, SendError> {
    const offer = this.outbound.offer(payload, admitted)
    return offer === "full"
      ? Effect.flatMap(this.outbound.awaitRoom(), () => this.sendPayload(payload, true))
      : this.accepted(offer)
  }

  /** A batch, from its message at `from` on. Only what has to wait becomes an effect. */
  private sendFrom(
    messages: ReadonlyArray<Out>,
    from: number,
    admitted: boolean
  ): Effect.Effect<void, SendError> {
    for (let i = from; i < messages.length; i++) {
      // Within the bounds, see the loop.
      const encoding = this.encode(messages[i] as Out)
      const payload = settled(encoding)
      if (payload === undefined) {
        return Effect.flatMap(encoding, (bytes) =>
          Effect.flatMap(this.sendPayload(bytes, admitted || i > from), () =>
            this.sendFrom(messages, i + 1, true)
          )
        )
      }
      if (Exit.isFailure(payload)) return Exit.failCause(payload.cause)
      const offer = this.outbound.offer(payload.value, admitted || i > from)
      if (offer === "full") {
        const { value } = payload
        return Effect.flatMap(this.outbound.awaitRoom(), () =>
          Effect.flatMap(this.sendPayload(value, true), () => this.sendFrom(messages, i + 1, true))
        )
      }
      if (offer !== "queued") return this.accepted(offer)
    }
    return Exit.void
  }

  private accepted(offer: Exclude<Offer, "full">): Exit.Exit<void, SendError> {
    if (offer === "queued") return Exit.void
    if (offer === "closed") return Exit.fail(this.closedError())
    return Exit.fail(this.outboundError(this.messagesEncoded - 1, offer))
  }

  /** Completes once the kernel has all that was sent so far; fails where the wire breaks before. */
  private awaitWritten(): Effect.Effect<void, ConnectionClosed> {
    return Effect.callback<void, ConnectionClosed>((resume) => {
      const gone = () => resume(Exit.fail(this.closedError()))
      if (this.wireGone) return gone()
      this.goneWaiters = added(this.goneWaiters, gone)
      this.outbound.onceWritten(() => {
        remove(this.goneWaiters, gone)
        resume(Exit.void)
      })
      return Effect.sync(() => remove(this.goneWaiters, gone))
    })
  }
}

// Shared by all connections that nobody waits for. Never written to.
const none: Array<never> = []

const added = <A>(waiters: Array<A>, waiter: A): Array<A> => {
  if (waiters === none) return [waiter]
  waiters.push(waiter)
  return waiters
}

const remove = <A>(waiters: Array<A>, waiter: A): void => {
  const index = waiters.indexOf(waiter)
  if (index >= 0) waiters.splice(index, 1)
}

const wakeAll = (waiters: Array<() => void>): void => {
  for (const wake of waiters) wake()
}
