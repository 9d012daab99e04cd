/** `examples/proxy` behind a real HAProxy, which announces its clients by either version. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, it } from "vitest"
import { Cast, example, freePort, Peer, Program } from "../examples/support.ts"
import { describeWith } from "./support/needs.ts"
import { run } from "./support/run.ts"

const folder = mkdtempSync(join(tmpdir(), "effect-sluice-proxy-"))

/** Waits until somebody listens. */
const listening = async (port: number): Promise<void> => {
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = Net.connect(port, "127.0.0.1")
      socket.on("connect", () => {
        socket.destroy()
        resolve(true)
      })
      socket.on("error", () => resolve(false))
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describeWith("haproxy", { commands: { haproxy: "haproxy", nc: "netcat-openbsd", curl: "curl" } }, () => {
  const cast = new Cast()
  let server: Program
  let port = 0
  const ports = { line: 0, binary: 0, behind: 0 }

  beforeAll(async () => {
    server = cast.add(example("proxy/server.ts"))
    port = await server.port("proxy")
    // The configuration of the example, on ports of our own.
    let text = readFileSync(
      fileURLToPath(new URL("../../examples/proxy/haproxy.cfg", import.meta.url)),
      "utf8"
    )
    text = text.replaceAll("127.0.0.1:7000", `127.0.0.1:${port}`)
    for (const [name, usual] of [
      ["line", 8000],
      ["binary", 8001],
      ["behind", 8002]
    ] as const) {
      ports[name] = await freePort()
      text = text.replaceAll(`127.0.0.1:${usual}`, `127.0.0.1:${ports[name]}`)
    }
    const configuration = join(folder, "haproxy.cfg")
    writeFileSync(configuration, text)
    cast.add(new Program("haproxy", ["-db", "-f", configuration]))
    await Promise.all(Object.values(ports).map(listening))
  })
  afterAll(async () => {
    await cast.leave()
    rmSync(folder, { recursive: true })
  })

  it.each([
    ["line", "version 1 PROXY"],
    ["binary", "version 2 PROXY"]
  ] as const)("announces a client by %s", async (name, how) => {
    const peer = new Peer(ports[name])
    const text = await peer.hears("you came to")
    expect(text).toMatch(/^you are 127\.0\.0\.1:\d+\n/)
    expect(text).toContain(how)
    await peer.hears(`you came to 127.0.0.1:${ports[name]}\n`)
    if (name === "binary") await peer.hears("as 7F000001:")
    peer.write("hello\n")
    await peer.hears("hello\n")
    peer.end()
    expect((await peer.closed).error).toBeUndefined()
  })

  it("hands on what a client of its own says, with a checksum", async () => {
    const peer = new Peer(ports.behind)
    peer.write("PROXY TCP4 192.0.2.1 198.51.100.7 4711 443\r\nhello\n")
    const text = await peer.hears("hello\n")
    expect(text).toMatch(/^you are 192\.0\.2\.1:4711\n/)
    expect(text).toContain("you came to 198.51.100.7:443\n")
    peer.end()
    await peer.closed
  })

  it("hands on IPv6 too", async () => {
    const peer = new Peer(ports.behind)
    peer.write("PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n")
    expect(await peer.hears("you came to")).toMatch(/^you are \[2001:db8::1\]:4711\n/)
    peer.end()
    await peer.closed
  })

  it("L-P11: lets a client have as many connections as it may, whoever else comes through", async () => {
    const come = async (host: string) => {
      const peer = new Peer(ports.behind)
      peer.write(`PROXY TCP4 ${host} 198.51.100.7 4711 443\r\n`)
      return peer
    }
    const first = [await come("192.0.2.9"), await come("192.0.2.9"), await come("192.0.2.9")]
    await Promise.all(first.map((peer) => peer.hears("you are 192.0.2.9")))
    const fourth = await come("192.0.2.9")
    await fourth.closed
    expect(fourth.text).toBe("")
    const other = await come("192.0.2.10")
    await other.hears("you are 192.0.2.10")
    for (const peer of [...first, other]) {
      peer.end()
      await peer.closed
    }
  })

  it("looks after the server's health without being a client", async () => {
    // HAProxy checks every two seconds, by LOCAL, and would not hand on to a server that is down.
    await new Promise((resolve) => setTimeout(resolve, 2500))
    const peer = new Peer(ports.binary)
    await peer.hears("you are 127.0.0.1")
    peer.end()
    await peer.closed
    expect(server.output).not.toContain("did not become a connection")
  })

  it("is not needed by curl, which announces itself", async () => {
    const url = `http://127.0.0.1:${port}/`
    const { out } = await run("curl", [
      "-sS",
      "--noproxy",
      "*",
      "--haproxy-protocol",
      "--http0.9",
      "-m",
      "2",
      url
    ])
    expect(out).toMatch(/^you are 127\.0\.0\.1:\d+\n/)
    expect(out).toContain("version 1 PROXY")
  })

  it("has to be there: who comes by himself is closed, and that is logged", async () => {
    const { out } = await run("nc", ["-N", "127.0.0.1", String(port)], { input: "hello\n" })
    expect(out).toBe("")
    await server.says("did not become a connection: PROXY header: the first bytes are none: 68656c6c6f0a")
  })
})
