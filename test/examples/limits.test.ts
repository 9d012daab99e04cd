/** `examples/limits`, as a process of its own: the limits on real sockets. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Cast, example, nc, needsNc, Peer } from "./support.ts"

const cast = new Cast()
const server = cast.add(example("limits/server.ts", [], { MAX: "3", PER_ADDRESS: "2" }))
let port = 0

beforeAll(async () => {
  port = await server.port("limits")
})
afterAll(cast.leave)

const guest = async (): Promise<Peer> => {
  const peer = new Peer(port)
  peer.write("hello\n")
  await peer.hears("hello\n")
  return peer
}

describe("examples/limits", () => {
  it("tells the third of one address to go, until the limit is raised, and the fourth of all", async (context) => {
    needsNc(context)
    const first = await guest()
    await guest()
    const person = cast.add(nc(port))
    await person.says("sorry, too many of you are here already\n")
    await server.says("refused 127.0.0.1:")

    first.write("limit 5\n")
    await first.hears("at most 5 from one address\n")
    await guest()
    const late = new Peer(port)
    // Even what it is saying meanwhile does not make a reset of the farewell.
    late.write("x".repeat(100_000))
    await late.hears("sorry, the house is full\n")
    late.end()
    expect(await late.closed).toEqual({ error: undefined, sawEnd: true })
    // What it prints comes by another way than what it sends.
    await server.says(": full")
    expect(server.output.match(/refused .*: (address|full)/g)).toHaveLength(2)
  })

  it("ends with 0 on SIGTERM", async () => {
    server.signal("SIGTERM")
    expect(await server.ended).toEqual({ code: 0, signal: null })
  })
})
