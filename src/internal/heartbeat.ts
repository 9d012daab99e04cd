/** The heartbeat of one connection. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ConnectionImpl } from "./connection.ts"
import { type AnyPing, type HeartbeatPlan, wirePing } from "./heartbeatPlan.ts"
import { Beat, Silence } from "./heartbeatRounds.ts"
import { settled } from "./settled.ts"

/** How many bytes of answers may wait for a peer that pings and does not read. */
const maxPongBytes = 16_384

export class Heartbeat<In, Out> {
  /** How long the last answered ping took, in milliseconds. */
  roundTrip: number | undefined

  readonly connection: ConnectionImpl<In, Out>
  readonly plan: HeartbeatPlan<In, Out>
  /** When the oldest ping without an answer was sent, on the reading clock. */
  private pingedAt: number | undefined
  private left = false
  private wakes: Array<() => void> | undefined
  private silence: Silence<In, Out> | undefined
  private beat: Beat<In, Out> | undefined

  constructor(connection: ConnectionImpl<In, Out>, plan: HeartbeatPlan<In, Out>) {
    this.connection = connection
    this.plan = plan
  }

  /** Whether a message is a ping or a pong, and not for the handler. */
  takes(message: In): boolean {
    const { ourPong, theirPing, theirPong } = this.plan
    try {
      if (theirPing?.is(message) === true) {
        if (ourPong !== undefined) this.answer(ourPong.make(message))
        return true
      }
      if (theirPong?.is(message) !== true) return false
    } catch (defect) {
      this.connection.fault(defect)
      return true
    }
    this.answered()
    return true
  }

  /** A ping of ours was answered. */
  answered(): void {
    if (this.pingedAt !== undefined) this.roundTrip = this.clock() - this.pingedAt
    this.pingedAt = undefined
  }

  /** The reader reads again. */
  readingAgain(): void {
    this.silence?.readingAgain()
    const { wakes } = this
    this.wakes = undefined
    if (wakes !== undefined) for (const wake of wakes) wake()
  }

  /** Whether there is anything to do but answering. */
  get active(): boolean {
    return this.plan.rounds.length > 0
  }

  /** Begins what goes on until no more input can come. */
  begin(): void {
    for (const { minds, ping } of this.plan.rounds) {
      if (minds) this.silence = new Silence(this, ping)
      else if (ping !== undefined) this.beat = new Beat(this, ping)
    }
    this.silence?.begin()
    this.beat?.begin()
  }

  /** The connection has ended: nothing comes due any more. */
  stop(): void {
    this.silence?.stop()
    this.beat?.stop()
  }

  /** The connection speaks another protocol. */
  leave(): void {
    this.left = true
    this.stop()
    this.readingAgain()
  }

  /** Whether there is nothing to hear any more. */
  get over(): boolean {
    return this.left || this.connection.ending || !this.connection.reader.reading
  }

  /** Waits until the reading clock says `moment`, or the heartbeat is over. */
  until(moment: number): Effect.Effect<void> {
    return Effect.whileLoop({
      while: () => !this.over && (this.connection.reader.refusing || this.clock() < moment),
      body: () =>
        this.connection.reader.refusing
          ? this.awaitReading()
          : Effect.sleep(Duration.millis(Math.max(1, Math.ceil(moment - this.clock())))),
      step: () => {}
    })
  }

  /** Sends a ping, ahead of all that waits. */
  send(ping: AnyPing<Out>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.pingedAt ??= this.clock()
      if (ping !== wirePing) return this.control(ping.make())
      this.connection.wire.ping?.()
      return Effect.void
    }).pipe(Effect.catchDefect((defect) => Effect.sync(() => this.connection.fault(defect))))
  }

  private answer(message: Out): void {
    if (this.connection.outbound.controlBytes >= maxPongBytes) return
    const control = this.control(message)
    // Mostly it is done by now.
    if (settled(control) === undefined) this.connection.runOwn(control)
  }

  private control(message: Out): Effect.Effect<void> {
    const { outbound, shared } = this.connection
    return Effect.matchEager(shared.encode(message), {
      onSuccess: (payload) => {
        const error = outbound.offerControl(payload)
        if (error !== undefined) this.connection.fault(error)
      },
      onFailure: (error) => this.connection.fault(error)
    })
  }

  /** The reading clock. */
  clock(): number {
    return this.connection.reader.clock(this.connection.shared.now())
  }

  private awaitReading(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      // It may have begun since the loop looked.
      if (this.over || !this.connection.reader.refusing) return resume(Exit.void)
      this.wakes ??= []
      this.wakes.push(() => resume(Exit.void))
    })
  }
}
