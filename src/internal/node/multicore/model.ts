/** What `Multicore` tells of workers. */
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type { RefusedReason } from "../../../Admission.ts"
import type { Address } from "../../../Transport.ts"

/**
 * A worker process at the moment of the asking.
 *
 * - `starting`: its layers are being built
 * - `running`: it serves
 * - `draining`: it has been told to end, and finishes what it has
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerInfo {
  /** Its number, ascending from 1 and never given twice: the one that replaces it has another. */
  readonly worker: number
  /** Its place, from 0 to one below the number of processes; the one that replaces it has the same. */
  readonly index: number
  readonly pid: number
  readonly state: "starting" | "running" | "draining"
  /** How often the worker at its place has been replaced because it ended by itself. */
  readonly restarts: number
  /** Its connections, those on their way to it included. */
  readonly connections: number
  /** Since it was started. */
  readonly up: Duration.Duration
}

/**
 * What a supervisor is doing.
 *
 * @category models
 * @since 0.1.0
 */
export type MulticoreStatus = "running" | "reloading" | "draining" | "stopped"

/**
 * Something that happened to the processes. `worker` is the number of one, `index` its place.
 *
 * - `Started`: a process has been started
 * - `Ready`: its layers are built, and it gets peers from now on
 * - `Hung`: it did not answer for `hangTimeout`, and is killed
 * - `Ended`: it is gone; `asked` says whether it was told to
 * - `Restarting`: one that ended by itself is replaced, after `delay`
 * - `Refused`: a peer was turned away by the supervisor: for a limit of its `admission`, or because no process took it
 *   (`noProcess`)
 * - `AcceptFailed`: a peer could not be accepted, see the event of the same name of a server
 * - `MessageDropped`: a message to members of a group did not reach this worker, whose queue was full
 *
 * @category models
 * @since 0.1.0
 */
export type MulticoreEvent = Data.TaggedEnum<{
  Started: { readonly worker: number; readonly index: number; readonly pid: number }
  Ready: { readonly worker: number; readonly index: number; readonly pid: number }
  Hung: { readonly worker: number; readonly index: number; readonly pid: number }
  Ended: {
    readonly worker: number
    readonly index: number
    readonly pid: number
    readonly code: number | undefined
    readonly signal: string | undefined
    readonly asked: boolean
  }
  Restarting: { readonly index: number; readonly delay: Duration.Duration }
  Refused: { readonly remoteAddress: Address; readonly reason: RefusedReason | "noProcess" }
  AcceptFailed: { readonly address: Address; readonly detail: string }
  MessageDropped: { readonly worker: number }
}>

/**
 * Constructors, `$is` and `$match` of the events.
 *
 * @category constructors
 * @since 0.1.0
 */
export const MulticoreEvent = Data.taggedEnum<MulticoreEvent>()

/**
 * A connection of the machine: the worker that has it, by its number, and its id there.
 *
 * @category models
 * @since 0.1.0
 */
export interface MachineId {
  readonly worker: number
  readonly id: number
}
