/** L-H30 on real sockets, both ends. */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { eventually } from "../support/pair.ts"
import { host } from "../transport/nodeSupport.ts"
import { portOf } from "../transport/rigs.ts"
import { Counted, counted, Plain, switcher } from "./support.ts"

const provideTcp = Effect.provide(TransportNode.layerTcp({ host, port: 0 }))

describe("switchProtocol over TCP", () => {
  it.live("L-H30: all in one write, and in two thousand", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 500 }, (_, n) => `number ${n}\n`)
      const bytes = Buffer.concat([Buffer.from("one\nSWITCH\n"), counted(...many)])
      for (const size of [bytes.length, 3]) {
        const seen: Array<string> = []
        yield* Effect.gen(function* () {
          const server = yield* Server.make(Plain, switcher(seen))
          const heard = yield* Effect.callback<string>((resume) => {
            const socket = Net.connect({ port: portOf(server.address), host, noDelay: true })
            const chunks: Array<Buffer> = []
            for (let at = 0; at < bytes.length; at += size) socket.write(bytes.subarray(at, at + size))
            socket.end()
            socket.on("data", (chunk) => chunks.push(chunk))
            socket.on("close", () => resume(Effect.succeed(Buffer.concat(chunks).toString())))
            return Effect.sync(() => socket.destroy())
          })
          assert.deepStrictEqual(seen, [
            "plain one",
            "plain SWITCH",
            ...many.map((text) => `counted ${text}`)
          ])
          assert.strictEqual(
            heard,
            `<one>\n<SWITCH>\n${counted(...many.map((text) => `[${text}]`)).toString()}`
          )
        }).pipe(Effect.scoped, provideTcp)
      }
    })
  )

  it.live("a client of the library switches too, and its server answers in the new protocol", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const server = yield* Server.make(Plain, switcher(seen))
      yield* Effect.gen(function* () {
        const client = yield* Client.connect(Plain)
        yield* client.send("SWITCH")
        yield* Stream.runCollect(Stream.take(client.messages, 1))
        const next = yield* client.switchProtocol(Protocol.flip(Counted))
        yield* next.sendAll(["a\n", "b\n"])
        assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(next.messages, 1)), ["[a\n]"])
        assert.strictEqual(next.stats.messagesOut, 3)
        yield* eventually(() => seen.length === 3, "the server has both")
      }).pipe(
        Effect.scoped,
        Effect.provide(TransportNode.layerTcpClient({ host, port: portOf(server.address) }))
      )
      assert.deepStrictEqual(seen, ["plain SWITCH", "counted a\n", "counted b\n"])
    }).pipe(provideTcp)
  )
})
