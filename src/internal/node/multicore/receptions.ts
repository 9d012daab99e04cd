/** All places where the machine listens, and the sockets on their way from there to a worker. */
import type * as Net from "node:net"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TransportError } from "../../../SluiceError.ts"
import type { Address } from "../../../Transport.ts"
import { targetOf } from "../listenHere.ts"
import type { Place } from "../socketSource.ts"
import type { FrontGate } from "./frontGate.ts"
import type { ListenReply } from "./messages.ts"
import { Reception, type ReceptionHost } from "./reception.ts"
import type { WorkerProcess } from "./workerProcess.ts"

export interface ReceptionsOptions
  extends Pick<ReceptionHost, "chooser" | "lobby" | "onAcceptFailed" | "onRefused"> {
  /** Whether workers listen at TCP ports by themselves. */
  readonly kernel: boolean
  readonly gate: FrontGate | undefined
}

export class Receptions {
  private readonly options: ReceptionsOptions
  private readonly byId = new Map<string, Reception>()
  private readonly byKey = new Map<string, Reception>()
  /** The ports that the system chose, which stay the program's. */
  private readonly ports = new Map<string, number>()
  /** Where workers listen by themselves. */
  private readonly shared = new Map<string, Address>()
  private ids = 0
  private sockets = 0
  private ending = false

  constructor(options: ReceptionsOptions) {
    this.options = options
  }

  /** Where peers are taken in, here or by the workers. */
  get addresses(): ReadonlyArray<Address> {
    const here = Array.from(this.byId.values()).flatMap(({ address }) => address ?? [])
    return [...here, ...this.shared.values()]
  }

  /**
   * A worker will take peers from a place. Several listeners of one program at a port of the system's choice are told apart
   * by their order, which is `occurrence`.
   */
  listen(asked: Place, occurrence: number): Effect.Effect<ListenReply> {
    return Effect.suspend(() => {
      const port = this.ports.get(keyOf(asked, occurrence))
      const place = asked._tag === "Tcp" && port !== undefined ? { ...asked, port } : asked
      const key = keyOf(place, port === undefined ? occurrence : 0)
      const kernel = this.options.kernel && place._tag === "Tcp"
      if (kernel && place.port !== 0) {
        this.shared.set(key, { _tag: "Tcp", host: place.host ?? "::", port: place.port })
        return Effect.succeed<ListenReply>({ _tag: "Shared", listener: "", port: place.port })
      }
      const before = this.byKey.get(key)
      const reception = before ?? this.make(key, kernel ? { ...place, reusePort: true } : place)
      return Effect.map(
        Effect.andThen(before === undefined ? reception.open() : Effect.void, Effect.exit(reception.opened)),
        (exit): ListenReply => {
          if (Exit.isFailure(exit)) {
            this.forgetPlace(reception)
            return failedReply(place, exit)
          }
          const address = exit.value
          this.rename(reception, address)
          if (kernel) {
            this.shared.set(reception.key, address)
            return { _tag: "Shared", listener: reception.id, port: portOf(address) ?? 0 }
          }
          const host = address._tag === "Tcp" ? address.host : undefined
          return { _tag: "Handed", listener: reception.id, host, port: portOf(address) }
        }
      )
    })
  }

  /** A worker takes peers from now on, or listens by itself at a port that was held for it until now. */
  enter(worker: WorkerProcess, listener: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const reception = this.byId.get(listener)
      if (reception?.place._tag === "Tcp" && reception.place.reusePort === true) return this.end(reception)
      reception?.enter(worker)
      return Effect.void
    })
  }

  /** A worker is about to close a listener. Returns once it has all sockets that it will get. */
  sweep(worker: WorkerProcess, listener: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const reception = this.byId.get(listener)
      if (reception === undefined) return Effect.void
      if (this.isLast(worker, reception)) return Effect.andThen(reception.sweep, this.end(reception))
      reception.leave(worker)
      return worker.awaitTaken()
    })
  }

  /** A worker has closed a listener. */
  close(worker: WorkerProcess, listener: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const reception = this.byId.get(listener)
      if (reception === undefined || !reception.has(worker)) return Effect.void
      const last = this.isLast(worker, reception)
      reception.leave(worker)
      return last ? this.end(reception) : Effect.void
    })
  }

  /** A worker shall go: where others take peers too, it gets no more. */
  leaveToOthers(worker: WorkerProcess): void {
    for (const reception of this.byId.values()) {
      if (reception.hasOther(worker, "running")) reception.leave(worker)
    }
  }

  /** A worker has a socket: from now on it is the worker's alone. */
  taken(worker: WorkerProcess, number: number): void {
    // It takes them in order. One that it skips did not get through: it has no file descriptor for it.
    for (const before of Array.from(worker.handed.keys())) {
      if (before >= number) break
      this.again(worker, before)
    }
    const handed = worker.takeOut(number)
    if (handed === undefined) return
    handed.socket.destroy()
    if (handed.left !== undefined) worker.taken.set(number, handed.left)
    this.serve()
  }

  /** A worker has not kept a socket; `closed` says that it takes none from there any more. */
  returned(worker: WorkerProcess, number: number, closed: boolean): void {
    const handed = worker.handed.get(number)
    if (closed && handed !== undefined) this.byId.get(handed.listener)?.leave(worker)
    this.again(worker, number)
  }

  /** A socket that a worker was given goes to somebody else. */
  private again(worker: WorkerProcess, number: number): void {
    const handed = worker.takeOut(number)
    if (handed === undefined) return
    const reception = this.byId.get(handed.listener)
    if (reception !== undefined) {
      reception.handAgain(handed)
      return
    }
    handed.left?.()
    handed.socket.destroy()
  }

  /** Sockets that a worker had are gone. */
  gone(worker: WorkerProcess, numbers: ReadonlyArray<number>): void {
    if (this.options.gate === undefined) return
    for (const number of numbers) {
      worker.taken.get(number)?.()
      worker.taken.delete(number)
    }
  }

  /** A worker is gone. What it had with it; what it was given and had not taken goes to others. */
  forget(worker: WorkerProcess): void {
    for (const reception of this.byId.values()) reception.leave(worker)
    for (const left of worker.taken.values()) left()
    worker.taken.clear()
    for (const number of Array.from(worker.handed.keys())) this.again(worker, number)
    if (!this.ending) return
    for (const reception of Array.from(this.byId.values())) {
      if (!reception.hasTakers) Effect.runFork(this.end(reception))
    }
  }

  /** Somebody is up. */
  serve(): void {
    for (const reception of this.byId.values()) reception.serve()
  }

  /** The machine is about to stop: an address that nobody takes peers from any more is closed. */
  beginEnd(): void {
    this.ending = true
  }

  /** Every address is free. */
  get closeAll(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.options.gate?.close()
      return Effect.forEach(Array.from(this.byId.values()), (reception) => this.end(reception), {
        discard: true
      })
    })
  }

  /** Whether the address is to be closed when the worker leaves it: nobody else is there, and no successor comes. */
  private isLast(worker: WorkerProcess, reception: Reception): boolean {
    if (reception.hasOther(worker)) return false
    return this.ending || (worker.state !== "starting" && !worker.leaving)
  }

  private make(key: string, place: Place): Reception {
    const { chooser, gate, lobby, onAcceptFailed, onRefused } = this.options
    const reception = new Reception(String(++this.ids), key, place, {
      chooser,
      lobby,
      onAcceptFailed,
      onRefused,
      nextSocket: () => this.sockets++,
      admit: (socket: Net.Socket, letIn) => {
        if (gate === undefined) letIn(undefined)
        else gate.arrive(socket, letIn)
      }
    })
    this.byId.set(reception.id, reception)
    this.byKey.set(key, reception)
    return reception
  }

  /** A port that the system chose is known from now on. */
  private rename(reception: Reception, address: Address): void {
    const { key, place } = reception
    const port = portOf(address)
    if (place._tag !== "Tcp" || place.port !== 0 || port === undefined || this.ports.has(key)) return
    this.ports.set(key, port)
    this.byKey.delete(key)
    const { reusePort: _, ...asked } = place
    reception.key = keyOf({ ...asked, port }, 0)
    this.byKey.set(reception.key, reception)
  }

  private end(reception: Reception | undefined): Effect.Effect<void> {
    if (reception === undefined) return Effect.void
    return Effect.suspend(() => {
      this.forgetPlace(reception)
      return reception.close
    })
  }

  private forgetPlace(reception: Reception): void {
    this.byId.delete(reception.id)
    if (this.byKey.get(reception.key) === reception) this.byKey.delete(reception.key)
  }
}

const keyOf = (place: Place, occurrence: number): string => `${JSON.stringify(place)}#${occurrence}`

const portOf = (address: Address): number | undefined => (address._tag === "Tcp" ? address.port : undefined)

const failedReply = (place: Place, exit: Exit.Failure<unknown, TransportError>): ListenReply => {
  const reason = exit.cause.reasons[0]
  const error = reason?._tag === "Fail" ? reason.error : undefined
  return error instanceof TransportError
    ? { _tag: "Failed", kind: error.kind, address: error.address, detail: error.detail }
    : { _tag: "Failed", kind: "Unknown", address: targetOf(place), detail: String(exit.cause) }
}
