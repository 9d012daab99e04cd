/** The parts of a supervisor, each by itself. */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Schema } from "effect"
import { type Balance, type Candidate, chooserOf } from "../../src/internal/node/multicore/balance.ts"
import { Link, type LinkOptions } from "../../src/internal/node/multicore/link.ts"
import { Lobby } from "../../src/internal/node/multicore/lobby.ts"
import { readFromSupervisor, readFromWorker, wrap } from "../../src/internal/node/multicore/messages.ts"
import { Restarts } from "../../src/internal/node/multicore/restarts.ts"
import { decodeMulticore, hasReusePort } from "../../src/internal/node/multicore/settings.ts"
import { topicOf } from "../../src/internal/node/multicore/topic.ts"
import * as Multicore from "../../src/Multicore.ts"
import { times } from "./support.ts"

const candidates = (...loads: ReadonlyArray<number>): ReadonlyArray<Candidate> =>
  loads.map((load, index) => ({ index, load }))

const addresses = times(2000, (i) => `10.0.${i >> 8}.${i & 255}`)

const choose = (balance: Balance, from: ReadonlyArray<Candidate>, hosts: ReadonlyArray<string>) => {
  const chooser = chooserOf(balance)
  return hosts.map((host) => chooser.choose(from, () => host).index)
}

describe("balance", () => {
  it("roundRobin goes on where it was, whoever is missing", () => {
    const chooser = chooserOf("roundRobin")
    const [a, b, c] = candidates(5, 0, 0) as [Candidate, Candidate, Candidate]
    const turn = (...from: ReadonlyArray<Candidate>) => chooser.choose(from, () => undefined).index
    assert.deepStrictEqual([turn(c, a, b), turn(c, a, b), turn(c, a, b), turn(a, b, c)], [0, 1, 2, 0])
    assert.deepStrictEqual([turn(a, c), turn(a, b), turn(b, c), turn(b, c)], [2, 0, 1, 2])
  })

  it("leastConnections takes the one with the fewest, and turns among equals", () => {
    assert.deepStrictEqual(choose("leastConnections", candidates(3, 1, 2), ["x", "x"]), [1, 1])
    assert.deepStrictEqual(choose("leastConnections", candidates(1, 0, 0), ["x", "x", "x"]), [1, 2, 1])
  })

  it("sourceHash divides evenly, and moves nobody who need not move", () => {
    const four = candidates(0, 0, 0, 0)
    const before = choose("sourceHash", four, addresses)
    for (const index of [0, 1, 2, 3]) {
      const share = before.filter((chosen) => chosen === index).length / addresses.length
      assert.isAbove(share, 0.2)
      assert.isBelow(share, 0.3)
    }
    const without = choose(
      "sourceHash",
      four.filter(({ index }) => index !== 2),
      addresses
    )
    without.forEach((chosen, i) => {
      if (before[i] === 2) assert.notStrictEqual(chosen, 2)
      else assert.strictEqual(chosen, before[i])
    })
  })
})

describe("restarts", () => {
  const limits = { max: 4, within: 60_000, delay: 100, maxDelay: 250 }

  it("come at once, then later and later, until the budget is spent", () => {
    const restarts = new Restarts(limits)
    assert.deepStrictEqual(
      [0, 1, 2, 3].map((now) => restarts.next(0, now)),
      [0, 100, 200, 250]
    )
    assert.strictEqual(restarts.next(0, 4), "exhausted")
    assert.strictEqual(restarts.next(1, 5), "exhausted")
  })

  it("count for all places together, and delay for each", () => {
    const restarts = new Restarts(limits)
    assert.deepStrictEqual([restarts.next(0, 0), restarts.next(1, 0), restarts.next(0, 0)], [0, 0, 100])
  })

  it("begin anew after a span without any", () => {
    const restarts = new Restarts(limits)
    for (const now of [0, 1, 2, 3]) restarts.next(0, now)
    assert.strictEqual(restarts.next(0, 70_000), 0)
    assert.strictEqual(restarts.next(0, 70_001), 100)
  })
})

describe("the lobby", () => {
  const make = (limits: { readonly maxWaiting: number; readonly wait: number }) => {
    const away: Array<Net.Socket> = []
    return { away, lobby: new Lobby(limits, (socket) => away.push(socket)) }
  }

  it("lets in in order, skips who has to wait for one process, and stops when all are busy", () => {
    const { away, lobby } = make({ maxWaiting: 10, wait: 60_000 })
    const sockets = times(5, () => new Net.Socket())
    for (const socket of sockets) lobby.arrive(socket)
    const [a, b, c, d, e] = sockets
    const asked: Array<Net.Socket> = []
    lobby.serve((socket) => {
      asked.push(socket)
      return socket === b ? "busy" : socket === d ? "full" : "taken"
    })
    assert.deepStrictEqual(asked, [a, b, c, d])
    const taken: Array<Net.Socket> = []
    b?.destroy()
    lobby.serve((socket) => {
      taken.push(socket)
      return "taken"
    })
    assert.deepStrictEqual(taken, [d, e])
    assert.deepStrictEqual(away, [])
    lobby.close()
  })

  it("turns away who finds it full, and everybody at its end", () => {
    const { away, lobby } = make({ maxWaiting: 2, wait: 60_000 })
    const [a, b, c] = times(3, () => new Net.Socket()) as [Net.Socket, Net.Socket, Net.Socket]
    for (const socket of [a, b, c]) lobby.arrive(socket)
    assert.deepStrictEqual(away, [c])
    lobby.close()
    assert.deepStrictEqual(away, [c, a, b])
  })

  it("turns away who has waited too long", async () => {
    const gone = new Promise<Net.Socket>((resolve) => {
      const lobby = new Lobby({ maxWaiting: 2, wait: 5 }, resolve)
      lobby.arrive(new Net.Socket())
    })
    assert.instanceOf(await gone, Net.Socket)
  })
})

const Groups = Schema.Array(Schema.Tuple([Schema.String, Schema.Union([Schema.String, Schema.Int])]))

describe("messages", () => {
  it("of others on the same channel are foreign, and ours are checked", () => {
    const notice = (body: object) => wrap({ _tag: "Notice", body })
    assert.deepStrictEqual(readFromWorker(notice({ _tag: "Taken", socket: 1, count: 2, gone: [] })), {
      _tag: "Notice",
      body: { _tag: "Taken", socket: 1, count: 2, gone: [] }
    })
    for (const foreign of [undefined, null, 1, "Ready", {}, { _tag: "Notice", body: { _tag: "Ready" } }]) {
      assert.strictEqual(readFromWorker(foreign), "foreign")
    }
    for (const body of [
      { _tag: "Taken", socket: -1, count: 0, gone: [] },
      { _tag: "Taken", socket: "1", count: 0, gone: [] },
      { _tag: "Taken", socket: 1 },
      { _tag: "Deliver", groups: "a", keys: [], payload: new Uint8Array() },
      { _tag: "Nothing" },
      undefined
    ]) {
      assert.strictEqual(readFromWorker(wrap({ _tag: "Notice", body })), "invalid")
    }
    assert.strictEqual(readFromSupervisor(notice({ _tag: "Ready" })), "invalid")
    assert.strictEqual(readFromSupervisor(wrap({ _tag: "Request", id: 0.5, body: {} })), "invalid")
  })

  it.prop("never throw, whatever comes", [Schema.Unknown], ([anything]) => {
    for (const message of [
      anything,
      { "effect-sluice": anything },
      wrap({ _tag: "Notice", body: anything })
    ]) {
      readFromWorker(message)
      readFromSupervisor(message)
    }
  })

  it.prop("to groups with different names or keys have different topics", [Groups], ([groups]) => {
    const topics = new Set(groups.map(([name, key]) => topicOf(name, key)))
    assert.strictEqual(topics.size, new Set(groups.map((group) => JSON.stringify(group))).size)
  })

  it("to a number are not those to its text", () => {
    assert.notStrictEqual(topicOf("a", 1), topicOf("a", "1"))
  })
})

describe("a link", () => {
  interface Sent {
    readonly message: object
    readonly done: () => void
  }

  const make = (limits = { maxMessages: 4, maxBytes: 1000 }) => {
    const sent: Array<Sent> = []
    const told: Array<unknown> = []
    const options: LinkOptions<unknown, unknown> = {
      send: (message, _handle, _options, callback) => sent.push({ message, done: () => callback(null) }),
      read: (message) => message as never,
      onNotice: (notice) => told.push(notice),
      onRequest: (request) => Effect.succeed({ answerTo: request }),
      limits,
      fork: (effect) => void Effect.runFork(effect)
    }
    return { link: new Link(options), sent, told }
  }

  it("holds back what the channel does not take, within its bounds, in order", () => {
    const { link, sent } = make()
    const offers = times(70, (i) => link.offer({ i }, 10))
    assert.strictEqual(offers.filter((offered) => offered).length, 64 + 4)
    assert.strictEqual(sent.length, 64)
    // What must be said is said all the same.
    link.tell({ must: true })
    assert.strictEqual(sent.length, 65)
    for (let i = 0; i < sent.length; i++) sent[i]?.done()
    assert.deepStrictEqual(
      sent.slice(65).map(({ message }) => message),
      [64, 65, 66, 67].map((i) => wrap({ _tag: "Notice", body: { i } }))
    )
  })

  it("counts bytes too, and always takes one", () => {
    const { link } = make({ maxMessages: 100, maxBytes: 1000 })
    for (let i = 0; i < 64; i++) link.offer({}, 1)
    assert.deepStrictEqual([link.offer({}, 5000), link.offer({}, 1)], [true, false])
  })

  it.effect("lets on who waits for room", () =>
    Effect.gen(function* () {
      const { link, sent } = make()
      for (let i = 0; i < 68; i++) link.offer({ i }, 10)
      const waiting = yield* Effect.forkChild(link.awaitRoom(), { startImmediately: true })
      assert.isUndefined(waiting.pollUnsafe())
      sent[0]?.done()
      assert.isUndefined(waiting.pollUnsafe())
      sent[1]?.done()
      yield* Fiber.join(waiting)
    })
  )

  it.effect("gives each request its own reply, and all none when it closes", () =>
    Effect.gen(function* () {
      const { link, sent } = make()
      const ask = (body: object) =>
        Effect.forkChild(Effect.exit(link.request(body, Duration.hours(1))), { startImmediately: true })
      const [first, second, third] = [yield* ask({}), yield* ask({}), yield* ask({})]
      link.receive({ _tag: "Reply", id: 1, body: "two" }, undefined)
      link.receive({ _tag: "Reply", id: 0, body: "one" }, undefined)
      // Nobody asked for these.
      link.receive({ _tag: "Reply", id: 0, body: "again" }, undefined)
      link.receive({ _tag: "Reply", id: 77, body: "what" }, undefined)
      assert.deepStrictEqual(yield* Fiber.join(first), Exit.succeed("one"))
      assert.deepStrictEqual(yield* Fiber.join(second), Exit.succeed("two"))
      link.close()
      assert.deepStrictEqual(yield* Fiber.join(third), Exit.fail("closed" as const))
      assert.deepStrictEqual(
        yield* Effect.exit(link.request({}, Duration.hours(1))),
        Exit.fail("closed" as const)
      )
      assert.isFalse(link.offer({}, 1))
      assert.strictEqual(sent.length, 3)
    })
  )

  it("answers requests, and hears notices", () => {
    const { link, sent, told } = make()
    assert.isTrue(link.receive({ _tag: "Request", id: 9, body: "what" }, undefined))
    assert.deepStrictEqual(sent[0]?.message, wrap({ _tag: "Reply", id: 9, body: { answerTo: "what" } }))
    link.receive({ _tag: "Notice", body: "news" }, undefined)
    assert.deepStrictEqual(told, ["news"])
    assert.isFalse(link.receive("invalid", undefined))
    assert.isTrue(link.receive("foreign", undefined))
  })
})

describe("options", () => {
  const problems = (options: object, version?: string) =>
    Effect.map(Effect.flip(decodeMulticore(options, version)), (error) => error.problems)

  it.effect("have defaults", () =>
    Effect.gen(function* () {
      const settings = yield* decodeMulticore({})
      assert.isAtLeast(settings.processes, 1)
      assert.deepInclude(settings, { balance: "leastConnections", reloadSignal: "off" })
      assert.deepStrictEqual(settings.hangTimeout, Duration.seconds(30))
      assert.deepStrictEqual(settings.restarts.max, 10)
    })
  )

  it.effect("are checked, all at once", () =>
    Effect.gen(function* () {
      const found = yield* problems({
        processes: 0,
        balance: "fair",
        restarts: { max: -1 },
        waiting: { time: "0 millis" },
        hangTimeout: "never",
        admission: { maxPerAddress: 0 },
        cores: 2
      })
      assert.sameMembers(
        found.map(({ path }) => path),
        [
          "processes",
          "balance",
          "restarts.max",
          "waiting.time",
          "hangTimeout",
          "admission.maxPerAddress",
          "cores"
        ]
      )
    })
  )

  it.effect("kernel needs its Node, and no admission", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problems({ balance: "kernel" }, "v22.11.0"), [
        { path: "balance", message: "kernel needs Node 22.12 or later, and this is v22.11.0" }
      ])
      assert.deepStrictEqual(
        (yield* problems({ balance: "kernel", admission: {} }, "v24.1.0")).map(({ path }) => path),
        ["admission"]
      )
      yield* decodeMulticore({ balance: "kernel" }, "v22.12.0")
    })
  )

  it("know which Node has what", () => {
    assert.deepStrictEqual(
      ["v20.20.2", "v22.11.0", "v22.12.0", "v23.0.0", "v23.1.0", "v24.0.0"].map(hasReusePort),
      [false, false, true, false, true, true]
    )
  })
})

describe("Multicore", () => {
  it.effect("layerWorker fails where nobody supervises", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Multicore.layerWorker(Layer.empty))))
      assert.strictEqual(error._tag, "NotAWorker")
      assert.include(error.message, "no worker")
    })
  )
})
