/** Requests and replies on the in-memory network, and on a real socket. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import type { Connection } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Requests from "../../src/Requests.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually, open } from "../support/pair.ts"
import * as rigs from "../transport/rigs.ts"
import { type FromClient, type FromServer, quiet, Store, settle, Tiny } from "./support.ts"

const memory = Effect.provide(TransportMemory.layer())

type Peer = Connection<FromClient, FromServer>

/** Which connections there are on the server, by hand: nobody answers unless the test does. */
const manual = Effect.fnUntraced(function* (options: Server.ServerOptions<FromServer> = {}) {
  const opened = yield* Deferred.make<Peer>()
  const heard: Array<FromClient> = []
  const server = yield* Server.make(
    Store,
    (connection) =>
      Effect.gen(function* () {
        yield* Deferred.succeed(opened, connection)
        yield* Stream.runForEach(connection.messages, (message) => Effect.sync(() => heard.push(message)))
      }),
    { deadlines: quiet, ...options }
  )
  const client = yield* Client.connect(Store)
  const peer = yield* Deferred.await(opened)
  const requests = yield* Requests.fromClient(Store, client)
  return { server, client, peer, heard, requests }
})

const answered = Effect.fnUntraced(function* (
  options: { readonly concurrency?: number; readonly server?: Server.ServerOptions<FromServer> } = {}
) {
  const log: Array<string> = []
  const gate = yield* Deferred.make<void>()
  const server = yield* Server.make(
    Store,
    Requests.handler(
      Store,
      {
        Get: ({ key }, connection) => {
          log.push(`get ${key}`)
          if (key === "missing") return Effect.fail({ why: "missing" })
          if (key === "die") return Effect.die("no")
          if (key === "slow") {
            return Deferred.await(gate).pipe(
              Effect.as({ value: "slow" }),
              Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted")))
            )
          }
          if (key !== "ask") return Effect.succeed({ value: `${key}!` })
          return Effect.gen(function* () {
            const back = yield* Requests.fromServer(Store, connection)
            const { yes } = yield* Effect.orDie(back.request({ _tag: "Ask", question: "sure?" }))
            return { value: String(yes) }
          })
        },
        List: ({ count }) =>
          (count < 0
            ? Stream.concat(Stream.make({ index: 0 }), Stream.fail({ why: "negative" }))
            : count === 0
              ? Stream.never
              : Stream.map(Stream.range(1, count), (index) => ({ index }))
          ).pipe(Stream.ensuring(Effect.sync(() => log.push(`end of ${count}`))))
      },
      {
        concurrency: options.concurrency,
        otherwise: (message, connection) =>
          Effect.andThen(
            Effect.sync(() => log.push(message._tag)),
            connection.send({ _tag: "News", text: message.text })
          )
      }
    ),
    { deadlines: quiet, ...options.server }
  )
  const client = yield* Client.connect(Store)
  const requests = yield* Requests.fromClient(Store, client)
  return { server, client, requests, log, gate }
})

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("asking", () => {
  it.effect("gives each its own reply, whatever their order", () =>
    Effect.gen(function* () {
      const { heard, peer, requests } = yield* manual()
      const a = yield* fork(requests.request({ _tag: "Get", key: "a" }))
      const b = yield* fork(requests.request({ _tag: "Get", key: "b" }))
      yield* eventually(() => heard.length === 2, "both are asked")
      assert.deepStrictEqual(heard, [
        { _tag: "Get", id: 1, key: "a" },
        { _tag: "Get", id: 2, key: "b" }
      ])
      assert.strictEqual(requests.stats.inFlight, 2)
      yield* peer.send({ _tag: "Got", id: 2, value: "for b" })
      yield* peer.send({ _tag: "Failed", id: 1, why: "for a" })
      assert.strictEqual((yield* Fiber.join(b)).value, "for b")
      const failed = yield* Effect.flip(Fiber.join(a))
      assert.deepStrictEqual(failed, { _tag: "Failed", id: 1, why: "for a" })
      assert.strictEqual(requests.stats.inFlight, 0)
    }).pipe(memory)
  )

  it.effect("L-C7: fails on time, cancels, and leaves a late reply out, counted", () =>
    Effect.gen(function* () {
      const { client, heard, peer, requests } = yield* manual()
      const slow = yield* fork(Effect.flip(requests.request({ _tag: "Get", key: "a" }, { timeout: 500 })))
      const patient = yield* fork(Effect.flip(requests.request({ _tag: "Get", key: "b" })))
      yield* eventually(() => heard.length === 2, "both are asked")
      yield* TestClock.adjust(499)
      assert.isUndefined(slow.pollUnsafe())
      yield* TestClock.adjust(1)
      const error = yield* Fiber.join(slow)
      assert.deepInclude(error, { _tag: "RequestTimeout", request: "Get", millis: 500 })
      yield* eventually(() => heard.length === 3, "the cancel")
      assert.deepStrictEqual(heard[2], { _tag: "Cancel", id: 1 })
      yield* peer.send({ _tag: "Got", id: 1, value: "late" })
      yield* eventually(() => requests.stats.late === 1, "the late reply")
      assert.strictEqual(client.stats.inboundMessages, 0)
      yield* TestClock.adjust(29_499)
      assert.isUndefined(patient.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(patient))._tag, "RequestTimeout")
      assert.strictEqual(requests.stats.timedOut, 2)
    }).pipe(memory)
  )

  it.effect("leaves out and counts replies to nothing, twice the same, and of another kind", () =>
    Effect.gen(function* () {
      const { heard, peer, requests } = yield* manual()
      const one = yield* fork(requests.request({ _tag: "Get", key: "a" }))
      yield* eventually(() => heard.length === 1, "it is asked")
      yield* peer.send({ _tag: "Got", id: 77, value: "to nothing" })
      yield* peer.send({ _tag: "Item", id: 1, index: 0 })
      yield* peer.send({ _tag: "Done", id: 1 })
      yield* peer.send({ _tag: "Got", id: 1, value: "right" })
      yield* peer.send({ _tag: "Got", id: 1, value: "again" })
      assert.strictEqual((yield* Fiber.join(one)).value, "right")
      yield* eventually(() => requests.stats.late === 4, "the others")
    }).pipe(memory)
  )

  it.effect("interruption cancels, and the id may be used again", () =>
    Effect.gen(function* () {
      const { heard, requests } = yield* manual()
      const one = yield* fork(requests.request({ _tag: "Get", key: "a" }))
      yield* eventually(() => heard.length === 1, "it is asked")
      yield* Fiber.interrupt(one)
      yield* eventually(() => heard.length === 2, "the cancel")
      assert.deepStrictEqual(heard[1], { _tag: "Cancel", id: 1 })
      assert.strictEqual(requests.stats.inFlight, 0)
    }).pipe(memory)
  )

  it.effect("options hold for all that is asked on the connection, and those not given stay", () =>
    Effect.gen(function* () {
      const { client, requests } = yield* manual()
      yield* Requests.fromClient(Store, client, { timeout: 500, maxInFlight: 1 })
      const slow = yield* fork(Effect.flip(requests.request({ _tag: "Get", key: "a" })))
      yield* Requests.fromClient(Store, client, { streamBuffer: 1 })
      const refused = yield* Effect.flip(requests.request({ _tag: "Get", key: "b" }))
      assert.strictEqual(refused._tag, "TooManyRequests")
      yield* TestClock.adjust(500)
      assert.deepInclude(yield* Fiber.join(slow), { _tag: "RequestTimeout", millis: 500 })
    }).pipe(memory)
  )

  it.effect("ids wrap, and none is used that is in flight", () =>
    Effect.gen(function* () {
      const opened = yield* Deferred.make<Peer>()
      const ids: Array<number> = []
      yield* Server.make(
        Tiny,
        (connection) =>
          Effect.gen(function* () {
            yield* Deferred.succeed(opened, connection)
            yield* Stream.runForEach(connection.messages, (message) => {
              if (message._tag !== "Get") return Effect.void
              ids.push(message.id)
              return message.key === "keep"
                ? Effect.void
                : connection.send({ _tag: "Got", id: message.id, value: message.key })
            })
          }),
        { deadlines: quiet }
      )
      const client = yield* Client.connect(Tiny)
      const requests = yield* Requests.fromClient(Tiny, client)
      const kept = yield* fork(Effect.exit(requests.request({ _tag: "Get", key: "keep" })))
      for (let i = 0; i < 5; i++) yield* requests.request({ _tag: "Get", key: "quick" })
      assert.deepStrictEqual(ids, [1, 2, 3, 2, 3, 2])
      yield* fork(Effect.exit(requests.request({ _tag: "Get", key: "keep" })))
      yield* fork(Effect.exit(requests.request({ _tag: "Get", key: "keep" })))
      const refused = yield* Effect.flip(requests.request({ _tag: "Get", key: "one too many" }))
      assert.deepInclude(refused, { _tag: "TooManyRequests", limit: 3 })
      assert.isUndefined(kept.pollUnsafe())
    }).pipe(memory)
  )

  it.effect("L-T20: a close while 1000 are in flight fails them all at once, with its reason", () =>
    Effect.gen(function* () {
      const { client, heard, peer, requests } = yield* manual()
      const all = yield* fork(
        Effect.all(
          Array.from({ length: 1000 }, (_, i) => Effect.flip(requests.request({ _tag: "Get", key: `${i}` }))),
          { concurrency: "unbounded" }
        )
      )
      yield* eventually(() => heard.length === 1000, "all are asked")
      assert.strictEqual(requests.stats.inFlight, 1000)
      yield* peer.abort
      // The clock stands: nothing was waited for.
      const errors = yield* Fiber.join(all)
      assert.deepStrictEqual(
        new Set(errors.map((error) => (error._tag === "ConnectionClosed" ? error.reason._tag : error._tag))),
        new Set(["PeerReset"])
      )
      assert.strictEqual(requests.stats.inFlight, 0)
      const afterwards = yield* Effect.flip(requests.request({ _tag: "Get", key: "x" }))
      assert.strictEqual(afterwards._tag, "ConnectionClosed")
      assert.strictEqual((yield* client.closed)._tag, "PeerReset")
    }).pipe(memory)
  )

  it.effect("a close of our own fails them at once too", () =>
    Effect.gen(function* () {
      const { client, heard, requests } = yield* manual()
      const one = yield* fork(Effect.flip(requests.request({ _tag: "Get", key: "a" })))
      const list = Stream.runDrain(requests.stream({ _tag: "List", count: 1 }))
      const stream = yield* fork(Effect.flip(list))
      yield* eventually(() => heard.length === 2, "both are asked")
      yield* client.close
      for (const error of [yield* Fiber.join(one), yield* Fiber.join(stream)]) {
        assert.isTrue(error._tag === "ConnectionClosed" && error.reason._tag === "LocalClosed")
      }
    }).pipe(memory)
  )

  it.effect("the end of the peer's side fails them: no reply can come", () =>
    Effect.gen(function* () {
      const { heard, peer, requests } = yield* manual()
      const one = yield* fork(Effect.flip(requests.request({ _tag: "Get", key: "a" })))
      yield* eventually(() => heard.length === 1, "it is asked")
      yield* peer.end
      const error = yield* Fiber.join(one)
      assert.isTrue(error._tag === "ConnectionClosed" && error.reason._tag === "PeerClosed")
    }).pipe(memory)
  )

  it.effect("what cannot be encoded fails, and was never in flight", () =>
    Effect.gen(function* () {
      const { requests } = yield* manual()
      const error = yield* Effect.flip(Stream.runDrain(requests.stream({ _tag: "List", count: 0.5 })))
      assert.strictEqual(error._tag, "MessageError")
      assert.strictEqual(requests.stats.inFlight, 0)
    }).pipe(memory)
  )

  it.effect("messages that are no replies reach whoever takes them", () =>
    Effect.gen(function* () {
      const { client, peer, requests } = yield* manual()
      yield* peer.send({ _tag: "News", text: "hello" })
      const [news] = yield* Stream.runCollect(Stream.take(client.messages, 1))
      assert.deepStrictEqual(news, { _tag: "News", text: "hello" })
      assert.strictEqual(requests.stats.late, 0)
    }).pipe(memory)
  )
})

describe("streams of replies", () => {
  it.effect("have all replies in order, and end", () =>
    Effect.gen(function* () {
      const { requests } = yield* answered()
      const items = yield* Stream.runCollect(requests.stream({ _tag: "List", count: 1000 }))
      assert.deepStrictEqual(
        items.map(({ index }) => index),
        Array.from({ length: 1000 }, (_, i) => i + 1)
      )
      assert.strictEqual(requests.stats.inFlight, 0)
    }).pipe(memory)
  )

  it.effect("fail with the error reply after what came before it", () =>
    Effect.gen(function* () {
      const { requests } = yield* answered()
      const seen: Array<number> = []
      const error = yield* Effect.flip(
        Stream.runForEach(requests.stream({ _tag: "List", count: -1 }), ({ index }) =>
          Effect.sync(() => seen.push(index))
        )
      )
      assert.deepInclude(error, { _tag: "Failed", why: "negative" })
      assert.deepStrictEqual(seen, [0])
    }).pipe(memory)
  )

  it.effect("ended early, cancel: the answer is interrupted", () =>
    Effect.gen(function* () {
      const { log, requests } = yield* answered()
      const never = yield* fork(Stream.runDrain(requests.stream({ _tag: "List", count: 0 })))
      yield* eventually(() => requests.stats.inFlight === 1, "it is asked")
      yield* settle
      yield* Fiber.interrupt(never)
      yield* eventually(() => log.includes("end of 0"), "its answer is interrupted")
      const items = yield* Stream.runCollect(
        Stream.take(requests.stream({ _tag: "List", count: 100_000 }), 3)
      )
      assert.strictEqual(items.length, 3)
      yield* eventually(() => log.includes("end of 100000"), "its answer is interrupted")
      yield* eventually(() => requests.stats.inFlight === 0, "nothing is left")
    }).pipe(memory)
  )

  it.effect("that nobody takes stop the reading, within bounds, and go on when they are taken", () =>
    Effect.gen(function* () {
      const { client, requests } = yield* answered()
      const first = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const count = 20_000
      let seen = 0
      const slow = yield* fork(
        Stream.runForEach(requests.stream({ _tag: "List", count }), () => {
          seen++
          return seen === 1
            ? Effect.andThen(Deferred.succeed(first, undefined), Deferred.await(gate))
            : Effect.void
        })
      )
      yield* Deferred.await(first)
      yield* settle
      yield* eventually(() => client.stats.messagesIn > 256, "the buffer is full")
      for (let i = 0; i < 50; i++) yield* settle
      // 256, and what one read holds: 64 KiB of frames of some 30 bytes.
      assert.isBelow(client.stats.messagesIn, 256 + 4000)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(slow)
      assert.strictEqual(seen, count)
    }).pipe(memory)
  )

  it.effect("left while they hold the reading let it go on", () =>
    Effect.gen(function* () {
      const { requests } = yield* answered()
      const gate = yield* Deferred.make<void>()
      const slow = yield* fork(
        Stream.runForEach(requests.stream({ _tag: "List", count: 20_000 }), () => Deferred.await(gate))
      )
      for (let i = 0; i < 50; i++) yield* settle
      const get = yield* fork(requests.request({ _tag: "Get", key: "a" }))
      for (let i = 0; i < 50; i++) yield* settle
      assert.isUndefined(get.pollUnsafe())
      yield* Fiber.interrupt(slow)
      assert.strictEqual((yield* Fiber.join(get)).value, "a!")
    }).pipe(memory)
  )

  it.effect("time out when the next reply is late, not while replies wait to be taken", () =>
    Effect.gen(function* () {
      const { heard, peer, requests } = yield* manual()
      const taken: Array<number> = []
      const stream = yield* fork(
        Effect.flip(
          Stream.runForEach(requests.stream({ _tag: "List", count: 9 }, { timeout: 1000 }), ({ index }) => {
            taken.push(index)
            return index === 2 ? Effect.sleep(5000) : Effect.void
          })
        )
      )
      yield* eventually(() => heard.length === 1, "it is asked")
      yield* TestClock.adjust(900)
      yield* peer.sendAll([1, 2, 3].map((index) => ({ _tag: "Item" as const, id: 1, index })))
      yield* eventually(() => taken.length === 2, "two are taken")
      yield* TestClock.adjust(5000)
      yield* eventually(() => taken.length === 3, "the third is taken")
      assert.isUndefined(stream.pollUnsafe())
      yield* TestClock.adjust(2000)
      assert.strictEqual((yield* Fiber.join(stream))._tag, "RequestTimeout")
      yield* eventually(() => heard.length === 2, "the cancel")
    }).pipe(memory)
  )
})

describe("answering", () => {
  it.effect("answers, fails with the error reply, and hands on what is no request", () =>
    Effect.gen(function* () {
      const { client, log, requests } = yield* answered()
      assert.deepStrictEqual(yield* requests.request({ _tag: "Get", key: "a" }), {
        _tag: "Got",
        id: 1,
        value: "a!"
      })
      const error = yield* Effect.flip(requests.request({ _tag: "Get", key: "missing" }))
      assert.deepInclude(error, { _tag: "Failed", why: "missing" })
      yield* client.send({ _tag: "Note", text: "noted" })
      const [news] = yield* Stream.runCollect(Stream.take(client.messages, 1))
      assert.deepStrictEqual(news, { _tag: "News", text: "noted" })
      assert.deepStrictEqual(log, ["get a", "get missing", "Note"])
    }).pipe(memory)
  )

  it.effect("a defect of an answer closes its connection, and only that", () =>
    Effect.gen(function* () {
      const { requests } = yield* answered()
      const other = yield* Requests.fromClient(Store, yield* Client.connect(Store))
      const error = yield* Effect.flip(requests.request({ _tag: "Get", key: "die" }))
      assert.strictEqual(error._tag, "ConnectionClosed")
      assert.strictEqual((yield* other.request({ _tag: "Get", key: "b" })).value, "b!")
    }).pipe(memory)
  )

  it.effect("an answer that asks back within its request does not deadlock", () =>
    Effect.gen(function* () {
      const { client, requests } = yield* answered({ concurrency: 1 })
      yield* fork(
        Requests.clientHandler(Store, {
          Ask: ({ question }) => Effect.succeed({ yes: question === "sure?" })
        })(client)
      )
      const all = yield* Effect.all(
        Array.from({ length: 10 }, () => requests.request({ _tag: "Get", key: "ask" })),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        all.map(({ value }) => value),
        Array.from({ length: 10 }, () => "true")
      )
    }).pipe(memory)
  )

  it.effect("no more run at once than may, and a cancel makes room though messages wait", () =>
    Effect.gen(function* () {
      const { gate, log, requests } = yield* answered({ concurrency: 1 })
      const slow = yield* fork(requests.request({ _tag: "Get", key: "slow" }))
      const next = yield* fork(requests.request({ _tag: "Get", key: "next" }))
      const queued = yield* fork(requests.request({ _tag: "Get", key: "queued" }))
      yield* eventually(() => log.length === 1, "the first runs")
      yield* settle
      yield* Fiber.interrupt(queued)
      yield* Fiber.interrupt(slow)
      assert.strictEqual((yield* Fiber.join(next)).value, "next!")
      yield* settle
      // The one that was cancelled while it waited never began.
      assert.deepStrictEqual(log, ["get slow", "interrupted", "get next"])
      yield* Deferred.succeed(gate, undefined)
    }).pipe(memory)
  )

  it.effect("an id that was taken back may be used again at once, though the answer to it is not over", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const over = yield* Deferred.make<void>()
      yield* Server.make(
        Tiny,
        Requests.handler(Tiny, {
          Get: ({ key }) =>
            key === "quick"
              ? Effect.succeed({ value: "quick!" })
              : Effect.andThen(Deferred.succeed(begun, undefined), Effect.never).pipe(
                  // What has to be undone takes its time.
                  Effect.onInterrupt(() => Deferred.await(over))
                ),
          List: () => Stream.never
        })
      )
      const client = yield* Client.connect(Tiny)
      const requests = yield* Requests.fromClient(Tiny, client)
      const slow = yield* fork(requests.request({ _tag: "Get", key: "slow" }))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(slow)
      for (let i = 0; i < 4; i++) {
        assert.strictEqual((yield* requests.request({ _tag: "Get", key: "quick" })).value, "quick!")
      }
      yield* Deferred.succeed(over, undefined)
    }).pipe(memory)
  )

  it.effect("the close of the connection interrupts the answer", () =>
    Effect.gen(function* () {
      const { client, log, requests } = yield* answered()
      yield* fork(Effect.exit(requests.request({ _tag: "Get", key: "slow" })))
      yield* eventually(() => log.length === 1, "it runs")
      yield* client.abort
      yield* eventually(() => log.includes("interrupted"), "it is interrupted")
    }).pipe(memory)
  )

  it.effect("an id that is not answered yet is left out, and counted", () =>
    Effect.gen(function* () {
      const { client, gate, log, requests } = yield* answered()
      yield* client.send({ _tag: "Get", id: 5, key: "slow" })
      yield* client.send({ _tag: "Get", id: 5, key: "again" })
      yield* client.send({ _tag: "Get", id: 6, key: "other" })
      yield* eventually(() => log.includes("get other"), "the other one")
      assert.deepStrictEqual(log, ["get slow", "get other"])
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(requests.stats.duplicates, 0)
    }).pipe(memory)
  )

  it.effect("what a half-closed peer asked is answered", () =>
    Effect.gen(function* () {
      const { client, gate, log, requests } = yield* answered()
      const slow = yield* fork(requests.request({ _tag: "Get", key: "slow" }))
      yield* eventually(() => log.length === 1, "it runs")
      yield* client.end
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(slow)).value, "slow")
    }).pipe(memory)
  )
})

describe("a server that stops", () => {
  it.effect("L-S16: answers what is in flight, then closes", () =>
    Effect.gen(function* () {
      const { gate, log, requests, server } = yield* answered()
      const slow = yield* fork(requests.request({ _tag: "Get", key: "slow" }))
      yield* eventually(() => log.length === 1, "it runs")
      const stop = yield* fork(server.stop)
      yield* settle
      assert.isUndefined(stop.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(slow)).value, "slow")
      const { clean, forced } = yield* Fiber.join(stop)
      assert.deepStrictEqual({ clean, forced }, { clean: 1, forced: 0 })
    }).pipe(memory)
  )

  it.effect("awaits the replies to what it asked itself, and takes no new requests", () =>
    Effect.gen(function* () {
      const { client, log, requests, server } = yield* answered()
      const asked = yield* Deferred.make<void>()
      const answer = yield* Deferred.make<void>()
      yield* fork(
        Requests.clientHandler(Store, {
          Ask: () =>
            Effect.andThen(
              Deferred.succeed(asked, undefined),
              Effect.as(Deferred.await(answer), { yes: true })
            )
        })(client)
      )
      const get = yield* fork(requests.request({ _tag: "Get", key: "ask" }))
      yield* Deferred.await(asked)
      const stop = yield* fork(server.stop)
      yield* settle
      const late = yield* fork(Effect.flip(requests.request({ _tag: "Get", key: "too late" })))
      yield* settle
      yield* Deferred.succeed(answer, undefined)
      assert.strictEqual((yield* Fiber.join(get)).value, "true")
      assert.strictEqual((yield* Fiber.join(stop)).forced, 0)
      assert.strictEqual((yield* Fiber.join(late))._tag, "ConnectionClosed")
      assert.deepStrictEqual(log, ["get ask"])
    }).pipe(memory)
  )
})

for (const rig of [rigs.tcp, rigs.memoryOneByte, rigs.memoryCutDelayed, rigs.socket]) {
  describe(`over ${rig.name}`, () => {
    it.live("many clients with many requests and streams at once have what they asked for", () =>
      Effect.gen(function* () {
        const { connect } = yield* open(
          rig,
          Store,
          Requests.handler(Store, {
            Get: ({ key }) => Effect.as(key.length % 2 === 0 ? Effect.yieldNow : Effect.void, { value: key }),
            List: ({ count }) => Stream.map(Stream.range(1, count), (index) => ({ index }))
          }),
          { server: { deadlines: quiet } }
        )
        const one = (name: number) =>
          Effect.scoped(
            Effect.gen(function* () {
              const requests = yield* Requests.fromClient(Store, yield* connect)
              const keys = Array.from({ length: 50 }, (_, i) => `${name}:${i}`)
              const [values, items] = yield* Effect.all(
                [
                  Effect.all(
                    keys.map((key) => requests.request({ _tag: "Get", key })),
                    { concurrency: "unbounded" }
                  ),
                  Stream.runCollect(requests.stream({ _tag: "List", count: 300 }))
                ],
                { concurrency: 2 }
              )
              assert.deepStrictEqual(
                values.map(({ value }) => value),
                keys
              )
              assert.strictEqual(items.length, 300)
              assert.strictEqual(requests.stats.late, 0)
            })
          )
        yield* Effect.all([1, 2, 3, 4, 5].map(one), { concurrency: "unbounded" })
      })
    )
  })
}

describe("a protocol", () => {
  it("that gives a tag two meanings is refused, with all that is wrong", () => {
    const id = Schema.Int
    const both = Protocol.tagged("Both", {
      framing: Framing.lines(),
      messages: {
        Get: { id: 1, schema: Schema.TaggedStruct("Get", { id }) },
        Got: { id: 2, schema: Schema.TaggedStruct("Got", { id }) }
      }
    })
    const { problems } = Requests.protocol(both, {
      id: { field: "id", max: 0 },
      fromClient: { Get: { reply: "Got", error: "Got", cancel: "Get" } },
      fromServer: { Got: { reply: "Get" } }
    })
    assert.deepStrictEqual(
      problems.map(({ message, path }) => `${path}: ${message}`),
      [
        "requests.id.max: must be a whole number from 1 to 2^53 - 1, is 0",
        "requests.fromClient.Get: is also a reply of this side",
        "requests.fromClient.Get: is also a cancel of this side",
        "requests.fromClient.Get.cancel: is also a reply of this side",
        "requests.fromClient.Get.error: is also how it succeeds",
        "requests.fromServer.Got: is also a reply of this side"
      ]
    )
    const alike = Requests.protocol(both, {
      id: "id",
      fromClient: { Get: { reply: "Got" } },
      fromServer: { Get: { reply: "Got" } }
    })
    assert.deepStrictEqual(alike.problems, [])
  })
})
