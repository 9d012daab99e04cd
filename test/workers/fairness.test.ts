/** What a flooding peer costs the others, in time that is only counted: exact, whatever the machine is doing. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Ticket, Turns } from "../../src/internal/turns.ts"
import { Random } from "../../src/testing/random.ts"

interface Setting {
  readonly permits: number
  /** Peers who ask one thing at a time, and ask again as soon as they have an answer. */
  readonly askers: number
  /** Messages that a flood has in hand or waiting; 0 for no flood. */
  readonly flood: number
  /** How many flood at once. */
  readonly flooders: number
  /** Whether the messages of the flood count as those of one, or each for itself: first come, first served. */
  readonly oneOwner: boolean
}

/** The 99th percentile of what the askers wait, where a message takes 5 to 15 ms. */
const waited = ({ askers, flood, flooders, oneOwner, permits }: Setting): number => {
  const turns = new Turns(permits)
  const random = new Random(1)
  const waits: Array<number> = []
  const ends: Array<{ readonly at: number; readonly ended: () => void }> = []
  let now = 0

  const handle = (owner: object, done: () => void) => {
    const ticket = new Ticket(turns, turns.owner(owner))
    const begin = Effect.map(ticket.take, () => {
      const ended = () => {
        ticket.give()
        done()
      }
      ends.push({ at: now + 5 + random.below(10_000) / 1000, ended })
    })
    Effect.runFork(begin)
  }
  const flooding = (owner: object) => handle(owner, () => flooding(oneOwner ? owner : {}))
  const asking = (owner: object) => {
    const asked = now
    handle(owner, () => {
      waits.push(now - asked)
      asking(owner)
    })
  }

  for (let i = 0; i < flooders; i++) {
    const flooder = {}
    for (let j = 0; j < flood; j++) flooding(oneOwner ? flooder : {})
  }
  for (let i = 0; i < askers; i++) asking({})
  while (waits.length < 5000) {
    // There is always a message in hand.
    const next = ends.reduce((first, end) => (end.at < first.at ? end : first))
    ends.splice(ends.indexOf(next), 1)
    now = next.at
    next.ended()
  }
  return waits.toSorted((a, b) => a - b)[Math.floor(waits.length * 0.99)] ?? 0
}

const ratio = (
  permits: number,
  askers: number,
  flood: number,
  { flooders = 1, oneOwner = true }: { readonly flooders?: number; readonly oneOwner?: boolean } = {}
): number =>
  waited({ permits, askers, flood, flooders, oneOwner }) /
  waited({ permits, askers, flood: 0, flooders, oneOwner })

describe("fairness", () => {
  for (const [permits, askers, most] of [
    [64, 32, 1.1],
    [16, 8, 1.2],
    [4, 2, 1.5],
    [2, 1, 1.8],
    [1, 1, 2]
  ] as const) {
    it(`L-W10: with ${permits} permits a flood raises the p99 of ${askers} others less than ${most}×`, () => {
      // In order, and as many messages at a time as can be.
      assert.isBelow(ratio(permits, askers, 1), most)
      assert.isBelow(ratio(permits, askers, 128), most)
    })
  }

  it("L-W10: eight that flood at once are no worse than one", () => {
    assert.isBelow(ratio(16, 8, 64, { flooders: 8 }), 1.3)
  })

  it("L-W10: which permits that go to messages in the order of their coming do not achieve", () => {
    assert.isAbove(ratio(16, 8, 128, { oneOwner: false }), 4)
  })
})
