/** Requests whatever happens in which order: each hears once how it ended, and nothing stays behind. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, type Fiber, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import type { Connection } from "../../src/Connection.ts"
import * as Requests from "../../src/Requests.ts"
import * as Server from "../../src/Server.ts"
import { Connector, Listener } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { Random } from "../../src/testing/random.ts"
import { type FromClient, type FromServer, quiet, Store, settle, Tiny } from "./support.ts"

const steps = ["ask", "ask", "ask", "stream", "back", "leave", "time", "turn"] as const
const ends = ["client", "peer", "reset", "half", "stop", "none"] as const
const answers = ["now", "turn", "slow", "never", "fail"] as const

interface Asked {
  fiber: Fiber.Fiber<string, unknown> | undefined
  readonly expected: string
  released: number
}

const now = { startImmediately: true } as const

const tagOf = (exit: Exit.Exit<string, unknown>): string => {
  if (Exit.isSuccess(exit)) return "reply"
  if (Cause.hasInterruptsOnly(exit.cause)) return "left"
  const error = Cause.squash(exit.cause)
  return typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : String(error)
}

/** One life of a connection. Returns how its requests ended. */
const play = Effect.fnUntraced(function* (random: Random, protocol: typeof Store) {
  const network = yield* TransportMemory.makeNetwork({ maxChunk: 1 + random.below(40) })
  const peers: Array<Connection<FromClient, FromServer>> = []
  const answer = (key: string): Effect.Effect<{ value: string }, { why: string }> => {
    const [how] = key.split(":")
    const value = { value: key }
    if (how === "now") return Effect.succeed(value)
    if (how === "turn") return Effect.as(Effect.yieldNow, value)
    if (how === "slow") return Effect.delay(Effect.succeed(value), 200)
    return how === "never" ? Effect.never : Effect.fail({ why: key })
  }
  const scope = yield* Scope.make()
  const handler = Requests.handler(
    protocol,
    {
      Get: ({ key }) => answer(key),
      List: ({ count }) =>
        Stream.mapEffect(Stream.range(1, count), (index) => Effect.as(Effect.yieldNow, { index }))
    },
    { concurrency: 1 + random.below(4) }
  )
  const server = yield* Server.make(
    protocol,
    (peer) =>
      Effect.andThen(
        Effect.sync(() => peers.push(peer)),
        handler(peer)
      ),
    { deadlines: quiet, closeTimeout: 10, drainTimeout: 10 }
  ).pipe(Effect.provideService(Listener, network.listener), Scope.provide(scope))
  const client = yield* Client.connect(protocol, { closeTimeout: 10 }).pipe(
    Effect.provideService(Connector, network.connector),
    Scope.provide(scope)
  )
  yield* Effect.forkIn(
    Requests.clientHandler(protocol, { Ask: () => Effect.succeed({ yes: true }) })(client),
    scope,
    now
  )
  const options = { timeout: 1000, maxInFlight: 8, streamBuffer: 2 }
  const ours = yield* Requests.fromClient(protocol, client, options)
  yield* settle
  const [peer = assert.fail("no connection")] = peers
  const theirs = yield* Requests.fromServer(protocol, peer, options)

  const all: Array<Asked> = []
  const ask = (effect: Effect.Effect<string, unknown>, expected: string) =>
    Effect.suspend(() => {
      const asked: Asked = { fiber: undefined, expected, released: 0 }
      all.push(asked)
      const counted = Effect.onExit(effect, () => Effect.sync(() => asked.released++))
      return Effect.map(Effect.forkIn(counted, scope, now), (fiber) => {
        asked.fiber = fiber
      })
    })
  const step = (name: (typeof steps)[number]): Effect.Effect<unknown> => {
    if (name === "ask") {
      const key = `${answers[random.below(answers.length)]}:${all.length}`
      return ask(
        Effect.map(ours.request({ _tag: "Get", key }), ({ value }) => value),
        key
      )
    }
    if (name === "stream") {
      const count = 1 + random.below(20)
      const left = 1 + random.below(30)
      const taken = Stream.runCollect(Stream.take(ours.stream({ _tag: "List", count }), left))
      return ask(
        Effect.map(taken, ({ length }) => `${length}`),
        `${Math.min(count, left)}`
      )
    }
    if (name === "back") {
      return ask(
        Effect.map(theirs.request({ _tag: "Ask", question: "?" }), ({ yes }) => `${yes}`),
        "true"
      )
    }
    if (name === "time") return TestClock.adjust(random.below(300))
    const one = all[random.below(all.length || 1)]
    return name === "leave" && one !== undefined
      ? Effect.sync(() => one.fiber?.interruptUnsafe())
      : Effect.yieldNow
  }
  for (let left = random.below(30); left > 0; left--) yield* step(steps[random.below(steps.length)] ?? "turn")

  const end = ends[random.below(ends.length)] ?? "none"
  if (end === "client") yield* client.close
  else if (end === "peer") yield* peer.close
  else if (end === "reset") yield* network.reset
  else if (end === "half") yield* client.end
  else if (end === "stop") yield* Effect.forkIn(server.stop, scope, now)
  for (let left = random.below(5); left > 0; left--) yield* step("ask")
  yield* settle
  // A connection that is closed has nobody waiting, though no time has passed.
  if (end === "client" || end === "reset") {
    yield* settle
    assert.isTrue(
      all.every(({ fiber }) => fiber?.pollUnsafe() !== undefined),
      `nobody waits after ${end}`
    )
  }
  // Long enough for every timeout, one after the other.
  for (let i = 0; i < 40; i++) yield* TestClock.adjust(100)
  yield* settle
  const told: Array<string> = []
  for (const { expected, fiber, released } of all) {
    const exit = fiber?.pollUnsafe() ?? assert.fail(`somebody waits for ${expected} after ${end}`)
    assert.strictEqual(released, 1, `${expected} after ${end}`)
    const tag = tagOf(exit)
    // With three ids a late reply may be taken for that of another one.
    if (Exit.isSuccess(exit) && protocol === Store) assert.strictEqual(exit.value, expected)
    assert.include(
      ["reply", "left", "Failed", "ConnectionClosed", "RequestTimeout", "TooManyRequests"],
      tag,
      expected
    )
    told.push(tag)
  }
  for (const { stats } of [ours, theirs]) assert.strictEqual(stats.inFlight, 0, `after ${end}`)
  // A server answers a peer that has ended its side, and cannot take back what it asked, until that is gone.
  if (end === "half") yield* network.reset
  yield* settle
  for (const { stats } of [ours, theirs]) assert.strictEqual(stats.answering, 0, `after ${end}`)
  yield* Scope.close(scope, Exit.void)
  return told
})

describe("requests, whatever happens", () => {
  it.effect(
    "are each told once how they ended, replies are their own, and nothing stays in flight",
    () =>
      Effect.gen(function* () {
        const random = new Random(5)
        const told = new Map<string, number>()
        for (let run = 0; run < 150; run++) {
          for (const tag of yield* play(random, run % 3 === 2 ? Tiny : Store)) {
            told.set(tag, (told.get(tag) ?? 0) + 1)
          }
        }
        // All of it happened.
        assert.deepStrictEqual([...told.keys()].toSorted(), [
          "ConnectionClosed",
          "Failed",
          "RequestTimeout",
          "TooManyRequests",
          "left",
          "reply"
        ])
      }),
    60_000
  )
})
