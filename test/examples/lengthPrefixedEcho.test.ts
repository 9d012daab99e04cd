/** `examples/length-prefixed-echo`, as a process of its own. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Cast, example, Peer } from "./support.ts"

const cast = new Cast()
const server = cast.add(example("length-prefixed-echo/server.ts"))
let port = 0

beforeAll(async () => {
  port = await server.port("length-prefixed-echo")
})
afterAll(cast.leave)

const frame = (body: Uint8Array): Buffer => {
  const header = Buffer.alloc(4)
  header.writeUInt32BE(body.length)
  return Buffer.concat([header, body])
}

describe("examples/length-prefixed-echo", () => {
  it("gives back every frame, empty ones and large ones too", async () => {
    const large = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) & 255))
    const sent = Buffer.concat([frame(Buffer.from("a")), frame(Buffer.alloc(0)), frame(large)])
    const peer = new Peer(port)
    peer.write(sent)
    peer.end()
    expect(await peer.closed).toEqual({ error: undefined, sawEnd: true })
    expect(peer.bytes.equals(sent)).toBe(true)
  })

  it("takes a frame byte by byte", async () => {
    const peer = new Peer(port)
    const sent = frame(Buffer.from("slow"))
    for (const byte of sent) peer.write(Uint8Array.of(byte))
    expect((await peer.received(sent.length)).equals(sent)).toBe(true)
    peer.end()
    await peer.closed
  })

  it("closes on a frame that is longer than it takes, after those before it, and lives on", async () => {
    const peer = new Peer(port)
    const good = frame(Buffer.from("good"))
    peer.write(Buffer.concat([good, Uint8Array.of(0xff, 0xff, 0xff, 0xff), Buffer.from("rest")]))
    await peer.closed
    expect(peer.bytes.equals(good)).toBe(true)

    const next = new Peer(port)
    next.write(good)
    await next.received(good.length)
    next.end()
    await next.closed
  })

  it("S-1: SIGINT ends it with 0", async () => {
    const peer = new Peer(port)
    const sent = frame(Buffer.from("here"))
    peer.write(sent)
    await peer.received(sent.length)
    server.signal("SIGINT")
    expect(await peer.closed).toEqual({ error: undefined, sawEnd: true })
    expect(await server.ended).toEqual({ code: 0, signal: null })
  })
})
