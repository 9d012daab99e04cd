/** Listening on sockets that another process has opened. */
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { Context, Effect, Layer } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import { Listener } from "../../src/Transport.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { Peer } from "../examples/support.ts"
import { Reception } from "../transport/recorder.ts"
import { type Activated, activate, Passed } from "./support.ts"

const host = "127.0.0.1"
const running: Array<Activated> = []
afterEach(async () => {
  for (const program of running.splice(0)) await program.ends("SIGKILL")
})

const start = (...args: Parameters<typeof activate>): Activated => {
  const program = activate(...args)
  running.push(program)
  return program
}

const talk = async (peer: Peer, line: string): Promise<void> => {
  peer.write(`${line}\n`)
  await peer.hears(` ${line}\n`)
}

describe("a TCP socket that was passed", () => {
  it("is listened on, by its address, and closed by a stop", async () => {
    const passed = await Passed.listen({ host, port: 0 })
    const { port } = passed
    const program = start([passed.fd])
    await program.says(new RegExp(`listens on ${host}:${port}`))
    passed.release()
    const peer = new Peer(port)
    await talk(peer, "hello")
    expect(peer.text).toContain(`${host}:`)
    expect(await program.ends("SIGTERM")).toBe(0)
    expect(await peer.closed).toEqual({ error: undefined, sawEnd: true })
  })

  it("is one of several, by name and number", async () => {
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => Passed.listen({ host, port: 0 })))
    const all = [one!.fd, two!.fd, three!.fd]
    const names = { LISTEN_FDNAMES: "web:admin:web" }
    for (const [options, passed] of [
      [{ name: "admin" }, two],
      [{ name: "web", index: 1 }, three]
    ] as const) {
      const program = start(all, options, names)
      await program.says(new RegExp(`listens on ${host}:${passed!.port}\n`))
      await program.ends("SIGTERM")
    }
    for (const passed of [one, two, three]) passed!.release()
  })

  it("keeps peers waiting while the server is suspended, as many as it may", async () => {
    const passed = await Passed.listen({ host, port: 0 })
    const { port } = passed
    const program = start([passed.fd], { heldPeers: 1 })
    await program.says(/listens on/)
    passed.release()
    const old = new Peer(port)
    await talk(old, "before")
    expect(await program.does("suspend")).toBe("suspended, 1")
    const waiting = new Peer(port)
    waiting.write("let me in\n")
    const tooMany = new Peer(port)
    await tooMany.closed
    await talk(old, "still here")
    expect(waiting.text).toBe("")
    expect(await program.does("resume")).toBe("running, 2")
    await waiting.hears("let me in")
    await talk(new Peer(port), "new")
    // Again, and then a stop: whoever waits is turned away.
    await program.does("suspend")
    const vain = new Peer(port)
    vain.write("in vain\n")
    expect(await program.does("suspend")).toContain("suspended")
    expect(await program.does("stop")).toBe("stopped, 0")
    await vain.closed
    await expect(connects(port)).resolves.toBe("ECONNREFUSED")
  })

  it("is listened on once, and not again after a stop", async () => {
    const passed = await Passed.listen({ host, port: 0 })
    const program = start([passed.fd])
    await program.says(/listens on/)
    passed.release()
    expect(await program.does("again")).toContain("AddressInUse (another server listens on it)")
  })
})

const connects = (port: number): Promise<string> =>
  new Promise((resolve) => {
    const socket = Net.connect({ host, port })
    socket.once("connect", () => {
      socket.destroy()
      resolve("connected")
    })
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""))
  })

describe("a Unix socket that was passed", () => {
  it("is listened on, by its path, and its file stays", async () => {
    const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "sluice-"))
    const path = Path.join(directory, "a b.sock")
    const passed = await Passed.listen({ path })
    // Whoever opened it removes the file with his copy of the socket, which is not to happen here.
    Fs.linkSync(path, `${path}.kept`)
    const program = start([passed.fd])
    await program.says(new RegExp(`listens on unix:${path}\n`))
    passed.release()
    Fs.renameSync(`${path}.kept`, path)
    const socket = Net.connect({ path })
    socket.write("hello\n")
    const [answer] = await new Promise<ReadonlyArray<Buffer>>((resolve) =>
      socket.once("data", (...chunks) => resolve(chunks))
    )
    expect(String(answer)).toContain(`unix:${path} hello`)
    socket.destroy()
    expect(await program.ends("SIGTERM")).toBe(0)
    expect(Fs.existsSync(path)).toBe(true)
    Fs.rmSync(directory, { recursive: true })
  })
})

describe("what was not passed, or is no listening socket", () => {
  const failure = (options: TransportNode.ActivatedOptions) =>
    Effect.runPromise(
      Effect.flip(
        Effect.scoped(
          Effect.flatMap(Layer.build(TransportNode.layerActivated(options)), (context) =>
            Context.get(context, Listener).listen(new Reception())
          )
        )
      )
    ).then(({ message }) => message)

  it("fails the layer, by its reason", async () => {
    expect(await failure({})).toContain("AddressNotAvailable (no sockets were passed")
    expect(await failure({ fd: 1, index: -1 })).toMatch(/index: must be .* fd: must be .* from 3/)
  })

  it("cannot be listened on", async () => {
    expect(await failure({ fd: 1000 })).toContain("cannot listen on fd:1000")
    const file = Fs.openSync(new URL("../../README.md", import.meta.url), "r")
    expect(await failure({ fd: file })).toContain(`cannot listen on fd:${file}`)
    // The failure has left nothing behind that would be in the way of the next one.
    expect(await failure({ fd: file })).not.toContain("another server")
    Fs.closeSync(file)
  })
})
