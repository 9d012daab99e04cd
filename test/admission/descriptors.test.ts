/** A server that runs out of file descriptors, as a process of its own. */
import { afterAll, describe, expect, it } from "vitest"
import { Cast, Peer, Program } from "../examples/support.ts"

const cast = new Cast()
afterAll(cast.leave)

describe.runIf(process.platform === "linux")("a server without file descriptors", () => {
  it("L-A14, L-A16: tells of each peer it cannot take, serves those it has, and recovers", async () => {
    const run = `ulimit -n 256; exec "${process.execPath}" --import tsx test/admission/fixtures/few.ts`
    const server = cast.add(new Program("bash", ["-c", run]))
    const port = await server.port("few")
    const peers: Array<Peer> = []
    let failed = 0
    while (failed === 0 && peers.length < 256) {
      const peer = new Peer(port)
      peer.write("hello\n")
      const served = await peer.hears("hello\n").then(
        () => true,
        () => false
      )
      if (served) peers.push(peer)
      else failed++
    }
    expect(failed).toBe(1)
    expect(peers.length).toBeGreaterThan(5)
    const more = Array.from({ length: 10 }, () => new Peer(port))
    await Promise.all(more.map((peer) => peer.closed))
    await server.says("failed: EMFILE: out of file descriptors\n")

    const [first, second] = peers
    first?.write("still here\n")
    await first?.hears("still here\n")
    second?.end()
    await second?.closed
    const next = new Peer(port)
    next.write("and now\n")
    await next.hears("and now\n")
    await expect.poll(() => server.output.match(/^failed: EMFILE/gm)?.length).toBe(11)

    server.signal("SIGTERM")
    expect((await server.ended).code).toBe(0)
  })
})
