/** `examples/master-node`: its two sides by a clock that stands, and all of it as `start.ts` runs it. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { afterAll } from "vitest"
import { runNode } from "../../examples/master-node/member.ts"
import { makeMaster } from "../../examples/master-node/registry.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"
import { Cast, example, freePort } from "./support.ts"

const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })
const adjust = (time: Duration.Input) => Effect.andThen(TestClock.adjust(time), settle)
const provideMemory = Effect.provide(TransportMemory.layer())

/** A master, what it says, and nodes that do only what a test has them do. */
const mastered = Effect.gen(function* () {
  const said: Array<string> = []
  const say = (line: string) => Effect.sync(() => void said.push(line))
  const server = yield* makeMaster({ pingEvery: "5 seconds", say })
  const register = Effect.fnUntraced(function* (name: string) {
    const node = yield* rawClient
    node.write(`{"_tag":"Register","name":"${name}"}\n`)
    yield* eventually(() => node.text().startsWith('{"_tag":"Registered"}\n'), `${name} is registered`)
    const pings = () => node.text().split('{"_tag":"Ping"}\n').length - 1
    return { ...node, pings, answer: () => node.write('{"_tag":"Pong"}\n') }
  })
  return { said, say, server, register }
})

/** The master and a node, both of the example, on a network that can fall silent. */
const cluster = Effect.gen(function* () {
  const network = yield* TransportMemory.Network
  const master = yield* mastered
  const said: Array<string> = []
  const say = (line: string) => Effect.sync(() => void said.push(line))
  // Gone before the server stops.
  yield* Effect.addFinalizer(() => network.reset)
  yield* Effect.forkScoped(runNode({ name: "a", silence: Duration.seconds(10), say }))
  yield* eventually(() => said.length === 1, "the node is with the master")
  return { network, master, said }
})

describe("examples/master-node, the master", () => {
  it.effect("S-12: a node that answers nothing is lost after exactly three missed pings", () =>
    Effect.gen(function* () {
      const { register, said } = yield* mastered
      const node = yield* register("b")
      assert.deepStrictEqual(said, ["b registered"])
      for (const pings of [1, 2, 3]) {
        yield* adjust(4999)
        assert.strictEqual(node.pings(), pings - 1)
        yield* adjust(1)
        assert.strictEqual(node.pings(), pings)
      }
      // The third has its five seconds, too.
      yield* adjust(4999)
      assert.isFalse(node.state.ended)
      yield* adjust(1)
      yield* eventually(() => node.state.ended, "the master has given up")
      yield* adjust(100)
      assert.deepStrictEqual(said, ["b registered", "lost b after 3 missed pings"])
      assert.strictEqual(node.pings(), 3)
    }).pipe(provideMemory)
  )

  it.effect("S-12: the answer to the third ping keeps a node, and the count starts over", () =>
    Effect.gen(function* () {
      const { register, said } = yield* mastered
      const node = yield* register("b")
      for (let round = 1; round <= 3; round++) {
        yield* adjust(19_999)
        assert.strictEqual(node.pings(), 3 * round)
        node.answer()
        yield* settle
      }
      yield* adjust(19_999)
      assert.deepStrictEqual(said, ["b registered"])
      yield* adjust(101)
      assert.deepStrictEqual(said, ["b registered", "lost b after 3 missed pings"])
    }).pipe(provideMemory)
  )

  it.effect("loses the one that is silent, and no other; who comes back registers anew", () =>
    Effect.gen(function* () {
      const { register, said } = yield* mastered
      const [a, b] = [yield* register("a"), yield* register("b")]
      for (let ping = 1; ping <= 4; ping++) {
        yield* adjust(5000)
        a.answer()
        yield* settle
      }
      yield* adjust(100)
      assert.deepStrictEqual(said, ["a registered", "b registered", "lost b after 3 missed pings"])
      assert.isTrue(b.state.ended)
      assert.isFalse(a.state.ended)
      yield* register("b")
      assert.strictEqual(said.at(-1), "b registered")
    }).pipe(provideMemory)
  )

  it.effect("sees at once that a node is gone, and leaves a name to whoever registered it last", () =>
    Effect.gen(function* () {
      const { register, said } = yield* mastered
      const first = yield* register("a")
      const second = yield* register("a")
      yield* eventually(() => first.state.closed, "the connection from before is closed")
      assert.deepStrictEqual(said, ["a registered", "a registered"])
      second.wire.destroy()
      yield* eventually(() => said.length === 3, "the master has seen it")
      assert.strictEqual(said.at(-1), "a is gone")
    }).pipe(provideMemory)
  )

  it.effect("lets nobody in who does not begin with a name", () =>
    Effect.gen(function* () {
      const { said, server } = yield* mastered
      const other = yield* rawClient
      other.write('{"_tag":"Pong"}\nhello\n')
      yield* eventually(() => other.state.ended, "the master has ended")
      yield* adjust(100)
      assert.strictEqual(yield* server.connectionCount, 0)
      assert.deepStrictEqual(said, [])
    }).pipe(provideMemory)
  )
})

describe("examples/master-node, a node", () => {
  it.effect("answers pings for as long as there are any, and nobody is lost", () =>
    Effect.gen(function* () {
      const { master, said } = yield* cluster
      for (let minute = 1; minute <= 10; minute++) yield* adjust("1 minute")
      assert.deepStrictEqual(master.said, ["a registered"])
      assert.deepStrictEqual(said, ["with the master"])
    }).pipe(provideMemory)
  )

  it.effect("S-5: reports ten seconds of silence once, to the millisecond, and comes back", () =>
    Effect.gen(function* () {
      const { master, network, said } = yield* cluster
      yield* adjust("5 seconds")
      yield* network.setStalled(true)
      yield* adjust(9999)
      assert.deepStrictEqual(said, ["with the master"])
      yield* adjust(1)
      const heard = ["with the master", "heard nothing from the master for 10 seconds"]
      assert.deepStrictEqual(said, heard)
      // It has tried again, and waits.
      yield* adjust("40 seconds")
      assert.deepStrictEqual(said, heard)
      yield* network.setStalled(false)
      // The master has given up on that connection meanwhile, and the next try is within the second.
      yield* adjust("1 second")
      yield* eventually(() => said.length === 3, "the node is back")
      assert.strictEqual(said.at(-1), "back with the master")
      assert.strictEqual(master.said.at(-1), "a registered")
      yield* adjust("10 minutes")
      assert.strictEqual(master.said.at(-1), "a registered")
      assert.lengthOf(said, 3)
    }).pipe(provideMemory)
  )
})

describe("examples/master-node, one master and three nodes", () => {
  const cast = new Cast()
  afterAll(cast.leave)

  // Six processes start, some of them one after the other, and each compiles what it runs.
  it("kill and revive, stop and continue, of a node and of the master; and one end for all", async () => {
    const demo = cast.add(
      example("master-node/start.ts", [], {
        PORT: String(await freePort()),
        // Shorter than anybody would have them, and longer than a busy machine keeps a process waiting.
        PING_EVERY: "400 millis",
        SILENCE: "2 seconds"
      })
    )
    const names = ["a", "b", "c"]
    const all = (line: (name: string) => string, times = 1) =>
      Promise.all(names.map((name) => demo.says(line(name), times)))
    await all((name) => `master: ${name} registered\n`)
    await all((name) => `${name}: with the master\n`)

    demo.type("kill b\n")
    await demo.says("master: b is gone\n")
    await demo.says("b: (ended)\n")
    demo.type("revive b\n")
    await demo.says("master: b registered\n", 2)
    await demo.says("b: with the master\n", 2)

    demo.type("stop c\n")
    await demo.says("master: lost c after 3 missed pings\n")
    demo.type("continue c\n")
    await demo.says("master: c registered\n", 2)
    await demo.says("c: back with the master\n")

    demo.type("stop master\n")
    await all((name) => `${name}: heard nothing from the master for 2 seconds\n`)
    demo.type("continue master\n")
    await all((name) => `${name}: back with the master\n`)

    demo.type("kill master\n")
    await demo.says("master: (ended)\n")
    await all((name) => `${name}: without the master: connection`)
    demo.type("revive master\n")
    await demo.says("master: listens on 127.0.0.1", 2)
    await all((name) => `${name}: back with the master\n`, 2)

    demo.type("dance b\n")
    await demo.says("There are kill, revive, stop and continue")
    // Only c ever was lost, and nobody because the master itself stood still.
    assert.deepStrictEqual(demo.output.match(/lost \w+/g), ["lost c"])

    demo.type("stop a\n")
    demo.signal("SIGTERM")
    assert.deepStrictEqual(await demo.ended, { code: 0, signal: null })
  }, 90_000)
})
