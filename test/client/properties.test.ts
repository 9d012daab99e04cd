/** Whatever the connections do: at most once, in order, and nothing is left. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { Random } from "../../src/testing/random.ts"
import { Text } from "../server/support.ts"
import { hearingServer, now, settle } from "./support.ts"

const steps = ["up", "down", "reset", "send", "burst", "time", "turn"] as const

type Step = (typeof steps)[number]

type WhenDown = Client.MakeOptions<string, string>["whenDown"]

const whenDowns: ReadonlyArray<WhenDown> = ["suspend", "fail", { queue: 3, deadline: "250 millis" }]

/** What the server heard, and what the senders were told, after so many ups and downs. */
const play = (script: ReadonlyArray<Step>, whenDown: WhenDown) =>
  Effect.gen(function* () {
    const server = yield* hearingServer
    const scope = yield* Scope.make()
    const client = yield* Client.make(Text, { reconnect: Schedule.spaced(100), whenDown }).pipe(
      Scope.provide(scope)
    )
    const told: Array<{
      readonly message: string
      readonly fiber: Fiber.Fiber<void, Client.ClientSendError>
    }> = []
    let isUp = false
    const send = Effect.suspend(() => {
      const message = `${told.length}`
      return Effect.map(Effect.forkChild(client.send(message), now), (fiber) => told.push({ message, fiber }))
    })
    for (const step of script) {
      if (step === "up" && !isUp) {
        isUp = true
        yield* server.up
      } else if (step === "down" && isUp) {
        isUp = false
        yield* server.down
      } else if (step === "reset") yield* server.network.reset
      else if (step === "send") yield* send
      else if (step === "burst") yield* Effect.forEach(Array.from({ length: 5 }), () => send)
      else if (step === "time") yield* TestClock.adjust(100)
      else yield* Effect.yieldNow
    }
    // In the end all is well for a while.
    if (!isUp) yield* server.up
    yield* settle
    yield* TestClock.adjust(100)
    yield* client.awaitUp
    yield* settle
    const exits = yield* Effect.forEach(told, ({ fiber }) => Fiber.await(fiber))
    const accepted = told.filter((_, index) => Exit.isSuccess(exits[index] ?? assert.fail()))
    // The clock stands: the end waits for nothing.
    yield* Scope.close(scope, Exit.void)
    yield* settle
    assert.deepStrictEqual(yield* server.network.links, [])
    assert.deepStrictEqual(yield* Stream.runCollect(client.messages), [])
    assert.strictEqual(client.stats.waiting, 0)
    return { heard: server.heard.map(Number), accepted: accepted.map(({ message }) => Number(message)) }
  }).pipe(Effect.scoped, Effect.provide(TransportMemory.layer()))

describe("a client, whatever its connections do", () => {
  it.effect(
    "delivers each accepted message at most once, in order, and nothing that it refused",
    () =>
      Effect.gen(function* () {
        const random = new Random(20)
        let heardInAll = 0
        for (let run = 0; run < 150; run++) {
          const script = Array.from({ length: 1 + random.below(40) }, () => steps[random.below(7)] ?? "turn")
          const whenDown = whenDowns[run % 3]
          const context = JSON.stringify([script, whenDown])
          const { accepted, heard } = yield* play(script, whenDown)
          assert.deepStrictEqual(
            [...new Set(heard)].toSorted((a, b) => a - b),
            heard,
            `once and in order: ${context}`
          )
          assert.includeMembers(accepted, heard, `only what was accepted: ${context}`)
          heardInAll += heard.length
        }
        assert.isAbove(heardInAll, 500)
      }),
    60_000
  )
})
