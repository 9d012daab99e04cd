/** What a server tells of itself: events, status, and accepting that comes and goes. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Codec from "../../src/Codec.ts"
import type { Connection } from "../../src/Connection.ts"
import type { ServerEvent } from "../../src/Events.ts"
import * as Framing from "../../src/Framing.ts"
import { Cell, Hub } from "../../src/internal/events.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import { type Acceptor, Listener } from "../../src/Transport.ts"
import { eventually, open, take } from "../support/pair.ts"
import * as rigs from "../transport/rigs.ts"

const Numbers = Protocol.make("Numbers", {
  framing: Framing.lines({ maxLength: 20 }),
  fromClient: Codec.json(Schema.Finite),
  fromServer: Codec.json(Schema.Finite)
})

/** The same frames with anything in them. */
const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const echo = <A>(connection: Connection<A, A>) => Stream.run(connection.messages, connection.sink)

/** What happens from now on; that the server listens is known. */
const follow = (server: Server.Server["Service"]) =>
  Effect.gen(function* () {
    const seen: Array<ServerEvent> = []
    yield* Effect.forkChild(
      Stream.runForEach(Stream.drop(server.events, 1), (event) => Effect.sync(() => seen.push(event))),
      { startImmediately: true }
    )
    return seen
  })

const tags = (events: ReadonlyArray<ServerEvent>) => events.map(({ _tag }) => _tag)

describe("the events of a server", () => {
  it.effect("tell who came, who went and why, with id, address and age", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, echo)
      const seen = yield* follow(server)
      const client = yield* connect
      yield* client.send("hello")
      yield* take(client, 1)
      yield* TestClock.adjust("2 seconds")
      yield* client.close
      yield* eventually(() => seen.length === 2, "it has closed")
      const [opened, closed] = seen
      assert.strictEqual(opened?._tag, "Opened")
      assert.deepInclude(closed, {
        _tag: "Closed",
        connection: opened?._tag === "Opened" ? opened.connection : 0,
        remoteAddress: client.localAddress,
        age: Duration.seconds(2)
      })
      assert.deepInclude(closed, { reason: { _tag: "PeerClosed" } })
    })
  )

  it.effect("name the peer that broke the framing, sent no message, or met a failing handler", () =>
    Effect.gen(function* () {
      const network = yield* rigs.memory.open
      const listener = { listen: (acceptor: Acceptor) => Effect.orDie(network.listen(acceptor)) }
      const server = yield* Effect.provideService(
        Server.make(Numbers, (connection) => Stream.runForEach(connection.messages, () => Effect.fail("no"))),
        Listener,
        listener
      )
      const seen = yield* follow(server)
      for (const text of ["x".repeat(50), "word\n", "1\n"]) {
        const wire = yield* network.connect(server.address)
        wire.attach({ onData: () => {}, onEnd: () => wire.end(), onDrain: () => {}, onClose: () => {} })
        wire.write(new TextEncoder().encode(text))
        const before = seen.length
        yield* eventually(() => seen.length === before + 3, `all of ${text}`)
        const event = seen[before + 1]
        assert.include(["FrameError", "MessageError", "HandlerFailed"], event?._tag)
        assert.deepInclude(event, { remoteAddress: wire.localAddress })
      }
      assert.deepStrictEqual(
        tags(seen).filter((tag) => tag !== "Opened" && tag !== "Closed"),
        ["FrameError", "MessageError", "HandlerFailed"]
      )
    })
  )

  it.effect("L-A15: tell of peers who did not become connections", () =>
    Effect.gen(function* () {
      const network = yield* rigs.memory.open
      let told: Acceptor | undefined
      const server = yield* Effect.provideService(Server.make(Text, echo), Listener, {
        listen: (acceptor) => {
          told = acceptor
          return Effect.orDie(network.listen(acceptor))
        }
      })
      const seen = yield* follow(server)
      told?.onError({ address: server.address, detail: "accept EMFILE" })
      yield* eventually(() => seen.length === 1, "it is told")
      assert.deepInclude(seen[0], {
        _tag: "AcceptFailed",
        address: server.address,
        detail: "accept EMFILE"
      })
    })
  )

  it.effect("L-M6: come only to who listens, from then on; who falls behind loses the oldest, counted", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, echo, { server: { eventBuffer: 4 } })
      yield* connect
      let release = () => {}
      const gate = new Promise<void>((resolve) => {
        release = resolve
      })
      const seen: Array<ServerEvent> = []
      const reader = yield* Effect.forkChild(
        Stream.runForEach(server.events, (event) =>
          Effect.andThen(
            Effect.sync(() => seen.push(event)),
            Effect.promise(() => gate)
          )
        ),
        { startImmediately: true }
      )
      for (let i = 0; i < 10; i++) yield* connect
      yield* eventually(() => seen.length === 1, "one was taken")
      for (let i = 0; i < 10; i++) yield* connect
      const dropped = yield* server.droppedEvents
      assert.isAtLeast(dropped, 6)
      release()
      yield* server.stop
      yield* Fiber.join(reader)
      assert.strictEqual(seen.at(-1)?._tag, "Stopped")
      // One that it listens, 20 opened and 21 closed, the drain and the stop: each is either seen or counted.
      assert.strictEqual(seen.length + (yield* server.droppedEvents), 44)
      assert.deepStrictEqual(yield* Stream.runCollect(server.events), [])
    })
  )

  it.effect("begin with where the server listens, for everyone who subscribes while it does", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* open(rigs.memory, Text, echo)
      const subscribe = Effect.forkChild(Stream.runCollect(server.events), { startImmediately: true })
      const early = yield* subscribe
      yield* connect
      const late = yield* subscribe
      yield* server.suspend
      const suspended = yield* subscribe
      yield* server.resume
      yield* server.stop
      const after = ["Listening", "Draining", "Closed", "Stopped"]
      const seen = yield* Fiber.join(early)
      assert.deepStrictEqual(seen[0], { _tag: "Listening", address: server.address })
      assert.deepStrictEqual(tags(seen), ["Listening", "Opened", ...after])
      assert.deepStrictEqual(tags(yield* Fiber.join(late)), ["Listening", ...after])
      assert.deepStrictEqual(tags(yield* Fiber.join(suspended)), after)
      assert.deepStrictEqual(yield* Stream.runCollect(server.events), [])
    })
  )

  it("L-M6: cost nothing while nobody listens", () => {
    const hub = new Hub<number>(4)
    assert.isFalse(hub.active)
    for (let i = 0; i < 1000; i++) hub.publish(i)
    assert.strictEqual(hub.dropped, 0)
  })

  it.effect("leave nothing behind when a subscriber goes", () =>
    Effect.gen(function* () {
      const hub = new Hub<number>(4)
      const fiber = yield* Effect.forkChild(Stream.runDrain(hub.stream), { startImmediately: true })
      assert.isTrue(hub.active)
      yield* Fiber.interrupt(fiber)
      assert.isFalse(hub.active)
    })
  )

  it.effect("a cell tells its value and then each change, until the last", () =>
    Effect.gen(function* () {
      const cell = new Cell("a")
      const early = yield* Effect.forkChild(Stream.runCollect(cell.changes), { startImmediately: true })
      cell.set("b")
      cell.set("c", true)
      assert.deepStrictEqual(yield* Fiber.join(early), ["a", "b", "c"])
      assert.deepStrictEqual(yield* Stream.runCollect(cell.changes), ["c"])
    })
  )
})

for (const rig of [rigs.memory, rigs.tcp, rigs.tls, rigs.unix]) {
  describe(`a server on ${rig.name}`, () => {
    it.live("L-S10, L-S11: suspends and resumes accepting, while its connections live on", () =>
      Effect.gen(function* () {
        const { connect, server } = yield* open(rig, Text, echo)
        const seen = yield* follow(server)
        const statuses = yield* Effect.forkChild(Stream.runCollect(server.statusChanges), {
          startImmediately: true
        })
        const old = yield* connect
        const check = (text: string) =>
          Effect.gen(function* () {
            yield* old.send(text)
            assert.deepStrictEqual(yield* take(old, 1), [text])
            assert.strictEqual(yield* server.connectionCount, 1)
          })
        yield* check("running")
        for (let round = 0; round < 3; round++) {
          yield* Effect.all([server.suspend, server.suspend], { concurrency: 2 })
          assert.strictEqual(yield* server.status, "suspended")
          yield* check("suspended")
          assert.isTrue(Exit.isFailure(yield* Effect.exit(connect)))
          yield* Effect.all([server.resume, server.resume], { concurrency: 2 })
          assert.strictEqual(yield* server.status, "running")
          yield* check("resumed")
        }
        const fresh = yield* connect
        yield* fresh.send("new")
        assert.deepStrictEqual(yield* take(fresh, 1), ["new"])

        yield* server.suspend
        assert.deepInclude(yield* server.stop, { clean: 2, forced: 0 })
        yield* server.resume
        assert.isTrue(Exit.isFailure(yield* Effect.exit(connect)))
        assert.deepStrictEqual(yield* Stream.runCollect(old.messages), [])
        const rounds = ["suspended", "running", "suspended", "running", "suspended", "running"]
        assert.deepStrictEqual(yield* Fiber.join(statuses), [
          "running",
          ...rounds,
          "suspended",
          "draining",
          "stopped"
        ])
        const listening = seen.filter((event) => event._tag === "Listening")
        assert.strictEqual(listening.length, 3)
        assert.deepInclude(listening[0], { address: server.address })
      })
    )
  })
}

describe("a server that cannot resume", () => {
  it.live("says why, is still suspended, and resumes once it can", () =>
    Effect.gen(function* () {
      const network = yield* rigs.memory.open
      const server = yield* Effect.provideService(Server.make(Text, echo), Listener, {
        listen: (acceptor) => network.listen(acceptor) as never
      })
      yield* server.suspend
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* network.listen({ onWire: (wire) => wire.destroy(), onError: () => {} })
          const exit = yield* Effect.exit(server.resume)
          assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), "AddressInUse")
          assert.strictEqual(yield* server.status, "suspended")
        })
      )
      yield* server.resume
      assert.strictEqual(yield* server.status, "running")
    })
  )
})
