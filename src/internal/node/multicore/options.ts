/** What may be said about processes. */
import type * as Duration from "effect/Duration"
import type { AdmissionOptions } from "../../../Admission.ts"

/**
 * Which process gets the next peer.
 *
 * - `leastConnections`: the one that has the fewest connections; of several, by turns
 * - `roundRobin`: one after the other
 * - `sourceHash`: always the same for an IP address. Where a process is gone, its addresses go to others, and come back
 *   to its successor; no other address moves. Peers without one (Unix sockets) go by turns
 * - `kernel`: each process listens for itself, and the kernel chooses (`SO_REUSEPORT`), which costs no handing over. It
 *   needs Node 22.12 or later and a system that has it (Linux, FreeBSD), and is refused as `InvalidConfig` before that. A
 *   process that ends takes those with it who wait in its own backlog, and one that closes in good order may still reset
 *   a peer that comes in that very moment. Unix sockets, which have no such thing, go by turns
 *
 * @category options
 * @since 0.1.0
 */
export type Balance = "leastConnections" | "roundRobin" | "sourceHash" | "kernel"

/**
 * How often workers that ended by themselves are replaced.
 *
 * @category options
 * @since 0.1.0
 */
export interface RestartOptions {
  /** How many restarts of all workers together `within` allows, 0 to 10 000. Default 10. */
  readonly max?: number | undefined
  /** The span that they are counted in, 1 second to 1 day. Default 1 minute. */
  readonly within?: Duration.Input | undefined
  /**
   * The first restart at a place comes at once, the second after `delay`, and each further one after twice as long as
   * the one before; 1 millisecond to 1 hour. A worker that lives longer than `within` begins anew. Default 100 ms.
   */
  readonly delay?: Duration.Input | undefined
  /** The longest that this becomes, 1 millisecond to 1 hour. Default 10 seconds. */
  readonly maxDelay?: Duration.Input | undefined
}

/**
 * Peers who came while no process was free: all are starting, or have many on the way to them.
 *
 * @category options
 * @since 0.1.0
 */
export interface WaitingOptions {
  /** How many may wait at each address, unread: 0 to 100 000. Others are turned away. Default 1024. */
  readonly max?: number | undefined
  /** How long, 1 millisecond to 1 hour; then they are turned away. Default 10 seconds. */
  readonly time?: Duration.Input | undefined
}

/**
 * The bounds of what waits for a process to read it: messages to groups. There is such a queue from each worker to the
 * supervisor, and one back.
 *
 * @category options
 * @since 0.1.0
 */
export interface QueueOptions {
  /** 1 to 1 000 000. Default 8192. */
  readonly maxMessages?: number | undefined
  /** 1 KiB to 1 GiB. Default 16 MiB. */
  readonly maxBytes?: number | undefined
}

/**
 * How the processes of a program work together.
 *
 * @category options
 * @since 0.1.0
 */
export interface MulticoreOptions {
  /** How many workers there are, 1 to 1024. Default: one for each core. */
  readonly processes?: number | undefined
  /** Which one gets the next peer. Default `leastConnections`. */
  readonly balance?: Balance | undefined
  /** How often workers are replaced that ended by themselves, crashed or not. */
  readonly restarts?: RestartOptions | undefined
  /**
   * A worker whose event loop has not answered for so long is killed, and replaced: 100 milliseconds to 1 hour, or
   * `off`. Default 30 seconds.
   */
  readonly hangTimeout?: Duration.Input | "off" | undefined
  /** How long a worker may take until its program is up, 1 millisecond to 1 hour. Default 60 seconds. */
  readonly startTimeout?: Duration.Input | undefined
  /**
   * How long a worker that a reload replaces serves on, without new peers, before it is told to end: peers who came just
   * before have that time for their first word. 0 to 1 hour. Default 1 second.
   */
  readonly retireDelay?: Duration.Input | undefined
  /**
   * How long a worker may take to end when it is told to by SIGTERM; then it is killed. It should be longer than what its
   * servers take for a stop (`preStopDelay`, `drainTimeout` and `killTimeout`). 1 millisecond to 1 day. Default 30 seconds.
   */
  readonly stopTimeout?: Duration.Input | undefined
  /** How long processes wait for each other's answers, 1 millisecond to 1 hour. Default 5 seconds. */
  readonly answerTimeout?: Duration.Input | undefined
  /** Peers who came while no process was free. */
  readonly waiting?: WaitingOptions | undefined
  /** The bounds of what waits between processes. */
  readonly queue?: QueueOptions | undefined
  /**
   * Limits for all processes together, which the supervisor minds before it hands a peer over: those of a server, see
   * `Admission`, except that nobody is told why. Each server has its own besides, for its own process. Not with the
   * balance `kernel`. Default: none.
   */
  readonly admission?: Omit<AdmissionOptions<never>, "farewell"> | undefined
  /** A signal to the supervisor that means `reload`. Default `off`. */
  readonly reloadSignal?: "SIGHUP" | "SIGUSR2" | "off" | undefined
  /** Options of Node for the workers. Default: those of this process, so that what runs TypeScript here runs it there. */
  readonly execArgv?: ReadonlyArray<string> | undefined
  /** Variables for the workers, besides those of this process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

/**
 * What a supervisor runs in its workers.
 *
 * @category options
 * @since 0.1.0
 */
export interface SuperviseOptions extends MulticoreOptions {
  /** The file, whose program is a `Multicore.layerWorker`. Default: the one that this process runs. */
  readonly entry?: string | URL | undefined
  /** Its arguments. Default: those of this process for its own file, none for another one. */
  readonly args?: ReadonlyArray<string> | undefined
}
