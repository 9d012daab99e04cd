/** What all members of a group get is the same bytes: those who take them late get them as they were. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as Groups from "../../src/Groups.ts"
import { eventually, take } from "../support/pair.ts"
import * as rigs from "../transport/rigs.ts"
import { house, Text } from "./support.ts"

const limits = {
  server: { outbound: { maxMessages: 1000, maxBytes: 1 << 24 } },
  client: { inbound: { maxMessages: 1, maxBytes: 1 << 24 } }
}

const isText = (text: string) => text !== ""

/** Says which one differs, rather than all megabytes. */
const same = (heard: ReadonlyArray<string>, texts: ReadonlyArray<string>) =>
  assert.strictEqual(
    heard.length === texts.length ? heard.findIndex((text, i) => text !== texts[i]) : "length",
    -1
  )

describe("members of a group", () => {
  for (const rig of [rigs.tcp, rigs.unix, rigs.tls, rigs.webSocket, rigs.memory]) {
    it.effect(`get every byte as it was sent, however late: ${rig.name}`, () =>
      Effect.gen(function* () {
        const { guests } = yield* house(4, Text, limits, rig)
        const [late, ...prompt] = guests
        const rooms = yield* Groups.make<string, string>()
        for (const { peer } of guests) yield* rooms.join("a", peer)
        // Many sizes, so that buffers of all kinds are passed on: 8 MiB in all, far above what a system's buffers hold.
        const texts = Array.from({ length: 400 }, (_, i) =>
          String.fromCharCode(97 + (i % 26)).repeat([20, 700, 3000, 20_000, 60_000][i % 5]!)
        )
        const listening = yield* Effect.forEach(prompt, ({ client }) =>
          Effect.forkChild(
            Stream.runCollect(Stream.take(Stream.filter(client.messages, isText), texts.length))
          )
        )
        for (const [index, text] of texts.entries()) {
          // Some meet in one turn, and some come behind one's own.
          if (index % 4 > 0) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          if (index % 7 === 0) for (const { peer } of prompt) yield* peer.trySend("")
          assert.deepStrictEqual((yield* rooms.send("a", text)).failed, [])
        }
        for (const fiber of listening) same(yield* Fiber.join(fiber), texts)
        yield* eventually(() => late!.peer.stats.outboundBytes > 0, "the late one stands still")
        same(yield* take(late!.client, texts.length), texts)
      })
    )
  }
})
