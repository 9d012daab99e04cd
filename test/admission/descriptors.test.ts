/** Servers that run out of file descriptors, as processes of their own, and what stands before them. */
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Tls from "node:tls"
import { afterAll, afterEach, assert, describe, expect, it, vi } from "vitest"
import { DescriptorGuard } from "../../src/internal/node/descriptors.ts"
import { Cast, Program } from "../examples/support.ts"
import { builtProgram } from "../support/built.ts"
import { certificates } from "../transport/certificates.ts"

const cast = new Cast()
const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "sluice-few-"))
afterAll(async () => {
  await cast.leave()
  Fs.rmSync(directory, { recursive: true, force: true })
})

/** Says hello, and writes down what it hears and how it ends. */
class Peer {
  text = ""
  closed = false
  private readonly came = performance.now()
  private readonly socket: Net.Socket

  constructor(socket: Net.Socket) {
    this.socket = socket
    socket.on("data", (chunk) => {
      this.text += chunk.toString()
    })
    socket.on("error", () => {})
    socket.on("close", () => {
      this.closed = true
    })
    socket.write("hello\n")
  }

  get served(): boolean {
    return this.text.startsWith("hello\n")
  }

  get waits(): boolean {
    return !this.served && !this.closed
  }

  /** It waits, and has most of the five seconds before it that a peer is let wait. */
  get waitsLong(): boolean {
    return this.waits && performance.now() - this.came < 2000
  }

  end(): void {
    this.socket.end()
  }

  async echoes(line: string): Promise<void> {
    this.socket.write(`${line}\n`)
    await expect.poll(() => this.text, { timeout: 10_000 }).toMatch(new RegExp(`${line}\n$`))
  }
}

const start = async (kind: "tcp" | "tls" | "unix") => {
  const { server: identity } = certificates()
  const program = builtProgram(new URL("fixtures/few.ts", import.meta.url))
  const run = `ulimit -n 256; exec "${process.execPath}" "${program}"`
  const path = Path.join(directory, "few.sock")
  const server = cast.add(
    new Program("bash", ["-c", run], {
      KIND: kind,
      SOCKET: path,
      CERTIFICATE: identity.certificateFile,
      KEY: identity.keyFile
    })
  )
  await server.says("few listens on ")
  const said = await server.says(".\n")
  const port = Number(/:(\d+)\.\n/.exec(said)?.[1] ?? 0)
  const connect = () =>
    new Peer(
      kind === "unix"
        ? Net.connect({ path })
        : kind === "tls"
          ? Tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false })
          : Net.connect({ host: "127.0.0.1", port })
    )
  return { server, connect }
}

describe.runIf(process.platform === "linux")("a server without file descriptors", () => {
  for (const kind of ["tcp", "tls", "unix"] as const) {
    it(`L-A14, L-A16, S-13: on ${kind} serves those it has, lets the next wait, and recovers`, {
      timeout: 60_000
    }, async () => {
      const { connect, server } = await start(kind)
      const live = connect()
      await live.echoes("first")
      const peers = Array.from({ length: 260 }, connect)
      const count = (is: (peer: Peer) => boolean) => peers.filter(is).length
      // Eight are kept of 256: for those who wait, and one for those who are turned away.
      // Settled: nobody more was turned away between two looks, and the server has seen all who came before the last.
      // On a slow machine the first ones have waited in vain by then, and some more come, who find the same shortage.
      let turnedAway = -1
      let looks = 0
      const settled = async () => {
        const before = turnedAway
        await live.echoes(`still here ${looks++}`)
        turnedAway = count((peer) => peer.closed)
        if (turnedAway !== before || count((peer) => peer.waits) >= 8) return false
        if (count((peer) => peer.waitsLong) > 0) return true
        peers.push(...Array.from({ length: 4 }, connect))
        return false
      }
      await expect.poll(settled, { timeout: 30_000, interval: 200 }).toBe(true)
      const waiting = peers.filter((peer) => peer.waitsLong)
      assert.isNotEmpty(waiting)
      assert.isAbove(turnedAway, 0)
      assert.isAbove(
        count((peer) => peer.served),
        150
      )

      // Somebody who waited is served with what it sent before, and so is who comes later.
      for (const peer of peers.filter(({ served }) => served).slice(0, 50)) peer.end()
      await expect.poll(() => count((peer) => peer.waits), { timeout: 20_000, interval: 5 }).toBe(0)
      assert.isTrue(waiting.every(({ served }) => served))
      const late = connect()
      await late.echoes("late")
      await live.echoes("to the end")

      // The beginning of the shortage is told once, and each peer that found no descriptor at all once.
      const told = () => server.output.match(/^failed: .*$/gm) ?? []
      const refused = count((peer) => peer.closed && !peer.served)
      await expect.poll(() => told().length, { timeout: 10_000 }).toBe(refused + 1)
      assert.strictEqual(told().filter((line) => line.includes("EMFILE: almost")).length, 1)
      assert.strictEqual(told().filter((line) => line.includes("EMFILE: out of")).length, refused)

      server.signal("SIGTERM")
      expect((await server.ended).code).toBe(0)
    })
  }
})

describe("the guard of the last descriptors", () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  /** A limit far below what this process has open already, so that there never is room. */
  const guarded = () => {
    vi.useFakeTimers()
    const told: Array<string> = []
    const letIn: Array<unknown> = []
    const guard = new DescriptorGuard(
      { onWire: () => {}, onError: ({ detail }) => told.push(detail) },
      (socket) => letIn.push(socket),
      10
    )
    const began = performance.now()
    const looks: Array<number> = []
    const peer = (fd: number) => {
      const state = { gone: false }
      const socket = {
        _handle: { fd },
        remoteAddress: "127.0.0.1",
        remotePort: 1,
        on: () => {},
        destroy: () => {
          state.gone = true
        },
        // Each look for room begins by asking who is still there.
        get destroyed() {
          looks.push(Math.round(performance.now() - began))
          return state.gone
        }
      }
      // As much of a socket as the guard looks at.
      guard.arrive(socket as unknown as Net.Socket)
      return state
    }
    return { guard, told, letIn, looks, peer }
  }

  it("L-A16: looks for room after 5 ms, then twice as long each time up to a second, for 5 seconds", () => {
    const { letIn, looks, peer, told } = guarded()
    const state = peer(8)
    vi.advanceTimersByTime(4999)
    expect(looks).toEqual([5, 15, 35, 75, 155, 315, 635, 1275, 2275, 3275, 4275])
    expect(state.gone).toBe(false)
    vi.advanceTimersByTime(1000)
    expect(state.gone).toBe(true)
    expect(letIn).toEqual([])
    expect(told).toEqual([
      "EMFILE: almost out of file descriptors, this peer and the next ones wait",
      "EMFILE: out of file descriptors"
    ])
    vi.advanceTimersByTime(60_000)
    expect(looks.length).toBe(12)
  })

  it("L-A15: tells a shortage once, and again after it was over", () => {
    const { guard, letIn, peer, told } = guarded()
    peer(6)
    peer(7)
    peer(8)
    expect(told.length).toBe(1)
    guard.close()
    expect(told.length).toBe(4)
    peer(5)
    expect(letIn.length).toBe(1)
    peer(6)
    expect(told.length).toBe(5)
    guard.close()
  })

  it("turns away who got the very last one, and forgets who went by itself", () => {
    const { guard, peer, told } = guarded()
    expect(peer(9).gone).toBe(true)
    expect(guard.busy).toBe(false)
    peer(7).gone = true
    vi.advanceTimersByTime(5)
    expect(guard.busy).toBe(false)
    expect(told.filter((detail) => detail.includes("out of file descriptors")).length).toBe(2)
  })

  it("knows no limit where the system tells none, and no descriptor where Node tells none", () => {
    let letIn = 0
    const acceptor = { onWire: () => {}, onError: () => {} }
    new DescriptorGuard(acceptor, () => letIn++, Number.POSITIVE_INFINITY).arrive({
      _handle: { fd: 100_000 }
      // As much of a socket as the guard looks at.
    } as unknown as Net.Socket)
    // The same.
    new DescriptorGuard(acceptor, () => letIn++, 10).arrive({ _handle: null } as unknown as Net.Socket)
    expect(letIn).toBe(2)
  })
})
