/** How a server stops: in order, once, and in bounded time. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type DrainReport, ServerEvent, type ServerStatus } from "../Events.ts"
import type { ConnectionSet } from "./connectionSet.ts"
import type { Door } from "./door.ts"
import type { Cell } from "./events.ts"
import type { Signal } from "./signal.ts"

/** How long each step may take. */
export interface DrainLimits {
  readonly preStopDelay: Duration.Duration
  readonly drainTimeout: Duration.Duration
  readonly killTimeout: Duration.Duration
}

/** What a drain works on. */
export interface Drained<In, Out, E, R> {
  readonly connections: ConnectionSet<In, Out, E, R>
  readonly door: Door
  readonly status: Cell<ServerStatus>
  readonly limits: DrainLimits
  /** Cuts every wait short. */
  readonly forced: Signal
}

/**
 * Not ready any more, and still accepting for `preStopDelay`; then nobody new after those who came before; then every
 * connection finishes what was read. After `drainTimeout` interrupts the handlers that are left, after `killTimeout`
 * cuts their wires.
 */
export const drain: <In, Out, E, R>(drained: Drained<In, Out, E, R>) => Effect.Effect<DrainReport> =
  Effect.fnUntraced(function* <In, Out, E, R>(drained: Drained<In, Out, E, R>) {
    const { connections, door, forced, limits, status } = drained
    const { clock } = connections.shared
    const { events } = connections
    const begun = clock.monotonicTimeNanosUnsafe()
    const atMost = <A>(effect: Effect.Effect<A>, limit: Duration.Duration) =>
      Effect.raceFirst(effect, Effect.raceFirst(Effect.sleep(limit), forced.await()))

    status.set("draining")
    connections.beginCount()
    if (events.active) events.publish(ServerEvent.Draining({ connections: connections.size }))
    if (!Duration.isZero(limits.preStopDelay)) yield* atMost(Effect.never, limits.preStopDelay)

    yield* door.shut(forced.await())
    connections.drain()
    yield* atMost(connections.awaitEmpty(), limits.drainTimeout)

    connections.force()
    yield* atMost(connections.awaitEmpty(), limits.killTimeout)

    connections.cut()
    const report: DrainReport = {
      ...connections.counts(),
      duration: Duration.millis(Number(clock.monotonicTimeNanosUnsafe() - begun) / 1e6)
    }
    if (events.active) events.publish(ServerEvent.Stopped({ report }))
    events.end()
    status.set("stopped", true)
    return report
  })
