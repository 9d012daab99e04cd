/**
 * How much one peer that floods the server raises what the others wait, with workers and without: the ratio of their
 * 99th percentiles. `npx tsx bench/fairness.ts`, some 10 seconds.
 *
 * Every message takes 5 to 15 ms of waiting, as a call of a database would, and there are 16 permits. The others ask one
 * thing at a time; the flood keeps its pipe full and has 128 messages in hand, so that it could use all permits alone.
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

const permits = 16
const peers = 3
const rounds = 60

let count = 0
// Not all of the same length, or all permits would come back at once.
const work = (line: string, connection: Connection<string, string>) =>
  Effect.andThen(Effect.sleep(5 + ((Math.imul(count++, 7919) & 0xffff) % 11)), connection.send(line))

const percentile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

/** What the others wait for an answer, in milliseconds, in order of size. */
const measure = (handler: Handler.Handler<string, string, unknown, Workers.Workers>, flooded: boolean) =>
  Effect.gen(function* () {
    const server = yield* Server.make(Text, handler).pipe(
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
      yield* Effect.sleep(200)
    }
    const waits: Array<number> = []
    const ask = Effect.gen(function* () {
      const client = yield* connect
      let begun = 0
      let round = 0
      const next = Effect.suspend(() => {
        begun = performance.now()
        return client.send(String(round++))
      })
      yield* next
      yield* client.messages.pipe(
        Stream.take(rounds),
        Stream.runForEach(() => {
          waits.push(performance.now() - begun)
          return next
        })
      )
    })
    const asking = yield* Effect.forEach(Array.from({ length: peers }), () => Effect.forkChild(ask))
    yield* Effect.forEach(asking, Fiber.join)
    return waits.toSorted((a, b) => a - b)
  }).pipe(Effect.scoped)

const compare = Effect.fnUntraced(function* (
  name: string,
  handler: () => Handler.Handler<string, string, unknown, Workers.Workers>
) {
  const alone = yield* measure(handler(), false)
  const flooded = yield* measure(handler(), true)
  const [before, after] = [percentile(alone, 0.99), percentile(flooded, 0.99)]
  const ratio = (after / before).toFixed(2)
  const middle = [alone, flooded].map((waits) => percentile(waits, 0.5).toFixed(1)).join(" → ")
  console.log(
    `${name}: p99 ${before.toFixed(1)} → ${after.toFixed(1)} ms, ratio ${ratio}; median ${middle} ms`
  )
})

const program = Effect.gen(function* () {
  yield* compare("workers, turns by connection ", () =>
    Handler.each(work).pipe(Workers.limit({ concurrency: 128 }))
  )
  // For comparison: the permits of a plain semaphore go to messages in the order in which they came.
  yield* compare("a semaphore, first come first", () => {
    const semaphore = Semaphore.makeUnsafe(permits)
    return Handler.each((line: string, connection: Connection<string, string>) =>
      Semaphore.withPermit(semaphore, work(line, connection))
    ).pipe(Handler.concurrency(128))
  })
})

await Effect.runPromise(program.pipe(Effect.provide(Layer.fresh(Workers.layer({ permits })))))
process.exit(0)
