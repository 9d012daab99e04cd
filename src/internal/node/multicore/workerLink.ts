/** A worker's end of the link to its supervisor: signs of life, sockets, messages to groups, questions. */
import * as Net from "node:net"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { NoAnswer } from "../../../SluiceError.ts"
import type { Identity } from "./identity.ts"
import { Link } from "./link.ts"
import {
  type FromSupervisor,
  type FromWorker,
  type Question,
  readFromSupervisor,
  type WorkerRequest
} from "./messages.ts"

type Delivery = Extract<FromSupervisor, { readonly _tag: "Deliver" }>

/** Milliseconds until the supervisor hears of connections that are gone. */
const soon = 10

export class WorkerLink {
  readonly identity: Identity
  /** Who gets the messages of groups, by the name of these. */
  readonly groups = new Map<string, (delivery: Delivery) => void>()
  /** Who answers the questions of other workers. */
  answerer: (question: Question) => Effect.Effect<unknown> = () => Effect.undefined
  private readonly link: Link<FromSupervisor, Question>
  /** Who takes the sockets of a listener. */
  private readonly takers = new Map<string, (socket: Net.Socket) => void>()
  private connections = 0
  private gone: Array<number> = []
  private telling = false
  private signalled = false

  constructor(identity: Identity, fork: (effect: Effect.Effect<void>) => void) {
    this.identity = identity
    this.link = new Link<FromSupervisor, Question>({
      send: (message, handle, options, callback) => process.send?.(message, handle, options, callback),
      read: readFromSupervisor,
      onNotice: (notice, handle) => this.onNotice(notice, handle),
      onRequest: (question) => this.answerer(question),
      limits: identity,
      fork
    })
  }

  tell(notice: FromWorker): void {
    this.link.tell(notice)
  }

  /** Says something of which there may be much; false where there is no room. */
  offer(notice: FromWorker, bytes: number): boolean {
    return this.link.offer(notice, bytes)
  }

  awaitRoom(): Effect.Effect<void> {
    return this.link.awaitRoom()
  }

  /** Asks the supervisor, and checks what it answers. */
  ask<S extends Schema.ConstraintDecoder<unknown>>(
    request: WorkerRequest,
    answer: S,
    timeout: Duration.Duration
  ): Effect.Effect<S["Type"], NoAnswer> {
    const decode = Schema.decodeUnknownOption(answer)
    return this.link.request(request, timeout).pipe(
      Effect.mapError((reason) => new NoAnswer({ worker: 0, reason })),
      Effect.flatMap((value) =>
        Option.match(decode(value), {
          onNone: () => Effect.fail(new NoAnswer({ worker: 0, reason: "invalid" })),
          onSome: (decoded) => Effect.succeed(decoded)
        })
      )
    )
  }

  /** Sockets of a listener go there from now on, and the process lives for them as it does for a listening socket. */
  open(listener: string, taker: (socket: Net.Socket) => void): void {
    this.takers.set(listener, taker)
    process.channel?.ref()
  }

  close(listener: string): void {
    this.takers.delete(listener)
    if (this.takers.size === 0) process.channel?.unref()
    this.tell({ _tag: "Close", listener })
  }

  /** Counts a socket for as long as it is open; `number` is that of one that was handed over. */
  count(socket: Net.Socket, number?: number): void {
    this.connections++
    socket.once("close", () => {
      this.connections--
      if (number !== undefined) this.gone.push(number)
      this.tellSoon()
    })
    if (number === undefined) this.tellSoon()
    else this.tell({ _tag: "Taken", socket: number, count: this.connections, gone: this.takeGone() })
  }

  /** Listens to the supervisor for as long as the scope, and ends this process when the supervisor is gone. */
  get attach(): Effect.Effect<void, never, Scope.Scope> {
    const onMessage = (message: unknown, handle: unknown) => void this.link.receive(message, handle)
    const onDisconnect = () => this.onOrphaned()
    const signals = ["SIGTERM", "SIGINT"] as const
    const onSignal = (signal: NodeJS.Signals) => {
      this.signalled = true
      this.tell({ _tag: "Leaving" })
      // Listening keeps Node from ending the process by it, where nobody else minds.
      if (process.listenerCount(signal) === 1) {
        process.off(signal, onSignal)
        process.kill(process.pid, signal)
      }
    }
    const begin = Effect.sync(() => {
      process.on("message", onMessage)
      process.on("disconnect", onDisconnect)
      for (const signal of signals) process.on(signal, onSignal)
      // The channel alone keeps no process alive.
      process.channel?.unref()
    })
    const end = Effect.sync(() => {
      process.off("message", onMessage)
      process.off("disconnect", onDisconnect)
      for (const signal of signals) process.off(signal, onSignal)
      this.link.close()
    })
    return Effect.acquireRelease(begin, () => end)
  }

  private onNotice(notice: FromSupervisor, handle: unknown): void {
    switch (notice._tag) {
      case "Ping":
        this.tell({ _tag: "Pong" })
        return
      case "Socket":
        this.onSocket(notice.socket, notice.listener, handle)
        return
      case "Deliver":
        this.groups.get(notice.groups)?.(notice)
    }
  }

  private onSocket(number: number, listener: string, handle: unknown): void {
    const socket = handle instanceof Net.Socket ? handle : undefined
    const taker = this.takers.get(listener)
    if (taker === undefined || socket === undefined) {
      this.tell({ _tag: "Returned", socket: number, closed: taker === undefined })
      // Ours alone: the supervisor has it still.
      socket?.on("error", () => {})
      socket?.destroy()
      return
    }
    // Before anything is read from it: who has said this and dies takes it along, and nobody else gets half of it.
    this.count(socket, number)
    taker(socket)
  }

  private takeGone(): ReadonlyArray<number> {
    const { gone } = this
    this.gone = []
    return gone
  }

  /** A little later, for all that happens until then: each word costs the supervisor more than what it says. */
  private tellSoon(): void {
    if (this.telling) return
    this.telling = true
    setTimeout(() => {
      this.telling = false
      this.tell({ _tag: "Connections", count: this.connections, gone: this.takeGone() })
    }, soon)
  }

  /** Nobody hands us peers any more, and nobody would end us: in good order, as by a signal, and then in any case. */
  private onOrphaned(): void {
    this.link.close()
    setTimeout(() => process.exit(1), this.identity.stopTimeout).unref()
    if (!this.signalled) process.kill(process.pid, "SIGTERM")
  }
}
