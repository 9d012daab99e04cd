import { readFileSync } from "node:fs"
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TransportNode from "../../src/TransportNode.ts"
import { failureOf, host, listenOn } from "./nodeSupport.ts"
import { Reception, Recorder } from "./recorder.ts"
import { connectThrough, portOf } from "./rigs.ts"

/** The timers of the connections that were accepted on a port. */
const timersOf = (port: number): ReadonlyArray<string | undefined> => {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`
  const established = "01"
  return readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(local) === true && fields[3] === established)
    .map((fields) => fields[5]?.slice(0, 2))
}

describe("tcp", () => {
  it.live("says that a port is taken, and where", () =>
    Effect.gen(function* () {
      const first = yield* listenOn({ host, port: 0 })
      const port = portOf(first.address)
      const error = yield* failureOf(listenOn({ host, port }))
      assert.strictEqual(error.operation, "listen")
      assert.strictEqual(error.kind, "AddressInUse")
      assert.strictEqual(error.address, `${host}:${port}`)
      assert.include(error.detail, "EADDRINUSE")
      yield* first.close
      yield* listenOn({ host, port })
    })
  )

  it.live("says that an address is not this machine's", () =>
    Effect.gen(function* () {
      const error = yield* failureOf(listenOn({ host: "192.0.2.1", port: 0 }))
      assert.strictEqual(error.kind, "AddressNotAvailable")
      assert.strictEqual(error.address, "192.0.2.1:0")
    })
  )

  it.live("says that nobody listens", () =>
    Effect.gen(function* () {
      const listening = yield* listenOn({ host, port: 0 })
      yield* listening.close
      const port = portOf(listening.address)
      const error = yield* failureOf(connectThrough(TransportNode.layerTcpClient({ host, port })))
      assert.strictEqual(error.operation, "connect")
      assert.strictEqual(error.kind, "ConnectionRefused")
      assert.strictEqual(error.address, `${host}:${port}`)
    })
  )

  it.live("says that nobody listens on any of a name's addresses", () =>
    Effect.gen(function* () {
      const listening = yield* listenOn({ host, port: 0 })
      yield* listening.close
      const port = portOf(listening.address)
      const error = yield* failureOf(
        connectThrough(TransportNode.layerTcpClient({ host: "localhost", port }))
      )
      assert.strictEqual(error.kind, "ConnectionRefused")
      assert.include(error.detail, `${host}:${port}`)
    })
  )

  it.live("says that a host is unknown", () =>
    Effect.gen(function* () {
      const options = { host: "nosuch.invalid", port: 7000 }
      const connecting = yield* failureOf(connectThrough(TransportNode.layerTcpClient(options)))
      assert.strictEqual(connecting.kind, "UnknownHost")
      assert.strictEqual(connecting.address, "nosuch.invalid:7000")
      const listening = yield* failureOf(listenOn(options))
      assert.strictEqual(listening.kind, "UnknownHost")
      assert.strictEqual(listening.operation, "listen")
    })
  )

  it.live("listens on every interface by default, and names IPv4 peers as such", () =>
    Effect.gen(function* () {
      const reception = new Reception()
      const { address } = yield* listenOn({ port: 0 }, reception)
      const client = yield* connectThrough(TransportNode.layerTcpClient({ port: portOf(address) }))
      const server = yield* reception.take
      assert.deepStrictEqual(server.remoteAddress, client.localAddress)
      assert.deepStrictEqual(server.localAddress, { _tag: "Tcp", host, port: portOf(address) })
      server.destroy()
    })
  )

  it.live.skipIf(process.platform !== "linux")("keeps an idle connection alive, where it is told to", () =>
    Effect.gen(function* () {
      for (const keepAlive of [true, false]) {
        const reception = new Reception()
        const { address } = yield* listenOn({ host, port: 0, keepAlive }, reception)
        const client = yield* connectThrough(
          TransportNode.layerTcpClient({ port: portOf(address), keepAlive: false })
        )
        const server = yield* reception.take
        // Of an idle connection, 02 is the timer of its keep-alive.
        assert.deepStrictEqual(timersOf(portOf(address)), [keepAlive ? "02" : "00"])
        server.destroy()
        client.destroy()
      }
    })
  )

  it.live("connects from the address it is told", () =>
    Effect.gen(function* () {
      const reception = new Reception()
      const { address } = yield* listenOn({ host, port: 0 }, reception)
      const options = { port: portOf(address), localAddress: "127.0.0.2" }
      yield* connectThrough(TransportNode.layerTcpClient(options))
      const server = yield* reception.take
      assert.propertyVal(server.remoteAddress, "host", "127.0.0.2")
      server.destroy()
    })
  )

  it.live("leaves no listener behind when it is interrupted", () =>
    Effect.gen(function* () {
      const free = yield* listenOn({ host, port: 0 })
      yield* free.close
      const port = portOf(free.address)
      const fiber = yield* Effect.forkChild(listenOn({ host: "localhost", port }), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      // The look-up of the name goes on by itself, and tells nobody when it is done.
      yield* Effect.sleep("100 millis")
      yield* listenOn({ host: "localhost", port })
    })
  )

  it.live("ends a peer that is gone before it attaches", () =>
    Effect.gen(function* () {
      const reception = new Reception()
      const { address } = yield* listenOn({ host, port: 0 }, reception)
      Net.connect(portOf(address), host).end("bye")
      const wire = yield* reception.take
      const recorder = new Recorder(wire)
      yield* recorder.ended
      wire.end()
      yield* recorder.closed
      assert.deepStrictEqual(recorder.events, ["data", "end", "close"])
    })
  )
})
