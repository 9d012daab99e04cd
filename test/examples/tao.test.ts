/** `examples/tao`, a process for each mode, and frames as tao's own clients build them. */
import { afterAll, describe, expect, it } from "vitest"
import { builtExample, Cast, example, Peer } from "./support.ts"

const cast = new Cast()
const servers = {
  echo: cast.add(example("tao/server.ts")),
  chat: cast.add(builtExample("tao/server.ts", [], { MODE: "chat" })),
  pingpong: cast.add(builtExample("tao/server.ts", [], { MODE: "pingpong" }))
}
afterAll(cast.leave)

const connect = async (mode: keyof typeof servers): Promise<Peer> =>
  new Peer(await servers[mode].port(`tao \\(${mode}\\)`))

const frame = (type: number, body: Uint8Array | string): Buffer => {
  const bytes = Buffer.from(body)
  const header = Buffer.alloc(8)
  header.writeInt32LE(type, 0)
  header.writeUInt32LE(bytes.length, 4)
  return Buffer.concat([header, bytes])
}

const heartbeat = (): Buffer => {
  const body = Buffer.alloc(8)
  body.writeBigInt64LE(1_700_000_000_000_000_000n)
  return frame(0, body)
}

/** What comes back to the frames, when the peer has ended and the server has answered everything. */
const converse = async (mode: keyof typeof servers, ...frames: ReadonlyArray<Buffer>): Promise<Buffer> => {
  const peer = await connect(mode)
  peer.write(Buffer.concat(frames))
  peer.end()
  expect(await peer.closed).toEqual({ error: undefined, sawEnd: true })
  return peer.bytes
}

describe("examples/tao", () => {
  it("MODE=echo sends each message back, and nothing for a heartbeat", async () => {
    const answer = await converse("echo", frame(1, "hello"), heartbeat(), frame(1, ""), frame(1, "wörld"))
    expect(answer).toEqual(Buffer.concat([frame(1, "hello"), frame(1, ""), frame(1, "wörld")]))
  })

  it("leaves out a type that it does not know, and lives on", async () => {
    const answer = await converse("echo", frame(1, "a"), frame(99, "?"), frame(-1, "?"), frame(1, "b"))
    expect(answer).toEqual(Buffer.concat([frame(1, "a"), frame(1, "b")]))
  })

  it("closes on a length beyond its maximum and on a heartbeat of another size, after what came before", async () => {
    for (const bad of [frame(1, "x").fill(0xff, 4, 8), frame(0, "short")]) {
      const peer = await connect("echo")
      peer.write(Buffer.concat([frame(1, "before"), bad, frame(1, "after")]))
      await peer.closed
      expect(peer.bytes).toEqual(frame(1, "before"))
    }
    expect(await converse("echo", frame(1, "still here"))).toEqual(frame(1, "still here"))
  })

  it("MODE=chat sends each message to everyone, its sender too", async () => {
    const peers = [await connect("chat"), await connect("chat"), await connect("chat")]
    // Everyone is in when everyone has heard themselves.
    for (const peer of peers) {
      peer.write(frame(1, "here"))
      await peer.hears("here")
    }
    peers[1]?.write(Buffer.concat([heartbeat(), frame(1, "to all")]))
    for (const peer of peers) await peer.hears("to all")
    peers[2]?.reset()
    peers[0]?.write(frame(1, "without the third"))
    for (const peer of peers.slice(0, 2)) await peer.hears("without the third")
    for (const peer of peers) peer.end()
    await Promise.all(peers.map((peer) => peer.closed))
  })

  it("MODE=pingpong answers pong to ping", async () => {
    const answer = await converse(
      "pingpong",
      frame(1, "ping"),
      heartbeat(),
      frame(1, "other"),
      frame(1, "ping\n")
    )
    expect(answer).toEqual(Buffer.concat([frame(1, "pong"), frame(1, "pong")]))
  })

  it("refuses a mode that it does not have", async () => {
    const wrong = cast.add(builtExample("tao/server.ts", [], { MODE: "dance" }))
    expect((await wrong.ended).code).toBe(1)
    expect(wrong.output).toContain("MODE")
  })

  it("S-1: SIGTERM ends each of them with 0, peers connected or not", async () => {
    const peer = await connect("chat")
    peer.write(frame(1, "here"))
    await peer.hears("here")
    for (const server of Object.values(servers)) server.signal("SIGTERM")
    expect(await peer.closed).toEqual({ error: undefined, sawEnd: true })
    for (const server of Object.values(servers)) expect(await server.ended).toEqual({ code: 0, signal: null })
  })
})
