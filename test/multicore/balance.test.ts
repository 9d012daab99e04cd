/** Who gets the next peer, over real processes. */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import { hasReusePort } from "../../src/internal/node/multicore/settings.ts"
import { certificates } from "../transport/certificates.ts"
import { Machines, Person, times } from "./support.ts"

const machines = new Machines()
afterAll(machines.end)

const processesOf = (people: ReadonlyArray<Person>): Promise<ReadonlyArray<number>> =>
  Promise.all(people.map((person) => person.process()))

const countBy = (pids: ReadonlyArray<number>): ReadonlyArray<number> =>
  Array.from(new Set(pids), (pid) => pids.filter((other) => other === pid).length)

describe("balance", () => {
  it("leastConnections fills up who has few", { timeout: 60_000 }, async () => {
    const machine = machines.start({ balance: "leastConnections" })
    const { port } = await machine.up()
    const people = times(20, () => new Person({ port }))
    const pids = await processesOf(people)
    assert.deepStrictEqual(countBy(pids), [10, 10])
    const leaving = people.filter((_, i) => pids[i] === pids[0])
    for (const person of leaving) person.leave()
    // The supervisor hears of it a little later; whoever comes then goes where there is room.
    await Promise.all(leaving.map(({ closed }) => closed))
    const others: Array<number> = []
    while (others.length < 4) {
      const person = new Person({ port })
      const pid = await person.process()
      if (pid === pids[0]) others.push(pid)
      else person.leave()
    }
    assert.strictEqual(others.length, 4)
  })

  it("roundRobin goes by turns", { timeout: 60_000 }, async () => {
    const machine = machines.start({ balance: "roundRobin", processes: 3 })
    const { pids: all, port } = await machine.up()
    const pids: Array<number> = []
    for (let i = 0; i < 9; i++) pids.push(await new Person({ port }).process())
    assert.deepStrictEqual(pids.slice(3, 6), pids.slice(0, 3))
    assert.deepStrictEqual(pids.slice(6, 9), pids.slice(0, 3))
    assert.sameMembers(pids.slice(0, 3), [...all])
  })

  it("sourceHash keeps to an address, over a crash too", { timeout: 60_000 }, async () => {
    const machine = machines.start({ balance: "sourceHash" })
    const { port } = await machine.up()
    const addresses = times(16, (i) => `127.0.0.${10 + i}`)
    const ask = () => processesOf(addresses.map((localAddress) => new Person({ port, localAddress })))
    const first = await ask()
    assert.strictEqual(new Set(first).size, 2)
    assert.deepStrictEqual(await ask(), first)
    const [victim = 0] = first
    process.kill(victim, "SIGKILL")
    await machine.says("Ended")
    // Those of the other process stay where they were, and the others are all with whoever there is.
    const during = await ask()
    assert.deepStrictEqual(
      during.filter((_, i) => first[i] !== victim),
      first.filter((pid) => pid !== victim)
    )
    await machine.says("Ready")
    const after = await ask()
    const successor = Number((await machine.says("Ready")).pid)
    assert.deepStrictEqual(
      after,
      first.map((pid) => (pid === victim ? successor : pid))
    )
  })

  it("kernel needs a Node that has it, and says so", { timeout: 60_000 }, async () => {
    const machine = machines.start({ balance: "kernel" })
    if (!hasReusePort(process.version)) {
      assert.strictEqual((await machine.ended).code, 1)
      assert.include(machine.program.output, "balance: kernel needs Node 22.12 or later, and this is v20")
      return
    }
    const { pids: all, port } = await machine.up()
    const pids = await processesOf(times(64, () => new Person({ port })))
    assert.sameMembers(Array.from(new Set(pids)), [...all])
    // The port is the program's over a crash, although the system chose it.
    process.kill(all[0] ?? 0, "SIGKILL")
    await machine.says("Ready")
    const later = await processesOf(times(64, () => new Person({ port })))
    assert.notInclude(later, all[0])
    assert.strictEqual(new Set(later).size, 2)
  })

  it("hands over TLS before the handshake, and Unix sockets", { timeout: 60_000 }, async () => {
    const { authority, server } = certificates()
    const tls = machines.start({}, { KEY: server.keyFile, CERT: server.certificateFile })
    const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "sluice-multicore-"))
    const path = Path.join(directory, "socket")
    const unix = machines.start({}, { SOCKET: path })
    const { port } = await tls.up()
    const overTls = await processesOf(times(8, () => new Person({ port, ca: authority.certificate })))
    assert.deepStrictEqual(countBy(overTls), [4, 4])
    await unix.up()
    const overUnix = await processesOf(times(8, () => new Person({ path })))
    assert.deepStrictEqual(countBy(overUnix), [4, 4])
    unix.signal("SIGTERM")
    assert.strictEqual((await unix.ended).code, 0)
    assert.isFalse(Fs.existsSync(path))
    Fs.rmSync(directory, { recursive: true })
  })
})
