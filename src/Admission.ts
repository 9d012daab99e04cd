/**
 * Admission: who may become a connection of a server, and how many.
 *
 * A peer is looked at when it comes, before anything is read from it: the lists first, then the rate of its address,
 * then the number of connections of its address, then that of the whole server. `server.limits` holds the limits and
 * changes them while the server runs. Every peer that is turned away is one `Refused` event with its address.
 *
 * Lists, rate and `maxPerAddress` go by the remote IP address. Peers without one (Unix sockets, memory) only count
 * for `maxConnections`.
 *
 * **Example** (At most 1000 connections, 10 of them from one address)
 *
 * ```ts
 * import { Codec, Framing, Handler, Protocol, Server } from "effect-sluice"
 * import { Effect, SubscriptionRef } from "effect"
 *
 * const Echo = Protocol.make("Echo", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 *
 * const program = Effect.gen(function* () {
 *   const server = yield* Server.make(Echo, Handler.map((line) => line), {
 *     admission: {
 *       maxConnections: 1000,
 *       maxPerAddress: 10,
 *       deny: ["203.0.113.0/24", "2001:db8::/32"],
 *       farewell: (reason) => `refused: ${reason}`
 *     }
 *   })
 *   // Later, without a restart:
 *   yield* SubscriptionRef.update(server.limits, (limits) => ({ ...limits, maxConnections: 2000 }))
 * })
 * ```
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"

/**
 * Why a peer was turned away.
 *
 * - `full`: the whole server has `maxConnections`
 * - `address`: its address has `maxPerAddress`
 * - `rate`: its address connects too often
 * - `denied`: its address is on the list `deny`, or not on the list `allow`
 * - `unauthenticated`: it did not prove who it is; see `Handler.authenticate`
 * - `version`: its hello does not go with the server's; see `Protocol.versioned`
 *
 * @category models
 * @since 0.1.0
 */
export type RefusedReason = "full" | "address" | "rate" | "denied" | "unauthenticated" | "version"

/**
 * How often one address may connect: `connections` in `per`, evenly. Unused ones add up to `burst`.
 *
 * @category options
 * @since 0.1.0
 */
export interface ConnectionRate {
  /** 1 to 1 000 000. */
  readonly connections: number
  /** 1 millisecond to 1 day. */
  readonly per: Duration.Input
  /** How many at once after a pause, 1 to 1 000 000. Default: `connections`. */
  readonly burst?: number | undefined
}

/**
 * The limits of a server. They can change while it runs; see `server.limits`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Limits {
  /**
   * Connections of the whole server, those on their way out included: 1 to 10 000 000, or `off`. Lowering it keeps
   * those that are in. Default 16384.
   */
  readonly maxConnections?: number | "off" | undefined
  /** Connections of one IP address: 1 to 10 000 000, or `off`. Default `off`. */
  readonly maxPerAddress?: number | "off" | undefined
  /**
   * How often one IP address may connect, or `off`. Of the addresses that came last, 65 536 are remembered, and none
   * for longer than its burst takes to come back. Default `off`.
   */
  readonly rate?: ConnectionRate | "off" | undefined
  /**
   * Who may come, as addresses or CIDR blocks: `10.0.0.0/8`, `2001:db8::/32`, `::1`. An IPv4 address and the same one
   * mapped into IPv6 are one. Default: everybody.
   */
  readonly allow?: ReadonlyArray<string> | undefined
  /** Who may not, even where `allow` says so. Default: nobody. */
  readonly deny?: ReadonlyArray<string> | undefined
}

/**
 * How a server admits peers.
 *
 * @category options
 * @since 0.1.0
 */
export interface AdmissionOptions<out Out> extends Limits {
  /**
   * What becomes of a peer for which `maxConnections` or `maxPerAddress` leaves no room: `refuse` it at once, or let it
   * wait. Those who wait are let in in the order in which they came, and nothing is read from them before; who has not
   * been let in after `wait` is refused, and so is who comes while `maxWaiting` wait. Denied and too frequent peers
   * never wait. Default `refuse`.
   */
  readonly overLimit?: "refuse" | WaitOptions | undefined
  /**
   * A last word for those who are refused: the message, or a function that makes it for a reason, undefined for none.
   * A refused peer has a second to take it and end its side; 256 at a time have that, others are cut. Default: none.
   */
  readonly farewell?: Out | ((reason: RefusedReason) => Out | undefined) | undefined
}

/**
 * How peers wait for room.
 *
 * @category options
 * @since 0.1.0
 */
export interface WaitOptions {
  /** How long at most: 1 millisecond to 1 hour. */
  readonly wait: Duration.Input
  /** How many at a time: 1 to 1 000 000. Default 1024. */
  readonly maxWaiting?: number | undefined
}
