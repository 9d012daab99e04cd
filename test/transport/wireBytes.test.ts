import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { removeCertificates } from "./certificates.ts"
import { Recorder, writeAll } from "./recorder.ts"
import * as Rigs from "./rigs.ts"
import { assertOrderly, pattern, rigs, silence } from "./wireSupport.ts"

afterAll(removeCertificates)

for (const rig of rigs) {
  describe(rig.name, () => {
    it.live("carries bytes there and back", () =>
      Effect.gen(function* () {
        const { client, server } = yield* Rigs.pairOn(rig)
        const echo = new Recorder(server, (chunk) => server.write(chunk))
        const recorder = new Recorder(client)
        client.write(Buffer.from("hello, "))
        client.write(Buffer.from("world"))
        yield* recorder.received(12)
        assert.strictEqual(recorder.text, "hello, world")
        assert.strictEqual(echo.text, "hello, world")
        assertOrderly(recorder, echo)
      })
    )

    it.live("keeps all bytes in order, both ways at once", () =>
      Effect.gen(function* () {
        const { client, server } = yield* Rigs.pairOn(rig)
        const left = new Recorder(client)
        const right = new Recorder(server)
        const there = pattern(rig.volume, 3)
        const back = pattern(rig.volume, 100)
        yield* Effect.all([writeAll(left, there, 5000), writeAll(right, back, 16_384)], { concurrency: 2 })
        yield* left.received(rig.volume)
        yield* right.received(rig.volume)
        assert.isTrue(right.bytes.equals(there), "bytes to the server")
        assert.isTrue(left.bytes.equals(back), "bytes to the client")
        assertOrderly(left, right)
      })
    )

    it.live("keeps what was sent before anyone attached", () =>
      Effect.gen(function* () {
        const { client, server } = yield* Rigs.pairOn(rig)
        new Recorder(client)
        client.write(Buffer.from("early"))
        client.end()
        yield* silence
        const late = new Recorder(server)
        assert.deepStrictEqual(late.events, [], "nothing within attach")
        yield* late.ended
        assert.strictEqual(late.text, "early")
        assert.deepStrictEqual(late.events.slice(0, 2), ["data", "end"])
        assertOrderly(late)
      })
    )

    it.live("calls written once the peer or the kernel has the bytes", () =>
      Effect.gen(function* () {
        const { client, server } = yield* Rigs.pairOn(rig)
        const right = new Recorder(server)
        const left = new Recorder(client)
        const order: Array<number> = []
        const done = Effect.callback<void>((resume) => {
          for (const number of [1, 2, 3]) {
            client.write(pattern(1000, number), () => {
              order.push(number)
              if (order.length === 3) {
                resume(Effect.void)
              }
            })
          }
        })
        yield* done
        assert.deepStrictEqual(order, [1, 2, 3])
        yield* right.received(3000)
        assertOrderly(left, right)
      })
    )

    it.live("stops delivery while paused, holds the writer up, and loses nothing", () =>
      Effect.gen(function* () {
        const { client, server } = yield* Rigs.pairOn(rig)
        const left = new Recorder(client)
        const right = new Recorder(server)
        right.pause()
        let sent = 0
        const piece = pattern(65_536, 0)
        const flood = Effect.gen(function* () {
          for (;;) {
            const drains = left.drains
            sent += piece.length
            if (!client.write(piece)) {
              yield* left.until((now) => now.drains > drains)
            }
          }
        })
        const writer = yield* Effect.forkChild(flood, { startImmediately: true })
        yield* silence
        const held = sent
        yield* silence
        assert.strictEqual(sent, held, "the writer stands still")
        assert.isBelow(held, 64 * 1024 * 1024)
        assert.strictEqual(right.length, 0)
        yield* Fiber.interrupt(writer)
        right.resume()
        yield* right.received(sent)
        assert.strictEqual(right.length, sent)
        yield* left.until((now) => now.drains > 0)
        assertOrderly(left, right)
      })
    )

    it.live("pauses from within a delivery", () =>
      Effect.gen(function* () {
        const { client, server } = yield* Rigs.pairOn(rig)
        const left = new Recorder(client)
        const right = new Recorder(server, (_, recorder) => recorder.pause())
        for (let index = 0; index < 20; index++) {
          client.write(pattern(100, index))
        }
        while (right.length < 2000) {
          const before = right.length
          yield* right.until((now) => now.length > before)
          right.resume()
        }
        assert.strictEqual(right.length, 2000)
        assertOrderly(left, right)
      })
    )
  })
}
