/** Mutated datagrams from many addresses: whole frames are answered, the rest is dropped, and nobody stays. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import { Peers } from "../../src/internal/datagram/peers.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import { type Acceptor, Listener } from "../../src/Transport.ts"
import { announceSeed, cases, mutate, Random, seed, type Tokens } from "./support/fuzz.ts"

const text = (...parts: ReadonlyArray<string>): Tokens => parts.map((part) => Buffer.from(part, "latin1"))

const subjects: Readonly<Record<string, { framing: Framing.Framing; conversations: ReadonlyArray<Tokens> }>> =
  {
    lines: {
      // A line that ends in a carriage return can be answered, too.
      framing: Framing.lines({ maxLength: 100, newline: "\r\n" }),
      conversations: [
        text("hello", "\r\n", "a", "\n", "b", "\n"),
        text("x".repeat(100), "\n", "\n", "end", "\n")
      ]
    },
    lengthPrefixed: {
      framing: Framing.lengthPrefixed({ width: 2, maxLength: 100 }),
      conversations: [
        text("\0\x05", "hello", "\0\0", "\0\x02", "ab"),
        text("\0\x64", "x".repeat(100), "\0\x01", "a")
      ]
    },
    netstring: {
      framing: Framing.netstring({ maxLength: 100, oversize: "skip" }),
      conversations: [text("5", ":", "hello", ",", "0", ":", ",", "2", ":", "ab", ",")]
    },
    untilEnd: { framing: Framing.untilEnd({ maxLength: 100 }), conversations: [text("hello", "", "a", "b")] }
  }

const maxDatagram = 120
const idleTimeout = 1000
/** Peers at a time. */
const together = 100

/** What a peer should hear: the frames of each of its datagrams, from the first one on that is nothing but frames. */
const expected = (framing: Framing.Framing, datagrams: ReadonlyArray<Uint8Array>): ReadonlyArray<string> => {
  const heard: Array<string> = []
  let known = false
  for (const datagram of datagrams) {
    if (datagram.length > maxDatagram) continue
    const frames: Array<Uint8Array> = []
    const decoder = framing.makeDecoder()
    const error = decoder.push(datagram, frames) ?? decoder.end(frames)
    known ||= error === undefined && frames.length > 0
    if (known) for (const frame of frames) heard.push(Buffer.from(frame).toString("hex"))
  }
  return heard
}

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** A listener without a socket: tests send to it, and read what it answers. */
class Network {
  now = 0
  readonly answers = new Map<string, Array<Uint8Array>>()
  readonly dropped: Array<string> = []
  private timers = new Map<() => void, number>()
  readonly peers = new Peers<string>(
    {
      localAddress: { _tag: "Udp", host: "192.0.2.1", port: 1 },
      addressOf: (name) => ({ _tag: "Memory", name }),
      send: (bytes, to, sent) => {
        this.answers.get(to)?.push(bytes.slice())
        queueMicrotask(() => sent(undefined))
      }
    },
    {
      maxDatagram,
      maxPeers: together,
      newPeersPerSecond: Number.POSITIVE_INFINITY,
      idleTimeout,
      amplification: 3,
      maxQueued: 64,
      maxQueuedBytes: 1_000_000
    },
    {
      now: () => this.now,
      after: (milliseconds, work) => {
        this.timers.set(work, this.now + milliseconds)
        return () => this.timers.delete(work)
      }
    },
    () => {}
  )

  readonly listener = {
    datagrams: { maxLength: maxDatagram },
    listen: (acceptor: Acceptor) =>
      Effect.sync(() => {
        this.peers.open({ ...acceptor, onDropped: ({ cause }) => this.dropped.push(cause) })
        return {
          address: { _tag: "Memory", name: "udp" } as const,
          close: Effect.sync(() => this.peers.close())
        }
      })
  }

  pass(milliseconds: number): void {
    this.now += milliseconds
    for (const [work, due] of [...this.timers]) {
      if (due > this.now) continue
      this.timers.delete(work)
      work()
    }
  }
}

describe.each(Object.entries(subjects))("%s", (name, { conversations, framing }) => {
  it.live("answers what is whole and drops the rest", () =>
    Effect.gen(function* () {
      const network = new Network()
      const protocol = Protocol.make(name, { framing, fromClient: Codec.bytes, fromServer: Codec.bytes })
      const server = yield* Server.make(
        protocol,
        Handler.map((frame) => frame)
      ).pipe(Effect.provideService(Listener, network.listener))
      announceSeed(`udp ${name}`)
      const count = Math.ceil(cases / Object.keys(subjects).length)
      for (let first = 0; first < count; first += together) {
        const batch = Array.from({ length: Math.min(together, count - first) }, (_, i) => {
          const random = new Random(seed + first + i)
          const conversation = conversations[random.below(conversations.length)]!
          const datagrams =
            random.below(2) === 0 ? random.cut(mutate(random, conversation)) : [mutate(random, conversation)]
          // Half of them valid but for a duplicate, or with one that is not.
          const sent =
            random.below(2) === 0 ? datagrams : [Buffer.concat([...conversation]), ...datagrams, ...datagrams]
          return { key: `peer ${seed + first + i}`, sent: sent.slice(0, 32) }
        })
        for (const { key } of batch) network.answers.set(key, [])
        for (const { key, sent } of batch)
          for (const datagram of sent) network.peers.receive(datagram, key, key)
        for (let turns = 0; turns < 3; turns++) yield* turn
        for (const { key, sent } of batch) {
          const heard: Array<string> = []
          for (const answer of network.answers.get(key)!) {
            const frames: Array<Uint8Array> = []
            const decoder = framing.makeDecoder()
            decoder.push(answer, frames)
            decoder.end(frames)
            // An assertion costs more than a whole case: only what is wrong comes to one.
            if (frames.length !== 1) assert.lengthOf(frames, 1, "an answer is a datagram of its own")
            heard.push(Buffer.from(frames[0]!).toString("hex"))
          }
          const should = expected(framing, sent)
          if (heard.length !== should.length || heard.some((frame, i) => frame !== should[i])) {
            assert.deepStrictEqual(heard, should, `FUZZ_SEED=${key.slice(5)} FUZZ_CASES=1`)
          }
        }
        network.answers.clear()
        network.pass(idleTimeout)
        for (let turns = 0; turns < 1000 && (yield* server.connectionCount) > 0; turns++) yield* turn
        assert.strictEqual(yield* server.connectionCount, 0)
        assert.strictEqual(network.peers.size + network.peers.queued, 0)
        assert.strictEqual(yield* server.heldBytes, 0)
      }
      assert.sameMembers(
        [...new Set(network.dropped)].filter((cause) => cause !== "noFrame" && cause !== "tooLong"),
        []
      )
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))
  )
})
