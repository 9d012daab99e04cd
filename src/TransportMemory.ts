/**
 * A network in memory, for tests: servers and clients as on TCP, no sockets, no real time, and faults on demand.
 *
 * What one end writes arrives at the other later, never within the same call, and always in the same order for
 * the same seed. Without a delay everything underway, and the answers to it, has arrived when an
 * `Effect.yieldNow` returns (up to 1000 deliveries; beyond, each thousand takes one more). With a delay it
 * arrives by the clock of the fiber that made the network, so `TestClock.adjust` moves it.
 *
 * Otherwise it is TCP: each direction holds a window of bytes and then holds the writer up, a side can end while
 * the other goes on, an end that is destroyed with bytes unread resets its peer, and so do bytes written to an
 * end that is gone.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { type Link, MemoryNetworkState } from "./internal/memory/memoryNetwork.ts"
import { decodeOptions, durationOption, integerOption, withDefault } from "./internal/options.ts"
import type { InvalidConfig } from "./SluiceError.ts"
import { Connector, Listener, type Wire } from "./Transport.ts"

/**
 * How a network behaves from the start.
 *
 * @category options
 * @since 0.1.0
 */
export interface MemoryOptions {
  /** The listener's address is `memory:` and this. Default `network`. */
  readonly name?: string | undefined
  /** Bytes that a direction holds before `write` returns false, 1 to 1 GiB. Default 65536. */
  readonly window?: number | undefined
  /** Cuts every write into pieces of 1 to so many bytes, at random by `seed`. Default: writes stay whole. */
  readonly maxChunk?: number | undefined
  /** How long bytes take in both directions, 0 to 1 day. Default 0. */
  readonly delay?: Duration.Input | undefined
  /** How long bytes take to the server. Default: `delay`. */
  readonly delayToServer?: Duration.Input | undefined
  /** How long bytes take to the client. Default: `delay`. */
  readonly delayToClient?: Duration.Input | undefined
  /** What the random cuts come from: a whole number from 0. Default 1. */
  readonly seed?: number | undefined
}

/**
 * A connection of the network, from outside.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemoryLink {
  readonly client: Wire
  readonly server: Wire
  /** Breaks it: both ends close with `ECONNRESET` at once, whatever the delay. */
  readonly reset: Effect.Effect<void>
  /** Ends one side's writing after all that was written, as if that side had. */
  readonly halfClose: (side: "client" | "server") => Effect.Effect<void>
}

/**
 * A network in memory with its faults.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemoryNetwork {
  /** For a server. One at a time can listen: a second one fails with `AddressInUse`. */
  readonly listener: Context.Service.Shape<typeof Listener>
  /** For clients. Fails with `ConnectionRefused` while nobody listens. Connecting itself takes no delay. */
  readonly connector: Context.Service.Shape<typeof Connector>
  /** The connections of which at least one end is open, oldest first. */
  readonly links: Effect.Effect<ReadonlyArray<MemoryLink>>
  /** Breaks every connection; see {@link MemoryLink}. */
  readonly reset: Effect.Effect<void>
  /** From now on, also for what is underway: pieces of at most so many bytes (from 1); undefined leaves writes whole. */
  readonly setMaxChunk: (maxChunk: number | undefined) => Effect.Effect<void, InvalidConfig>
  /** For what is written from now on: 0 to 1 day, in one direction or both. It does not overtake what is underway. */
  readonly setDelay: (
    delay: Duration.Input,
    direction?: "toServer" | "toClient"
  ) => Effect.Effect<void, InvalidConfig>
  /** While true nothing arrives anywhere, resets of a peer included: a network gone silent. */
  readonly setStalled: (stalled: boolean) => Effect.Effect<void>
}

/**
 * The network that {@link layer} made, for tests that break it.
 *
 * @category services
 * @since 0.1.0
 */
export class Network extends Context.Service<Network, MemoryNetwork>()(
  "effect-sluice/TransportMemory/Network"
) {}

const maxChunk = integerOption(1, 2 ** 30)
const delay = durationOption(0, "1 day")

const MemorySettings = Schema.Struct({
  name: withDefault(Schema.NonEmptyString, "network"),
  window: withDefault(integerOption(1, 2 ** 30), 65_536),
  maxChunk: Schema.optional(maxChunk),
  delay: withDefault(delay, Duration.zero),
  delayToServer: Schema.optional(delay),
  delayToClient: Schema.optional(delay),
  seed: withDefault(integerOption(0, 2 ** 32 - 1), 1)
})

const MaxChunkSetting = Schema.Struct({ maxChunk: Schema.optional(maxChunk) })

const DelaySetting = Schema.Struct({ delay })

const makeLink = ({ client, server }: Link): MemoryLink => ({
  client,
  server,
  reset: Effect.sync(() => {
    client.break("ECONNRESET")
    server.break("ECONNRESET")
  }),
  halfClose: (side) => Effect.sync(() => (side === "client" ? client : server).end())
})

/**
 * Makes a network, on the clock of the fiber that asks.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeNetwork = Effect.fnUntraced(function* (
  options: MemoryOptions = {}
): Effect.fn.Return<MemoryNetwork, InvalidConfig> {
  const settings = yield* decodeOptions(MemorySettings, options)
  const state = new MemoryNetworkState(
    {
      ...settings,
      maxChunk: settings.maxChunk,
      delayToServer: settings.delayToServer ?? settings.delay,
      delayToClient: settings.delayToClient ?? settings.delay
    },
    yield* Clock.Clock,
    yield* Effect.context<never>()
  )
  const links = Effect.sync(() => Array.from(state.links, makeLink))
  return {
    listener: { listen: (acceptor) => state.listen(acceptor) },
    connector: { connect: state.connect },
    links,
    reset: Effect.flatMap(links, (all) => Effect.forEach(all, (link) => link.reset, { discard: true })),
    setMaxChunk: (value) =>
      Effect.map(decodeOptions(MaxChunkSetting, { maxChunk: value }), (decoded) => {
        state.maxChunk = decoded.maxChunk
      }),
    setDelay: (value, direction) =>
      Effect.map(decodeOptions(DelaySetting, { delay: value }), (decoded) => {
        const milliseconds = Duration.toMillis(decoded.delay)
        if (direction !== "toClient") {
          state.delayToServer = milliseconds
        }
        if (direction !== "toServer") {
          state.delayToClient = milliseconds
        }
      }),
    setStalled: (stalled) => Effect.sync(() => state.setStalled(stalled))
  }
})

/**
 * A network for a server and its clients. {@link Network} breaks it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: MemoryOptions = {}
): Layer.Layer<Listener | Connector | Network, InvalidConfig> =>
  Layer.effectContext(
    Effect.map(makeNetwork(options), (network) =>
      Context.make(Network, network).pipe(
        Context.add(Listener, network.listener),
        Context.add(Connector, network.connector)
      )
    )
  )
