/**
 * Workers: how many messages the handlers of a server may have in hand at a time, over all connections.
 *
 * A handler uses them by `Workers.limit`, and its type then asks for the layer. Connections that wait for a permit take
 * turns, so that one that floods the server holds up the others by no more than a turn each.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type { Connection } from "./Connection.ts"
import { concurrencyOf } from "./internal/handler/limiting.ts"
import { fromPlan, type PerMessage, PlanKey, withFlow } from "./internal/handler/perMessage.ts"
import { wholeNumber } from "./internal/handler/shared.ts"
import { decodeOptions } from "./internal/options.ts"
import { batchUnderPermit, withPermit } from "./internal/turns.ts"
import { WorkersImpl, WorkersSettings } from "./internal/workers.ts"
import type { InvalidConfig } from "./SluiceError.ts"

/**
 * The numbers of this moment, and of all time.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkersStats {
  readonly permits: number
  /** Permits that are out: more than `permits` for a while after these were lowered. */
  readonly inFlight: number
  /** How many wait for one: a connection counts once for each message that could run and does not. */
  readonly waiting: number
  /** Messages that went to `onBusy`. */
  readonly rejected: number
  /** Messages that were left out. */
  readonly dropped: number
}

/**
 * The permits that all connections of a server share.
 *
 * @category services
 * @since 0.1.0
 */
export class Workers extends Context.Service<
  Workers,
  {
    /**
     * Runs an effect under a permit, and waits for it before: for handlers that are not made of single messages. Waits
     * of one owner, a connection, are one turn at a time.
     */
    readonly withPermit: (
      owner: object
    ) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** Changes the number of permits, 1 to 1 000 000. Lowering it lets those that are out come back by themselves. */
    readonly resize: (permits: number) => Effect.Effect<void, InvalidConfig>
    readonly stats: Effect.Effect<WorkersStats>
  }
>()("effect-sluice/Workers") {}

/**
 * How many workers there are.
 *
 * @category options
 * @since 0.1.0
 */
export interface WorkersOptions {
  /** Messages in hand at a time, 1 to 1 000 000. Default: four for each core. */
  readonly permits?: number | undefined
}

// Every runtime that has sockets has a navigator by now; four is what is guessed for one without.
const cores = (): number => globalThis.navigator?.hardwareConcurrency ?? 4

/**
 * Makes workers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: WorkersOptions = {}): Effect.Effect<Workers["Service"], InvalidConfig> =>
  Effect.map(decodeOptions(WorkersSettings, options), ({ permits }) =>
    Workers.of(new WorkersImpl(permits ?? 4 * cores()))
  )

/** The workers as this module made them; a stand-in has no turns. */
const ownWorkers: Effect.Effect<WorkersImpl, never, Workers> = Effect.flatMap(Workers, (workers) =>
  workers instanceof WorkersImpl
    ? Exit.succeed(workers)
    : Effect.die(new Error("Workers.limit needs workers of Workers.make"))
)

/**
 * Workers as a layer. Servers that are given the same one share it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: WorkersOptions): Layer.Layer<Workers, InvalidConfig> =>
  Layer.effect(Workers, make(options))

/**
 * Workers whose options come from the environment or any other `ConfigProvider`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Config.Wrap<WorkersOptions>
): Layer.Layer<Workers, InvalidConfig | Config.ConfigError> =>
  Layer.effect(Workers, Effect.flatMap(Config.unwrap(options), make))

/**
 * How a handler uses the workers.
 *
 * @category options
 * @since 0.1.0
 */
export interface LimitOptions<in In> {
  /** Messages of one connection at a time, 1 to 1 000 000; see `Handler.concurrency`. Default: one, in order. */
  readonly concurrency?: number | undefined
  /** Messages of one connection with the same key keep their order; see `Handler.orderBy`. */
  readonly orderBy?: ((message: In) => unknown) | undefined
  /**
   * For a message that finds no permit: `suspend` waits for one, and the peer with it; `reject` runs `onBusy` in its
   * place; `drop` leaves it out. All but the first are counted. Default `suspend`.
   */
  readonly overflow?: "suspend" | "drop" | undefined
  /** So many messages of the whole server may wait before they are rejected or dropped, 0 to 1 000 000. Default 0. */
  readonly maxWaiting?: number | undefined
}

/**
 * The same for a handler that has an answer for messages that find no permit.
 *
 * @category options
 * @since 0.1.0
 */
export interface RejectOptions<in In, out Out, out E, out R> extends Omit<LimitOptions<In>, "overflow"> {
  readonly overflow: "reject"
  /** What is done with such a message, without a permit. */
  readonly onBusy: (message: In, connection: Connection<In, Out>) => Effect.Effect<unknown, E, R>
}

/**
 * Handles messages only under a permit of the {@link Workers}, for which connections wait by turns.
 *
 * A connection whose messages are handled one at a time takes its permit once for all that came together, and gives it
 * back between two of them when others wait. What stands before it in the pipe happens under the permit, what stands
 * behind it without; a wait of `rateLimit` belongs behind it.
 *
 * **Example** (Eight at a time, and an answer for the others)
 *
 * ```ts
 * import { Codec, Framing, Handler, Protocol, Server, Workers } from "effect-sluice"
 * import { Effect, Layer } from "effect"
 *
 * const Text = Protocol.make("Text", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 *
 * const handler = Handler.each(Text, (line, connection) =>
 *   Effect.delay(connection.send(line), "10 millis")
 * ).pipe(
 *   Workers.limit({ overflow: "reject", maxWaiting: 100, onBusy: (_line, connection) => connection.send("busy") })
 * )
 *
 * const server = Server.layer(Text, handler).pipe(Layer.provide(Workers.layer({ permits: 8 })))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const limit: {
  <In>(
    options?: LimitOptions<In>
  ): <Out, E, R>(self: PerMessage<In, Out, E, R>) => PerMessage<In, Out, E, R | Workers>
  <In, Out, E2, R2>(
    options: RejectOptions<In, Out, E2, R2>
  ): <E, R>(self: PerMessage<In, Out, E, R>) => PerMessage<In, Out, E | E2, R | R2 | Workers>
} = <In, Out, E2, R2>(options: LimitOptions<In> | RejectOptions<In, Out, E2, R2> = {}) => {
  const maxWaiting = wholeNumber("maxWaiting", options.maxWaiting ?? 0, 0, 1_000_000)
  const { orderBy } = options
  const flow = {
    ...(orderBy === undefined ? {} : { key: orderBy, concurrency: 16 }),
    ...(options.concurrency === undefined ? {} : { concurrency: concurrencyOf(options.concurrency) })
  }
  return <E, R>(self: PerMessage<In, Out, E, R>): PerMessage<In, Out, E | E2, R | R2 | Workers> => {
    const inner = self[PlanKey]
    const suspends = options.overflow === undefined || options.overflow === "suspend"
    const limited = fromPlan<In, Out, E | E2, R | R2 | Workers>({
      open: (connection) =>
        Effect.flatMap(ownWorkers, (workers) =>
          Effect.map(inner.open(connection), (handle) => {
            const { turns } = workers
            const owner = turns.owner(connection)
            return (message: In) => {
              if (!suspends && !turns.free && turns.waiting >= maxWaiting) {
                if (options.overflow === "reject") {
                  workers.rejected++
                  return options.onBusy(message, connection)
                }
                workers.dropped++
                return Exit.void
              }
              return withPermit(
                turns,
                owner,
                Effect.suspend(() => handle(message))
              )
            }
          })
        ),
      openBatch: suspends
        ? (connection) =>
            Effect.flatMap(ownWorkers, ({ turns }) => {
              const owner = turns.owner(connection)
              if (inner.openBatch !== undefined) {
                return Effect.map(
                  inner.openBatch(connection),
                  (handle) => (batch) =>
                    withPermit(
                      turns,
                      owner,
                      Effect.suspend(() => handle(batch))
                    )
                )
              }
              return Effect.map(
                inner.open(connection),
                (handle) => (batch) => batchUnderPermit(turns, owner, batch, handle)
              )
            })
        : undefined,
      flow: inner.flow
    })
    return withFlow(limited, flow)
  }
}
