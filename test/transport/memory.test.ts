import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Connector, formatAddress, Listener } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { linked, text } from "./memorySupport.ts"
import { Reception, Recorder } from "./recorder.ts"

describe("memory", () => {
  it.effect("is a layer for servers, clients and their tests", () =>
    Effect.gen(function* () {
      const listener = yield* Listener
      const connector = yield* Connector
      const network = yield* TransportMemory.Network
      const reception = new Reception()
      const { address } = yield* listener.listen(reception)
      assert.strictEqual(formatAddress(address), "memory:chat")
      const client = yield* connector.connect
      const server = yield* reception.take
      assert.strictEqual(formatAddress(client.localAddress), "memory:chat/client-1")
      assert.lengthOf(yield* network.links, 1)
      client.destroy()
      server.destroy()
      yield* Effect.yieldNow
      assert.lengthOf(yield* network.links, 0)
    }).pipe(Effect.provide(TransportMemory.layer({ name: "chat" })))
  )

  it.effect("refuses connections while nobody listens, and a second listener", () =>
    Effect.gen(function* () {
      const network = yield* TransportMemory.makeNetwork()
      const early = yield* Effect.flip(network.connector.connect)
      assert.strictEqual(early.kind, "ConnectionRefused")
      assert.strictEqual(early.operation, "connect")
      assert.strictEqual(early.address, "memory:network")
      const reception = new Reception()
      const listening = yield* network.listener.listen(reception)
      const second = yield* Effect.flip(network.listener.listen(new Reception()))
      assert.strictEqual(second.kind, "AddressInUse")
      yield* network.connector.connect
      yield* listening.close
      yield* Effect.flip(network.connector.connect)
      yield* network.listener.listen(reception)
      yield* listening.close
      yield* network.connector.connect
    })
  )

  it.effect("delivers later, and everything by the time a yield returns", () =>
    Effect.gen(function* () {
      const { left, right } = yield* linked()
      const echo = (recorder: Recorder) => right.wire.write(recorder.bytes)
      left.wire.write(text("ping"))
      assert.strictEqual(right.length, 0)
      yield* Effect.yieldNow
      assert.strictEqual(right.text, "ping")
      echo(right)
      yield* Effect.yieldNow
      assert.strictEqual(left.text, "ping")
    })
  )

  it.effect(
    "settles a conversation of many turns in one yield, and lets the world go on in an endless one",
    () =>
      Effect.gen(function* () {
        const { network } = yield* linked()
        const reception = new Reception()
        const talk = Effect.fnUntraced(function* (turns: number) {
          const client = yield* network.connector.connect
          const links = yield* network.links
          let count = 0
          const answer = (_: Uint8Array, recorder: Recorder) => {
            count++
            if (count < turns) {
              recorder.wire.write(text("x"))
            }
          }
          new Recorder(client, answer)
          new Recorder(links.at(-1)!.server, answer)
          client.write(text("x"))
          yield* Effect.yieldNow
          return { client, count: () => count }
        })
        assert.strictEqual((yield* talk(200)).count(), 200)
        const endless = yield* talk(Number.POSITIVE_INFINITY)
        assert.isAbove(endless.count(), 200)
        endless.client.destroy()
        assert.deepStrictEqual(reception.wires, [])
      })
  )

  it.effect("holds the writer at its window until the reader took half", () =>
    Effect.gen(function* () {
      const { left, right } = yield* linked({ window: 100 })
      right.pause()
      assert.isTrue(left.wire.write(new Uint8Array(100)))
      let taken = false
      assert.isFalse(
        left.wire.write(new Uint8Array(1), () => {
          taken = true
        })
      )
      yield* Effect.yieldNow
      assert.strictEqual(right.length, 0)
      assert.strictEqual(left.drains, 0)
      assert.isFalse(taken)
      right.resume()
      yield* Effect.yieldNow
      assert.strictEqual(right.length, 101)
      assert.strictEqual(left.drains, 1)
      assert.isTrue(taken)
    })
  )

  it.effect("lets the writer reuse its bytes once they are written", () =>
    Effect.gen(function* () {
      const { left, right } = yield* linked()
      const bytes = new Uint8Array([1, 2, 3])
      left.wire.write(bytes, () => {
        bytes.fill(9)
      })
      yield* right.received(3)
      yield* Effect.yieldNow
      assert.deepStrictEqual([...bytes], [9, 9, 9])
      assert.deepStrictEqual([...right.bytes], [1, 2, 3])
    })
  )

  it.effect("tells all problems of its options at once", () =>
    Effect.gen(function* () {
      // Wrong on purpose, as a caller without types could be.
      const options = { name: "", window: 0, maxChunk: 1.5, delay: "soon", seed: -1, loss: 0.5 }
      const layer = TransportMemory.layer(options as never)
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      assert.deepStrictEqual(error.problems.map(({ path }) => path).sort(), [
        "delay",
        "loss",
        "maxChunk",
        "name",
        "seed",
        "window"
      ])
    })
  )
})
