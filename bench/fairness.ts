/**
 * How much one peer that floods the server raises what the others wait, with workers and without: the ratio of their
 * 99th percentiles. `npx tsx bench/fairness.ts [rounds]`, some three minutes with five rounds.
 *
 * The flood keeps its pipe full and has 128 messages in hand, so that it could use all permits alone. The others, half
 * as many as there are permits, ask one thing at a time. A message waits, as a call of a database would. Rounds without
 * and with the flood alternate; what is told are medians of the rounds' ratios, and the ratio over all samples.
 */
import { Effect, Fiber, Layer, Semaphore, Stream } from "effect"
import * as Client from "../src/Client.ts"
import * as Codec from "../src/Codec.ts"
import type { Connection } from "../src/Connection.ts"
import * as Framing from "../src/Framing.ts"
import * as Handler from "../src/Handler.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Server from "../src/Server.ts"
import * as TransportNode from "../src/TransportNode.ts"
import * as Workers from "../src/Workers.ts"

const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

type Peer = Connection<string, string>
type Served = Handler.Handler<string, string, unknown, Workers.Workers>

interface Setting {
  readonly name: string
  readonly permits: number
  /** Answers that the others get in a round, all together. */
  readonly samples: number
  /** Milliseconds that message number `count` takes. */
  readonly millis: (count: number) => number
  /** First come, first served, for comparison. */
  readonly semaphore?: boolean
}

// Not all of the same length, or all permits would come back at once.
const scattered = (count: number): number => Math.imul(count, 7919) & 0xffff
const even = (count: number): number => 5 + (scattered(count) % 11)
const uneven = (count: number): number => (scattered(count) % 20 === 0 ? 100 : even(count))

const settings: ReadonlyArray<Setting> = [
  { name: "16 permits, 5 to 15 ms", permits: 16, samples: 1200, millis: even },
  { name: "16 permits, one in 20 takes 100 ms", permits: 16, samples: 1200, millis: uneven },
  { name: "4 permits, 5 to 15 ms", permits: 4, samples: 600, millis: even },
  { name: "2 permits, 5 to 15 ms", permits: 2, samples: 300, millis: even },
  { name: "1 permit, 5 to 15 ms", permits: 1, samples: 300, millis: even },
  { name: "semaphore of 16, 5 to 15 ms", permits: 16, samples: 600, millis: even, semaphore: true }
]

const percentile = (waits: ReadonlyArray<number>, share: number): number => {
  const sorted = waits.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

const handlerOf = ({ millis, permits, semaphore }: Setting): Served => {
  let count = 0
  const work = (line: string, connection: Peer) =>
    Effect.andThen(
      Effect.suspend(() => Effect.sleep(millis(count++))),
      connection.send(line)
    )
  if (semaphore !== true) return Handler.each(work).pipe(Workers.limit({ concurrency: 128 }))
  const shared = Semaphore.makeUnsafe(permits)
  return Handler.each((line: string, connection: Peer) =>
    Semaphore.withPermit(shared, work(line, connection))
  ).pipe(Handler.concurrency(128))
}

/** What the others wait for an answer, in milliseconds. */
const measure = (setting: Setting, flooded: boolean) =>
  Effect.gen(function* () {
    const server = yield* Server.make(Text, handlerOf(setting)).pipe(
      Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 }))
    )
    const port = server.address._tag === "Tcp" ? server.address.port : 0
    const connect = Client.connect(Text).pipe(
      Effect.provide(TransportNode.layerTcpClient({ host: "127.0.0.1", port }))
    )
    if (flooded) {
      const flood = yield* connect
      yield* Effect.forkScoped(Stream.runDrain(flood.messages))
      yield* Effect.forkScoped(Effect.forever(flood.send("flood")))
    }
    // The flood has filled the server, and what runs for the first time has run.
    const warmup = 10
    yield* Effect.sleep(200)
    const peers = Math.max(1, setting.permits / 2)
    const asks = warmup + Math.ceil(setting.samples / peers)
    const waits: Array<number> = []
    const ask = Effect.gen(function* () {
      const client = yield* connect
      let begun = 0
      let answers = 0
      const next = Effect.suspend(() => {
        begun = performance.now()
        return client.send("ask")
      })
      yield* next
      yield* client.messages.pipe(
        Stream.take(asks),
        Stream.runForEach(() => {
          if (answers++ >= warmup) waits.push(performance.now() - begun)
          return next
        })
      )
    })
    const asking = yield* Effect.forEach(Array.from({ length: peers }), () => Effect.forkChild(ask))
    yield* Effect.forEach(asking, Fiber.join)
    return waits
  }).pipe(Effect.scoped, Effect.provide(Layer.fresh(Workers.layer({ permits: setting.permits }))))

const compare = Effect.fnUntraced(function* (setting: Setting, rounds: number) {
  const alone: Array<number> = []
  const flooded: Array<number> = []
  const ratios: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const before = yield* measure(setting, false)
    const after = yield* measure(setting, true)
    ratios.push(percentile(after, 0.99) / percentile(before, 0.99))
    alone.push(...before)
    flooded.push(...after)
  }
  const told = (share: number) =>
    `${percentile(alone, share).toFixed(1)} → ${percentile(flooded, share).toFixed(1)} ms`
  const all = percentile(flooded, 0.99) / percentile(alone, 0.99)
  const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`
  console.log(
    `${setting.name}: p99 ${told(0.99)}, ratio ${all.toFixed(2)}; by round ${percentile(ratios, 0.5).toFixed(2)} ` +
      `(${range}); median ${told(0.5)}; ${alone.length} samples`
  )
})

const rounds = Number(process.argv[2] ?? 5)
await Effect.runPromise(Effect.forEach(settings, (setting) => compare(setting, rounds), { discard: true }))
process.exit(0)
