/** What an outbound queue says to those around it. */
import type { PolicyName } from "../Outbound.ts"
import type { PayloadError } from "../SluiceError.ts"

/** What became of a payload that was offered. */
export type Offer = "queued" | "full" | "closed" | PayloadError

/** Who is told what the queue does. */
export interface OutboundHost {
  /** Bytes are about to be handed to the wire. */
  readonly written: () => void
  /** The wire took them, and takes no more. */
  readonly outboundBlocked: () => void
  /** The wire is full, or the queue was closed while something waits in it: from now on the writer fiber minds it. */
  readonly startWriter: () => void
  /** The queue is closed, and all that was in it is in the wire. */
  readonly outboundEnded: () => void
  /** What waits for a wire that takes no more has become more, or less. */
  readonly account: () => void
  /** Messages were dropped for newer ones. */
  readonly outboundDropped: (policy: PolicyName, messages: number, bytes: number) => void
}
