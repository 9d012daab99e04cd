/** `examples/redis` under mutated conversations: each command has its answer, and what is none a protocol error. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { make } from "../../examples/redis/redis.ts"
import type { Value } from "../../src/Resp.ts"
import * as Resp from "../../src/Resp.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { type Read, readCommands } from "../resp/support/reference.ts"
import { assault, type Outcome } from "./support/assault.ts"
import { conversations, subscribers } from "./support/redis.ts"

const bounds = { maxBulkLength: 32 * 1024 * 1024, maxArrayLength: 1_048_576 }
const values = Resp.values({ strings: "latin1" })

/** All that was heard, which must be whole values. */
const heardOf = ({ heard }: Outcome): ReadonlyArray<Value> | string => {
  const decoder = values.wire.makeDecoder()
  const found: Array<Value> = []
  const error = decoder.push(heard, found) ?? decoder.end(found)
  return error === undefined ? found : `answered no values: ${error.message}`
}

const leaving: ReadonlySet<string> = new Set(["quit", "post", "host:"])

/** Where a command ends the conversation; -1 for nowhere. */
const leftAt = ({ commands }: Read): number =>
  commands.findIndex(([name = ""]) => leaving.has(name.toLowerCase()))

/** Whether the end is in good order, and says why where there was a reason. */
const judgeEnd = (outcome: Outcome, answers: ReadonlyArray<Value>, read: Read): string | undefined => {
  if (!outcome.ended) return `was cut off: ${outcome.error}`
  if (read.error === undefined || leftAt(read) >= 0) return undefined
  const expected = `ERR Protocol error: ${read.error.replace(/[\r\n]/g, " ")}`
  const end = JSON.stringify(answers.at(-1))
  return end === JSON.stringify(Resp.simpleError(expected)) ? undefined : `ended with ${end}, not ${expected}`
}

const judging =
  (oneEach: boolean) =>
  (outcome: Outcome): string | undefined => {
    const answers = heardOf(outcome)
    if (typeof answers === "string") return answers
    const read = readCommands(Buffer.from(outcome.sent).toString("latin1"), bounds)
    const left = leftAt(read)
    const bye = read.commands[left]?.[0]?.toLowerCase() === "quit" ? 1 : 0
    const expected = left >= 0 ? left + bye : read.commands.length + (read.error === undefined ? 0 : 1)
    if (oneEach && answers.length !== expected) return `gave ${answers.length} answers, not ${expected}`
    return judgeEnd(outcome, answers, read)
  }

describe.each([
  { name: "resp: commands", conversations, oneEach: true },
  { name: "resp: subscribers", conversations: subscribers, oneEach: false }
])("$name", ({ conversations, name, oneEach }) => {
  it.live("answers, or closes with a protocol error", () =>
    Effect.gen(function* () {
      const { server } = yield* make()
      yield* assault({ name, server, conversations, judge: judging(oneEach), shares: 2 })
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.mergeAll(TransportMemory.layer(), NodeFileSystem.layer, Logger.layer([])))
    )
  )
})
