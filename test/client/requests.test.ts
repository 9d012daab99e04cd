/** Requests over the connections of clients that come back, and of pools. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import type { Connection } from "../../src/Connection.ts"
import * as Requests from "../../src/Requests.ts"
import * as Server from "../../src/Server.ts"
import { Listener } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { type FromClient, type FromServer, Store } from "../requests/support.ts"
import { eventually } from "../support/pair.ts"
import { now, settle } from "./support.ts"

const provideMemory = Effect.provide(TransportMemory.layer())

const reconnect = Schedule.spaced("1 second")

type Peer = Connection<FromServer, FromClient>

const get = (key: string) => (connection: Peer) =>
  Effect.flatMap(Requests.fromClient(Store, connection), (requests) => requests.request({ _tag: "Get", key }))

/** A store that comes and goes. What is asked of "slow" waits for the gate. */
const store = Effect.gen(function* () {
  const network = yield* TransportMemory.Network
  const listener = yield* Listener
  const gate = yield* Deferred.make<void>()
  /** On which of the server's connections each request came, in order. */
  const asked: Array<{ readonly key: string; readonly on: Connection<FromClient, FromServer> }> = []
  const log: Array<string> = []
  const serve = Effect.gen(function* () {
    const scope = yield* Scope.fork(yield* Effect.scope)
    yield* Server.make(
      Store,
      Requests.handler(Store, {
        Get: ({ key }, connection) => {
          asked.push({ key, on: connection })
          if (key === "ask") {
            return Effect.gen(function* () {
              const back = yield* Requests.fromServer(Store, connection)
              const { yes } = yield* Effect.orDie(back.request({ _tag: "Ask", question: "sure?" }))
              return { value: String(yes) }
            })
          }
          if (key !== "slow") return Effect.succeed({ value: `${key}!` })
          return Deferred.await(gate).pipe(
            Effect.as({ value: "slow" }),
            Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted")))
          )
        },
        List: ({ count }) => Stream.map(Stream.range(1, count), (index) => ({ index }))
      })
    ).pipe(Effect.provideService(Listener, listener), Scope.provide(scope))
    return Effect.andThen(network.reset, Scope.close(scope, Exit.void))
  })
  return { network, gate, asked, log, serve }
})

const inFlight = (pool: Client.Pool<FromServer, FromClient>) =>
  Effect.map(pool.members, (members) => members.map((member) => member.inFlight).toSorted())

describe("requests of a client that comes back", () => {
  it.effect("go over the connection of the moment; one in flight fails at once where that breaks", () =>
    Effect.gen(function* () {
      const server = yield* store
      const stop = yield* server.serve
      const client = yield* Client.make(Store, { reconnect })
      const first = yield* client.awaitUp
      const old = yield* Requests.fromClient(Store, first)
      assert.strictEqual((yield* client.use(get("a"))).value, "a!")
      const slow = yield* Effect.forkChild(Effect.flip(client.use(get("slow"))), now)
      yield* eventually(() => server.asked.length === 2, "it is asked")
      yield* stop
      // No time passes: it waits neither for its timeout nor for the next connection.
      const error = yield* Fiber.join(slow)
      assert.strictEqual(error._tag, "ConnectionClosed")
      assert.strictEqual(old.stats.inFlight, 0)
      const waiting = yield* Effect.forkChild(client.use(get("b")), now)
      yield* server.serve
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(waiting)).value, "b!")
      // What was got of the old connection stays with it, and its ids are its own.
      assert.deepInclude(yield* Effect.flip(old.request({ _tag: "Get", key: "c" })), {
        _tag: "ConnectionClosed",
        connection: first.id
      })
      assert.notStrictEqual(yield* Requests.fromClient(Store, yield* client.awaitUp), old)
      assert.deepStrictEqual(
        server.asked.map(({ key }) => key),
        ["a", "slow", "b"]
      )
    }).pipe(provideMemory)
  )

  it.effect("replies of an old connection answer nothing on the new one, though the ids are the same", () =>
    Effect.gen(function* () {
      const server = yield* store
      yield* server.serve
      const client = yield* Client.make(Store, { reconnect })
      const old = yield* client.awaitUp
      const slow = yield* Effect.forkChild(Effect.exit(client.use(get("slow"))), now)
      yield* eventually(() => server.asked.length === 1, "it is asked")
      // The answer is on its way when the connection breaks.
      yield* old.abort
      yield* Deferred.succeed(server.gate, undefined)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(slow)))
      const again = yield* Effect.forkChild(client.use(get("slow")), now)
      yield* TestClock.adjust("1 second")
      yield* eventually(() => server.asked.length === 2, "it is asked again")
      assert.strictEqual((yield* Fiber.join(again)).value, "slow")
      const requests = yield* Requests.fromClient(Store, yield* client.awaitUp)
      assert.deepInclude(requests.stats, { inFlight: 0, late: 0 })
    }).pipe(provideMemory)
  )

  it.effect("onConnect may ask; what the server asks is answered on every connection", () =>
    Effect.gen(function* () {
      const server = yield* store
      const stop = yield* server.serve
      const answer = Requests.clientHandler(Store, {
        Ask: ({ question }) => Effect.succeed({ yes: question.endsWith("?") })
      })
      const client = yield* Client.make(Store, {
        reconnect,
        onConnect: (connection) =>
          Effect.andThen(connection.fork(Effect.orDie(answer(connection))), get("login")(connection))
      })
      assert.strictEqual((yield* client.use(get("ask"))).value, "true")
      yield* stop
      yield* server.serve
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* client.use(get("ask"))).value, "true")
      assert.deepStrictEqual(
        server.asked.map(({ key }) => key),
        ["login", "ask", "login", "ask"]
      )
    }).pipe(provideMemory)
  )

  it.effect("the close of the client fails those in flight at once, and takes them back", () =>
    Effect.gen(function* () {
      const server = yield* store
      yield* server.serve
      const client = yield* Client.make(Store, { reconnect })
      const all = yield* Effect.forEach([1, 2, 3], () =>
        Effect.forkChild(Effect.flip(client.use(get("slow"))), now)
      )
      yield* eventually(() => server.asked.length === 3, "all are asked")
      // Without the cancels the server would go on, and the close wait for it as long as it may.
      yield* client.close
      for (const one of all) assert.strictEqual((yield* Fiber.join(one))._tag, "ConnectionClosed")
      yield* eventually(() => server.log.length === 3, "the answers are interrupted")
    }).pipe(provideMemory)
  )
})

describe("requests of a pool", () => {
  it.effect("go where the least are in flight", () =>
    Effect.gen(function* () {
      const server = yield* store
      yield* server.serve
      const pool = yield* Client.pool(Store, { size: 3, reconnect })
      yield* settle
      const slow = yield* Effect.forEach([1, 2, 3, 4, 5], () => Effect.forkChild(pool.use(get("slow")), now))
      yield* eventually(() => server.asked.length === 5, "five are asked")
      assert.deepStrictEqual(yield* inFlight(pool), [1, 2, 2])
      const free = server.asked.find(({ on }) => server.asked.filter((other) => other.on === on).length === 1)
      // The one with one in flight has all that come one after the other.
      for (let i = 0; i < 4; i++) assert.strictEqual((yield* pool.use(get(`${i}`))).value, `${i}!`)
      for (const { on } of server.asked.slice(5)) assert.strictEqual(on, free?.on)
      yield* Deferred.succeed(server.gate, undefined)
      yield* Effect.forEach(slow, Fiber.join)
      assert.deepStrictEqual(yield* inFlight(pool), [0, 0, 0])
    }).pipe(provideMemory)
  )

  it.effect("L-W7: a connection that breaks fails its own at once, and the next go elsewhere", () =>
    Effect.gen(function* () {
      const server = yield* store
      yield* server.serve
      const pool = yield* Client.pool(Store, { size: 2, reconnect })
      yield* settle
      const slow = yield* Effect.forEach([1, 2], () =>
        Effect.forkChild(Effect.exit(pool.use(get("slow"))), now)
      )
      yield* eventually(() => server.asked.length === 2, "both are asked")
      const [broken] = server.asked
      yield* broken?.on.abort ?? assert.fail()
      yield* eventually(() => slow.some((one) => one.pollUnsafe() !== undefined), "one of them fails")
      assert.deepStrictEqual(yield* inFlight(pool), [0, 1])
      assert.strictEqual(slow.filter((one) => one.pollUnsafe() !== undefined).length, 1)
      for (let i = 0; i < 4; i++) yield* pool.use(get("a"))
      for (const { on } of server.asked.slice(1)) assert.notStrictEqual(on, broken?.on)
      yield* Deferred.succeed(server.gate, undefined)
      const exits = yield* Effect.forEach(slow, Fiber.join)
      assert.deepStrictEqual(exits.map(Exit.isSuccess).toSorted(), [false, true])
    }).pipe(provideMemory)
  )

  it.effect("a request may be asked again by whoever knows that it may", () =>
    Effect.gen(function* () {
      const server = yield* store
      yield* server.serve
      const pool = yield* Client.pool(Store, { size: 2, reconnect })
      yield* settle
      const asking = yield* Effect.forkChild(
        Effect.retry(pool.use(get("slow")), { while: (error) => error._tag === "ConnectionClosed" }),
        now
      )
      yield* eventually(() => server.asked.length === 1, "it is asked")
      yield* server.asked[0]?.on.abort ?? assert.fail()
      yield* eventually(() => server.asked.length === 2, "it is asked again")
      yield* Deferred.succeed(server.gate, undefined)
      assert.strictEqual((yield* Fiber.join(asking)).value, "slow")
    }).pipe(provideMemory)
  )
})
