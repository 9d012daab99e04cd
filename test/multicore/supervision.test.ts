/** Processes that crash, hang, do not start, are replaced, and stop. */
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import { freePort } from "../examples/support.ts"
import { host, isAlive, Machines, Person, times, until } from "./support.ts"

const machines = new Machines()
const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "sluice-multicore-"))
afterAll(async () => {
  await machines.end()
  Fs.rmSync(directory, { recursive: true })
})

/** Connects, asks once and leaves, over and over; tells what went wrong. */
class Visitors {
  readonly errors: Array<string> = []
  visits = 0
  private open = true
  private readonly loops: ReadonlyArray<Promise<void>>

  constructor(port: number, count: number) {
    this.loops = times(count, async () => {
      while (this.open) {
        const person = new Person({ port })
        const line = `visit ${this.visits++}`
        const answer = await person.ask(line)
        if (answer?.endsWith(` ${line}`) !== true) {
          this.errors.push(`${line}: ${answer ?? person.error ?? "closed"}`)
        }
        person.socket.end()
        await person.closed
      }
    })
  }

  async stop(): Promise<void> {
    this.open = false
    await Promise.all(this.loops)
  }
}

describe("a supervisor", () => {
  it("loses with a killed worker only its own connections, and serves the next peer at once", {
    timeout: 60_000
  }, async () => {
    const machine = machines.start({ restarts: { max: 20 } })
    const { port } = await machine.up()
    const people = times(20, () => new Person({ port }))
    const pids = await Promise.all(people.map((person) => person.process()))
    // All talk all the time.
    let talking = true
    const talks = people.map(async (person, i) => {
      let answered = 0
      while (talking) {
        const answer = await person.ask(`line ${answered}`)
        if (answer === undefined) break
        assert.strictEqual(answer, `${pids[i]} line ${answered}`)
        answered++
      }
      return answered
    })
    const [victim = 0] = pids
    process.kill(victim, "SIGKILL")
    const next = new Person({ port })
    const survivor = await next.process()
    assert.notStrictEqual(survivor, victim)
    assert.isUndefined(next.error)
    await Promise.all(people.filter((_, i) => pids[i] === victim).map(({ closed }) => closed))
    const { pid: successor } = await machine.says("Ready")
    for (const [i, person] of people.entries()) {
      assert.strictEqual(person.socket.destroyed, pids[i] === victim)
    }
    talking = false
    await Promise.all(talks)
    const later = await Promise.all(times(20, () => new Person({ port }).process()))
    assert.include(later, Number(successor))
    assert.notInclude(later, victim)
  })

  it("gives peers that a dying worker had not taken to another one", { timeout: 60_000 }, async () => {
    // One place only: who comes while nobody is there waits for the successor.
    const machine = machines.start({ processes: 1 })
    const { pids, port } = await machine.up()
    const visitors = new Visitors(port, 4)
    await until(() => visitors.visits > 20)
    process.kill(pids[0] ?? 0, "SIGKILL")
    await machine.says("Ready")
    const at = visitors.visits
    await until(() => visitors.visits > at + 20)
    await visitors.stop()
    // Each of the four may have been connected in the moment of the kill, and nobody was refused.
    assert.isAtMost(visitors.errors.length, 4)
    for (const error of visitors.errors) assert.notInclude(error, "ECONNREFUSED")
  })

  it("reloads without a refused peer or a lost answer", { timeout: 90_000 }, async () => {
    const machine = machines.start({})
    const { pids, port } = await machine.up()
    const visitors = new Visitors(port, 8)
    const staying = await Promise.all(
      times(4, async () => {
        const person = new Person({ port })
        await person.ask("first")
        return person
      })
    )
    for (let round = 1; round <= 2; round++) {
      machine.signal("SIGUSR2")
      await machine.says("Reloaded", round)
    }
    await visitors.stop()
    assert.deepStrictEqual(visitors.errors, [])
    assert.isAbove(visitors.visits, 100)
    // Those of the old processes were ended in good order.
    assert.deepStrictEqual(
      await Promise.all(staying.map(({ closed }) => closed)),
      times(4, () => undefined)
    )
    const now = await Promise.all(times(8, () => new Person({ port }).process()))
    for (const pid of pids) assert.notInclude(now, pid)
    assert.isTrue(
      machine.all
        .filter(({ _tag }) => _tag === "Ended")
        .every(({ asked, code }) => asked === true && code === 0)
    )
  })

  it("keeps the workers that are there when a new one does not come up", { timeout: 60_000 }, async () => {
    const flag = Path.join(directory, "fails")
    const machine = machines.start({}, { FAILS_IF: flag })
    const { pids, port } = await machine.up()
    Fs.writeFileSync(flag, "")
    machine.signal("SIGUSR2")
    const { message } = await machine.says("ReloadFailed")
    assert.match(String(message), /worker 3 \(process \d+\) ended with code 1 before it was up/)
    const now = await Promise.all(times(4, () => new Person({ port }).process()))
    assert.sameMembers(Array.from(new Set(now)), [...pids])
  })

  it("fails once the budget of restarts is spent", { timeout: 60_000 }, async () => {
    const machine = machines.start({
      processes: 1,
      restarts: { max: 2, within: "1 hour", delay: "1 millis" }
    })
    const { port } = await machine.up()
    for (let crash = 1; crash <= 3; crash++) {
      const person = new Person({ port })
      person.tell("exit 7")
      if (crash < 3) await machine.says("Ready", crash)
    }
    assert.strictEqual((await machine.ended).code, 1)
    assert.include(
      machine.program.output,
      "workers were replaced 2 times within 1h, and the last one ended with code 7"
    )
    assert.strictEqual(machine.count("Restarting"), 2)
  })

  it("fails at once where a worker does not start", { timeout: 60_000 }, async () => {
    const flag = Path.join(directory, "never")
    Fs.writeFileSync(flag, "")
    const machine = machines.start({}, { FAILS_IF: flag })
    assert.strictEqual((await machine.ended).code, 1)
    assert.match(machine.program.output, /worker \d \(process \d+\) ended with code 1 before it was up/)
    assert.strictEqual(machine.count("Up"), 0)
  })

  it("tells a worker why the address cannot be had", { timeout: 60_000 }, async () => {
    const other = Net.createServer()
    const port = await freePort()
    await new Promise<void>((resolve) => other.listen(port, host, resolve))
    const machine = machines.start({}, { PORT: String(port) })
    assert.strictEqual((await machine.ended).code, 1)
    assert.include(machine.program.output, `cannot listen on ${host}:${port}: AddressInUse`)
    await new Promise((resolve) => other.close(resolve))
  })

  it("kills and replaces a worker that hangs", { timeout: 60_000 }, async () => {
    const machine = machines.start({ hangTimeout: "1 second" })
    const { port } = await machine.up()
    const person = new Person({ port })
    const victim = await person.process()
    person.tell("hang")
    const { pid } = await machine.says("Hung")
    assert.strictEqual(pid, victim)
    await machine.says("Ready")
    assert.strictEqual((await machine.says("Ended")).signal, "SIGKILL")
    await person.closed
  })

  it("lets every worker drain when it is stopped, and ends with code 0", { timeout: 60_000 }, async () => {
    const machine = machines.start({}, { DELAY: "300" })
    const { pids, port } = await machine.up()
    const people = times(20, () => new Person({ port }))
    await Promise.all(people.map((person) => person.ask("first")))
    const answers = people.map((person) => person.ask("last"))
    // What is on its way through the kernel is nobody's yet; a moment later all has been read.
    await new Promise((resolve) => setTimeout(resolve, 100))
    machine.signal("SIGTERM")
    const { code } = await machine.ended
    assert.strictEqual(code, 0)
    for (const answer of await Promise.all(answers)) assert.match(answer ?? "", /^\d+ last$/)
    for (const person of people) assert.isUndefined(await person.closed)
    for (const pid of pids) assert.isFalse(isAlive(pid))
    const late = new Person({ port })
    assert.strictEqual(await late.closed, "ECONNREFUSED")
  })

  it("is forced by a second signal", { timeout: 60_000 }, async () => {
    const machine = machines.start({}, { DELAY: "600000", DRAIN_TIMEOUT: "600000" })
    const { pids, port } = await machine.up()
    const person = new Person({ port })
    person.tell("never answered")
    await person.connected
    machine.signal("SIGTERM")
    // Until the address is closed, the stop has not begun everywhere.
    for (;;) {
      const late = new Person({ port })
      await Promise.race([late.connected, late.closed])
      if (late.error === "ECONNREFUSED") break
      late.leave()
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    machine.signal("SIGINT")
    const { code } = await machine.ended
    assert.strictEqual(code, 0)
    for (const pid of pids) assert.isFalse(isAlive(pid))
  })

  it("takes its workers along when it is killed", { timeout: 60_000 }, async () => {
    const machine = machines.start({}, { DELAY: "200" })
    const { pids, port } = await machine.up()
    const person = new Person({ port })
    await person.ask("first")
    const last = person.ask("last")
    await new Promise((resolve) => setTimeout(resolve, 50))
    machine.signal("SIGKILL")
    // Their output is the supervisor's, which ends with the last of them.
    await machine.ended
    // A process closes its output a moment before it is over.
    await until(() => !pids.some(isAlive))
    // They end in good order all the same.
    assert.match((await last) ?? "", /^\d+ last$/)
  })

  it("has its workers' output, and their logs say whose they are", { timeout: 60_000 }, async () => {
    const machine = machines.start({ processes: 1 })
    const { port } = await machine.up()
    const person = new Person({ port })
    person.socket.write("bad \xff\n", "latin1")
    await person.closed
    await machine.program.says("worker: 1")
    assert.match(machine.program.output, /connection 1 .*worker: 1/)
  })
})
