/** What a program needs to end well by a signal; `signals.test.ts` has the signals. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Shutdown from "../../src/Shutdown.ts"
import { open } from "../support/pair.ts"
import * as rigs from "../transport/rigs.ts"

const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const listeners = () => process.listenerCount("SIGINT") + process.listenerCount("SIGTERM")

describe("a shutdown", () => {
  it("has the code 0 after an interruption, and Effect's own after anything else", () => {
    const codeOf = (exit: Exit.Exit<unknown, unknown>) => {
      let code: number | undefined
      Shutdown.teardown(exit, (told) => {
        code = told
      })
      return code
    }
    assert.strictEqual(codeOf(Exit.failCause(Cause.interrupt(1))), 0)
    assert.strictEqual(codeOf(Exit.void), 0)
    assert.strictEqual(codeOf(Exit.fail("no")), 1)
    assert.strictEqual(codeOf(Exit.failCause(Cause.combine(Cause.interrupt(1), Cause.die("defect")))), 1)
  })

  it.effect("listens to signals until the server has stopped, and no longer", () =>
    Effect.gen(function* () {
      const before = listeners()
      const { server } = yield* open(rigs.memory, Text, () => Effect.never)
      yield* Shutdown.forceOnSecondSignal(server)
      assert.strictEqual(listeners(), before + 2)
      yield* server.stop
      yield* Effect.yieldNow
      assert.strictEqual(listeners(), before)
      yield* Shutdown.forceOnSecondSignal(server)
      yield* Effect.yieldNow
      assert.strictEqual(listeners(), before)
    })
  )
})
