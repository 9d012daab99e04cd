/** What the combinators of handlers have in common. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Connection } from "../../Connection.ts"
import type { ConnectionImpl } from "../connection.ts"
import { coreOf } from "../coreOf.ts"

/** Something that all connections of one server share, made with the first of them. */
export const sharedByServer = <A>(make: () => A): ((connection: Connection<unknown, never>) => A) => {
  const made = new WeakMap<object, A>()
  return (connection) => {
    // Whatever codec or protocol a connection speaks, its server has one timer.
    const server = coreOf(connection)?.shared.deadlines ?? connection
    const known = made.get(server)
    if (known !== undefined) return known
    const value = make()
    made.set(server, value)
    return value
  }
}

/** The connection as the library runs it. Others have no life to hook into. */
export const ownConnection = <In, Out>(
  connection: Connection<In, Out>
): Effect.Effect<ConnectionImpl<In, Out>> => {
  const core = coreOf(connection)
  return core === undefined
    ? Effect.die(new Error("this handler needs a connection of a server or client"))
    : Exit.succeed(core)
}

/** Reads milliseconds of the monotonic clock. */
export const monotonicClock: Effect.Effect<() => number> = Effect.clockWith((clock) =>
  Exit.succeed(() => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
)

/** A whole number within bounds, or a defect that says so. */
export const wholeNumber = (name: string, value: number, minimum: number, maximum: number): number => {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return value
  throw new RangeError(`${name}: must be a whole number from ${minimum} to ${maximum}`)
}

/** A number within bounds, or a defect that says so. */
export const numberWithin = (name: string, value: number, minimum: number, maximum: number): number => {
  if (value >= minimum && value <= maximum) return value
  throw new RangeError(`${name}: must be a number from ${minimum} to ${maximum}`)
}

/** A duration of a millisecond or more, or a defect that says so. */
export const duration = (name: string, input: Duration.Input): Duration.Duration => {
  const value = Duration.fromInputUnsafe(input)
  if (Duration.toMillis(value) >= 1) return value
  throw new RangeError(`${name}: must be a duration of 1ms or more`)
}

/** Runs an effect between `enter`, which happens only if it starts, and `leave`, which then happens too. */
export const within = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  enter: () => void,
  leave: () => void
): Effect.Effect<A, E, R> => {
  let inside = false
  return Effect.onExit(
    Effect.suspend(() => {
      inside = true
      enter()
      return effect
    }),
    () => {
      if (inside) leave()
      inside = false
      return Exit.void
    }
  )
}
