/** The peers of a datagram socket, on a socket and a clock that are made up. */
import { assert, describe, it } from "@effect/vitest"
import type { DatagramPort } from "../../src/internal/datagram/datagramWire.ts"
import { type PeerLimits, Peers } from "../../src/internal/datagram/peers.ts"
import type { Acceptor, DroppedDatagrams, Wire } from "../../src/Transport.ts"
import { Recorder } from "../transport/recorder.ts"

const limits: PeerLimits = {
  maxDatagram: 100,
  maxPeers: 100,
  newPeersPerSecond: Number.POSITIVE_INFINITY,
  idleTimeout: 8000,
  amplification: Number.POSITIVE_INFINITY,
  maxQueued: 4,
  maxQueuedBytes: 1000
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A clock that goes on when it is told to. */
class Time {
  now = 0
  private timers: Array<{ readonly due: number; readonly work: () => void }> = []

  readonly timing = {
    now: () => this.now,
    after: (milliseconds: number, work: () => void) => {
      const timer = { due: this.now + milliseconds, work }
      this.timers.push(timer)
      return () => {
        this.timers = this.timers.filter((other) => other !== timer)
      }
    }
  }

  get pending(): number {
    return this.timers.length
  }

  pass(milliseconds: number): void {
    const end = this.now + milliseconds
    for (;;) {
      const [next] = this.timers.toSorted((one, other) => one.due - other.due)
      if (next === undefined || next.due > end) break
      this.timers = this.timers.filter((timer) => timer !== next)
      this.now = next.due
      next.work()
    }
    this.now = end
  }
}

const setup = (options: Partial<PeerLimits> = {}) => {
  const time = new Time()
  const sent: Array<string> = []
  const pending: Array<() => void> = []
  let failure: string | undefined
  const port: DatagramPort<string> = {
    localAddress: { _tag: "Memory", name: "server" },
    addressOf: (name) => ({ _tag: "Memory", name }),
    send: (bytes, to, done) => {
      sent.push(`${to} ${Buffer.from(bytes).toString()}`)
      const error = failure
      pending.push(() => done(error))
    }
  }
  let emptied = 0
  const peers = new Peers(port, { ...limits, ...options }, time.timing, () => emptied++)
  const wires: Array<Wire> = []
  const dropped: Array<DroppedDatagrams> = []
  const acceptor: Acceptor = {
    onWire: (wire) => wires.push(wire),
    onError: () => {},
    holdsFrame: (datagram) => datagram.length > 0,
    onDropped: (loss) => dropped.push(loss)
  }
  peers.open(acceptor)
  return {
    peers,
    time,
    sent,
    wires,
    dropped,
    acceptor,
    from: (name: string, text: string) => peers.receive(Buffer.from(text), name, name),
    flush: () => {
      for (const done of pending.splice(0)) done()
    },
    fail: (error: string | undefined) => {
      failure = error
    },
    get emptied() {
      return emptied
    }
  }
}

/** A datagram as connections hand it to a wire. */
const datagram = (text: string) => Buffer.concat([Buffer.of(0, 0, 0, text.length), Buffer.from(text)])

describe("peers", () => {
  it("keeps the first datagram until somebody attaches, and never tells within the attaching", async () => {
    const { from, wires } = setup()
    from("a", "one")
    from("a", "two")
    const recorder = new Recorder(wires[0]!)
    assert.strictEqual(recorder.length, 0)
    await turn()
    assert.deepStrictEqual(recorder.chunks.map(String), ["one", "two"])
    from("a", "three")
    assert.deepStrictEqual(recorder.chunks.map(String), ["one", "two", "three"])
    assert.deepStrictEqual(recorder.violations, [])
  })

  it("keeps datagrams of one who does not read in their order, up to a bound", async () => {
    const { dropped, from, peers, wires } = setup()
    from("a", "0")
    const recorder = new Recorder(wires[0]!)
    await turn()
    recorder.pause()
    for (let i = 1; i < 8; i++) from("a", String(i))
    assert.strictEqual(peers.queued, 4)
    recorder.resume()
    from("a", "8")
    await turn()
    assert.deepStrictEqual(recorder.chunks.map(String), ["0", "1", "2", "3", "4"])
    from("a", "9")
    assert.deepStrictEqual(recorder.chunks.map(String), ["0", "1", "2", "3", "4", "9"])
    assert.strictEqual(peers.queued, 0)
    assert.deepInclude(dropped[0], { cause: "slow", datagrams: 1, bytes: 1 })
    assert.deepStrictEqual(recorder.violations, [])
  })

  it("keeps no more bytes for all together than it may, and gives them back with the peer", () => {
    const { from, peers, wires } = setup({ maxQueuedBytes: 10 })
    from("a", "12345")
    from("b", "12345")
    from("a", "1")
    from("c", "1")
    assert.strictEqual(peers.queued, 10)
    wires[0]!.destroy()
    assert.strictEqual(peers.queued, 5)
    from("b", "1")
    assert.strictEqual(peers.queued, 6)
  })

  it("ends who is silent, an eighth of the time too late at most, and waits for answers all the same", async () => {
    const { flush, from, peers, sent, time, wires } = setup()
    from("a", "hello")
    from("b", "hello")
    const [a, b] = [new Recorder(wires[0]!), new Recorder(wires[1]!)]
    await turn()
    time.pass(7000)
    from("b", "still here")
    time.pass(1000)
    await turn()
    assert.deepStrictEqual([a.ends, b.ends], [1, 0])
    // The old one may still answer, and whoever comes from there is new.
    wires[0]!.write(datagram("late"))
    assert.deepStrictEqual(sent, ["a late"])
    from("a", "again")
    assert.strictEqual(wires.length, 3)
    assert.strictEqual(peers.size, 3)
    wires[0]!.end()
    flush()
    await turn()
    assert.strictEqual(a.closes, 1)
    assert.strictEqual(peers.size, 2)
    time.pass(8000)
    await turn()
    assert.strictEqual(b.ends, 1)
  })

  it("tells the end of a peer that is not read only when all before it was", async () => {
    const { from, time, wires } = setup()
    from("a", "0")
    const recorder = new Recorder(wires[0]!)
    await turn()
    recorder.pause()
    from("a", "1")
    time.pass(9000)
    await turn()
    assert.strictEqual(recorder.ends, 0)
    recorder.resume()
    await turn()
    assert.deepStrictEqual(recorder.events, ["data", "end"])
    assert.deepStrictEqual(recorder.chunks.map(String), ["0", "1"])
  })

  it("closes after what was written is with the system, and tells of the writing", async () => {
    const { flush, from, wires } = setup()
    from("a", "0")
    const wire = wires[0]!
    const recorder = new Recorder(wire)
    await turn()
    let written = 0
    wire.write(Buffer.concat([datagram("x"), datagram("")]), () => written++)
    wire.write(Buffer.of(), () => written++)
    wire.end()
    assert.isFalse(wire.write(datagram("too late")))
    await turn()
    assert.deepStrictEqual([written, recorder.closes, wire.unsent], [0, 0, 1])
    flush()
    await turn()
    assert.deepStrictEqual([written, recorder.closes, recorder.ends], [2, 1, 1])
    assert.deepStrictEqual(recorder.events, ["data", "end", "close"])
    assert.strictEqual(recorder.error, undefined)
    from("a", "1")
    assert.strictEqual(wires.length, 2)
  })

  it("holds the writer up while too much is on its way", async () => {
    const { flush, from, wires } = setup()
    from("a", "0")
    const wire = wires[0]!
    const recorder = new Recorder(wire)
    await turn()
    const many = Buffer.concat(Array.from({ length: 700 }, () => datagram("x".repeat(100))))
    assert.isFalse(wire.write(many))
    assert.strictEqual(recorder.drains, 0)
    flush()
    assert.strictEqual(recorder.drains, 1)
    assert.isTrue(wire.write(datagram("x")))
  })

  it("drops what the system does not take, and goes on", async () => {
    const { dropped, fail, flush, from, wires } = setup()
    from("a", "0")
    const recorder = new Recorder(wires[0]!)
    await turn()
    fail("ENETUNREACH")
    wires[0]!.write(datagram("x"))
    flush()
    assert.deepInclude(dropped[0], { cause: "unsendable", detail: "ENETUNREACH" })
    assert.strictEqual(recorder.closes, 0)
  })

  it("tells a loss at once, the next ones of its cause once a second, and the rest at the end", () => {
    const state = setup({ maxPeers: 1 })
    const { dropped, from, peers, time, wires } = state
    from("a", "x")
    for (let i = 0; i < 5; i++) from(`b${i}`, "12")
    from("c", "")
    from("d", "x".repeat(101))
    assert.deepStrictEqual(
      dropped.map(({ bytes, cause, datagrams }) => [cause, datagrams, bytes]),
      [
        ["peers", 1, 2],
        ["tooLong", 1, 101]
      ]
    )
    time.pass(1000)
    assert.deepInclude(dropped[2], {
      cause: "peers",
      datagrams: 5,
      bytes: 8,
      remoteAddress: { _tag: "Memory", name: "b1" }
    })
    assert.lengthOf(dropped, 3)
    time.pass(1000)
    from("e", "1")
    assert.deepInclude(dropped[3], { cause: "peers", datagrams: 1 })
    from("e", "2")
    peers.close()
    wires[0]!.destroy()
    assert.deepInclude(dropped[4], { cause: "peers", datagrams: 1 })
    assert.strictEqual(time.pending, 0)
    assert.strictEqual(state.emptied, 1)
  })

  it("takes nobody new once closed, keeps those who are here, and is open again for others", () => {
    const state = setup()
    const { acceptor, from, peers, wires } = state
    from("a", "x")
    peers.close()
    from("b", "x")
    assert.lengthOf(wires, 1)
    assert.strictEqual(state.emptied, 0)
    peers.open(acceptor)
    from("b", "x")
    assert.lengthOf(wires, 2)
    wires[0]!.destroy()
    wires[1]!.destroy()
    assert.strictEqual(state.emptied, 0)
    peers.close()
    assert.strictEqual(state.emptied, 1)
  })

  it("tells whoever attaches to one that is gone", async () => {
    const { from, wires } = setup()
    from("a", "x")
    wires[0]!.destroy()
    await turn()
    const recorder = new Recorder(wires[0]!)
    await turn()
    assert.deepStrictEqual(recorder.events, ["close"])
  })
})
