/** What is known and told of datagrams, as `Transport` exports it. */
import type { Address } from "../../Transport.ts"

/**
 * What a transport says of itself that carries datagrams, and no stream of bytes.
 *
 * Each `onData` of its wires is one datagram. What a `write` of them takes are any number of datagrams, each behind its
 * length as four bytes, the most significant first. Servers and clients see to both: every message is sent in a datagram
 * of its own, and every datagram that comes is a complete input for the framing.
 *
 * @category models
 * @since 0.1.0
 */
export interface Datagrams {
  /** The most bytes in one of them. A longer one is not written: its sender fails with `DatagramTooLong`. */
  readonly maxLength: number
}

/**
 * Why datagrams were dropped.
 *
 * - `tooLong`: longer than the listener's `maxDatagram`
 * - `noFrame`: not whole frames of the framing; the whole ones before the mistake were taken, where the peer was known
 * - `peers`: from somebody new, while there are `maxPeers`
 * - `newPeers`: from somebody new, beyond `newPeersPerSecond`
 * - `slow`: more waited for a connection that does not read than may
 * - `amplification`: to a peer that had sent too little for an answer so long
 * - `unsendable`: the system did not take them
 *
 * @category models
 * @since 0.1.0
 */
export type DatagramCause =
  | "tooLong"
  | "noFrame"
  | "peers"
  | "newPeers"
  | "slow"
  | "amplification"
  | "unsendable"

/**
 * Datagrams that were dropped for the same reason: so many, with so many bytes. Where they are of several peers,
 * `remoteAddress` and `detail` are of the first.
 *
 * @category models
 * @since 0.1.0
 */
export interface DroppedDatagrams {
  readonly remoteAddress: Address
  readonly cause: DatagramCause
  readonly datagrams: number
  readonly bytes: number
  readonly detail: string
}
