/** Connections and groups of all processes, from one of them. */
import { afterAll, afterEach, assert, beforeAll, describe, it } from "vitest"
import { type Machine, Machines, Person, times } from "./support.ts"

const machines = new Machines()
afterAll(machines.end)

let machine: Machine
let port = 0
beforeAll(async () => {
  machine = machines.start({ answerTimeout: "1 second", balance: "roundRobin" }, {}, "rooms")
  port = (await machine.up()).port
}, 60_000)

const guests: Array<Person> = []

afterEach(async () => {
  const all = guests.splice(0)
  for (const person of all) person.leave()
  await Promise.all(all.map(({ closed }) => closed))
})

/** Two people in each of the two processes, by turns, with their names on the machine. */
const party = async () => {
  const people = times(4, () => new Person({ port }))
  guests.push(...people)
  const names: Array<string> = []
  for (const person of people) names.push(String(await person.learn("who")))
  const pids = names.map((name) => name.split(" ")[0])
  const ids = names.map((name) => name.split(" ")[1] ?? "")
  const here = people.filter((_, i) => pids[i] === pids[0])
  const there = people.filter((_, i) => pids[i] !== pids[0])
  assert.deepStrictEqual([here.length, there.length], [2, 2])
  const [a, b] = here as [Person, Person]
  const [c, d] = there as [Person, Person]
  // Until the processes have noticed that those before them are gone.
  while (((await a.learn("size")) as { value: number }).value > 4);
  const idOf = (person: Person): string => ids[people.indexOf(person)] ?? ""
  return { people, a, b, c, d, idOf }
}

const machineId = (text: string) => {
  const [worker, id] = text.split("/").map(Number)
  return { worker, id }
}

describe("the connections of a machine", () => {
  it("are counted and listed from any process", async () => {
    const { a, c, idOf, people } = await party()
    assert.deepStrictEqual(await a.learn("size"), { value: 4, missing: [] })
    const { missing, value } = (await c.learn("list")) as {
      missing: unknown
      value: ReadonlyArray<{
        worker: number
        id: number
        remoteAddress: { port: number }
        messagesIn: number
      }>
    }
    assert.deepStrictEqual(missing, [])
    assert.sameDeepMembers(
      value.map(({ id, remoteAddress, worker }) => [`${worker}/${id}`, remoteAddress.port]),
      people.map((person) => [idOf(person), person.socket.localPort])
    )
    for (const { messagesIn } of value) assert.isAtLeast(messagesIn, 1)
    const few = (await a.learn("list 1")) as { value: ReadonlyArray<unknown> }
    assert.strictEqual(few.value.length, 2)
  })

  it("get a broadcast, and a message to one", async () => {
    const { a, b, c, d, idOf } = await party()
    assert.deepStrictEqual(await a.learn("all hello"), { value: { delivered: 4, failed: [] }, missing: [] })
    for (const person of [a, b, c, d]) assert.deepStrictEqual(await person.hears(1), ["hello"])
    assert.strictEqual(await a.learn(`to ${idOf(d)} psst`), "queued")
    assert.strictEqual(await a.learn(`to ${idOf(b)} pssst`), "queued")
    assert.deepStrictEqual(await d.hears(2), ["hello", "psst"])
    assert.deepStrictEqual(await b.hears(2), ["hello", "pssst"])
    const { worker } = machineId(idOf(d))
    assert.strictEqual(await a.learn(`to ${worker}/999999 psst`), "closed")
    assert.strictEqual(await a.learn("to 99/1 psst"), "closed")
    assert.deepStrictEqual(c.heard, ["hello"])
  })

  it("are closed by id and by address", async () => {
    const { a, b, c, d, idOf } = await party()
    assert.strictEqual(await a.learn(`close ${idOf(d)}`), true)
    assert.isUndefined(await d.closed)
    assert.strictEqual(await a.learn(`close ${idOf(b)}`), true)
    assert.isUndefined(await b.closed)
    assert.strictEqual(await a.learn("close 99/1"), false)
    const stranger = new Person({ port, localAddress: "127.0.0.7" })
    const name = String(await stranger.learn("who")).split(" ")[1] ?? ""
    assert.deepStrictEqual(await c.learn("closeHost 127.0.0.7"), { value: [machineId(name)], missing: [] })
    assert.isUndefined(await stranger.closed)
    // A connection counts until its process has noticed that it is gone.
    while (((await a.learn("size")) as { value: number }).value > 2);
    assert.deepStrictEqual(await a.learn("size"), { value: 2, missing: [] })
  })
})

describe("groups of a machine", () => {
  it("reach members in every process, once each, and not the author", async () => {
    const { a, b, c, d } = await party()
    for (const person of [a, b, c]) assert.strictEqual(await person.learn("join red"), true)
    assert.strictEqual(await c.learn("join blue"), true)
    assert.strictEqual(await d.learn("join #1"), true)
    assert.strictEqual(await c.learn("join red"), false)
    // From its own process, and from the other one.
    assert.deepStrictEqual(await a.learn("send red,blue one"), { delivered: 1, failed: 0, forwarded: true })
    // What others send comes by other ways: their order is told by nobody.
    await c.hears(1)
    assert.deepStrictEqual(await d.learn("send red,#1 two"), { delivered: 1, failed: 0, forwarded: true })
    // A key that is a number is another one than its text.
    assert.deepStrictEqual(await a.learn("send 1 three"), { delivered: 0, failed: 0, forwarded: true })
    assert.deepStrictEqual(await a.learn("send #1 four"), { delivered: 0, failed: 0, forwarded: true })
    assert.deepStrictEqual(await b.hears(2), ["one (1970)", "two (1970)"])
    assert.deepStrictEqual(await c.hears(2), ["one (1970)", "two (1970)"])
    assert.deepStrictEqual(await d.hears(1), ["four (1970)"])
    assert.deepStrictEqual(await a.hears(1), ["two (1970)"])
  })

  it("tell who is where, in all processes", async () => {
    const { a, b, c, d, idOf } = await party()
    for (const person of [a, b, c]) await person.learn("join red")
    await d.learn("join #7")
    assert.deepStrictEqual(await d.learn("count red"), { value: 3, missing: [] })
    const { value } = (await d.learn("members red")) as { value: ReadonlyArray<unknown> }
    assert.sameDeepMembers(
      [...value],
      [a, b, c].map((person) => machineId(idOf(person)))
    )
    assert.sameMembers(((await a.learn("groups")) as { value: Array<unknown> }).value, ["red", 7])
    assert.strictEqual(await b.learn("leave red"), true)
    assert.deepStrictEqual(await d.learn("count red"), { value: 2, missing: [] })
  })

  it("reach a member from when its join is done, however often it comes and goes", async () => {
    const { a, c } = await party()
    for (let round = 0; round < 50; round++) {
      assert.strictEqual(await c.learn("join here"), true)
      await a.learn(`send here ${round}`)
      assert.strictEqual((await c.hears(round + 1))[round], `${round} (1970)`)
      assert.strictEqual(await c.learn("leave here"), true)
    }
  })

  it("keep the order of what one sends", async () => {
    const { a, c } = await party()
    await c.learn("join many")
    assert.strictEqual(await a.learn("flood many 200"), "flooded")
    const heard = await c.hears(200)
    assert.deepStrictEqual(
      heard.map((line) => Number(line.split(" ")[0])),
      times(200, (i) => i)
    )
  })
})

describe("a process that does not answer", () => {
  it("is missing from what the others say, and the supervisor's answers come all the same", async () => {
    const { a, b, c, idOf } = await party()
    const { worker } = machineId(idOf(c))
    const dozed = c.learn("doze 3000")
    const { missing, value } = (await a.learn("size")) as { missing: unknown; value: number }
    // It was asleep, or on its way to it.
    assert.deepStrictEqual(missing, [worker])
    assert.strictEqual(value, 2)
    assert.strictEqual(await a.learn(`close ${idOf(c)}`), `worker ${worker} gives no answer: timeout`)
    assert.strictEqual(((await b.learn("workers")) as ReadonlyArray<unknown>).length, 2)
    assert.strictEqual(await dozed, "awake")
  })
})
