/** Mutated conversations against one server on the network in memory, each on a connection of its own. */
import { Effect } from "effect"
import type { Server } from "../../../src/Server.ts"
import { Connector } from "../../../src/Transport.ts"
import { announceSeed, cases, mutate, Random, seed, type Tokens } from "./fuzz.ts"

/** What became of one connection. */
export interface Outcome {
  readonly sent: Uint8Array
  readonly heard: Uint8Array
  /** The server ended its side in good order. */
  readonly ended: boolean
  readonly error: string | undefined
}

export interface Assault {
  readonly name: string
  readonly server: Server["Service"]
  /** Valid conversations, of which mutations are made. */
  readonly conversations: ReadonlyArray<Tokens>
  /** What is wrong with how a connection went, if something is. */
  readonly judge: (outcome: Outcome) => string | undefined
  /** Into how many assaults the run's cases are divided. Default 1. */
  readonly shares?: number
  /** How many connections there are at a time; more where the server takes its time with them. Default 64. */
  readonly together?: number
}

/** Milliseconds in which a server has to be done with a connection. */
const patience = 30_000

/** One connection: says its piece and ends its side; waits until the server is done with it. Undefined: in vain. */
const attack = (pieces: ReadonlyArray<Uint8Array>, sent: Uint8Array) =>
  Effect.flatMap(Connector, ({ connect }) =>
    Effect.flatMap(connect, (wire) =>
      Effect.callback<Outcome | undefined>((resume) => {
        const heard: Array<Uint8Array> = []
        let ended = false
        const timer = setTimeout(() => {
          resume(Effect.undefined)
          wire.destroy()
        }, patience)
        wire.attach({
          onData: (chunk) => void heard.push(chunk),
          onEnd: () => {
            ended = true
          },
          onDrain: () => {},
          onClose: (error) => {
            clearTimeout(timer)
            resume(Effect.succeed({ sent, heard: Buffer.concat(heard), ended, error }))
          }
        })
        for (const piece of pieces) wire.write(piece)
        wire.end()
        return Effect.sync(() => {
          clearTimeout(timer)
          wire.destroy()
        })
      })
    )
  )

/**
 * Attacks as often as `FUZZ_CASES` says, some at a time. Fails with the first outcome that is wrong, and where the
 * server afterwards holds connections or bytes.
 */
export const assault = Effect.fnUntraced(function* ({
  conversations,
  judge,
  name,
  server,
  shares = 1,
  together = 64
}: Assault) {
  announceSeed(name)
  const count = Math.ceil(cases / shares)
  const one = (index: number) => {
    // A seed for each, so that one that fails can be repeated alone.
    const random = new Random(seed + index)
    const tokens = conversations[random.below(conversations.length)]!
    const sent = mutate(random, tokens)
    return Effect.flatMap(attack(random.cut(sent), sent), (outcome) => {
      const problem = outcome === undefined ? "neither answered nor closed" : judge(outcome)
      return problem === undefined
        ? Effect.void
        : Effect.die(
            new Error(
              `${name}, FUZZ_SEED=${seed + index} FUZZ_CASES=1: ${problem}\nsent ${JSON.stringify(Buffer.from(sent).toString("latin1"))}`
            )
          )
    })
  }
  yield* Effect.forEach(
    Array.from({ length: count }, (_, index) => index),
    one,
    { concurrency: together, discard: true }
  )
  yield* Effect.repeat(server.connectionCount, { until: (count) => count === 0 })
  const held = yield* server.heldBytes
  if (held !== 0) return yield* Effect.die(new Error(`${name}: ${held} bytes are still held`))
})
