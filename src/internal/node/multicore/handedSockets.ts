/** The sockets of a worker: taken in by the supervisor and handed over, or by the worker beside others at one port. */
import type * as Net from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type NoAnswer, TransportError } from "../../../SluiceError.ts"
import type { Address, Listening } from "../../../Transport.ts"
import { listenHere, targetOf } from "../listenHere.ts"
import type { Place, SocketPlan, SocketSource } from "../socketSource.ts"
import { ListenReply } from "./messages.ts"
import type { WorkerLink } from "./workerLink.ts"

/** For what the supervisor does at once, and for a sweep. */
const patience = Duration.seconds(10)

const noAnswer = (place: Place, { reason }: NoAnswer): TransportError =>
  new TransportError({
    operation: "listen",
    kind: reason === "timeout" ? "Timeout" : "Closed",
    address: targetOf(place),
    detail: `the supervisor gives no answer: ${reason}`
  })

/** The source of a worker's sockets. */
export const handedSockets = (link: WorkerLink): SocketSource => {
  /** Which of the listeners at one place there are. */
  const occurrences = new Map<string, Set<number>>()

  const occupy = (place: Place): Effect.Effect<number, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const key = JSON.stringify(place)
        const taken = occurrences.get(key) ?? new Set()
        occurrences.set(key, taken)
        let occurrence = 0
        while (taken.has(occurrence)) occurrence++
        taken.add(occurrence)
        return occurrence
      }),
      (occurrence) => Effect.sync(() => occurrences.get(JSON.stringify(place))?.delete(occurrence))
    )

  return {
    listen: Effect.fnUntraced(function* (plan) {
      const { place } = plan
      if (place._tag === "Tcp" && place.exclusive) return yield* listenHere(plan)
      const occurrence = yield* occupy(place)
      const reply = yield* link
        .ask({ _tag: "Listen", place, occurrence }, ListenReply, patience)
        .pipe(Effect.mapError((error) => noAnswer(place, error)))
      switch (reply._tag) {
        case "Failed": {
          const { address, detail, kind } = reply
          return yield* Effect.fail(new TransportError({ operation: "listen", kind, address, detail }))
        }
        case "Shared":
          return yield* listenBeside(link, plan, reply.listener, reply.port)
        case "Handed": {
          const listening = yield* takeFrom(link, plan, reply)
          yield* opened(link, place, reply.listener)
          return listening
        }
      }
    })
  }
}

/** Tells that sockets are welcome from now on. */
const opened = (link: WorkerLink, place: Place, listener: string) =>
  Effect.mapError(link.ask({ _tag: "Opened", listener }, Schema.Unknown, patience), (error) =>
    noAnswer(place, error)
  )

/** Listens in this process, at a port that others listen at too. */
const listenBeside = Effect.fnUntraced(function* (
  link: WorkerLink,
  plan: SocketPlan,
  listener: string,
  port: number
) {
  const { place } = plan
  const listening = yield* listenHere({
    ...plan,
    place: place._tag === "Tcp" ? { ...place, port, reusePort: true } : place,
    onSocket: (socket) => {
      link.count(socket)
      plan.onSocket(socket)
    }
  })
  yield* opened(link, place, listener)
  return listening
})

const takeFrom = (
  link: WorkerLink,
  plan: SocketPlan,
  reply: Extract<ListenReply, { readonly _tag: "Handed" }>
): Effect.Effect<Listening, never, Scope.Scope> => {
  const { place } = plan
  const { host, listener, port } = reply
  let open = true
  const close = Effect.sync(() => {
    if (!open) return
    open = false
    plan.onClose()
    link.close(listener)
  })
  const address: Address =
    place._tag === "Unix"
      ? { _tag: "Unix", path: place.path }
      : { _tag: "Tcp", host: host ?? "", port: port ?? place.port }
  // Those who wait in the kernel are the supervisor's; those who are here and no connections yet are ours.
  const sweep = Effect.ignore(link.ask({ _tag: "Sweep", listener }, Schema.Unknown, patience)).pipe(
    Effect.andThen(settle(plan))
  )
  return Effect.acquireRelease(
    Effect.sync((): Listening => {
      link.open(listener, (socket) => take(plan, socket))
      return { address, close, sweep }
    }),
    () => close
  )
}

const take = ({ onSocket, options }: SocketPlan, socket: Net.Socket): void => {
  // As Node's own servers make them.
  socket.pause()
  socket.allowHalfOpen = true
  if (options.noDelay === true) socket.setNoDelay(true)
  if (options.keepAlive === true) socket.setKeepAlive(true, options.keepAliveInitialDelay)
  onSocket(socket)
}

/** Waits for those who are in their handshake, or for a descriptor: a quarter of a second at most. */
const settle = ({ busy }: SocketPlan): Effect.Effect<void> =>
  Effect.suspend(() =>
    busy()
      ? Effect.asVoid(
          Effect.timeoutOption(Effect.repeat(Effect.sleep("5 millis"), { while: () => busy() }), "250 millis")
        )
      : Effect.void
  )
