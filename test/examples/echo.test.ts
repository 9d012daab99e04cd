/** `examples/echo`, as a process of its own. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Cast, example, needsNc, Peer, pipeThroughNc } from "./support.ts"

const cast = new Cast()
const server = cast.add(example("echo/server.ts"))
let port = 0

beforeAll(async () => {
  port = await server.port("echo")
})
afterAll(cast.leave)

describe("examples/echo", () => {
  it("gives back the lines of `printf 'a\\nb\\n' | nc -N`", async (context) => {
    needsNc(context)
    expect((await pipeThroughNc(port, "a\nb\n")).toString()).toBe("a\nb\n")
  })

  it("L-A2: gives 100 nc at once their own lines", async (context) => {
    needsNc(context)
    const inputs = Array.from({ length: 100 }, (_, i) => `first of ${i}\nsecond of ${i}\n`)
    const outputs = await Promise.all(inputs.map((input) => pipeThroughNc(port, input)))
    expect(outputs.map(String)).toEqual(inputs)
  })

  it("S-6: an empty line, a NUL and malformed UTF-8 are lines like any other", async (context) => {
    needsNc(context)
    const input = Buffer.from("\n\0\n\xff\xfe\xc3(\n\r\nend\n", "latin1")
    expect((await pipeThroughNc(port, input)).toString("latin1")).toBe("\n\0\n\xff\xfe\xc3(\n\nend\n")
  })

  it("takes a line byte by byte, and CRLF for a newline", async () => {
    const peer = new Peer(port)
    for (const byte of "one\r\n") peer.write(byte)
    await peer.hears("one\n")
    for (const byte of "two\n") peer.write(byte)
    peer.end()
    expect(await peer.closed).toEqual({ error: undefined, sawEnd: true })
    expect(peer.text).toBe("one\ntwo\n")
  })

  it("cuts a line without an end after the lines before it, and lives on", async () => {
    const flood = new Peer(port)
    flood.write("good\n")
    await flood.hears("good\n")
    flood.write(Buffer.alloc(2 * 1024 * 1024, "x"))
    await flood.closed
    expect(flood.text).toBe("good\n")

    const cut = new Peer(port)
    cut.write("whole\nhalf")
    cut.end()
    expect(await cut.closed).toEqual({ error: undefined, sawEnd: true })
    expect(cut.text).toBe("whole\n")

    const next = new Peer(port)
    next.write("still here\n")
    await next.hears("still here\n")
    next.end()
    await next.closed
  })

  it("S-1, S-2: SIGTERM ends it with 0, and those who are connected see the end of it, not a reset", async () => {
    const peers = Array.from({ length: 20 }, () => new Peer(port))
    for (const [i, peer] of peers.entries()) peer.write(`peer ${i}\n`)
    await Promise.all(peers.map((peer, i) => peer.hears(`peer ${i}\n`)))
    server.signal("SIGTERM")
    const ends = await Promise.all(peers.map((peer) => peer.closed))
    expect(new Set(ends.map((end) => JSON.stringify(end)))).toEqual(new Set(['{"sawEnd":true}']))
    expect(await server.ended).toEqual({ code: 0, signal: null })
  })

  it("says on one line that its port is no port, and fails", async () => {
    const wrong = cast.add(example("echo/server.ts", [], { PORT: "70000" }))
    expect((await wrong.ended).code).toBe(1)
    expect(wrong.output).toContain("port: must be a whole number from 0 to 65535")
  })
})
