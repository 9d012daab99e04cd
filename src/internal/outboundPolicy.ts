/** How the policies use the queue: everything about them but the waiting. */
import type { Policy, PolicyName } from "../Outbound.ts"
import type { Offer } from "./outboundHost.ts"
import type { OutboundQueue } from "./outboundQueue.ts"
import type { SharedFrames } from "./sharedFrames.ts"

/** The connection whose queue it is. */
export interface PolicyHost {
  readonly outbound: OutboundQueue
  readonly outboundDropped: (policy: PolicyName, messages: number, bytes: number) => void
  readonly slowConsumer: () => void
}

/** The key under which a message waits; undefined for none. */
export const keyOf = <Message>(policy: Policy<Message>, message: Message): unknown =>
  policy._tag === "Conflate" ? policy.key(message) : undefined

/**
 * Offers the frame of one message that others get, too, where nobody waits. `full` says that it is not in the queue, and that this was
 * counted.
 */
export const offerFrame = <Message>(
  host: PolicyHost,
  policy: Policy<Message>,
  key: unknown,
  frame: SharedFrames
): "queued" | "full" | "closed" => {
  const offer = evictsOrReplaces(policy, key)
    ? offerApart(host.outbound, policy, key, frame.bytes, false)
    : host.outbound.offerShared(frame)
  if (offer === "queued" || offer === "closed") return offer
  refuse(host, policy, frame.length)
  return "full"
}

/** Whether frames under it wait one by one. */
export const evictsOrReplaces = <Message>(policy: Policy<Message>, key: unknown): boolean =>
  policy._tag === "DropOld" || key !== undefined

/** Offers a frame that may be dropped or replaced later. */
export const offerApart = <Message>(
  queue: OutboundQueue,
  policy: Policy<Message>,
  key: unknown,
  frame: Uint8Array,
  admitted: boolean
): Exclude<Offer, object> =>
  policy._tag === "DropOld" ? queue.offerEvicting(frame) : queue.offerKeyed(key, frame, admitted)

/** There was no room, and the policy is not to wait. */
export const refuse = <Message>(host: PolicyHost, policy: Policy<Message>, bytes: number): void => {
  host.outboundDropped(policy._tag, 1, bytes)
  if (policy._tag === "Disconnect") host.slowConsumer()
}
