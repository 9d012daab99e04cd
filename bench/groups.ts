/**
 * What 50 stuck members cost the other 4950 of a group: the time from a `send` until the last of them has the message,
 * with and without the stuck ones, by turns, over loopback, with the clients in a process of their own.
 *
 * `npx tsx bench/groups.ts`. Needs 5100 file descriptors in each process (`ulimit -n`); takes about 20 seconds.
 */
import { type ChildProcess, fork } from "node:child_process"
import * as Net from "node:net"
import { fileURLToPath } from "node:url"
import { Effect, Stream } from "effect"
import { Codec, type Connection, Framing, Groups, Protocol, Server, TransportNode } from "effect-sluice"

const members = 5000
const stuck = 50
const rounds = 24

const Lines = Protocol.make("Lines", {
  framing: Framing.lines({ maxLength: 1 << 20 }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

type Peer = Connection.Connection<string, string>

/** The clients: the first ones say so and read nothing; the others report when all of them had the end of a message. */
const clients = (port: number): void => {
  let got = 0
  const connect = (index: number): void => {
    const socket = Net.connect({ host: "127.0.0.1", port })
    socket.write(index < stuck ? "stuck\n" : "free\n")
    if (index < stuck) socket.pause()
    else {
      socket.on("data", (chunk) => {
        // Messages end with the only newline, and the next comes after all have this one.
        if (chunk.at(-1) !== 10) return
        got++
        if (got < members - stuck) return
        got = 0
        process.send?.("all")
      })
    }
    socket.on("error", () => {})
    if (index + 1 < members) socket.once("connect", () => connect(index + 1))
  }
  connect(0)
}

const once = (child: ChildProcess): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    child.once("message", () => resume(Effect.void))
  })

/** Sends until the kernel and the queue have enough. */
const fill = Effect.fnUntraced(function* (peer: Peer) {
  for (let refused = 0; refused < 20; ) {
    if (yield* peer.trySend("x".repeat(60_000))) refused = 0
    else {
      refused++
      yield* Effect.sleep(10)
    }
  }
})

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

const line = (what: string, calls: ReadonlyArray<number>, arrivals: ReadonlyArray<number>): void => {
  const slowest = Math.max(...arrivals)
  console.log(
    `${what.padEnd(28)} send ${median(calls).toFixed(1).padStart(7)} ms   all have it ${median(arrivals).toFixed(1).padStart(7)} ms (slowest ${slowest.toFixed(1)})`
  )
}

const program = Effect.gen(function* () {
  const groups = yield* Groups.make<"free" | "all", string>()
  const stuckPeers: Array<Peer> = []
  let here = 0
  const server = yield* Server.make(
    Lines,
    (peer) =>
      Stream.runForEach(peer.messages, (kind) =>
        Effect.gen(function* () {
          if (kind === "stuck") stuckPeers.push(peer)
          else yield* groups.join("free", peer)
          yield* groups.join("all", peer)
          here++
        })
      ),
    { deadlines: { readIdle: "off", send: "off" }, outbound: { maxBytes: 256 * 1024 } }
  )
  const port = server.address._tag === "Tcp" ? server.address.port : 0
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => fork(fileURLToPath(import.meta.url), ["clients", String(port)])),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  while (here < members) yield* Effect.sleep(50)
  yield* Effect.forEach(stuckPeers, fill, { concurrency: "unbounded", discard: true })
  console.log(`${members} members, ${stuck} of them stuck; medians of ${rounds} messages each, by turns`)

  for (const size of [100, 10_000]) {
    const text = "y".repeat(size)
    const calls = { free: [] as Array<number>, all: [] as Array<number> }
    const arrivals = { free: [] as Array<number>, all: [] as Array<number> }
    let full = 0
    for (let round = -4; round < rounds * 2; round++) {
      // free, all, all, free, …
      const key = ((round + 4) & 3) % 3 === 0 ? "free" : "all"
      const heard = yield* Effect.forkChild(once(child), { startImmediately: true })
      const begun = performance.now()
      const { failed } = yield* groups.send(key, text)
      const sent = performance.now()
      yield* Effect.promise(() => new Promise<void>((done) => heard.addObserver(() => done())))
      if (round < 0) continue
      full += failed.length
      calls[key].push(sent - begun)
      arrivals[key].push(performance.now() - begun)
    }
    console.log(`\nmessages of ${size} bytes`)
    line(`without the stuck (${members - stuck})`, calls.free, arrivals.free)
    line(`with them (${members})`, calls.all, arrivals.all)
    const ratio = median(arrivals.all) / median(arrivals.free)
    console.log(`ratio ${ratio.toFixed(3)}; dropped for the stuck: ${full} of ${rounds * stuck}`)
  }
})

const [role, port] = process.argv.slice(2)
if (role === "clients") clients(Number(port))
else {
  await program.pipe(
    Effect.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 })),
    Effect.scoped,
    Effect.runPromise
  )
}
