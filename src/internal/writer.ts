/** The writer fiber: waits where the wire is full, hands over what waits, and ends our side behind it. */
import * as Effect from "effect/Effect"
import type { OutboundHost } from "./outboundHost.ts"
import type { OutboundQueue } from "./outboundQueue.ts"

/** Runs until the queue is closed and everything in it is in the wire; then says so. */
export const runWriter = (
  queue: OutboundQueue,
  host: Pick<OutboundHost, "outboundEnded">
): Effect.Effect<void> =>
  Effect.andThen(
    Effect.whileLoop({
      while: () => !queue.finished,
      body: () => queue.awaitWork(),
      step: () => queue.flush()
    }),
    Effect.sync(() => host.outboundEnded())
  )
