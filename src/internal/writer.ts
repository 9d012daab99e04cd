/** The writer fiber: hands to the wire what senders outside a reader's turn left, and waits where the wire is full. */
import * as Effect from "effect/Effect"
import type { OutboundQueue } from "./outboundQueue.ts"

/** Runs until the queue is closed and everything in it is in the wire. */
export const runWriter = (queue: OutboundQueue): Effect.Effect<void> =>
  Effect.whileLoop({
    while: () => !queue.finished,
    body: () => queue.awaitWork(),
    step: () => queue.flush()
  })
