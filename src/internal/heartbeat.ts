/** The heartbeat of one connection. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import { CloseReason } from "../CloseReason.ts"
import type { Beats, Ping, Pong } from "../Heartbeat.ts"
import type { ConnectionImpl } from "./connection.ts"
import type { HeartbeatSettings } from "./deadlineSettings.ts"
import { settled } from "./settled.ts"

/** The ping of the wire itself. */
const wirePing = Symbol("effect-sluice/wirePing")

/** How to ping: by a message, or by the wire. */
type AnyPing<Out> = Ping<Out> | typeof wirePing

/** One of the things to do over and over: ping, mind the peer's silence, or both. */
interface Round<Out> {
  readonly ping: AnyPing<Out> | undefined
  readonly minds: boolean
}

/** What the connections of a server or client do about heartbeats. */
export interface HeartbeatPlan<In, Out> {
  readonly rounds: ReadonlyArray<Round<Out>>
  readonly misses: number
  readonly intervals: Effect.Effect<Intervals>
  readonly theirPing: Ping<In> | undefined
  readonly ourPong: Pong<Out, In> | undefined
  readonly theirPong: Pong<In, Out> | undefined
}

/** The length of the next silence, given the pings since the last sign of life; undefined when there is none. */
type Intervals = (pings: number) => Effect.Effect<number | undefined>

/** How many bytes of answers may wait for a peer that pings and does not read. */
const maxPongBytes = 16_384

/** `wirePings` says that wires have pings of their own, for a protocol that has none. */
export const planHeartbeat = <In, Out>(
  beats: { readonly ours?: Beats<Out, In> | undefined; readonly theirs?: Beats<In, Out> | undefined },
  settings: HeartbeatSettings,
  random: () => number,
  wirePings: boolean
): HeartbeatPlan<In, Out> | undefined => {
  const { ours, theirs } = beats
  const rounds: Array<Round<Out>> = []
  if (ours === undefined && theirs === undefined) {
    if (!wirePings || settings === "off") return undefined
    rounds.push({ ping: wirePing, minds: true })
  }
  const answered = theirs?.pong !== undefined
  if (ours?.ping !== undefined) rounds.push({ ping: ours.ping, minds: answered })
  // A peer whose pings we answer pings only while it hears nothing: then its silence says nothing.
  if (theirs?.ping !== undefined && ours?.pong === undefined && !(ours?.ping !== undefined && answered)) {
    rounds.push({ ping: undefined, minds: true })
  }
  return {
    rounds: settings === "off" ? [] : rounds,
    misses: settings === "off" ? 0 : settings.misses,
    intervals: settings === "off" ? Effect.never : makeIntervals(settings, random),
    theirPing: theirs?.ping,
    ourPong: ours?.pong,
    theirPong: theirs?.pong
  }
}

const makeIntervals = (
  settings: Exclude<HeartbeatSettings, "off">,
  random: () => number
): Effect.Effect<Intervals> => {
  if (settings.schedule === undefined) {
    const interval = Duration.toMillis(settings.interval)
    return Effect.succeed(() => Effect.sync(() => interval * (1 + settings.jitter * (2 * random() - 1))))
  }
  // The options' type says so, and their schema has seen that it is one.
  const schedule = settings.schedule as Schedule.Schedule<unknown, number>
  return Effect.map(
    Schedule.toStep(schedule),
    (step) => (pings) =>
      Effect.clockWith((clock) =>
        step(clock.currentTimeMillisUnsafe(), pings).pipe(
          Effect.map(([, delay]): number | undefined => Duration.toMillis(delay)),
          Pull.catchDone(() => Effect.succeed(undefined))
        )
      )
  )
}

export class Heartbeat<In, Out> {
  /** How long the last answered ping took, in milliseconds. */
  roundTrip: number | undefined

  private readonly connection: ConnectionImpl<In, Out>
  private readonly plan: HeartbeatPlan<In, Out>
  /** When the oldest ping without an answer was sent, on the reading clock. */
  private pingedAt: number | undefined
  private left = false
  private wakes: Array<() => void> | undefined

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
    const { wakes } = this
    this.wakes = undefined
    if (wakes !== undefined) for (const wake of wakes) wake()
  }

  /** Whether there is anything to do but answering. */
  get active(): boolean {
    return this.plan.rounds.length > 0
  }

  /** The heartbeat fiber: until no more input can come. */
  run(): Effect.Effect<void> {
    const [first, ...others] = this.plan.rounds.map((round) => this.round(round))
    if (first === undefined) return Effect.void
    return others.length === 0 ? first : Effect.all([first, ...others], { concurrency: 2, discard: true })
  }

  private round({ minds, ping }: Round<Out>): Effect.Effect<void> {
    return minds ? mind(this, this.plan, this.connection, ping) : beat(this, this.plan.intervals, ping)
  }

  /** The connection speaks another protocol. */
  leave(): void {
    this.left = true
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

/** Minds the peer's silence: pings into it, and closes when it lasts. */
const mind = Effect.fnUntraced(function* <In, Out>(
  heartbeat: Heartbeat<In, Out>,
  plan: HeartbeatPlan<In, Out>,
  connection: ConnectionImpl<In, Out>,
  ping: AnyPing<Out> | undefined
) {
  const { reader } = connection
  while (true) {
    const next = yield* plan.intervals
    const since = reader.readSince
    let moment = since
    for (let missed = 0; ; missed++) {
      const interval = yield* next(missed)
      if (interval !== undefined) {
        moment += interval
        yield* heartbeat.until(moment)
        // Where this process itself stood still, the next ping has its full time all the same.
        moment = Math.max(moment, heartbeat.clock())
      }
      if (heartbeat.over) return
      if (reader.readSince !== since) break
      if (interval === undefined || missed === plan.misses) {
        connection.closeWith(CloseReason.HeartbeatTimeout())
        return
      }
      if (ping !== undefined) yield* heartbeat.send(ping)
    }
  }
})

/** Gives signs of life that nobody answers. */
const beat = Effect.fnUntraced(function* <In, Out>(
  heartbeat: Heartbeat<In, Out>,
  intervals: Effect.Effect<Intervals>,
  ping: AnyPing<Out> | undefined
) {
  const next = yield* intervals
  for (let pings = 0; ; pings++) {
    const interval = yield* next(pings)
    if (interval === undefined) return
    yield* Effect.sleep(Duration.millis(interval))
    if (heartbeat.over || ping === undefined) return
    yield* heartbeat.send(ping)
  }
})
