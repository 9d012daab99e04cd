/** Output that a peer did not take when its wire was cut. */
import type { Wire } from "../Transport.ts"
import type { OutboundQueue } from "./outboundQueue.ts"

export interface Lost {
  /** Messages still in the queue. */
  readonly messages: number
  /** Bytes, those in the wire included. */
  readonly bytes: number
}

/** What would be lost at this moment; undefined for nothing. */
export const lostNow = (outbound: OutboundQueue, wire: Wire): Lost | undefined => {
  const bytes = outbound.waitingBytes + wire.unsent
  return bytes > 0 ? { messages: outbound.messages, bytes } : undefined
}
