/** The writer fiber: hands to the wire what senders outside a reader's turn left, and waits where the wire is full. */
import * as Effect from "effect/Effect"
import type { CloseReason } from "../CloseReason.ts"
import type { Wire } from "../Transport.ts"
import type { OutboundQueue } from "./outboundQueue.ts"

/** Runs until the queue is closed and everything in it is in the wire; then ends our side, for `reason`. */
export const runWriter = (
  queue: OutboundQueue,
  wire: Wire,
  reason?: () => CloseReason | undefined
): Effect.Effect<void> =>
  Effect.andThen(
    Effect.whileLoop({
      while: () => !queue.finished,
      body: () => queue.awaitWork(),
      step: () => queue.flush()
    }),
    Effect.sync(() => wire.end(reason?.()))
  )
