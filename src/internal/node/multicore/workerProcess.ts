/** A worker as its supervisor has it: the process, the link to it, its sockets, its life. */
import { type ChildProcess, fork } from "node:child_process"
import type * as Net from "node:net"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Candidate } from "./balance.ts"
import { environmentOf, type Identity } from "./identity.ts"
import { Link, type QueueLimits } from "./link.ts"
import { type FromSupervisor, type FromWorker, readFromWorker, type WorkerRequest } from "./messages.ts"

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | undefined
  readonly signal: string | undefined
}

export const endText = ({ code, signal }: ProcessEnd): string =>
  signal === undefined ? `ended with code ${code ?? "unknown"}` : `was ended by ${signal}`

/** What a process runs. */
export interface Program {
  readonly entry: string
  readonly args: ReadonlyArray<string>
  readonly execArgv: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A socket that was given to a worker, which has not said yet that it has it. */
export interface Handed {
  readonly socket: Net.Socket
  readonly listener: string
  /** Calls its place among the connections free. */
  readonly left: (() => void) | undefined
}

/** Who looks after workers. */
export interface WorkerHost {
  readonly onNotice: (worker: WorkerProcess, notice: FromWorker) => void
  readonly onRequest: (worker: WorkerProcess, request: WorkerRequest) => Effect.Effect<unknown>
  readonly onNonsense: (worker: WorkerProcess) => void
  readonly limits: QueueLimits
  readonly fork: (effect: Effect.Effect<void>) => void
}

/** Sockets that a worker may have been given without having said so. */
const window = 256

/** Milliseconds from the end of its channel to the end of a process. */
const lastMoment = 1000

/** A debugger port for each process, chosen by the system; the last of such options counts. */
const withOwnInspector = (execArgv: ReadonlyArray<string>): Array<string> =>
  execArgv.some((argument) => argument.startsWith("--inspect"))
    ? [...execArgv, "--inspect-port=0"]
    : [...execArgv]

export class WorkerProcess implements Candidate {
  readonly worker: number
  readonly index: number
  readonly startedAt = performance.now()
  state: "starting" | "running" | "draining" | "gone" = "starting"
  /** Somebody else than we wants it to end. */
  leaving = false
  /** As the worker counts them. */
  connections = 0
  /** Rounds of pings without a pong. */
  unanswered = 0
  readonly link: Link<FromWorker, WorkerRequest>
  /** By number, in the order of the handing over. */
  readonly handed = new Map<number, Handed>()
  /** Who calls whose place free when the worker's connection ends. */
  readonly taken = new Map<number, () => void>()
  /** Its program is up. */
  readonly ready = Deferred.makeUnsafe<void>()
  /** The process is no more, and all that it said has been heard. */
  readonly gone = Deferred.makeUnsafe<ProcessEnd>()
  private readonly child: ChildProcess
  private readonly host: WorkerHost
  private end: ProcessEnd | undefined
  private handedWaiters: Array<() => void> = []

  constructor(program: Program, identity: Identity, host: WorkerHost) {
    this.worker = identity.worker
    this.index = identity.index
    this.host = host
    const child = fork(program.entry, [...program.args], {
      execArgv: withOwnInspector(program.execArgv),
      env: { ...process.env, ...program.env, ...environmentOf(identity) },
      serialization: "advanced",
      // A process group of its own: what the terminal sends goes to the supervisor, and the supervisor tells the workers.
      detached: true,
      stdio: ["ignore", "inherit", "inherit", "ipc"]
    })
    this.child = child
    this.link = new Link<FromWorker, WorkerRequest>({
      send: (message, handle, options, callback) => {
        child.send(message, handle, options, callback)
      },
      read: readFromWorker,
      onNotice: (notice) => this.host.onNotice(this, notice),
      onRequest: (request) => this.host.onRequest(this, request),
      limits: host.limits,
      fork: host.fork
    })
    child.on("message", (message, handle) => {
      this.unanswered = 0
      if (!this.link.receive(message, handle)) this.host.onNonsense(this)
    })
    child.on("error", (error) => {
      // It could not be started; one that runs tells its end by itself.
      if (child.pid === undefined) this.finish({ code: undefined, signal: error.message })
    })
    child.on("exit", (code, signal) => {
      this.end = { code: code ?? undefined, signal: signal ?? undefined }
      this.link.close()
      if (!child.connected) this.finish(this.end)
    })
    // Comes after all that the worker said. Who gives up the channel and lives on is of no use any more.
    child.on("disconnect", () => {
      this.link.close()
      if (this.end === undefined) setTimeout(() => child.kill("SIGKILL"), lastMoment).unref()
      else this.finish(this.end)
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  get load(): number {
    return this.connections + this.handed.size
  }

  /** Whether it has as many sockets underway as may be. */
  get busy(): boolean {
    return this.handed.size >= window
  }

  /** Gives it a socket, which stays here too until the worker says that it has it. */
  give(number: number, handed: Handed): void {
    this.handed.set(number, handed)
    const notice: FromSupervisor = { _tag: "Socket", socket: number, listener: handed.listener }
    this.link.tell(notice, handed.socket)
  }

  /** It has one of the sockets that it was given, or will not have it. */
  takeOut(number: number): Handed | undefined {
    const handed = this.handed.get(number)
    this.handed.delete(number)
    if (this.handed.size === 0) {
      const waiters = this.handedWaiters
      this.handedWaiters = []
      for (const wake of waiters) wake()
    }
    return handed
  }

  /** Waits until it has all that it was given. */
  awaitTaken(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.handed.size === 0) return resume(Exit.void)
      const wake = () => resume(Exit.void)
      this.handedWaiters.push(wake)
      return Effect.sync(() => {
        this.handedWaiters = this.handedWaiters.filter((waiter) => waiter !== wake)
      })
    })
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    this.child.kill(signal)
  }

  /** Ends it: SIGTERM, and SIGKILL once the time is over. `forced` cuts that short. Says whether it ended by itself. */
  stop(limit: Duration.Duration, forced: Effect.Effect<void>): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      if (this.state === "gone") return Effect.succeed(true)
      // A second signal would have it not wait for its connections.
      if (this.state !== "draining") this.signal("SIGTERM")
      this.state = "draining"
      const again = Effect.flatMap(forced, () => {
        this.signal("SIGTERM")
        return Effect.sleep("1 second")
      })
      return Deferred.await(this.gone).pipe(
        Effect.as(true),
        Effect.raceFirst(Effect.as(Effect.raceFirst(Effect.sleep(limit), again), false)),
        Effect.tap((ended) => (ended ? Effect.void : this.kill))
      )
    })
  }

  /** Ends it at once, and returns when it is gone. */
  get kill(): Effect.Effect<ProcessEnd> {
    return Effect.suspend(() => {
      if (this.state !== "gone") this.signal("SIGKILL")
      return Deferred.await(this.gone)
    })
  }

  private finish(end: ProcessEnd): void {
    if (this.state === "gone") return
    this.state = "gone"
    this.link.close()
    Deferred.doneUnsafe(this.gone, Exit.succeed(end))
  }
}
