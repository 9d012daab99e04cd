/** How a server stops, step by step, in memory and under the test clock. */
import * as Net from "node:net"
import * as Tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Codec from "../../src/Codec.ts"
import type { Connection } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import { eventually, open, take } from "../support/pair.ts"
import * as rigs from "../transport/rigs.ts"

const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

type Peer = Connection<string, string>

const echo = (connection: Peer) => Stream.run(connection.messages, connection.sink)

/** Works on each message for so long, then answers it. */
const slow = (duration: Duration.Input) => (connection: Peer) =>
  Stream.runForEach(connection.messages, (message) =>
    Effect.andThen(Effect.sleep(duration), connection.send(`done ${message}`))
  )

const stuck = () => Effect.never

/** Lets everything happen that needs no time. */
const settle = Effect.forEach(
  Array.from({ length: 20 }),
  () => Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve))),
  { discard: true }
)

const times = (count: number) => Array.from({ length: count }, (_, i) => i)

describe("the drain of a server", () => {
  it.effect("L-S1: refuses new peers, closes idle connections at once, and takes no time", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, echo)
      const clients = yield* Effect.forEach(times(5), () => connect)
      yield* clients[0]!.send("hello")
      yield* take(clients[0]!, 1)
      const report = yield* server.stop
      assert.deepStrictEqual(report, { clean: 5, forced: 0, duration: Duration.zero })
      for (const client of clients) {
        assert.deepStrictEqual(yield* Stream.runCollect(client.messages), [])
        assert.strictEqual((yield* client.closed)._tag, "PeerClosed")
      }
      assert.isTrue(Exit.isFailure(yield* Effect.exit(connect)))
      assert.strictEqual(yield* server.connectionCount, 0)
      assert.strictEqual(yield* server.status, "stopped")
    })
  )

  it.effect("L-S2, L-S3: sends the goodbye, then ends; after a suspension too", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, echo, { server: { goodbye: "GOODBYE" } })
      yield* server.suspend
      yield* server.resume
      const client = yield* connect
      yield* client.send("one")
      yield* take(client, 1)
      yield* server.stop
      assert.deepStrictEqual(yield* Stream.runCollect(client.messages), ["GOODBYE"])
    })
  )

  it.effect(
    "L-S2: a goodbye of the connection goes behind what was sent, however full, and before what follows",
    () =>
      Effect.gen(function* () {
        const sent = yield* Deferred.make<void>()
        const { connect, server } = yield* open(
          rigs.memory,
          Text,
          (connection) =>
            Effect.gen(function* () {
              yield* connection.sendAll(["1", "2"])
              yield* Deferred.succeed(sent, undefined)
              yield* connection.draining
              yield* connection.send("last")
            }),
          { server: { goodbye: ({ id }) => `bye ${typeof id}`, outbound: { maxMessages: 2 } } }
        )
        const client = yield* connect
        yield* Deferred.await(sent)
        yield* server.stop
        assert.deepStrictEqual(yield* Stream.runCollect(client.messages), ["1", "2", "bye number", "last"])
      })
  )

  it.effect("drains although the goodbye cannot be made or encoded", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, echo, {
        server: { goodbye: ({ id }) => (id % 2 === 0 ? "two\nlines" : (undefined as never)) }
      })
      const clients = yield* Effect.forEach(times(2), () => connect)
      const report = yield* server.stop
      assert.deepInclude(report, { clean: 2, forced: 0 })
      for (const client of clients) assert.deepStrictEqual(yield* Stream.runCollect(client.messages), [])
    })
  )

  it.effect("L-S4: waits for handlers as long as drainTimeout says, then interrupts them", () =>
    Effect.gen(function* () {
      let interrupted = false
      const { connect, server } = yield* open(
        rigs.memory,
        Text,
        (connection) =>
          Effect.onInterrupt(
            Effect.andThen(
              connection.draining,
              Effect.forever(Effect.andThen(connection.send("tick"), Effect.sleep("100 millis")))
            ),
            () =>
              Effect.sync(() => {
                interrupted = true
              })
          ),
        { server: { drainTimeout: "500 millis" } }
      )
      const client = yield* connect
      const ticks = yield* Effect.forkChild(Stream.runCollect(client.messages))
      const stopping = yield* Effect.forkChild(server.stop)
      yield* TestClock.adjust("499 millis")
      assert.isFalse(interrupted)
      assert.strictEqual(yield* server.status, "draining")
      yield* TestClock.adjust("1 millis")
      const report = yield* Fiber.join(stopping)
      assert.isTrue(interrupted)
      assert.deepStrictEqual(report, { clean: 0, forced: 1, duration: Duration.millis(500) })
      // In good order all the same: everything sent is there, then the end.
      assert.deepStrictEqual(yield* Fiber.join(ticks), ["tick", "tick", "tick", "tick", "tick"])
    })
  )

  it.effect("L-S5: tells each step once", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, echo)
      const events = yield* Effect.forkChild(Stream.runCollect(server.events), { startImmediately: true })
      const statuses = yield* Effect.forkChild(Stream.runCollect(server.statusChanges), {
        startImmediately: true
      })
      yield* connect
      yield* server.stop
      assert.deepStrictEqual(
        (yield* Fiber.join(events)).map(({ _tag }) => _tag),
        ["Listening", "Opened", "Draining", "Closed", "Stopped"]
      )
      assert.deepStrictEqual(yield* Fiber.join(statuses), ["running", "draining", "stopped"])
    })
  )

  it.effect("L-S6: with both timeouts 0 cuts at once", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, () => Effect.uninterruptible(Effect.never), {
        server: { drainTimeout: 0, killTimeout: 0 }
      })
      const client = yield* connect
      const stopping = yield* Effect.forkChild(server.stop)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(yield* Fiber.join(stopping), { clean: 0, forced: 1, duration: Duration.zero })
      assert.deepStrictEqual(yield* Stream.runCollect(client.messages), [])
      assert.isTrue(Exit.isFailure(yield* Effect.exit(connect)))
    })
  )

  it.effect("L-S7: a handler that stops when asked stops the server in no time", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, (connection) => connection.draining)
      yield* connect
      assert.deepStrictEqual(yield* server.stop, { clean: 1, forced: 0, duration: Duration.zero })
    })
  )

  it.effect("L-S8, S-19: answers everything that was read, in the order it came", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, slow("1 second"))
      const client = yield* connect
      yield* client.sendAll(["a", "b", "c"])
      yield* eventually(() => client.stats.bytesOut > 0, "the requests are sent")
      yield* settle
      const stopping = yield* Effect.forkChild(server.stop)
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* Fiber.join(stopping), {
        clean: 1,
        forced: 0,
        duration: Duration.seconds(3)
      })
      assert.deepStrictEqual(yield* Stream.runCollect(client.messages), ["done a", "done b", "done c"])
    })
  )

  it.effect("L-S13: 100 clients that wait in a read all see the end", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, echo)
      const reads = yield* Effect.forEach(times(100), () =>
        Effect.flatMap(connect, (client) => Effect.forkChild(Stream.runCollect(client.messages)))
      )
      assert.strictEqual(yield* server.connectionCount, 100)
      assert.deepInclude(yield* server.stop, { clean: 100, forced: 0 })
      for (const read of reads) assert.deepStrictEqual(yield* Fiber.join(read), [])
      assert.strictEqual(yield* server.connectionCount, 0)
    })
  )

  it.effect("L-H9, L-S14: a handler may ask for the stop by a fork, and is drained like the others", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(
        rigs.memory,
        Text,
        (connection): Effect.Effect<void, unknown> =>
          Stream.runForEach(connection.messages, () =>
            Effect.andThen(connection.fork(server.stop), connection.send("as you wish"))
          )
      )
      const client = yield* connect
      yield* client.send("stop")
      assert.deepStrictEqual(yield* Stream.runCollect(client.messages), ["as you wish"])
      assert.deepInclude(yield* server.stopped, { clean: 1, forced: 0 })
    })
  )

  it.effect("L-S16: 1000 connections with a request of 200 ms in flight all get their reply", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, slow("200 millis"))
      const clients = yield* Effect.forEach(times(1000), () => connect)
      yield* Effect.forEach(clients, (client, i) => client.send(String(i)), { discard: true })
      yield* settle
      const stopping = yield* Effect.forkChild(server.stop)
      yield* TestClock.adjust("200 millis")
      assert.deepStrictEqual(yield* Fiber.join(stopping), {
        clean: 1000,
        forced: 0,
        duration: Duration.millis(200)
      })
      yield* Effect.forEach(clients, (client, i) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* Stream.runCollect(client.messages), [`done ${i}`])
          assert.strictEqual((yield* client.closed)._tag, "PeerClosed")
        })
      )
    })
  )

  it.effect("L-S17, S-14: 100 stuck handlers are interrupted together, and reported", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, stuck, {
        server: { drainTimeout: "1 second" }
      })
      yield* Effect.forEach(times(100), () => connect)
      const stopping = yield* Effect.forkChild(server.stop)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(stopping), {
        clean: 0,
        forced: 100,
        duration: Duration.seconds(1)
      })
    })
  )

  it.effect("L-S19, S-10: two stops and the scope's end are one drain with one report", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { connect, server } = yield* Scope.provide(open(rigs.memory, Text, slow("1 second")), scope)
      const client = yield* connect
      yield* client.send("a")
      yield* settle
      const events = yield* Effect.forkChild(Stream.runCollect(server.events), { startImmediately: true })
      const first = yield* Effect.forkChild(server.stop)
      const second = yield* Effect.forkChild(server.stop)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      // Whoever gives up waiting does not call off the stop.
      const impatient = yield* Effect.forkChild(server.stop)
      yield* settle
      yield* Fiber.interrupt(impatient)
      yield* TestClock.adjust("1 second")
      const report = yield* Fiber.join(first)
      assert.strictEqual(yield* Fiber.join(second), report)
      assert.strictEqual(yield* server.stop, report)
      yield* Fiber.join(closing)
      assert.deepInclude(report, { clean: 1, forced: 0 })
      assert.strictEqual((yield* Fiber.join(events)).filter(({ _tag }) => _tag === "Draining").length, 1)
    })
  )

  it.effect("L-S20: a pre-stop delay is not ready at once, and accepts until it is over", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, echo, {
        server: { preStopDelay: "5 seconds" }
      })
      const stopping = yield* Effect.forkChild(server.stop)
      yield* settle
      assert.strictEqual(yield* server.status, "draining")
      yield* TestClock.adjust("4999 millis")
      const late = yield* connect
      yield* late.send("still served")
      assert.deepStrictEqual(yield* take(late, 1), ["still served"])
      yield* TestClock.adjust("1 millis")
      assert.deepInclude(yield* Fiber.join(stopping), { clean: 1, forced: 0 })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(connect)))
    })
  )

  it.effect("L-S21: an uninterruptible handler is waited for until killTimeout, then reported", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(
        rigs.memory,
        Text,
        () => Effect.uninterruptible(Effect.sleep("1 hour")),
        { server: { drainTimeout: "1 second", killTimeout: "2 seconds" } }
      )
      yield* connect
      const stopping = yield* Effect.forkChild(server.stop)
      yield* TestClock.adjust("2999 millis")
      assert.strictEqual(yield* server.status, "draining")
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(stopping), {
        clean: 0,
        forced: 1,
        duration: Duration.seconds(3)
      })
      yield* TestClock.adjust("1 hour")
    })
  )

  it.effect(
    "L-S22: what is queued goes out before the end; what the peer does not take is dropped and counted",
    () =>
      Effect.gen(function* () {
        const payload = "x".repeat(1000)
        const { connect, server } = yield* open(
          rigs.memory,
          Text,
          (connection) =>
            Effect.andThen(
              connection.sendAll(Array.from({ length: 300 }, () => payload)),
              Stream.runDrain(connection.messages)
            ),
          {
            client: { inbound: { maxMessages: 1 } },
            server: { drainTimeout: "2 seconds", outbound: { maxBytes: 20_000 } }
          }
        )
        const events = yield* Effect.forkChild(Stream.runCollect(server.events), { startImmediately: true })
        const reading = yield* connect
        const notReading = yield* connect
        const read = yield* Effect.forkChild(Stream.runCollect(reading.messages))
        yield* eventually(() => reading.stats.messagesIn === 300, "one client has read it all")
        const stopping = yield* Effect.forkChild(server.stop)
        yield* TestClock.adjust("2 seconds")
        yield* TestClock.adjust("5 seconds")
        const report = yield* Fiber.join(stopping)
        assert.deepInclude(report, { clean: 1, forced: 1 })
        assert.strictEqual((yield* Fiber.join(read)).length, 300)
        const dropped = (yield* Fiber.join(events)).filter((event) => event._tag === "Dropped")
        assert.strictEqual(dropped.length, 1)
        assert.isAbove(dropped[0]!.bytes, 0)
        assert.isBelow(notReading.stats.messagesIn, 300)
      })
  )

  it.effect("a kill cuts every wait short, in a drain or without one", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, stuck, {
        server: { preStopDelay: "1 hour", drainTimeout: "1 hour" }
      })
      yield* connect
      const stopping = yield* Effect.forkChild(server.stop)
      yield* TestClock.adjust("1 second")
      const report = yield* server.kill
      assert.deepStrictEqual(report, { clean: 0, forced: 1, duration: Duration.seconds(1) })
      assert.strictEqual(yield* Fiber.join(stopping), report)

      const other = yield* open(rigs.memory, Text, stuck)
      yield* other.connect
      assert.deepStrictEqual(yield* other.server.kill, { clean: 0, forced: 1, duration: Duration.zero })
    })
  )

  it.effect("S-9: stops in time while nobody reads its events", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, echo, { server: { eventBuffer: 1 } })
      yield* Effect.forkChild(
        Stream.runForEach(server.events, () => Effect.never),
        { startImmediately: true }
      )
      yield* Effect.forEach(times(20), () => connect)
      assert.deepInclude(yield* server.stop, { clean: 20, forced: 0 })
      assert.isAbove(yield* server.droppedEvents, 0)
    })
  )

  it.live("L-S25: 200 clients whose handshake is through are all served, and none is reset", () =>
    Effect.gen(function* () {
      const { server } = yield* open(rigs.tcp, Text, echo)
      const ask = () =>
        new Promise<string>((resolve) => {
          const socket = Net.connect({ host: "127.0.0.1", port: rigs.portOf(server.address) })
          let seen = ""
          socket.on("connect", () => socket.write("hello\n"))
          socket.on("data", (chunk) => {
            seen += chunk.toString()
          })
          socket.on("error", (error) => {
            seen += error.message
          })
          socket.on("close", () => resolve(seen))
        })
      const replies = times(200).map(ask)
      // By now the kernel has them all, and the event loop has not gone round to accept one.
      yield* Effect.promise(() => new Promise<void>((resolve) => process.nextTick(resolve)))
      const report = yield* server.stop
      assert.deepInclude(report, { clean: 200, forced: 0 })
      assert.deepStrictEqual(
        yield* Effect.promise(() => Promise.all(replies)),
        times(200).map(() => "hello\n")
      )
    })
  )

  it.live("L-S25: clients in the midst of their TLS handshake are served too", () =>
    Effect.gen(function* () {
      const { server } = yield* open(rigs.tls, Text, echo)
      const port = rigs.portOf(server.address)
      let secure = 0
      const ends = times(5).map(
        () =>
          new Promise<string>((resolve) => {
            const socket = Tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false })
            let seen = "clean"
            socket.on("secureConnect", () => secure++)
            socket.on("data", () => {})
            socket.on("error", (error) => {
              seen = error.message
            })
            socket.on("close", () => resolve(seen))
          })
      )
      const report = yield* server.stop
      assert.deepInclude(report, { clean: 5, forced: 0 })
      const seen = yield* Effect.promise(() => Promise.all(ends))
      assert.deepStrictEqual(
        seen,
        times(5).map(() => "clean")
      )
      assert.strictEqual(secure, 5)
    })
  )

  it.effect("names the options that cannot be", () =>
    Effect.gen(function* () {
      const options = { preStopDelay: "2 hours", drainTimeout: -1, eventBuffer: 0 } as const
      const exit = yield* Effect.exit(open(rigs.memory, Text, echo, { server: options }))
      const text = String(Exit.isFailure(exit) ? exit.cause : "")
      for (const name of Object.keys(options)) assert.include(text, name)
    })
  )
})
