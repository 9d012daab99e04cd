/**
 * Outbound policies: what becomes of a message to a peer that does not keep up.
 *
 * A connection's outbound queue is bounded, see `outbound` of the options. What happens to a message that finds it
 * full is a policy: one for all connections of a server or client (option `outbound.policy`), another for a group (option
 * `policy` of `Groups`), for a single message (`connection.sendWith`), a broadcast or a message to groups (their option
 * `policy`).
 *
 * | policy       | a message that finds the queue full                                     | for                    |
 * | ------------ | ----------------------------------------------------------------------- | ---------------------- |
 * | `suspend`    | waits, its sender with it                                               | answers: nothing lost  |
 * | `dropNew`    | is dropped                                                              | samples, hints         |
 * | `dropOld`    | takes the place of the oldest that were sent under `dropOld`            | logs, live feeds       |
 * | `conflate`   | replaces, full or not, the waiting one of its key; else waits           | prices, positions      |
 * | `disconnect` | closes the connection with `SlowConsumer`                               | peers that must follow |
 *
 * Messages sent under `suspend`, `dropNew` and `disconnect` are never dropped once they are queued, whatever comes
 * after them. Each message that is dropped counts in `connection.stats.dropped` and is told as the event `Dropped`.
 * What was handed to the transport is out of reach of all policies.
 *
 * **Example** (Prices, of which only the last counts)
 *
 * ```ts
 * import { Codec, Framing, Handler, Outbound, Protocol, Server } from "effect-sluice"
 * import { Schema } from "effect"
 *
 * const Price = Schema.Struct({ symbol: Schema.String, price: Schema.Finite })
 *
 * const Ticker = Protocol.make("Ticker", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.json(Price),
 *   fromServer: Codec.json(Price)
 * })
 *
 * const server = Server.make(Ticker, Handler.map((price) => price), {
 *   outbound: { policy: Outbound.conflate(({ symbol }) => symbol) }
 * })
 * ```
 *
 * @since 0.1.0
 */

/**
 * What becomes of a message for which there is no room. Made by the constructors of this module.
 *
 * @category models
 * @since 0.1.0
 */
export type Policy<Message> =
  | { readonly _tag: "Suspend" }
  | { readonly _tag: "DropNew" }
  | { readonly _tag: "DropOld" }
  | Conflate<Message>
  | { readonly _tag: "Disconnect" }

/**
 * The policy that keeps of each key the newest message only.
 *
 * @category models
 * @since 0.1.0
 */
export interface Conflate<in Message> {
  readonly _tag: "Conflate"
  readonly key: (message: Message) => unknown
}

/**
 * The name of a policy, as events tell it.
 *
 * @category models
 * @since 0.1.0
 */
export type PolicyName = Policy<never>["_tag"]

/**
 * What became of a message that was sent: it is in the queue, or it was dropped.
 *
 * @category models
 * @since 0.1.0
 */
export type Sent = "queued" | "dropped"

/**
 * The sender waits until there is room. The default. Where nobody can wait (`trySend`, `unicast`, `broadcast`, groups)
 * the message is refused as `full`.
 *
 * @category policies
 * @since 0.1.0
 */
export const suspend: Policy<unknown> = { _tag: "Suspend" }

/**
 * The message is dropped; those that wait stay.
 *
 * @category policies
 * @since 0.1.0
 */
export const dropNew: Policy<unknown> = { _tag: "DropNew" }

/**
 * The oldest waiting messages that were sent under `dropOld` are dropped until there is room. The newest is always
 * queued, so that one message may stand above the bounds where all the others may not be dropped.
 *
 * @category policies
 * @since 0.1.0
 */
export const dropOld: Policy<unknown> = { _tag: "DropOld" }

/**
 * A newer message replaces the waiting one of the same key and keeps its place; the replaced one counts as dropped.
 * That happens whenever one waits, be the queue full or not. A message whose key does not wait, and for which there
 * is no room, waits as under {@link suspend}.
 *
 * Keys are compared as those of a `Map`. The key `undefined` is nobody's: such messages replace nothing. All messages
 * of a connection share their keys, whichever `conflate` they were sent under.
 *
 * @category policies
 * @since 0.1.0
 */
export const conflate = <Message>(key: (message: Message) => unknown): Policy<Message> => ({
  _tag: "Conflate",
  key
})

/**
 * The connection is closed with the reason `SlowConsumer`, and the send fails with it.
 *
 * @category policies
 * @since 0.1.0
 */
export const disconnect: Policy<unknown> = { _tag: "Disconnect" }

/**
 * The names of all policies.
 *
 * @category policies
 * @since 0.1.0
 */
export const names: ReadonlyArray<PolicyName> = ["Suspend", "DropNew", "DropOld", "Conflate", "Disconnect"]

/**
 * Whether something is a policy.
 *
 * @category guards
 * @since 0.1.0
 */
export const isPolicy = (value: unknown): value is Policy<never> => {
  if (typeof value !== "object" || value === null) return false
  const { _tag: name, key } = value as { readonly _tag?: unknown; readonly key?: unknown }
  return names.some((known) => known === name) && (name !== "Conflate" || typeof key === "function")
}
