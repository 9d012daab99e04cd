/** Whatever the connections do: at most once, in order, and nothing is left. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as FastCheck from "fast-check"
import * as Client from "../../src/Client.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { Text } from "../server/support.ts"
import { hearingServer, now, settle } from "./support.ts"

type Step = "up" | "down" | "reset" | "send" | "burst" | "time" | "turn"

const steps = FastCheck.array(
  FastCheck.constantFrom<Array<Step>>("up", "down", "reset", "send", "burst", "time", "turn"),
  { minLength: 1, maxLength: 40 }
)

const whenDowns = FastCheck.constantFrom<Array<Client.MakeOptions<string, string>["whenDown"]>>(
  "suspend",
  "fail",
  { queue: 3, deadline: "250 millis" }
)

/** What the server heard, and what the senders were told, after so many ups and downs. */
const play = (script: ReadonlyArray<Step>, whenDown: Client.MakeOptions<string, string>["whenDown"]) =>
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
        const samples = FastCheck.sample(FastCheck.tuple(steps, whenDowns), { numRuns: 150, seed: 20 })
        let heardInAll = 0
        for (const [script, whenDown] of samples) {
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
