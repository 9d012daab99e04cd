/** Ten thousand bad peers of every kind, one after another, against one server in a process of its own. */
import { type ChildProcess, fork } from "node:child_process"
import * as Net from "node:net"
import { afterAll, assert, describe, expect, it } from "vitest"
import { builtProgram } from "../support/built.ts"

const fixture = builtProgram(new URL("fixtures/besieged.ts", import.meta.url))

/** How many peers in all, and how many at a time. */
const total = Number(process.env.BAD_PEERS ?? 10_000)
const atATime = 50

/** What a bad peer does once it is connected, and what the server should say of it. */
interface Kind {
  readonly reasons: ReadonlyArray<string>
  readonly act: (socket: Net.Socket) => void
}

/** Until the socket closes. */
const every = (socket: Net.Socket, milliseconds: number, act: () => void) => {
  const timer = setInterval(act, milliseconds)
  socket.on("close", () => clearInterval(timer))
}

/** Alive, and reading nothing. It does not see that it was cut either: it goes after a while. */
const readNothing = (socket: Net.Socket) => {
  socket.pause()
  every(socket, 30, () => socket.write("PING\n"))
  const timer = setTimeout(() => socket.destroy(), 600)
  socket.on("close", () => clearTimeout(timer))
}

const kinds: Readonly<Record<string, Kind>> = {
  "goes without a word": { reasons: ["PeerClosed"], act: (socket) => socket.destroy() },
  "says nothing": { reasons: ["hello"], act: () => {} },
  "stalls in the midst of a frame": { reasons: ["hello", "frame"], act: (socket) => socket.write("half") },
  "trickles a frame for ever": {
    reasons: ["frame"],
    act: (socket) => {
      socket.write("hello\n")
      every(socket, 10, () => socket.write("x"))
    }
  },
  idles: {
    reasons: ["readIdle"],
    act: (socket) => socket.write("idles\n")
  },
  "pings for ever": {
    reasons: ["lifetime"],
    act: (socket) => {
      socket.write("pings\n")
      every(socket, 10, () => socket.write("PING\n"))
    }
  },
  "answers no ping": { reasons: ["HeartbeatTimeout"], act: (socket) => socket.write("hello\n") },
  floods: { reasons: ["RateExceeded"], act: (socket) => socket.write("flood\n".repeat(3000)) },
  "sends garbage": { reasons: ["FrameError"], act: (socket) => socket.write("\u0000".repeat(100_000)) },
  "sends no text": { reasons: ["MessageError"], act: (socket) => socket.write(Buffer.of(0xff, 0xfe, 0x0a)) },
  "ends its side": { reasons: ["PeerClosed"], act: (socket) => socket.end("hello\n") },
  "ends its side in the midst of a frame": { reasons: ["FrameError"], act: (socket) => socket.end("hel") },
  resets: {
    reasons: ["PeerReset"],
    act: (socket) => {
      socket.write("hello\n")
      socket.once("data", () => socket.resetAndDestroy())
    }
  },
  "reads nothing": {
    reasons: ["send"],
    act: (socket) => {
      socket.write("reads nothing\n")
      readNothing(socket)
    }
  },
  "reads slowly": {
    reasons: ["SlowConsumer"],
    act: (socket) => {
      socket.write("reads slowly\n")
      readNothing(socket)
    }
  },
  "makes the handler fail": { reasons: ["HandlerFailed"], act: (socket) => socket.write("fails\n") }
}

const names = Object.keys(kinds)

const misbehave = (port: number, kind: Kind): Promise<void> =>
  new Promise((resolve) => {
    const socket = Net.connect({ host: "127.0.0.1", port })
    socket.on("data", () => {})
    socket.on("error", () => {})
    socket.on("close", () => resolve())
    socket.on("connect", () => kind.act(socket))
  })

interface Measure {
  readonly opened: number
  readonly closed: number
  readonly reasons: Readonly<Record<string, number>>
  readonly connections: number
  readonly droppedEvents: number
  readonly heapUsed: number
  readonly external: number
  readonly rss: number
  readonly resources: Readonly<Record<string, number>>
  readonly descriptors: number
}

const children: Array<ChildProcess> = []
afterAll(() => {
  for (const child of children) child.kill("SIGKILL")
})

const start = async () => {
  const child = fork(fixture, {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "inherit", "inherit", "ipc"]
  })
  children.push(child)
  const next = () =>
    new Promise<unknown>((resolve, reject) => {
      child.once("message", resolve)
      child.once("close", (code) => reject(new Error(`the server ended with ${code}`)))
    })
  // What the fixture says first, and what it says when asked.
  const { port } = (await next()) as { port: number }
  const ask = async () => {
    const said = next()
    child.send("measure")
    return (await said) as Measure
  }
  return { child, port, ask }
}

/** What the server holds once nobody is left. */
const afterAllAreGone = async (ask: () => Promise<Measure>): Promise<Measure> => {
  await expect.poll(async () => (await ask()).connections, { timeout: 10_000 }).toBe(0)
  return ask()
}

describe(`${total} bad peers`, () => {
  it("S-8, S-15, S-22, L-M5: leave memory, handles and counts where they were, each with its reason", {
    timeout: 180_000
  }, async () => {
    const { ask, child, port } = await start()
    let sent = 0
    const siege = (until: number) =>
      Promise.all(
        Array.from({ length: atATime }, async () => {
          while (sent < until) {
            const name = names[sent++ % names.length] ?? ""
            const kind = kinds[name]
            if (kind !== undefined) await misbehave(port, kind)
          }
        })
      )
    const before = await ask()
    await siege(Math.floor(total / 5))
    const warm = await afterAllAreGone(ask)
    await siege(total)
    const after = await afterAllAreGone(ask)

    assert.deepInclude(after, { opened: total, closed: total, connections: 0, droppedEvents: 0 })
    assert.deepStrictEqual(after.resources, before.resources)
    // Node may have had one more open in the first moment.
    assert.isAtMost(after.descriptors, before.descriptors)
    const mebibyte = 1024 * 1024
    assert.isBelow(after.heapUsed - warm.heapUsed, 4 * mebibyte)
    assert.isBelow(after.external - warm.external, 4 * mebibyte)
    // What the process keeps for garbage to come goes up to a plateau: with 45 000 peers on Node 24, 373 MB after a
    // fifth of them and 386 MB at the end; on Node 20 half of that.
    assert.isBelow(after.rss - warm.rss, 192 * mebibyte)

    const expected = new Map<string, number>()
    for (let i = 0; i < total; i++) {
      const { reasons } = kinds[names[i % names.length] ?? ""] ?? { reasons: [] }
      for (const reason of reasons) expected.set(reason, (expected.get(reason) ?? 0) + 1 / reasons.length)
    }
    // On a machine that stands still for a while, some are late and go by another reason; most of a kind never.
    for (const [reason, count] of expected) {
      if (reason === "hello" || reason === "frame") continue
      assert.isAtLeast(
        after.reasons[reason] ?? 0,
        0.25 * count,
        `${reason} of ${JSON.stringify(after.reasons)}`
      )
    }
    const deadlines = (after.reasons.hello ?? 0) + (after.reasons.frame ?? 0)
    assert.isAtLeast(deadlines, 0.5 * ((expected.get("hello") ?? 0) + (expected.get("frame") ?? 0)))
    const known = [...expected.keys()]
    const others = Object.keys(after.reasons).filter((reason) => !known.includes(reason))
    assert.deepStrictEqual(others, [])

    const good = Net.connect({ host: "127.0.0.1", port })
    good.write("still served\n")
    const said = await new Promise<string>((resolve) =>
      good.once("data", (chunk) => resolve(chunk.toString()))
    )
    assert.strictEqual(said, "still served\n")
    good.destroy()
    if (process.env.SIEGE_REPORT !== undefined) console.log(JSON.stringify({ before, warm, after }, null, 1))
    child.kill("SIGTERM")
    assert.strictEqual(await new Promise((resolve) => child.once("close", resolve)), 0)
  })
})
