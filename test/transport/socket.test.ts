import * as Net from "node:net"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { formatAddress } from "../../src/Transport.ts"
import * as TransportSocket from "../../src/TransportSocket.ts"
import { Reception, Recorder } from "./recorder.ts"
import { connectThrough, listenerOf, portOf } from "./rigs.ts"

const host = "127.0.0.1"

const server = Layer.provide(TransportSocket.layerServer, NodeSocketServer.layer({ host, port: 0 }))

const client = (port: number) =>
  Layer.provide(TransportSocket.layerClient, NodeSocket.layerNet({ host, port }))

/** A socket whose peer is the test. */
const scripted = (pull: Effect.Effect<readonly [Uint8Array | string], Socket.SocketError>) => {
  const sent: Array<Uint8Array | string> = []
  const socket = Socket.make({
    reader: Effect.succeed({ pull, upgrade: Socket.SocketUpgradeError.unsupported }),
    writer: Effect.succeed({
      write: () => Effect.void,
      writeAll: (chunks) => Effect.sync(() => void sent.push(...chunks))
    })
  })
  return { sent, socket }
}

const closedWith = (code: number, closeReason?: string) =>
  new Socket.SocketError({ reason: new Socket.SocketCloseError({ code, closeReason }) })

describe("socket", () => {
  it.live("says that nobody listens", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(connectThrough(client(1)))
      assert.propertyVal(error, "kind", "ConnectionRefused")
      assert.propertyVal(error, "operation", "connect")
    })
  )

  it.live("has its server's address, and one listener at a time", () =>
    Effect.gen(function* () {
      const listener = yield* listenerOf(server)
      const { address } = yield* listener.listen(new Reception())
      assert.strictEqual(formatAddress(address), `${host}:${portOf(address)}`)
      const error = yield* Effect.flip(listener.listen(new Reception()))
      assert.strictEqual(error.kind, "AddressInUse")
    })
  )

  it.live("closes peers that come after it stopped listening", () =>
    Effect.gen(function* () {
      const listener = yield* listenerOf(server)
      const reception = new Reception()
      const { address, close } = yield* listener.listen(reception)
      const first = new Recorder(yield* connectThrough(client(portOf(address))))
      yield* reception.take
      yield* close
      const late = new Recorder(yield* connectThrough(client(portOf(address))))
      yield* late.ended
      assert.deepStrictEqual(reception.wires, [])
      assert.deepStrictEqual(first.events, [])
    })
  )

  it.live("ends all connections with its layer", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const listener = yield* Scope.provide(listenerOf(server), scope)
      const reception = new Reception()
      const { address } = yield* Scope.provide(listener.listen(reception), scope)
      const socket = Net.connect(portOf(address), host)
      const closed = Effect.callback<void>((resume) => {
        socket.resume().once("close", () => resume(Effect.void))
      })
      const recorder = new Recorder(yield* reception.take)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.all([recorder.closed, closed])
      assert.strictEqual(recorder.error, undefined)
    })
  )

  it.live("carries text frames as UTF-8, and an orderly close as the end", () =>
    Effect.gen(function* () {
      const frames = ["grüße", "."]
      const { sent, socket } = scripted(
        Effect.suspend(() => {
          const frame = frames.shift()
          return frame === undefined ? Effect.fail(closedWith(1000)) : Effect.succeed([frame] as const)
        })
      )
      const wire = yield* TransportSocket.connectorFromSocket(socket).connect
      const recorder = new Recorder(wire)
      yield* recorder.ended
      assert.strictEqual(recorder.text, "grüße.")
      assert.strictEqual(recorder.closes, 0)
      wire.write(Buffer.from("bye"))
      wire.end()
      yield* recorder.closed
      assert.strictEqual(Buffer.concat(sent.map((chunk) => Buffer.from(chunk))).toString(), "bye")
      assert.deepStrictEqual(recorder.events, ["data", "end", "close"])
      assert.strictEqual(recorder.error, undefined)
      assert.deepStrictEqual(recorder.violations, [])
    })
  )

  it.live("tells why a connection broke", () =>
    Effect.gen(function* () {
      const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })
      const cases = [
        [closedWith(1006), "closed with 1006"],
        [closedWith(1008, "policy"), "closed with 1008: policy"],
        [new Socket.SocketError({ reason: new Socket.SocketReadError({ cause: reset }) }), "ECONNRESET"],
        [
          new Socket.SocketError({ reason: new Socket.SocketReadError({ cause: { error: reset } }) }),
          "ECONNRESET"
        ]
      ] as const
      for (const [error, expected] of cases) {
        const { socket } = scripted(Effect.fail(error))
        const recorder = new Recorder(yield* TransportSocket.connectorFromSocket(socket).connect)
        yield* recorder.closed
        assert.strictEqual(recorder.error, expected)
        assert.deepStrictEqual(recorder.events, ["close"])
      }
    })
  )

  it.live("tells a timeout apart", () =>
    Effect.gen(function* () {
      const socket = Socket.make({
        reader: Effect.fail(
          new Socket.SocketError({
            reason: new Socket.SocketOpenError({ kind: "Timeout", cause: new Error("slow") })
          })
        ),
        writer: Effect.never
      })
      const error = yield* Effect.flip(TransportSocket.connectorFromSocket(socket).connect)
      assert.strictEqual(error.kind, "Timeout")
    })
  )
})
