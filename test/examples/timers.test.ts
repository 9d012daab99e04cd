/** `examples/timers`, as a process of its own. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Cast, example, nc, needsNc, Peer } from "./support.ts"

const cast = new Cast()
// Shorter than a person would like, so that nobody waits for seconds.
const server = cast.add(example("timers/server.ts", [], { TICK: "20 millis", NEWS: "50 millis" }))
let port = 0

beforeAll(async () => {
  port = await server.port("timers")
})
afterAll(cast.leave)

describe("examples/timers", () => {
  it("ticks for a person with nc, who says nothing, until it is told to be quiet", async (context) => {
    needsNc(context)
    const person = cast.add(nc(port))
    await person.says("tick 2\n")
    await person.says("you are 1\n")
    person.type("quiet\n")
    person.type("what else?\n")
    await person.says("There are `remind SECONDS TEXT` and `quiet`.\n")
    const ticks = person.output.match(/^tick/gm)?.length
    person.type("remind 0 tea\n")
    await person.says("tea\n")
    person.type("remind 1 more tea\n")
    await person.says("more tea\n")
    expect(person.output.match(/^tick/gm)).toHaveLength(ticks ?? 0)
    person.endInput()
    expect((await person.ended).code).toBe(0)
  })

  it("tells everybody how many they are", async () => {
    const peers = [new Peer(port), new Peer(port), new Peer(port)]
    await Promise.all(peers.map((peer) => peer.hears("you are 3\n")))
    for (const peer of peers) peer.end()
    await Promise.all(peers.map((peer) => peer.closed))
  })

  it("ends with 0 on SIGTERM, whatever is still to come", async () => {
    const peer = new Peer(port)
    peer.write("remind 9999 never\n")
    await peer.hears("tick 1\n")
    server.signal("SIGTERM")
    expect(await peer.closed).toEqual({ error: undefined, sawEnd: true })
    expect(await server.ended).toEqual({ code: 0, signal: null })
  })
})
