/** The supervisor: keeps one worker at each place, hands peers to them, and carries what they say to each other. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Semaphore from "effect/Semaphore"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Limits } from "../../../Admission.ts"
import { RestartsExhausted, WorkerFailed } from "../../../SluiceError.ts"
import { formatAddress } from "../../../Transport.ts"
import { Cell, Hub } from "../../events.ts"
import { Signal } from "../../signal.ts"
import { errorDetail } from "../nodeError.ts"
import { chooserOf } from "./balance.ts"
import { FrontGate } from "./frontGate.ts"
import { MulticoreEvent, type MulticoreStatus, type WorkerInfo } from "./model.ts"
import { Receptions } from "./receptions.ts"
import { Relay } from "./relay.ts"
import { answerRequest, onNotice } from "./requests.ts"
import { Restarts } from "./restarts.ts"
import type { MulticoreSettings } from "./settings.ts"
import { endText, type ProcessEnd, type Program, WorkerProcess } from "./workerProcess.ts"

/** One place for a worker. */
interface Slot {
  readonly index: number
  current: WorkerProcess | undefined
  restarts: number
  /** One at a time replaces its worker. */
  readonly turn: Semaphore.Semaphore
}

/** Pings that may stay unanswered within the time after which a worker counts as hung. */
const pingsInTime = 4

export class SupervisorLife {
  readonly settings: MulticoreSettings
  readonly status = new Cell<MulticoreStatus>("running")
  readonly events = new Hub<MulticoreEvent>(1024)
  readonly failed = Deferred.makeUnsafe<never, RestartsExhausted>()
  readonly receptions: Receptions
  readonly relay: Relay
  /** All that are not gone. */
  readonly workers = new Set<WorkerProcess>()
  private readonly program: Program
  private readonly slots: ReadonlyArray<Slot>
  private readonly restarts: Restarts
  private readonly background: FiberSet.FiberSet
  readonly run: (effect: Effect.Effect<void>) => void
  private readonly reloading = Semaphore.makeUnsafe(1)
  private readonly forced = new Signal()
  private started = 0
  private ending = false
  private stopOnce: Effect.Effect<void> | undefined

  constructor(
    program: Program,
    settings: MulticoreSettings,
    limits: Limits,
    background: FiberSet.FiberSet,
    run: (effect: Effect.Effect<void>) => void
  ) {
    this.program = program
    this.settings = settings
    this.background = background
    this.run = run
    this.slots = Array.from({ length: settings.processes }, (_, index) => ({
      index,
      current: undefined,
      restarts: 0,
      turn: Semaphore.makeUnsafe(1)
    }))
    const { delay, max, maxDelay, within } = settings.restarts
    this.restarts = new Restarts({
      max,
      within: Duration.toMillis(within),
      delay: Duration.toMillis(delay),
      maxDelay: Duration.toMillis(maxDelay)
    })
    this.relay = new Relay(settings.answerTimeout, (worker) =>
      this.tell(MulticoreEvent.MessageDropped({ worker: worker.worker }))
    )
    this.receptions = new Receptions({
      kernel: settings.balance === "kernel",
      chooser: chooserOf(settings.balance),
      lobby: { maxWaiting: settings.waiting.max, wait: Duration.toMillis(settings.waiting.time) },
      gate: this.makeGate(limits),
      onRefused: (remoteAddress, detail) => {
        this.tell(MulticoreEvent.Refused({ remoteAddress, reason: "noProcess" }))
        this.run(Effect.logWarning(`${formatAddress(remoteAddress)} was turned away: ${detail}`))
      },
      onAcceptFailed: (address, detail) => this.tell(MulticoreEvent.AcceptFailed({ address, detail }))
    })
  }

  /** Starts a worker at each place; fails where one does not come up. */
  get start(): Effect.Effect<void, WorkerFailed> {
    return Effect.forEach(
      this.slots,
      (slot) => Effect.flatMap(this.startAt(slot), (worker) => this.install(slot, worker)),
      { concurrency: "unbounded", discard: true }
    ).pipe(Effect.andThen(this.inBackground(this.minding)))
  }

  get infos(): ReadonlyArray<WorkerInfo> {
    const now = performance.now()
    return Array.from(this.workers).flatMap((worker) =>
      worker.state === "gone"
        ? []
        : [
            {
              worker: worker.worker,
              index: worker.index,
              pid: worker.pid,
              state: worker.state,
              restarts: this.slots[worker.index]?.restarts ?? 0,
              connections: worker.load,
              up: Duration.millis(now - worker.startedAt)
            }
          ]
    )
  }

  /** Replaces the workers one by one: a new one is up before the old one has to go. Several at a time are one after the other. */
  get reload(): Effect.Effect<void, WorkerFailed> {
    const replace = (slot: Slot) =>
      Effect.flatMap(
        Semaphore.withPermit(
          slot.turn,
          Effect.flatMap(this.startAt(slot), (next) => {
            const before = slot.current
            return Effect.as(this.install(slot, next), before)
          })
        ),
        (before) => {
          if (before === undefined) return Effect.void
          this.receptions.leaveToOthers(before)
          return Effect.onInterrupt(Effect.delay(this.retire(before), this.settings.retireDelay), () =>
            // It has no place any more, so it goes in any case; a stop ends it with the others.
            Effect.sync(() => {
              if (!this.ending) this.run(this.retire(before))
            })
          )
        }
      )
    const all = Effect.suspend(() => {
      if (this.ending) return Effect.void
      this.status.set("reloading")
      return Effect.forEach(this.slots, replace, { discard: true }).pipe(
        Effect.onExit(() =>
          Effect.sync(() => {
            if (!this.ending) this.status.set("running")
          })
        )
      )
    })
    return Semaphore.withPermit(this.reloading, all)
  }

  /** Reloads in a fiber of its own, and logs where that fails. */
  reloadSoon(): void {
    const reload = Effect.catch(this.reload, (error) =>
      Effect.logError(`the reload failed: ${error.message}`)
    )
    this.run(this.inBackground(reload))
  }

  /** Ends all workers, each in its own time; once, whoever asks. */
  get stop(): Effect.Effect<void> {
    this.stopOnce ??= Effect.runSync(Effect.cached(Effect.suspend(() => this.stopAll())))
    return this.stopOnce
  }

  /** Cuts the waits of a stop short. */
  force(): void {
    this.forced.fire()
  }

  tell(event: MulticoreEvent): void {
    if (this.events.active) this.events.publish(event)
  }

  /** A worker is up. */
  settle(worker: WorkerProcess): void {
    if (worker.state === "starting") Deferred.doneUnsafe(worker.ready, Exit.void)
  }

  /** Somebody else than we wants a worker to end: its successor comes when it is gone. */
  leaving(worker: WorkerProcess): void {
    if (worker.state !== "running") return
    worker.leaving = true
    this.receptions.leaveToOthers(worker)
  }

  private makeGate(limits: Limits): FrontGate | undefined {
    const { admission } = this.settings
    if (admission === undefined) return undefined
    const ref = Effect.runSync(SubscriptionRef.make(limits))
    return new FrontGate(ref, admission.overLimit, this.run, (remoteAddress, reason) =>
      this.tell(MulticoreEvent.Refused({ remoteAddress, reason }))
    )
  }

  private inBackground(effect: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.asVoid(FiberSet.run(this.background, effect))
  }

  /** A new worker, once its program is up. */
  private startAt(slot: Slot): Effect.Effect<WorkerProcess, WorkerFailed> {
    const { startTimeout } = this.settings
    const spawned = Effect.try({
      try: () => this.spawn(slot),
      catch: (error) =>
        new WorkerFailed({ worker: this.started, index: slot.index, pid: 0, detail: errorDetail(error) })
    })
    const awaitUp = (worker: WorkerProcess) => {
      const failed = (detail: string) =>
        new WorkerFailed({ worker: worker.worker, index: slot.index, pid: worker.pid, detail })
      const up = Effect.raceFirst(
        Effect.as(Deferred.await(worker.ready), undefined),
        Deferred.await(worker.gone)
      )
      return Effect.timeoutOrElse(up, {
        duration: startTimeout,
        orElse: () => Effect.fail(failed(`was not up within ${Duration.format(startTimeout)}`))
      }).pipe(
        Effect.flatMap((end) =>
          end === undefined ? Effect.succeed(worker) : Effect.fail(failed(`${endText(end)} before it was up`))
        ),
        Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : worker.kill))
      )
    }
    return Effect.suspend(() => (this.ending ? Effect.interrupt : Effect.flatMap(spawned, awaitUp)))
  }

  private spawn({ index }: Slot): WorkerProcess {
    const { answerTimeout, processes, queue, stopTimeout } = this.settings
    const identity = {
      worker: ++this.started,
      index,
      processes,
      answerTimeout: Duration.toMillis(answerTimeout),
      stopTimeout: Duration.toMillis(stopTimeout),
      ...queue
    }
    const worker = new WorkerProcess(this.program, identity, {
      onNotice: (from, notice) => onNotice(this, from, notice),
      onRequest: (from, request) => answerRequest(this, from, request),
      onNonsense: ({ worker, pid }) =>
        this.run(Effect.logWarning(`worker ${worker} (process ${pid}) said what makes no sense`)),
      limits: queue,
      fork: this.run
    })
    this.workers.add(worker)
    this.tell(MulticoreEvent.Started({ worker: worker.worker, index, pid: worker.pid }))
    this.run(Effect.flatMap(Deferred.await(worker.gone), (end) => Effect.sync(() => this.bury(worker, end))))
    return worker
  }

  /** From now on the worker is the one at its place. */
  private install(slot: Slot, worker: WorkerProcess): Effect.Effect<void> {
    return Effect.suspend(() => {
      slot.current = worker
      if (worker.state === "starting") worker.state = "running"
      this.tell(MulticoreEvent.Ready({ worker: worker.worker, index: slot.index, pid: worker.pid }))
      this.receptions.serve()
      return this.inBackground(this.mourn(slot, worker))
    })
  }

  /** Replaces the worker once it is gone, unless that was asked for. */
  private mourn(slot: Slot, worker: WorkerProcess): Effect.Effect<void> {
    return Effect.flatMap(Deferred.await(worker.gone), (end) =>
      Semaphore.withPermit(
        slot.turn,
        Effect.suspend(() =>
          slot.current === worker && !this.ending ? this.replaceDead(slot, end) : Effect.void
        )
      )
    )
  }

  private replaceDead(slot: Slot, end: ProcessEnd): Effect.Effect<void> {
    const { max, within } = this.settings.restarts
    return Effect.suspend(() => {
      slot.current = undefined
      const wait = this.restarts.next(slot.index, performance.now())
      if (wait === "exhausted") {
        const detail = endText(end)
        const error = new RestartsExhausted({ index: slot.index, restarts: max, within, detail })
        return Deferred.fail(this.failed, error)
      }
      slot.restarts++
      this.tell(MulticoreEvent.Restarting({ index: slot.index, delay: Duration.millis(wait) }))
      return Effect.sleep(wait).pipe(
        Effect.andThen(this.startAt(slot)),
        Effect.flatMap((next) => this.install(slot, next)),
        Effect.catch((error) =>
          Effect.andThen(
            Effect.logError(error.message),
            this.replaceDead(slot, { code: undefined, signal: error.detail })
          )
        )
      )
    })
  }

  /** Ends a worker once it is done with the peers that it has. */
  private retire(worker: WorkerProcess): Effect.Effect<void> {
    return Effect.flatMap(worker.stop(this.settings.stopTimeout, this.forced.await()), (byItself) =>
      byItself
        ? Effect.void
        : Effect.logWarning(
            `worker ${worker.worker} (process ${worker.pid}) did not end in time, and was killed`
          )
    )
  }

  private bury(worker: WorkerProcess, { code, signal }: ProcessEnd): void {
    this.workers.delete(worker)
    this.relay.forget(worker)
    this.receptions.forget(worker)
    const asked = this.ending || this.slots[worker.index]?.current !== worker
    this.tell(
      MulticoreEvent.Ended({
        worker: worker.worker,
        index: worker.index,
        pid: worker.pid,
        code,
        signal,
        asked
      })
    )
    if (asked) return
    const what = `worker ${worker.worker} (process ${worker.pid}) ${endText({ code, signal })}`
    this.run(Effect.logError(what))
  }

  /** Asks all workers, again and again, whether they live. A round that comes late, because we stood still, is one round. */
  private get minding(): Effect.Effect<void> {
    const { hangTimeout } = this.settings
    if (hangTimeout === "off") return Effect.void
    const look = Effect.sync(() => {
      for (const worker of this.workers) {
        // One that is on its way up has its own deadline, and one on its way out too.
        if (worker.state !== "running") continue
        if (worker.unanswered >= pingsInTime) {
          this.tell(MulticoreEvent.Hung({ worker: worker.worker, index: worker.index, pid: worker.pid }))
          const what = `worker ${worker.worker} (process ${worker.pid}) has not answered for ${Duration.format(hangTimeout)}`
          this.run(Effect.logError(what))
          worker.signal("SIGKILL")
        } else {
          worker.unanswered++
          worker.link.tell({ _tag: "Ping" })
        }
      }
    })
    return Effect.forever(Effect.andThen(Effect.sleep(Duration.times(hangTimeout, 1 / pingsInTime)), look))
  }

  private stopAll(): Effect.Effect<void> {
    this.ending = true
    this.receptions.beginEnd()
    this.status.set("draining")
    return FiberSet.clear(this.background).pipe(
      Effect.andThen(
        Effect.suspend(() =>
          Effect.forEach(Array.from(this.workers), (worker) => this.retire(worker), {
            concurrency: "unbounded",
            discard: true
          })
        )
      ),
      Effect.andThen(this.receptions.closeAll),
      Effect.andThen(
        Effect.sync(() => {
          this.status.set("stopped", true)
          this.events.end()
        })
      )
    )
  }
}
