/** Limits for all processes together, peers for whom there is no process, and signals to workers and supervisor. */
import { afterAll, assert, describe, it } from "vitest"
import { isAlive, Machines, Person, times, until } from "./support.ts"

const machines = new Machines()
afterAll(machines.end)

const come = (port: number, count: number, localAddress = "127.0.0.1") =>
  Promise.all(
    times(count, async () => {
      const person = new Person({ port, localAddress })
      return { person, answer: await person.ask("who") }
    })
  )

const served = (people: Awaited<ReturnType<typeof come>>) =>
  people.filter(({ answer }) => answer !== undefined)

describe("limits of a machine", () => {
  it("count the connections of all processes, in all and by address", { timeout: 60_000 }, async () => {
    const machine = machines.start({
      admission: { maxConnections: 8, maxPerAddress: 5, deny: ["127.0.0.66"] }
    })
    const { port } = await machine.up()
    const ours = served(await come(port, 8, "127.0.0.2"))
    assert.strictEqual(ours.length, 5)
    const theirs = served(await come(port, 5, "127.0.0.3"))
    assert.strictEqual(theirs.length, 3)
    assert.strictEqual(served(await come(port, 2, "127.0.0.66")).length, 0)
    await machine.says("Refused", 7)
    const refused = machine.all.filter(({ _tag }) => _tag === "Refused").map(({ reason }) => reason)
    assert.deepStrictEqual(refused.sort(), [
      "address",
      "address",
      "address",
      "denied",
      "denied",
      "full",
      "full"
    ])

    // One who leaves makes room, whichever process it was in.
    const [first, second] = ours
    first?.person.leave()
    second?.person.leave()
    const later: Array<unknown> = []
    while (later.length < 2) later.push(...served(await come(port, 1, "127.0.0.3")))
    assert.strictEqual(served(await come(port, 1, "127.0.0.4")).length, 0)

    // So do those who went with their process.
    const victim = Number(theirs[0]?.answer?.split(" ")[0])
    process.kill(victim, "SIGKILL")
    await machine.says("Ended")
    assert.isAbove(served(await come(port, 1, "127.0.0.4")).length, 0)
  })

  it("turn away who has waited in vain for a process", { timeout: 60_000 }, async () => {
    const machine = machines.start({
      processes: 1,
      waiting: { max: 2, time: "100 millis" },
      restarts: { delay: "1 hour", maxDelay: "1 hour" }
    })
    const { port } = await machine.up()
    // The first successor comes at once, the next one in an hour.
    for (let crash = 1; crash <= 2; crash++) {
      const person = new Person({ port })
      person.tell("exit 1")
      await person.closed
      await machine.says("Restarting", crash)
      if (crash === 1) await machine.says("Ready")
    }
    const people = await come(port, 4)
    assert.deepStrictEqual(served(people), [])
    await machine.says("Refused", 4)
    const reasons = machine.all.filter(({ _tag }) => _tag === "Refused").map(({ reason }) => reason)
    assert.deepStrictEqual(
      reasons,
      times(4, () => "noProcess")
    )
    for (const { person } of people) assert.notStrictEqual(await person.closed, "ECONNREFUSED")
    machine.signal("SIGTERM")
    assert.strictEqual((await machine.ended).code, 0)
  })
})

describe("signals", () => {
  it("to a worker drain it, and another one takes its place", { timeout: 60_000 }, async () => {
    const machine = machines.start({}, { DELAY: "300" })
    const { pids, port } = await machine.up()
    const people = await come(port, 8)
    const [victim = 0] = pids
    const answers = people.map(({ person }) => person.ask("last"))
    await new Promise((resolve) => setTimeout(resolve, 100))
    process.kill(victim, "SIGTERM")
    for (const answer of await Promise.all(answers)) assert.match(answer ?? "", /^\d+ last$/)
    const ended = await machine.says("Ended")
    assert.deepInclude(ended, { pid: victim, code: 0, asked: false })
    const { pid } = await machine.says("Ready")
    const now = await come(port, 8)
    assert.include(
      now.map(({ answer }) => Number(answer?.split(" ")[0])),
      Number(pid)
    )
  })

  it("SIGHUP reloads where the options say so", { timeout: 60_000 }, async () => {
    const machine = machines.start({ reloadSignal: "SIGHUP", retireDelay: 0 })
    const { pids } = await machine.up()
    machine.signal("SIGHUP")
    await machine.says("Ready", 2)
    await machine.says("Ended", 2)
    await until(() => pids.every((pid) => !isAlive(pid)))
    assert.isTrue(machine.all.filter(({ _tag }) => _tag === "Ended").every(({ asked }) => asked === true))
  })

  it("stop a reload that is underway, and all workers of it", { timeout: 60_000 }, async () => {
    const machine = machines.start({})
    await machine.up()
    machine.signal("SIGUSR2")
    const { pid } = await machine.says("Started")
    machine.signal("SIGTERM")
    assert.strictEqual((await machine.ended).code, 0)
    assert.isFalse(isAlive(Number(pid)))
    assert.strictEqual(machine.count("Reloaded"), 0)
  })
})
