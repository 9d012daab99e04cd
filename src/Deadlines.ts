/**
 * Deadlines: how long a peer may take for what it owes.
 *
 * All of them are measured on a monotonic clock, by one timer for a whole server. An expired deadline closes its
 * connection with the close reason `DeadlineExceeded`: the handler is interrupted, what was sent is flushed, within
 * `closeTimeout`.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"

/**
 * What a peer can take too long for. {@link DeadlineOptions} says what each one means.
 *
 * @category models
 * @since 0.1.0
 */
export type Deadline = "hello" | "frame" | "readIdle" | "writeIdle" | "allIdle" | "send" | "lifetime"

/**
 * The deadlines of a connection on which nothing happens. A server or client may choose to be told of them.
 *
 * @category models
 * @since 0.1.0
 */
export type IdleDeadline = "readIdle" | "writeIdle" | "allIdle"

/**
 * How long a deadline is: 1 millisecond to 365 days, or `off`, which `Infinity` says too.
 *
 * @category models
 * @since 0.1.0
 */
export type Limit = Duration.Input | "off"

/**
 * The deadlines of every connection. A handler changes those of its own with `setDeadline` and `extendDeadline`.
 *
 * The clocks of `hello`, `frame`, `readIdle` and `allIdle` stand still while we ourselves refuse to read, as we do
 * while the inbound queue is full: a slow handler is not its peer's fault.
 *
 * @category options
 * @since 0.1.0
 */
export interface DeadlineOptions {
  /**
   * From connecting to the first complete message; a ping is one too. Server: 10 seconds. Client: off. A protocol
   * whose clients may begin by listening needs it `off`.
   */
  readonly hello?: Limit | undefined
  /**
   * From the first byte of a frame to its last, however the peer trickles what lies between. Server: 30 seconds.
   * Client: off. Meant for framings that cut the input into messages; under `Framing.untilEnd` all of it is one.
   */
  readonly frame?: Limit | undefined
  /**
   * From one inbound byte to the next, whatever leaves meanwhile. Server: 60 seconds. Client: off. A protocol whose
   * clients only listen needs a heartbeat, or this one `off`.
   */
  readonly readIdle?: Limit | undefined
  /** From one write to the next. That the peer takes from what it was sent counts as one. Off. */
  readonly writeIdle?: Limit | undefined
  /** From the last byte, in or out, to the next. Off. */
  readonly allIdle?: Limit | undefined
  /**
   * For a peer that does not read: from when the wire takes no more to when it does, or at least gets on with what
   * it has. Looked at in quarters, so a peer that made some progress may have up to a quarter more. 30 seconds.
   */
  readonly send?: Limit | undefined
  /**
   * From connecting to a polite end: `draining` completes, no further message is read, and the handler has
   * `closeTimeout` to say goodbye and return. Off.
   */
  readonly lifetime?: Limit | undefined
  /**
   * How far lifetimes spread to both sides, 0 to 1: 0.1 makes 60 seconds 54 to 66, so that peers which came together
   * do not leave together. Default 0.1.
   */
  readonly lifetimeJitter?: number | undefined
}

/**
 * One more expiry of an idle deadline, as a handler is told of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Idle {
  readonly deadline: IdleDeadline
  /** 1 for the first since anything happened, then 2, 3 and so on: one each time the deadline passes again. */
  readonly times: number
}

/**
 * The deadlines of a server that sets none.
 *
 * @category defaults
 * @since 0.1.0
 */
export const serverDefaults = {
  hello: "10 seconds",
  frame: "30 seconds",
  readIdle: "60 seconds",
  writeIdle: "off",
  allIdle: "off",
  send: "30 seconds",
  lifetime: "off",
  lifetimeJitter: 0.1
} as const satisfies DeadlineOptions

/**
 * The deadlines of a client that sets none. A server may be silent for as long as it likes: a client that minds
 * has a heartbeat, or sets `readIdle`.
 *
 * @category defaults
 * @since 0.1.0
 */
export const clientDefaults = {
  ...serverDefaults,
  hello: "off",
  frame: "off",
  readIdle: "off"
} as const satisfies DeadlineOptions
