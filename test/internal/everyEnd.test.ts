/** Whatever the features, the chunks and the end: nothing accepted is lost or doubled, and everybody is let go. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, References, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { CloseReason } from "../../src/CloseReason.ts"
import * as Codec from "../../src/Codec.ts"
import type { Connection } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Groups from "../../src/Groups.ts"
import * as Handler from "../../src/Handler.ts"
import { coreOf } from "../../src/internal/coreOf.ts"
import { SeededRandom } from "../../src/internal/memory/random.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import { formatAddress } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { rawClient } from "../support/raw.ts"

type Peer = Connection<string, string>

const Lines = Protocol.make("Lines", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

/** One whose messages take a turn, each. */
const Slow = Protocol.make("Slow", {
  framing: Framing.lines(),
  fromClient: Codec.make<string>("slow", {
    decode: (frame) => Effect.andThen(Effect.yieldNow, Codec.utf8.decode(frame)),
    encode: Codec.utf8.encode
  }),
  fromServer: Codec.utf8
})

const hello = '{"protocol":"Lines","version":1,"accepts":[1],"codecs":["default"]}\n'

const protocols = [
  Lines,
  Slow,
  Protocol.switchable(Lines),
  Protocol.versioned(Lines, { version: 1 })
] as const

/** What a connection has to show for itself. */
class Trace {
  readonly seen: Array<number> = []
  handlerOver = false
  forkOver = false
  closed: CloseReason | undefined
  hooks = 0
  /** It ends when the peer does, and not before. */
  faithful = false
}

const consecutive = (numbers: ReadonlyArray<number>) => numbers.every((number, index) => number === index + 1)

const play = Effect.fnUntraced(function* (seed: number) {
  const random = new SeededRandom(seed)
  const oneOf = <A>(...choices: ReadonlyArray<A>): A => choices[random.between(0, choices.length - 1)] as A
  const chance = (percent: number) => random.between(1, 100) <= percent
  const traces = new Map<string, Trace>()
  const protocol = oneOf(...protocols)
  const versioned = protocol.versions !== undefined
  const network = yield* TransportMemory.Network
  yield* network.setMaxChunk(oneOf(undefined, 1, 7, 100))
  const groups = yield* Groups.make<string, string>()

  const handler = (connection: Peer) => {
    const trace = new Trace()
    traces.set(formatAddress(connection.remoteAddress), trace)
    const style = oneOf("echo", "echo", "echo", "silent", "few", "fails", "never", "closes")
    const sleep = oneOf(0, 0, 0, 5)
    const switchAt = protocol.switchable === true ? random.between(1, 9) : 0
    trace.faithful = style === "echo"
    coreOf(connection)?.onceClosed(() => Effect.sync(() => trace.hooks++))
    const take = (line: string, current: Peer): Effect.Effect<unknown, unknown> => {
      trace.seen.push(Number(line))
      const count = trace.seen.length
      if (style === "few" && count === 3) return connection.end
      if (style === "fails" && count === 3) return Effect.fail("failed")
      if (style === "closes" && count === 3) return connection.close
      const answered = style === "silent" ? Effect.void : current.send(line)
      const then = sleep > 0 ? Effect.delay(answered, sleep) : answered
      if (count !== switchAt) return then
      return Effect.andThen(
        then,
        Effect.flatMap(current.switchProtocol(Lines), (next) =>
          Stream.runForEach(next.messages, (more) => take(more, next))
        )
      )
    }
    return Effect.gen(function* () {
      yield* connection.fork(
        Effect.ensuring(
          Effect.never,
          Effect.sync(() => {
            trace.forkOver = true
          })
        )
      )
      yield* Effect.forkDetach(
        Effect.map(connection.closed, (reason) => {
          trace.closed = reason
        }),
        { startImmediately: true }
      )
      yield* groups.join("all", connection)
      yield* connection.runEvery("7 millis", Effect.void)
      if (style === "never") yield* Effect.never
      yield* Handler.each(take)(connection)
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          trace.handlerOver = true
        })
      )
    )
  }

  const small = chance(20)
  const server = yield* Server.make(protocol, handler, {
    closeTimeout: 50,
    drainTimeout: 200,
    killTimeout: 100,
    onMessageError: "skip",
    inbound: {
      maxMessages: oneOf(1, 3, 1024),
      perTurn: oneOf(1, 3, 256),
      rate: oneOf(undefined, undefined, { messages: 500 }, { bytes: 300 })
    },
    outbound: { maxMessages: oneOf(1, 3, 1024), maxBytes: oneOf(16, 4096, 65_536) },
    memory: small ? { maxBytes: 1024 } : {},
    ...(chance(30) && { goodbye: "0" })
  }).pipe(Effect.provideService(References.MaxOpsBeforeYield, oneOf(2048, 2048, 5, 9)))

  const turns = Effect.suspend(() =>
    Effect.forEach(Array.from({ length: random.between(0, 4) }), () => Effect.yieldNow)
  )
  const one = Effect.fnUntraced(function* () {
    const client = yield* rawClient
    const greets = !versioned || chance(90)
    if (versioned && greets) client.write(hello)
    if (chance(30)) client.wire.pause()
    const count = random.between(0, 30)
    let sent = 0
    while (sent < count) {
      let lines = ""
      for (let i = random.between(1, 12); i > 0 && sent < count; i--) lines += `${++sent}\n`
      client.write(lines)
      yield* turns
    }
    const end = oneOf("reset", "end", "end", "stay", "destroy")
    if (end === "reset") client.wire.reset()
    if (end === "destroy") client.wire.destroy()
    if (end === "end") {
      client.wire.resume()
      client.wire.end()
    }
    return { client, sent, end, greets }
  })
  const count = 6
  const playing = yield* Effect.forkChild(
    Effect.forEach(Array.from({ length: count }), () => one(), { concurrency: count })
  )
  // Sometimes the stop comes in the midst of it.
  const early = chance(40)
  if (early) for (let i = random.between(0, 20); i > 0; i--) yield* Effect.yieldNow
  else {
    for (let i = 0; i < 100; i++) {
      yield* Effect.yieldNow
      yield* TestClock.adjust(10)
    }
  }
  let report: { readonly clean: number; readonly forced: number } | undefined
  yield* Effect.forkChild(
    Effect.map(chance(20) ? server.kill : server.stop, (found) => {
      report = found
    }),
    { startImmediately: true }
  )
  // A report may come right after the last cut, whose connection still has its close timeout.
  const over = () => report !== undefined && Effect.runSync(server.connectionCount) === 0
  for (let i = 0; i < 400 && !over(); i++) {
    yield* Effect.yieldNow
    yield* TestClock.adjust(10)
  }
  const played = playing.pollUnsafe()
  const clients = played === undefined ? [] : yield* played
  yield* Effect.yieldNow

  assert.isDefined(report, "the stop ends")
  assert.strictEqual(yield* server.connectionCount, 0)
  assert.strictEqual(yield* server.heldBytes, 0)
  assert.deepStrictEqual(yield* groups.groups, [])
  for (const trace of traces.values()) {
    assert.isTrue(consecutive(trace.seen), `messages are handled in order: ${trace.seen}`)
    assert.deepInclude(trace, { handlerOver: true, forkOver: true, hooks: 1 })
    assert.isDefined(trace.closed)
  }
  const heardOf = (text: string) =>
    text
      .split("\n")
      .slice(0, -1)
      .filter((line) => /^[1-9]\d*$/.test(line))
      .map(Number)
  let complete = 0
  for (const { client, end, greets, sent } of clients) {
    const heard = heardOf(client.text())
    assert.isTrue(consecutive(heard), `answers come in order: ${heard}`)
    assert.isAtMost(heard.length, greets ? sent : 0)
    const trace = traces.get(formatAddress(client.wire.localAddress))
    assert.isAtMost(heard.length, trace?.seen.length ?? 0)
    // Who ends its side and reads on gets an answer to everything, where nothing else came before that.
    if (!early && !small && end === "end" && greets && trace?.faithful === true) {
      assert.deepStrictEqual(
        [trace.seen.length, heard.length, trace.closed?._tag],
        [sent, sent, "PeerClosed"]
      )
      complete++
    }
  }
  return complete
})

describe("every way in which connections end", () => {
  it.effect(
    "leaves nobody waiting and nothing held, and messages in their order",
    () =>
      Effect.gen(function* () {
        const seeds = Number(process.env.SEEDS ?? 150)
        const first = Number(process.env.SEED ?? 1)
        let complete = 0
        for (let seed = first; seed < first + seeds; seed++) {
          const network = TransportMemory.layer({ window: 200, seed })
          complete += yield* Effect.scoped(Effect.provide(play(seed), network)).pipe(
            Effect.tapCause(() => Effect.logError(`with SEED=${seed} SEEDS=1`))
          )
        }
        assert.isAtLeast(complete, Math.floor(seeds / 4))
      }),
    60_000
  )
})
