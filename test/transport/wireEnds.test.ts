import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { formatAddress } from "../../src/Transport.ts"
import { removeCertificates } from "./certificates.ts"
import { Reception, Recorder, writeAll } from "./recorder.ts"
import * as Rigs from "./rigs.ts"
import { assertOrderly, pattern, rigs, silence } from "./wireSupport.ts"

afterAll(removeCertificates)

for (const rig of rigs) {
  describe(rig.name, () => {
    it.live("sends all that was written before its end, and closes both ends once", () =>
      Effect.gen(function* () {
        const { client, server } = yield* Rigs.pairOn(rig)
        const left = new Recorder(client)
        const right = new Recorder(server)
        const bytes = pattern(300_000, 9)
        client.write(bytes)
        client.end()
        yield* right.ended
        assert.isTrue(right.bytes.equals(bytes))
        server.end()
        yield* left.closed
        yield* right.closed
        assert.strictEqual(left.error, undefined)
        assert.strictEqual(right.error, undefined)
        yield* silence
        assert.strictEqual(left.events.at(-1), "close")
        assert.deepStrictEqual(right.events, ["data", "end", "close"])
        assertOrderly(left, right)
      })
    )

    it.live("refuses to write after its end", () =>
      Effect.gen(function* () {
        const { client, server } = yield* Rigs.pairOn(rig)
        const left = new Recorder(client)
        const right = new Recorder(server)
        client.write(Buffer.from("all"))
        client.end()
        assert.isFalse(client.write(Buffer.from(" and more")))
        client.end()
        yield* right.ended
        server.end()
        yield* right.closed
        assert.strictEqual(right.text, "all")
        assert.strictEqual(left.error, undefined)
        assertOrderly(left, right)
      })
    )

    it.live("destroys at once and twice without harm, and the peer sees the end", () =>
      Effect.gen(function* () {
        const { client, server } = yield* Rigs.pairOn(rig)
        const left = new Recorder(client)
        const right = new Recorder(server)
        client.destroy()
        client.destroy()
        client.reset()
        assert.strictEqual(left.closes, 0, "not within the call")
        yield* left.closed
        assert.strictEqual(left.error, undefined)
        yield* right.ended
        server.end()
        yield* right.closed
        assertOrderly(left, right)
      })
    )

    it.live("destroys from within a delivery, and hears nothing more", () =>
      Effect.gen(function* () {
        const { client, server } = yield* Rigs.pairOn(rig)
        const left = new Recorder(client)
        const right = new Recorder(server, (_, recorder) => recorder.wire.destroy())
        client.write(pattern(100, 1))
        client.write(pattern(100, 1))
        yield* right.closed
        assert.deepStrictEqual(right.events, ["data", "close"])
        assert.strictEqual(right.error, undefined)
        yield* left.until((now) => now.ends + now.closes > 0)
        assertOrderly(left, right)
      })
    )

    it.live("gives up a connect that is interrupted", () =>
      Effect.gen(function* () {
        const { connect, reception } = yield* Rigs.pairOn(rig)
        const fiber = yield* Effect.forkChild(connect, { startImmediately: true })
        yield* Fiber.interrupt(fiber)
        // The system may have connected already: then the peer must see it go.
        yield* silence
        for (const wire of reception.wires) {
          const recorder = new Recorder(wire)
          yield* recorder.until((now) => now.ends + now.closes > 0)
          wire.destroy()
        }
      })
    )

    it.live("stops listening at once, and its connections live on", () =>
      Effect.gen(function* () {
        const { client, connect, listening, opened, reception, server } = yield* Rigs.pairOn(rig)
        const left = new Recorder(client)
        const right = new Recorder(server)
        yield* listening.close
        yield* listening.close
        if (rig.frees) {
          yield* Effect.flip(connect)
        }
        client.write(Buffer.from("still here"))
        yield* right.received(10)
        server.write(Buffer.from("so am I"))
        yield* left.received(7)
        assert.deepStrictEqual(reception.wires, [])
        const next = new Reception()
        const again = yield* opened.listen(next)
        yield* listening.close
        const other = yield* opened.connect(again.address)
        const accepted = yield* next.take
        new Recorder(other).wire.write(Buffer.from("new"))
        yield* new Recorder(accepted).received(3)
        accepted.destroy()
        assertOrderly(left, right)
      })
    )

    it.live("stops listening with its scope", () =>
      Effect.gen(function* () {
        const opened = yield* rig.open
        const first = yield* Effect.scoped(opened.listen(new Reception()))
        if (rig.frees) {
          yield* Effect.flip(opened.connect(first.address))
        }
        yield* opened.listen(new Reception())
      })
    )

    if (rig.halfClose) {
      it.live("half-closes towards the server, which can still answer", () =>
        Effect.gen(function* () {
          const { client, server } = yield* Rigs.pairOn(rig)
          const left = new Recorder(client)
          const right = new Recorder(server)
          client.write(Buffer.from("question"))
          client.end()
          yield* right.ended
          yield* silence
          assert.strictEqual(right.closes, 0)
          const answer = pattern(200_000, 5)
          yield* writeAll(right, answer, 10_000)
          yield* left.received(answer.length)
          assert.isTrue(left.bytes.equals(answer))
          assert.strictEqual(left.ends, 0)
          server.end()
          yield* Effect.all([left.closed, right.closed])
          assert.strictEqual(left.ends, 1)
          assert.strictEqual(left.error, undefined)
          assertOrderly(left, right)
        })
      )

      it.live("half-closes towards the client, which can still write", () =>
        Effect.gen(function* () {
          const { client, server } = yield* Rigs.pairOn(rig)
          const left = new Recorder(client)
          const right = new Recorder(server)
          server.end()
          yield* left.ended
          client.write(Buffer.from("after your end"))
          yield* right.received(14)
          client.end()
          yield* Effect.all([left.closed, right.closed])
          assert.deepStrictEqual([left.error, right.error], [undefined, undefined])
          assertOrderly(left, right)
        })
      )

      it.live("closes in good order when it is destroyed after both ends", () =>
        Effect.gen(function* () {
          const { client, server } = yield* Rigs.pairOn(rig)
          const left = new Recorder(client)
          const right = new Recorder(server)
          const flushed = Effect.callback<void>((resume) => {
            server.write(pattern(1000, 1), () => resume(Effect.void))
          })
          yield* flushed
          server.end()
          yield* left.ended
          server.destroy()
          yield* right.closed
          assert.strictEqual(left.length, 1000)
          client.end()
          yield* left.closed
          assert.strictEqual(left.error, undefined)
          assertOrderly(left, right)
        })
      )
    }

    if (rig.reset) {
      it.live("resets, and the peer knows", () =>
        Effect.gen(function* () {
          const { client, server } = yield* Rigs.pairOn(rig)
          const left = new Recorder(client)
          const right = new Recorder(server)
          // A reset within moments of a TLS handshake meets the server's own last words, and Node loses its trace.
          client.write(Buffer.from("a"))
          yield* right.received(1)
          server.write(Buffer.from("b"))
          yield* left.received(1)
          client.reset()
          client.reset()
          yield* left.closed
          yield* right.closed
          assert.strictEqual(left.error, undefined)
          assert.strictEqual(right.error, "ECONNRESET")
          assertOrderly(left, right)
        })
      )

      it.live("tells of a reset that came before anyone attached", () =>
        Effect.gen(function* () {
          const { client, server } = yield* Rigs.pairOn(rig)
          yield* silence
          client.reset()
          yield* silence
          const late = new Recorder(server)
          assert.deepStrictEqual(late.events, [])
          yield* late.closed
          assert.strictEqual(late.error, "ECONNRESET")
          assertOrderly(late)
        })
      )
    }

    if (rig.addresses) {
      it.live("names both ends alike from both sides", () =>
        Effect.gen(function* () {
          const { client, listening, server } = yield* Rigs.pairOn(rig)
          assert.deepStrictEqual(client.localAddress, server.remoteAddress)
          assert.deepStrictEqual(client.remoteAddress, server.localAddress)
          assert.deepStrictEqual(server.localAddress, listening.address)
          assert.notStrictEqual(formatAddress(client.localAddress), formatAddress(server.localAddress))
        })
      )
    }
  })
}
