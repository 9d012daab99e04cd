/** What the connections of a server or client do about heartbeats. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type { Beats, Ping, Pong } from "../Heartbeat.ts"
import type { HeartbeatSettings } from "./deadlineSettings.ts"

/** The ping of the wire itself. */
export const wirePing = Symbol("effect-sluice/wirePing")

/** How to ping: by a message, or by the wire. */
export type AnyPing<Out> = Ping<Out> | typeof wirePing

/** One of the things to do over and over: ping, mind the peer's silence, or both. */
export interface Round<Out> {
  readonly ping: AnyPing<Out> | undefined
  readonly minds: boolean
}

/** What the connections of a server or client do about heartbeats. */
export interface HeartbeatPlan<In, Out> {
  readonly rounds: ReadonlyArray<Round<Out>>
  readonly misses: number
  /** The length of a silence, where no schedule says it. */
  readonly interval: (() => number) | undefined
  /** The lengths of the silences to come, where one does. */
  readonly intervals: Effect.Effect<Intervals>
  readonly theirPing: Ping<In> | undefined
  readonly ourPong: Pong<Out, In> | undefined
  readonly theirPong: Pong<In, Out> | undefined
}

/** The length of the next silence, given the pings since the last sign of life; undefined when there is none. */
export type Intervals = (pings: number) => Effect.Effect<number | undefined>

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
  const interval = settings === "off" ? undefined : fixedInterval(settings, random)
  return {
    rounds: settings === "off" ? [] : rounds,
    misses: settings === "off" ? 0 : settings.misses,
    interval,
    intervals: settings === "off" || interval !== undefined ? Effect.never : scheduledIntervals(settings),
    theirPing: theirs?.ping,
    ourPong: ours?.pong,
    theirPong: theirs?.pong
  }
}

type Settings = Exclude<HeartbeatSettings, "off">

const fixedInterval = (
  { interval, jitter, schedule }: Settings,
  random: () => number
): (() => number) | undefined => {
  if (schedule !== undefined) return undefined
  const millis = Duration.toMillis(interval)
  return () => millis * (1 + jitter * (2 * random() - 1))
}

const scheduledIntervals = (settings: Settings): Effect.Effect<Intervals> => {
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
