/** One place where the machine listens: who of the workers takes peers from it, and who gets the next. */
import type * as Net from "node:net"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { TransportError } from "../../../SluiceError.ts"
import type { Address, Listening } from "../../../Transport.ts"
import { DescriptorGuard } from "../descriptors.ts"
import { listenHere } from "../listenHere.ts"
import { tcpAddress } from "../nodeAddress.ts"
import type { Place } from "../socketSource.ts"
import type { Chooser } from "./balance.ts"
import { Lobby, type LobbyLimits, type Taking } from "./lobby.ts"
import type { Handed, WorkerProcess } from "./workerProcess.ts"

/** What a reception asks of those who run it. */
export interface ReceptionHost {
  readonly chooser: Chooser
  readonly lobby: LobbyLimits
  /** The next number of a socket. */
  readonly nextSocket: () => number
  /** Lets a peer in, or not: calls back at once or later, with what to call when it is gone. */
  readonly admit: (socket: Net.Socket, letIn: (left: (() => void) | undefined) => void) => void
  /** Nobody serves this peer. */
  readonly onRefused: (address: Address, detail: string) => void
  readonly onAcceptFailed: (address: Address, detail: string) => void
}

export class Reception {
  readonly id: string
  /** By which it is found. */
  key: string
  readonly place: Place
  private readonly whenOpen = Deferred.makeUnsafe<Address, TransportError>()
  private readonly host: ReceptionHost
  private readonly takers = new Set<WorkerProcess>()
  private readonly lobby: Lobby
  private readonly guard: DescriptorGuard
  private readonly scope = Scope.makeUnsafe()
  private readonly left = new WeakMap<Net.Socket, () => void>()
  private listening: Listening | undefined
  private shut = false
  private sweeping: Effect.Effect<void> | undefined

  constructor(id: string, key: string, place: Place, host: ReceptionHost) {
    this.id = id
    this.key = key
    this.place = place
    this.host = host
    this.lobby = new Lobby(host.lobby, (socket, detail) => this.turnAway(socket, detail))
    this.guard = new DescriptorGuard(
      { onWire: () => {}, onError: ({ address, detail }) => host.onAcceptFailed(address, detail) },
      (socket) => this.arrive(socket)
    )
  }

  get address(): Address | undefined {
    return this.listening?.address
  }

  /** Awaits where it listens. */
  get opened(): Effect.Effect<Address, TransportError> {
    return Deferred.await(this.whenOpen)
  }

  get hasTakers(): boolean {
    return this.takers.size > 0
  }

  has(worker: WorkerProcess): boolean {
    return this.takers.has(worker)
  }

  /** Whether somebody else takes peers, in a state if that is asked for. */
  hasOther(worker: WorkerProcess, state?: WorkerProcess["state"]): boolean {
    for (const other of this.takers) {
      if (other !== worker && (state === undefined || other.state === state)) return true
    }
    return false
  }

  /** Begins to listen, once. */
  open(): Effect.Effect<void> {
    const listen = listenHere({
      place: this.place,
      // Options are the worker's business: they are the socket's, in whatever process it is.
      options: {},
      onSocket: (socket) => this.guard.arrive(socket),
      acceptor: { onError: ({ address, detail }) => this.host.onAcceptFailed(address, detail) },
      busy: () => this.guard.busy,
      onClose: () => this.guard.close()
    })
    return Effect.flatMap(Effect.exit(Scope.provide(listen, this.scope)), (exit) => {
      if (Exit.isSuccess(exit)) this.listening = exit.value
      Deferred.doneUnsafe(
        this.whenOpen,
        Exit.map(exit, ({ address }) => address)
      )
      return Exit.isSuccess(exit) ? Effect.void : this.close
    })
  }

  /** A worker takes peers from here from now on, once it runs. */
  enter(worker: WorkerProcess): void {
    this.takers.add(worker)
    this.serve()
  }

  /** A worker takes no more. */
  leave(worker: WorkerProcess): void {
    this.takers.delete(worker)
  }

  /** Somebody has room, or is up. */
  serve(): void {
    if (this.lobby.size > 0) this.lobby.serve((socket) => this.hand(socket))
  }

  /** Gives a socket to somebody else than who could not keep it. */
  handAgain({ left, socket }: Handed): void {
    if (socket.destroyed) {
      left?.()
      return
    }
    if (left !== undefined) this.left.set(socket, left)
    if (this.hand(socket) !== "taken") this.lobby.arrive(socket)
  }

  /** Takes in who stands in the kernel's backlog, closes the address, and returns when all have their process. */
  get sweep(): Effect.Effect<void> {
    this.sweeping ??= Effect.runSync(
      Effect.cached(
        Effect.suspend(() => this.listening?.sweep ?? Effect.void).pipe(
          Effect.andThen(this.stopListening),
          Effect.andThen(
            Effect.suspend(() =>
              Effect.forEach(Array.from(this.takers), (worker) => worker.awaitTaken(), { discard: true })
            )
          )
        )
      )
    )
    return this.sweeping
  }

  /** The address is free, and nobody waits. */
  get close(): Effect.Effect<void> {
    return Effect.andThen(
      this.stopListening,
      Effect.sync(() => this.lobby.close())
    )
  }

  private get stopListening(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.shut) return Effect.void
      this.shut = true
      return Scope.close(this.scope, Exit.void)
    })
  }

  private arrive(socket: Net.Socket): void {
    // It is not read here; what happens to it is seen by who gets it.
    socket.on("error", () => {})
    this.host.admit(socket, (left) => {
      if (left !== undefined) this.left.set(socket, left)
      // Nobody overtakes those who wait.
      if (this.lobby.size > 0 || this.hand(socket) !== "taken") this.lobby.arrive(socket)
    })
  }

  private hand(socket: Net.Socket): Taking {
    const { chooser } = this.host
    // One that drains takes peers until it closes the listener.
    const up = Array.from(this.takers).filter(({ state }) => state !== "starting")
    // Who belongs to one process waits for it, however busy it is.
    const candidates = chooser.sticky ? up : up.filter(({ busy }) => !busy)
    if (candidates.length === 0) return "full"
    const worker = chooser.choose(candidates, () =>
      hostOf(tcpAddress(socket.remoteAddress, socket.remotePort))
    )
    if (worker.busy) return "busy"
    worker.give(this.host.nextSocket(), { socket, listener: this.id, left: this.left.get(socket) })
    return "taken"
  }

  private turnAway(socket: Net.Socket, detail: string): void {
    const address = tcpAddress(socket.remoteAddress, socket.remotePort)
    this.left.get(socket)?.()
    socket.destroy()
    this.host.onRefused(address, detail)
  }
}

const hostOf = (address: Address): string | undefined => (address._tag === "Tcp" ? address.host : undefined)
