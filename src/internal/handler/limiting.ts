/** Combinators that say how many messages there may be: `concurrency`, `orderBy`, `buffer`, `rateLimit`, `loadShed`. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Connection } from "../../Connection.ts"
import { Overloaded } from "../../SluiceError.ts"
import { settled } from "../settled.ts"
import { type PerMessage, withFlow, wrap } from "./perMessage.ts"
import { duration, monotonicClock, sharedByServer, wholeNumber, within } from "./shared.ts"

/** A whole number of messages in hand. */
export const concurrencyOf = (value: number): number => wholeNumber("concurrency", value, 1, 1_000_000)

/**
 * Handles up to so many messages of each connection at the same time, 1 to 1 000 000; answers leave as they are ready.
 * While that many are in hand none is taken, and the peer has to wait. Wherever it stands in the pipe; the last one
 * counts.
 *
 * @category combinators
 * @since 0.1.0
 */
export const concurrency = (
  messages: number
): (<In, Out, E, R>(self: PerMessage<In, Out, E, R>) => PerMessage<In, Out, E, R>) => {
  const change = { concurrency: concurrencyOf(messages) }
  return (self) => withFlow(self, change)
}

/**
 * Handles messages of a connection that have the same key one after the other, in their order, and those of different
 * keys at the same time: up to `concurrency`, 1 to 1 000 000, default 16. Keys are compared as those of a `Map` are,
 * and forgotten as soon as none of their messages is left. Wherever it stands in the pipe.
 *
 * Up to 64 messages, or as many as `buffer` says and at least one, are taken and wait behind busy keys, so that other
 * keys can overtake them; then none is taken.
 *
 * **Example** (Each account in order)
 *
 * ```ts
 * import { Handler } from "effect-sluice"
 * import type { Connection } from "effect-sluice/Connection"
 * import { Effect } from "effect"
 *
 * interface Booking { readonly account: number; readonly amount: number }
 *
 * const handler = Handler.each((booking: Booking, connection: Connection<Booking, Booking>) =>
 *   Effect.delay(connection.send(booking), "10 millis")
 * ).pipe(
 *   Handler.orderBy((booking) => booking.account, { concurrency: 8 })
 * )
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const orderBy = <In>(
  key: (message: In) => unknown,
  options: { readonly concurrency?: number | undefined } = {}
): (<Out, E, R>(self: PerMessage<In, Out, E, R>) => PerMessage<In, Out, E, R>) => {
  const change = { key, concurrency: concurrencyOf(options.concurrency ?? 16) }
  return (self) => withFlow(self, change)
}

/**
 * Takes up to so many messages of each connection ahead of those in hand, 0 to 1 000 000; more wait in the inbound
 * queue, and then with the peer. What has been taken ahead is lost when the handler fails. Wherever it stands in the
 * pipe.
 *
 * @category combinators
 * @since 0.1.0
 */
export const buffer = (
  messages: number
): (<In, Out, E, R>(self: PerMessage<In, Out, E, R>) => PerMessage<In, Out, E, R>) => {
  const change = { buffer: wholeNumber("buffer", messages, 0, 1_000_000) }
  return (self) => withFlow(self, change)
}

/**
 * How often messages are handled.
 *
 * @category options
 * @since 0.1.0
 */
export interface RateLimit {
  /** So many messages, 1 to 1 000 000 000, */
  readonly messages: number
  /** in this time, 1 millisecond or more. Default 1 second. */
  readonly per?: Duration.Input | undefined
  /** So many at once after a pause, 1 to 1 000 000 000. Default: `messages`. */
  readonly burst?: number | undefined
  /** Whose messages are counted: those of each connection, or those of all of a server. Default `connection`. */
  readonly by?: "connection" | "server" | undefined
}

/** Tokens of which fewer than none may be left: then they are spoken for. */
class Tokens {
  private readonly perMilli: number
  private readonly burst: number
  private tokens: number
  private at: number | undefined

  constructor(perMilli: number, burst: number) {
    this.perMilli = perMilli
    this.burst = burst
    this.tokens = burst
  }

  /** Takes a token, and says in how many milliseconds it is there. */
  take(now: number): number {
    this.refill(now)
    this.tokens--
    // A hair's breadth is rounding.
    return this.tokens >= -1e-9 ? 0 : -this.tokens / this.perMilli
  }

  /** Takes a token if one is here. */
  tryTake(now: number): boolean {
    this.refill(now)
    if (this.tokens < 1 - 1e-9) return false
    this.tokens--
    return true
  }

  /** A token that was taken was not needed. */
  giveBack(): void {
    this.tokens = Math.min(this.burst, this.tokens + 1)
  }

  private refill(now: number): void {
    if (this.at !== undefined) {
      this.tokens = Math.min(this.burst, this.tokens + (now - this.at) * this.perMilli)
    }
    this.at = now
  }
}

/**
 * Handles messages no more often than a rate allows. One that comes too early waits, and with it those behind it; with
 * `onLimited` that runs in its place, at once.
 *
 * The option `inbound.rate` of a server limits what is read, at less cost; this one what is handled, by message.
 *
 * @category combinators
 * @since 0.1.0
 */
export const rateLimit: {
  (limit: RateLimit): <In, Out, E, R>(self: PerMessage<In, Out, E, R>) => PerMessage<In, Out, E, R>
  <In, Out, E2, R2>(
    limit: RateLimit,
    options: {
      readonly onLimited: (message: In, connection: Connection<In, Out>) => Effect.Effect<unknown, E2, R2>
    }
  ): <E, R>(self: PerMessage<In, Out, E, R>) => PerMessage<In, Out, E | E2, R | R2>
} = <In, Out, E2, R2>(
  limit: RateLimit,
  options?: {
    readonly onLimited: (message: In, connection: Connection<In, Out>) => Effect.Effect<unknown, E2, R2>
  }
) => {
  const most = 1_000_000_000
  const messages = wholeNumber("messages", limit.messages, 1, most)
  const burst = wholeNumber("burst", limit.burst ?? messages, 1, most)
  const perMilli = messages / Duration.toMillis(duration("per", limit.per ?? "1 second"))
  const make = () => new Tokens(perMilli, burst)
  const tokensOf = limit.by === "server" ? sharedByServer(make) : make
  return <E, R>(self: PerMessage<In, Out, E, R>): PerMessage<In, Out, E | E2, R | R2> =>
    wrap(self, (inner, connection) =>
      Effect.flatMap(inner, (handle) =>
        Effect.map(monotonicClock, (now) => {
          const tokens = tokensOf(connection)
          return (message: In): Effect.Effect<unknown, E | E2, R | R2> => {
            if (options !== undefined) {
              return tokens.tryTake(now()) ? handle(message) : options.onLimited(message, connection)
            }
            const wait = tokens.take(now())
            if (wait === 0) return handle(message)
            const waited = Effect.onInterrupt(Effect.sleep(Math.ceil(wait)), () => {
              tokens.giveBack()
              return Exit.void
            })
            return Effect.flatMap(waited, () => handle(message))
          }
        })
      )
    )
}

/**
 * Turns messages away, at once, while so many of all connections of a server are in hand, 1 to 1 000 000: `onOverload`
 * runs in their place; without it the handler fails with {@link Overloaded}, which closes the connection.
 *
 * Counts what stands before it in the pipe.
 *
 * @category combinators
 * @since 0.1.0
 */
export const loadShed: {
  (limit: number): <In, Out, E, R>(self: PerMessage<In, Out, E, R>) => PerMessage<In, Out, E | Overloaded, R>
  <In, Out, E2, R2>(
    limit: number,
    options: {
      readonly onOverload: (message: In, connection: Connection<In, Out>) => Effect.Effect<unknown, E2, R2>
    }
  ): <E, R>(self: PerMessage<In, Out, E, R>) => PerMessage<In, Out, E | E2, R | R2>
} = <In, Out, E2, R2>(
  limit: number,
  options?: {
    readonly onOverload: (message: In, connection: Connection<In, Out>) => Effect.Effect<unknown, E2, R2>
  }
) => {
  wholeNumber("limit", limit, 1, 1_000_000)
  const stateOf = sharedByServer(() => ({ inHand: 0 }))
  return <E, R>(self: PerMessage<In, Out, E, R>): PerMessage<In, Out, E | E2 | Overloaded, R | R2> =>
    wrap(self, (inner, connection) =>
      Effect.map(inner, (handle) => {
        const state = stateOf(connection)
        return (message: In): Effect.Effect<unknown, E | E2 | Overloaded, R | R2> => {
          if (state.inHand >= limit) {
            return options === undefined
              ? Effect.fail(new Overloaded({ connection: connection.id, limit }))
              : options.onOverload(message, connection)
          }
          const effect = handle(message)
          if (settled(effect) !== undefined) return effect
          return within(
            effect,
            () => {
              state.inHand++
            },
            () => {
              state.inHand--
            }
          )
        }
      })
    )
}
