/**
 * Heartbeats: finding out that a peer is gone although nothing says so.
 *
 * How a ping and a pong look is the protocol's business, see `Protocol.heartbeat`; when they are sent is said here.
 * Only inbound bytes are life, any of them: what we send never keeps a dead peer alive.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"

/**
 * A message that is a ping or a pong: how to make one, and how the other end knows it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ping<Message> {
  readonly make: () => Message
  readonly is: (message: Message) => boolean
}

/**
 * The answer to a ping, made from that ping, so that it can carry the same token.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pong<Message, PeerMessage> {
  readonly make: (ping: PeerMessage) => Message
  readonly is: (message: Message) => boolean
}

/**
 * The heartbeat messages that one end sends. `Message` is what it sends, `PeerMessage` what it receives.
 *
 * @category models
 * @since 0.1.0
 */
export interface Beats<in out Message, in out PeerMessage> {
  /** Left out: this end does not ping. */
  readonly ping?: Ping<Message> | undefined
  /** Left out: this end does not answer pings. */
  readonly pong?: Pong<Message, PeerMessage> | undefined
}

/**
 * The heartbeat messages of both directions.
 *
 * @category models
 * @since 0.1.0
 */
export interface HeartbeatMessages<in out FromClient, in out FromServer> {
  readonly fromClient?: Beats<FromClient, FromServer> | undefined
  readonly fromServer?: Beats<FromServer, FromClient> | undefined
}

/**
 * When to ping, and when to give up.
 *
 * An end whose pings are answered pings after `interval` without an inbound byte, again after every further one, and
 * closes with `HeartbeatTimeout` when one more has passed after `misses` of them: with the defaults, and no jitter,
 * pings leave at 25 and 50 seconds of silence, and 75 are the end. Any inbound byte starts the count over.
 *
 * An end whose pings nobody answers beats every `interval`, come what may; the other end of such a protocol sends
 * nothing and closes after the same 75 seconds of silence. The two should have the same options, or the beating end
 * the shorter interval.
 *
 * The clock stands still while we ourselves refuse to read, and a ping that left late, because this process stood still,
 * has its full interval all the same. Once no more input can come (the peer has ended its side, or the server drains)
 * there is no heartbeat.
 *
 * @category options
 * @since 0.1.0
 */
export interface HeartbeatOptions {
  /** How long a silence is, 1 millisecond to 1 day. Default 25 seconds. */
  readonly interval?: Duration.Input | undefined
  /** How many silences in a row are forgiven, 1 to 1000. Default 2. */
  readonly misses?: number | undefined
  /**
   * How far each interval spreads to both sides, 0 to 1: 0.1 makes 25 seconds 22.5 to 27.5, so that the pings of
   * peers which came together do not leave together. Default 0.1.
   */
  readonly jitter?: number | undefined
  /**
   * Says how long each silence is, instead of `interval` and `jitter`. Starts over with every sign of life; its input
   * is the number of pings since then. When it ends, the next silence has no forgiveness left: the connection closes.
   */
  readonly schedule?: Schedule.Schedule<unknown, number> | undefined
}

/**
 * The options of a heartbeat that sets none.
 *
 * @category defaults
 * @since 0.1.0
 */
export const defaults = {
  interval: "25 seconds",
  misses: 2,
  jitter: 0.1
} as const satisfies HeartbeatOptions
