/** A server in a process of its own, stopped by signals, seen from outside over real sockets. */
import { type ChildProcess, spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { createInterface } from "node:readline"
import { afterEach, assert, describe, it } from "vitest"
import { builtProgram } from "../support/built.ts"

const fixture = builtProgram(new URL("fixtures/server.ts", import.meta.url))

/** Rounds of the test with a random moment. */
const rounds = Number(process.env.DRAIN_ROUNDS ?? 20)

interface Report {
  readonly lastRead: Readonly<Record<string, number>>
  readonly reads: number
  readonly clean: number
  readonly forced: number
  readonly milliseconds: number
  /** How often the server began to drain, who else asked for a stop, and whether all got the same report. */
  readonly drains: number
  readonly asked: number
  readonly same: boolean
}

interface Running {
  readonly child: ChildProcess
  readonly port: number
  /** The report and the exit code. */
  readonly over: Promise<{ readonly report: Report | undefined; readonly code: number | null }>
}

const children = new Set<ChildProcess>()

afterEach(() => {
  for (const child of children) child.kill("SIGKILL")
  children.clear()
})

const start = (environment: Readonly<Record<string, string>> = {}): Promise<Running> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [fixture], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "inherit"]
    })
    children.add(child)
    let report: Report | undefined
    const over = new Promise<{ report: Report | undefined; code: number | null }>((done) => {
      child.on("close", (code) => {
        done({ report, code })
        reject(new Error(`the server ended with ${code}`))
      })
    })
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const told: unknown = line.startsWith("{") ? JSON.parse(line) : {}
      // What the fixture prints.
      if ("port" in (told as object)) resolve({ child, port: (told as { port: number }).port, over })
      if ("lastRead" in (told as object)) report = told as Report
    })
  })

/** Sends numbers, each when the last one is answered, until the connection is over. */
class Client {
  readonly socket: Net.Socket
  answered = 0
  outOfOrder = false
  error: string | undefined
  localPort = 0
  readonly connected: Promise<void>
  readonly over: Promise<void>
  endSeen = false
  private text = ""

  constructor(target: number | string, asksAgain = true) {
    const socket =
      typeof target === "number"
        ? Net.connect({ host: "127.0.0.1", port: target })
        : Net.connect({ path: target })
    this.socket = socket
    this.connected = new Promise((resolve) => {
      socket.on("connect", () => {
        this.localPort = socket.localPort ?? 0
        socket.write("1\n")
        resolve()
      })
      socket.on("close", () => resolve())
    })
    this.over = new Promise((resolve) => socket.on("close", () => resolve()))
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message
    })
    socket.on("end", () => {
      this.endSeen = true
    })
    socket.on("data", (chunk) => {
      this.text += chunk.toString()
      const lines = this.text.split("\n")
      this.text = lines.pop() ?? ""
      for (const line of lines) {
        this.outOfOrder ||= Number(line) !== this.answered + 1
        this.answered++
        if (asksAgain) socket.write(`${this.answered + 1}\n`)
      }
    })
  }
}

const times = <A>(count: number, make: () => A): Array<A> => Array.from({ length: count }, make)

/**
 * The drain takes so many milliseconds, from and to, by the server's own report: what comes before and after it is not
 * its business. On a machine that is busy with something else it may need a second try, and no third.
 */
const inTime = async ([from, to]: readonly [number, number], drain: () => Promise<number>): Promise<void> => {
  const first = await drain()
  const milliseconds = first < to ? first : await drain()
  assert.isAtLeast(milliseconds, from)
  assert.isBelow(milliseconds, to)
}

const refusals = ["ECONNREFUSED", "ECONNRESET"]

describe("a server under runMain", () => {
  it(`S-1, S-11, S-19: answers all that it read when SIGTERM comes at a random moment, ${rounds} times`, {
    timeout: 20_000 * rounds
  }, async () => {
    const play = async (round: number) => {
      const { child, over, port } = await start()
      const clients = times(50, () => new Client(port))
      await Promise.all(clients.map(({ connected }) => connected))
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 100))
      child.kill(round % 2 === 0 ? "SIGTERM" : "SIGINT")
      const { code, report } = await over
      await Promise.all(clients.map((client) => client.over))
      assert.strictEqual(code, 0)
      assert.deepInclude(report, { clean: 50, forced: 0 })
      for (const client of clients) {
        assert.isUndefined(client.error)
        assert.isTrue(client.endSeen)
        assert.isFalse(client.outOfOrder)
        assert.strictEqual(client.answered, report?.lastRead[client.localPort] ?? 0)
      }
      const late = new Client(port)
      await late.over
      assert.strictEqual(late.error, "ECONNREFUSED")
    }
    // Two at a time: most of a round is the start of its process.
    for (let round = 0; round < rounds; round += 2) {
      await Promise.all(times(Math.min(2, rounds - round), () => 0).map((_, i) => play(round + i)))
    }
  })

  it("L-S1: refuses new peers while it still answers what it read", { timeout: 20_000 }, async () => {
    const { child, over, port } = await start({ DELAY: "700" })
    const client = new Client(port, false)
    await client.connected
    await new Promise((resolve) => setTimeout(resolve, 50))
    child.kill("SIGTERM")
    let refused: Client
    do {
      refused = new Client(port, false)
      await Promise.race([refused.connected, refused.over])
      await new Promise((resolve) => setTimeout(resolve, 20))
      // One that comes in the very moment of the closing may be reset; whoever comes after it is refused.
    } while (refused.error === undefined || refused.error === "ECONNRESET")
    assert.strictEqual(refused.error, "ECONNREFUSED")
    assert.strictEqual(client.answered, 0)
    const { code, report } = await over
    assert.strictEqual(code, 0)
    assert.strictEqual(report?.forced, 0)
    assert.strictEqual(client.answered, 1)
    assert.isTrue(client.endSeen)
  })

  it("L-S25, L-S18: 200 clients in the moment of the stop are served in full or refused, and none hangs", {
    timeout: 30_000
  }, async () => {
    const { child, over, port } = await start()
    const clients = times(100, () => new Client(port, false))
    child.kill("SIGTERM")
    clients.push(...times(100, () => new Client(port, false)))
    const { code, report } = await over
    await Promise.all(clients.map((client) => client.over))
    assert.strictEqual(code, 0)
    assert.strictEqual(report?.forced, 0)
    for (const client of clients) {
      if (client.error === undefined) {
        assert.isTrue(client.endSeen)
        assert.strictEqual(client.answered, report?.lastRead[client.localPort] ?? 0)
      } else {
        assert.include(refusals, client.error)
        assert.strictEqual(client.answered, 0)
      }
    }
  })

  it("L-S25, L-S18: so are 200 on a Unix socket", { timeout: 30_000 }, async () => {
    const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "sluice-stop-"))
    try {
      const path = Path.join(directory, "server.sock")
      const { child, over } = await start({ SOCKET: path })
      const clients = times(100, () => new Client(path, false))
      child.kill("SIGTERM")
      clients.push(...times(100, () => new Client(path, false)))
      const { code, report } = await over
      await Promise.all(clients.map((client) => client.over))
      assert.strictEqual(code, 0)
      assert.strictEqual(report?.forced, 0)
      let answered = 0
      for (const client of clients) {
        answered += client.answered
        if (client.error === undefined) assert.isTrue(client.endSeen)
        else {
          assert.include([...refusals, "ENOENT", "EPIPE"], client.error)
          assert.strictEqual(client.answered, 0)
        }
      }
      assert.strictEqual(answered, report?.reads)
      assert.isFalse(Fs.existsSync(path))
    } finally {
      Fs.rmSync(directory, { recursive: true, force: true })
    }
  })

  it("L-S19: a signal that ends the program and a stop of its own at once are one drain with one report", {
    timeout: 20_000
  }, async () => {
    const { child, over, port } = await start({ TWICE: "1", DELAY: "200" })
    const clients = times(20, () => new Client(port, false))
    await Promise.all(clients.map(({ connected }) => connected))
    await new Promise((resolve) => setTimeout(resolve, 50))
    child.kill("SIGTERM")
    const { code, report } = await over
    await Promise.all(clients.map((client) => client.over))
    assert.strictEqual(code, 0)
    assert.deepInclude(report, { clean: 20, forced: 0, drains: 1, asked: 1, same: true })
    for (const client of clients) assert.isUndefined(client.error)
  })

  it("L-S16: 1000 requests of 200 ms in flight are answered, and that takes less than a second", {
    timeout: 60_000
  }, async () => {
    // The last ones were read a little before the drain begins.
    await inTime([100, 1000], async () => {
      const { child, over, port } = await start({ DELAY: "200" })
      // So many at once overflow the backlog; what is asked here is the drain of them.
      const clients: Array<Client> = []
      for (let batch = 0; batch < 10; batch++) {
        const some = times(100, () => new Client(port))
        await Promise.all(some.map(({ connected }) => connected))
        clients.push(...some)
      }
      // Connected is what a client calls itself; the server may not have accepted it before it has answered.
      while (clients.some(({ answered }) => answered === 0)) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      child.kill("SIGTERM")
      const { code, report } = await over
      await Promise.all(clients.map((client) => client.over))
      assert.strictEqual(code, 0)
      assert.deepInclude(report, { clean: 1000, forced: 0 })
      for (const client of clients) {
        assert.isUndefined(client.error)
        assert.isTrue(client.endSeen)
        assert.strictEqual(client.answered, report?.lastRead[client.localPort] ?? 0)
      }
      return report?.milliseconds ?? Number.NaN
    })
  })

  it("L-S17, S-14: 100 stuck handlers are forced when the time is over, together", {
    timeout: 60_000
  }, async () => {
    // Timers of Node may be a millisecond early.
    await inTime([995, 1200], async () => {
      const { child, over, port } = await start({ STUBBORN: "1", DRAIN_TIMEOUT: "1000" })
      const clients = times(100, () => new Client(port, false))
      while (clients.some(({ answered }) => answered === 0)) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      child.kill("SIGTERM")
      const { code, report } = await over
      await Promise.all(clients.map((client) => client.over))
      assert.strictEqual(code, 0)
      assert.deepInclude(report, { clean: 0, forced: 100 })
      for (const client of clients) assert.isUndefined(client.error)
      return report?.milliseconds ?? Number.NaN
    })
  })

  it("a second signal forces at once, and says so", { timeout: 20_000 }, async () => {
    const { child, over, port } = await start({ STUBBORN: "1" })
    const clients = times(10, () => new Client(port, false))
    await Promise.all(clients.map(({ connected }) => connected))
    while (clients.some(({ answered }) => answered === 0)) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    child.kill("SIGTERM")
    let refused: Client
    do {
      refused = new Client(port, false)
      await Promise.race([refused.connected, refused.over])
      await new Promise((resolve) => setTimeout(resolve, 5))
    } while (refused.error === undefined)
    child.kill("SIGINT")
    const { code, report } = await over
    assert.strictEqual(code, 0)
    assert.isAtLeast(report?.forced ?? 0, 10)
    // Far below the ten seconds that the handlers had.
    assert.isBelow(report?.milliseconds ?? Infinity, 5000)
  })
})
