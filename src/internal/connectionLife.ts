/** The life of one peer: what its wire and its queues tell, and the order in which it ends. */
import * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { CloseReason } from "../CloseReason.ts"
import type { PolicyName } from "../Outbound.ts"
import { ConnectionClosed, type MessageError } from "../SluiceError.ts"
import type { Wire, WireReceiver } from "../Transport.ts"
import { interruptBetweenSteps } from "./batchConsumer.ts"
import { type CloseHook, CloseHooks } from "./closeHooks.ts"
import type { ConnectionImpl } from "./connection.ts"
import type { ConnectionShared } from "./connectionShared.ts"
import type { DeadlineWatch } from "./deadlineWatch.ts"
import { Drops } from "./drops.ts"
import type { Exchange } from "./exchange.ts"
import type { Greeting } from "./greeting.ts"
import type { Heartbeat } from "./heartbeat.ts"
import type { InboundQueue } from "./inboundQueue.ts"
import { type Lost, lostNow } from "./lost.ts"
import { Share } from "./memoryBudget.ts"
import type { OutboundQueue } from "./outboundQueue.ts"
import type { Reader } from "./reader.ts"
import { Signal } from "./signal.ts"
import { type SkipPolicy, Skips } from "./skips.ts"

let lastId = 0

const done = Exit.fail(Cause.Done())

// Shared by all connections that nobody waited for.
const alreadyOver = new Signal()
alreadyOver.fire()

/** What ends a connection. */
export type Ended = "handler" | "broken"

interface WayOut {
  readonly ended: (by: Ended) => void
}

export abstract class ConnectionLife<In, Out> implements WireReceiver {
  readonly id = ++lastId
  readonly wire: Wire
  shared: ConnectionShared<In, Out>
  abstract inbound: InboundQueue<In>
  abstract readonly outbound: OutboundQueue
  abstract readonly reader: Reader<In, Out>
  abstract readonly deadlines: DeadlineWatch<In, Out>
  abstract heartbeat: Heartbeat<In, Out> | undefined
  /** Until the two ends have agreed, where their protocol has a hello. */
  abstract greeting: Greeting<In, Out> | undefined
  readonly openedAt: number
  /** The opening, in milliseconds of the monotonic clock. */
  readonly opened: number

  /** What the peer did not get; there once something was dropped. */
  drops: Drops | undefined
  /** The frames that were no messages; there once one was left out or answered. */
  skips: Skips | undefined
  /** Its handler takes messages while the server stops, and minds the stop itself. */
  readsOn = false
  /** Requests and replies; there once somebody asks or answers. */
  requests: Exchange<In, Out> | undefined
  /** When bytes were handed to the wire last, in milliseconds of the monotonic clock; -1 for never. */
  lastWrite = -1
  /** The wire is gone. */
  readonly gone = new Signal()
  /** The server began to stop. */
  readonly drainBegun = new Signal()
  /** No more input comes, and all of it is in the inbound queue. */
  readonly inputDone = new Signal()
  /** Bytes from the wire are on their way through. */
  private turn = false
  reason: CloseReason | undefined
  protected readonly finished = new Signal()
  private peerCode: number | undefined
  private closing = false
  private drainReason: CloseReason | undefined
  private lost: Lost | undefined
  /** What it holds of the server's memory; there once something stayed. */
  private share: Share | undefined
  private handler: Fiber.Fiber<unknown, unknown> | undefined
  private wayOut: WayOut | undefined
  /** There once somebody waits for it, or it has happened. */
  private overSignal: Signal | undefined
  private hooks: CloseHooks | undefined

  constructor(wire: Wire, shared: ConnectionShared<In, Out>) {
    this.wire = wire
    this.shared = shared
    this.openedAt = shared.clock.currentTimeMillisUnsafe()
    this.opened = shared.now()
  }

  /** The same connection as its handler holds it. */
  protected abstract readonly self: ConnectionImpl<In, Out>
  /** Ends its writer and reader fibers. */
  protected abstract endFibers(): void

  // --- what the wire tells ---

  onData(chunk: Uint8Array): void {
    // What a handler answers within this call leaves in one write at its end.
    this.outbound.cork()
    this.turn = true
    this.reader.chunk(chunk)
    this.outbound.uncork()
    this.turn = false
    this.account()
  }

  onEnd(code?: number): void {
    this.peerCode = code
    this.outbound.cork()
    this.reader.end()
    this.outbound.uncork()
    this.account()
  }

  onDrain(): void {
    this.outbound.drained()
    this.account()
  }

  onClose(error: string | undefined, code?: number): void {
    if (error !== undefined || !this.reader.endSeen) {
      const detail = error ?? "closed without an end"
      const reason = CloseReason.PeerReset(code === undefined ? { detail } : { detail, code })
      this.reason ??= reason
      // What was read before is still delivered, even where it waits for its turn.
      this.reader.fail(reason)
    }
    this.outbound.abandon()
    this.account()
    this.gone.fire()
  }

  // --- what the queues tell ---

  /** The outbound queue hands bytes to the wire. */
  written(): void {
    // To ask for the time costs as much as to decode a small frame. A turn is at one time, that of its bytes.
    this.lastWrite = this.turn ? this.reader.lastRead : this.shared.now()
    this.deadlines.wrote(this.lastWrite)
  }

  /** The wire takes no more. */
  outboundBlocked(): void {
    this.deadlines.blocked(this.lastWrite)
    this.account()
  }

  /**
   * Tells the server's memory where the bytes that stay here have become more, or less. Comes at the end of every chunk,
   * and is a sum and a comparison where nothing stays.
   */
  account(): void {
    const { memory } = this.shared
    if (memory === undefined) return
    const held = this.reader.held + this.inbound.bytes + this.outbound.held + (this.requests?.held ?? 0)
    if (this.share === undefined) {
      if (held === 0) return
      this.share = new Share((bytes) => this.shed(bytes, memory.maxBytes))
      this.inbound.onTaken = () => this.account()
    }
    if (held !== this.share.held) memory.account(this.share, held)
  }

  /** A frame that is no message was left out, or answered. */
  messageSkipped(policy: SkipPolicy, error: () => MessageError): void {
    const { deadlines, now, tellSkipped } = this.shared
    if (tellSkipped === undefined) return
    this.skips ??= new Skips(deadlines.scheduler, now, (messages, error) =>
      tellSkipped(this.self, policy, messages, error)
    )
    this.skips.add(error)
  }

  /** Messages were dropped, or refused to somebody who cannot wait. */
  outboundDropped(policy: PolicyName, messages: number, bytes: number): void {
    const { deadlines, now, tellDropped } = this.shared
    this.drops ??= new Drops(deadlines.scheduler, now, (...counts) => tellDropped?.(this.self, ...counts))
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
    if (this.shared.retire === undefined) {
      this.drain()
      // A client has no handler whose end would end it.
      this.requests?.asker.onIdle(() => this.inputDone.fire())
    } else this.shared.retire(this.self)
  }

  /** No more input comes, in good order. */
  inputEnded(): void {
    this.inbound.end(() => done)
    this.greeting?.end()
    this.requests?.inputOver(this.repliesOver())
    this.inputDone.fire()
  }

  /** No more input comes for the handler. Replies still do, for those who wait for them. */
  inputDrained(): void {
    this.inbound.end(() => done)
  }

  /** The connection cannot go on: what was accepted is still handled, then the handler is told. */
  broken(reason: CloseReason): void {
    this.reason ??= reason
    this.inbound.end(() => Exit.fail(this.closedError()))
    this.greeting?.end()
    this.requests?.over(this.closedError())
    this.inputDone.fire()
    this.breaking(reason)
  }

  /** The connection cannot go on, and its handler has the close timeout to take what came before. */
  breaking(reason: CloseReason): void {
    this.reason ??= reason
    this.deadlines.stop()
    this.tellEnded("broken")
  }

  /** No more input is taken; what was accepted is still handled. */
  drain(): void {
    if (this.drainBegun.fired) return
    this.drainBegun.fire()
    if (!this.readsOn) this.reader.drain()
    this.account()
  }

  /** Closes for `reason`: interrupts the handler; what was sent is still flushed. */
  closeWith(reason: CloseReason): void {
    this.reason ??= reason
    this.deadlines.stop()
    this.closing = true
    this.reader.stop()
    this.inbound.end(() => Exit.fail(this.closedError()))
    this.account()
    this.requests?.over(this.closedError())
    if (this.handler !== undefined) interruptBetweenSteps(this.handler, this.inbound.handling)
    this.greeting?.end()
    this.tellEnded("broken")
  }

  /** Gives back at once what it holds: what was read is not handled any more, what was sent is lost. */
  private shed(held: number, budget: number): void {
    const reason = CloseReason.MemoryExceeded({ held, budget })
    this.reason ??= reason
    this.lost = lostNow(this.outbound, this.wire)
    this.wire.reset()
    this.outbound.abandon()
    this.inbound.discard()
    this.requests?.asker.discard()
    this.closeWith(reason)
  }

  /** The handler fiber is there; bytes may flow. */
  start(handler: Fiber.Fiber<unknown, unknown>): void {
    this.handler = handler
    if (this.closing) handler.interruptUnsafe()
    this.deadlines.start()
    this.greeting?.say()
    this.wire.attach(this)
  }

  /** Takes the way out when the handler has completed, or the connection broke, whichever is first. */
  onceEnded(handler: Fiber.Fiber<unknown, unknown>, wayOut: WayOut): void {
    this.wayOut = wayOut
    handler.addObserver(() => this.tellEnded("handler"))
    if (this.reason !== undefined) this.tellEnded("broken")
  }

  private tellEnded(by: Ended): void {
    const { wayOut } = this
    this.wayOut = undefined
    wayOut?.ended(by)
  }

  /** The handler is done, and may have failed. The reason, if something that went wrong ends the connection. */
  handlerEnded(exit: Exit.Exit<unknown, unknown> | undefined): CloseReason | undefined {
    if (exit !== undefined && Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause))
      this.reason ??= CloseReason.HandlerFailed({ cause: exit.cause })
    return this.reason
  }

  /** Nothing can be sent any more. */
  handlerDone(): void {
    this.deadlines.stop()
    // The writer, which goes on at once, tells the transport why.
    this.reason ??= this.orderlyReason(this.reader.ended)
    this.outbound.close()
    this.reader.stop()
    this.inbound.end(() => Exit.fail(this.closedError()))
    this.requests?.over(this.closedError())
    this.account()
    if (this.overSignal === undefined) this.overSignal = alreadyOver
    else this.overSignal.fire()
  }

  /** Calls back when the handler is done and nothing can be sent any more; the result calls that off. */
  onceOver(callback: () => void): () => void {
    this.overSignal ??= new Signal()
    return this.overSignal.onFire(callback)
  }

  private orderlyReason(peerEnded: boolean): CloseReason {
    if (this.drainBegun.fired) return this.drainReason ?? CloseReason.ServerStopped()
    if (!peerEnded) return CloseReason.LocalClosed()
    return CloseReason.PeerClosed(this.peerCode === undefined ? {} : { code: this.peerCode })
  }

  /** What requests fail with when no reply can come, though the connection may go on. */
  repliesOver(): ConnectionClosed {
    const reason = this.reason ?? this.orderlyReason(this.reader.endSeen)
    return new ConnectionClosed({ connection: this.id, reason })
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
    this.lost = lostNow(this.outbound, this.wire)
    this.wire.destroy()
  }

  /** What was lost by the cut, once. */
  takeLost(): Lost | undefined {
    const { lost } = this
    this.lost = undefined
    return lost
  }

  /** Asks for something to be done when all is over, before anybody is told; at once where that is past. */
  onceClosed(hook: CloseHook): void {
    this.hooks ??= new CloseHooks(this, this.finished.fired ? this.currentReason() : undefined)
    this.hooks.add(hook)
  }

  /** Does what was asked for; undefined for nothing. */
  runHooks(): Effect.Effect<void> | undefined {
    return this.hooks?.run(this.currentReason())
  }

  /** The very end. Returns the reason. */
  finish(): CloseReason {
    if (this.share !== undefined) this.shared.memory?.release(this.share)
    this.finished.fire()
    this.endFibers()
    return this.currentReason()
  }

  protected currentReason(): CloseReason {
    return this.reason ?? CloseReason.LocalClosed()
  }

  /** What to fail with from now on. */
  closedError(): ConnectionClosed {
    return new ConnectionClosed({ connection: this.id, reason: this.currentReason() })
  }

  /** What a protocol's own functions did wrong, outside the handler: the connection ends as if the handler had. */
  fault(defect: unknown): void {
    this.closeWith(CloseReason.HandlerFailed({ cause: Cause.die(defect) }))
  }

  /** Whether its reason is known. */
  get ending(): boolean {
    return this.reason !== undefined
  }
}
