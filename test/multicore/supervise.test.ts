/** A supervisor as its users have it, and a machine of one process. */
import { pathToFileURL } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Fiber, Layer, Queue, Schema, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import type { Connection } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import type { Groups } from "../../src/Groups.ts"
import * as Multicore from "../../src/Multicore.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import type { Address } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { fixture, isAlive, Person } from "./support.ts"

const portOf = (addresses: ReadonlyArray<Address>): number => {
  const [address] = addresses
  return address?._tag === "Tcp" ? address.port : 0
}

describe("Multicore.supervise", () => {
  it.live(
    "runs another file, tells of its workers, replaces them, and ends them with its scope",
    () =>
      Effect.gen(function* () {
        const entry = pathToFileURL(fixture("worker"))
        const pids = yield* Effect.scoped(
          Effect.gen(function* () {
            const supervisor = yield* Multicore.supervise({
              entry,
              args: ["argument"],
              env: { COLOUR: "blue" },
              processes: 1,
              retireDelay: 0
            })
            assert.strictEqual(yield* supervisor.status, "running")
            const [before] = yield* supervisor.workers
            assert.deepInclude(before, { worker: 1, index: 0, state: "running", restarts: 0, connections: 0 })
            const port = portOf(yield* supervisor.addresses)
            const person = new Person({ port })
            const answer = yield* Effect.promise(() => person.ask("hello"))
            assert.strictEqual(answer, `${before?.pid} argument blue hello`)

            const told = yield* Effect.forkChild(Stream.runCollect(Stream.take(supervisor.events, 3)), {
              startImmediately: true
            })
            const statuses = yield* Effect.forkChild(Stream.runCollect(supervisor.statusChanges), {
              startImmediately: true
            })
            yield* supervisor.reload
            yield* Effect.promise(() => person.closed)
            assert.isUndefined(person.error)
            const [after] = yield* supervisor.workers
            assert.deepInclude(after, { worker: 2, index: 0, state: "running", restarts: 0 })
            assert.strictEqual(portOf(yield* supervisor.addresses), port)
            const events = yield* Fiber.join(told)
            assert.deepStrictEqual(
              events.map((event) => [event._tag, "worker" in event ? event.worker : 0]),
              [
                ["Started", 2],
                ["Ready", 2],
                ["Ended", 1]
              ]
            )
            yield* supervisor.stop
            assert.strictEqual(yield* supervisor.status, "stopped")
            assert.deepStrictEqual(yield* supervisor.workers, [])
            assert.deepStrictEqual(yield* Fiber.join(statuses), [
              "running",
              "reloading",
              "running",
              "draining",
              "stopped"
            ])
            // Once more is the same stop.
            yield* supervisor.stop
            return [before?.pid, after?.pid]
          })
        )
        for (const pid of pids) assert.isFalse(isAlive(pid ?? 0))
      }),
    60_000
  )

  it.live(
    "fails where a worker does not come up in time, and leaves none behind",
    () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          Effect.scoped(
            Multicore.supervise({ entry: fixture("worker"), processes: 1, startTimeout: "1 millis" })
          )
        )
        assert.strictEqual(error._tag, "WorkerFailed")
        if (error._tag !== "WorkerFailed") return
        assert.include(error.message, "was not up within 1ms")
        assert.isFalse(isAlive(error.pid))
      }),
    60_000
  )
})

class Rooms extends Context.Service<Rooms, Groups<string, string>>()("test/AloneRooms") {}

const Reading = Schema.Struct({ value: Schema.Number })

const Plain = Protocol.make("Readings", {
  framing: Framing.lengthPrefixed(),
  fromClient: Codec.json(Reading),
  fromServer: Codec.json(Reading)
})

const Readings = Protocol.versioned(Plain, {
  version: 1,
  codecs: [{ name: "binary", fromClient: Codec.binary(Reading), fromServer: Codec.binary(Reading) }]
})

const Chat = Protocol.make("Chat", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

describe("a machine of one process", () => {
  it.effect("has its own connections and groups", () =>
    Effect.gen(function* () {
      const machine = yield* Multicore.Multicore
      assert.deepInclude(machine, { worker: 1, index: 0, processes: 1 })
      const rooms = yield* Rooms
      const joined = yield* Deferred.make<Connection<string, string>>()
      yield* Server.make(Chat, (person) =>
        Effect.gen(function* () {
          yield* rooms.join("lobby", person)
          yield* Deferred.succeed(joined, person)
          yield* person.closed
        })
      )
      const client = yield* Client.connect(Chat)
      const person = yield* Deferred.await(joined)
      const everyone = machine.connections(Chat)
      assert.deepStrictEqual(yield* everyone.size, { value: 1, missing: [] })
      assert.strictEqual(yield* everyone.unicast({ worker: 1, id: person.id }, "one"), "queued")
      assert.strictEqual(yield* everyone.unicast({ worker: 2, id: person.id }, "none"), "closed")
      yield* everyone.broadcast("two")
      yield* rooms.send("lobby", "three")
      const heard = yield* Stream.runCollect(Stream.take(client.messages, 3))
      assert.deepStrictEqual(heard, ["one", "two", "three"])
      const { value } = yield* everyone.list()
      assert.deepInclude(value[0], { worker: 1, id: person.id })
      assert.isTrue(Duration.isDuration(value[0]?.age))
      assert.deepStrictEqual(
        (yield* machine.workers).map(({ connections, state }) => [connections, state]),
        [[1, "running"]]
      )
      assert.isTrue(yield* everyone.closeById({ worker: 1, id: person.id }))
      yield* client.closed
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Multicore.layerGroups(Rooms, { codec: Codec.utf8 }).pipe(Layer.provideMerge(Multicore.layerAlone))
      ),
      Effect.provide(TransportMemory.layer())
    )
  )

  it.effect("sends each connection the codec that it has agreed on", () =>
    Effect.gen(function* () {
      const machine = yield* Multicore.Multicore
      const agreed = yield* Queue.unbounded<string | undefined>()
      yield* Server.make(Readings, (connection) =>
        Effect.andThen(Queue.offer(agreed, connection.agreed?.codec), Stream.runDrain(connection.messages))
      )
      const one = yield* Client.connect(Readings)
      const other = yield* Client.connect(Protocol.versioned(Plain, { version: 1 }))
      assert.sameMembers([yield* Queue.take(agreed), yield* Queue.take(agreed)], ["binary", "default"])
      const { value } = yield* machine.connections(Readings).broadcast({ value: 1.5 })
      assert.deepStrictEqual(value, { delivered: 2, failed: [] })
      for (const client of [one, other]) {
        assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(client.messages, 1)), [{ value: 1.5 }])
      }
    }).pipe(Effect.scoped, Effect.provide(Multicore.layerAlone), Effect.provide(TransportMemory.layer()))
  )
})
