/**
 * Connecting a Node socket, TCP or TLS or a Unix path.
 */
import type * as Net from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TransportError } from "../../SluiceError.ts"
import type { Wire } from "../../Transport.ts"
import { transportError } from "./nodeError.ts"

/** What an attempt to connect reports. The first call counts. */
export interface Attempt {
  readonly succeed: (wire: Wire) => void
  readonly fail: (error: TransportError) => void
}

/** What tells one kind of connector from another. */
export interface ConnectPlan {
  /** Where it connects, for errors. */
  readonly target: string
  readonly timeout: Duration.Duration
  /** Opens a socket, which must not read before its wire attaches; its destruction ends everything. */
  readonly open: (attempt: Attempt) => Net.Socket
}

const ignoreError = (): void => {}

const closedEarly = new Error("the connection closed before it was established")

/** Waits for a socket to arrive or break. An error after that belongs to whoever took the socket over. */
export const whenReady = (
  socket: Net.Socket,
  event: "connect" | "secureConnect",
  onReady: () => void,
  onBroken: (error: unknown) => void
): void => {
  const forget = () => {
    socket.off(event, ready)
    socket.off("error", broken)
    socket.off("close", closed)
  }
  const ready = () => {
    forget()
    onReady()
  }
  const broken = (error: unknown) => {
    forget()
    socket.on("error", ignoreError)
    onBroken(error)
  }
  const closed = () => broken(closedEarly)
  socket.on(event, ready)
  socket.on("error", broken)
  socket.on("close", closed)
}

/** The way of a plain socket: connected is established. */
export const openPlain =
  (target: string, open: () => Net.Socket, makeWire: (socket: Net.Socket) => Wire): ConnectPlan["open"] =>
  (attempt) => {
    const socket = open()
    whenReady(
      socket,
      "connect",
      () => attempt.succeed(makeWire(socket)),
      (error) => attempt.fail(transportError("connect", target, error))
    )
    return socket
  }

const timedOut = (plan: ConnectPlan): TransportError =>
  new TransportError({
    operation: "connect",
    kind: "Timeout",
    address: plan.target,
    detail: `no connection within ${Duration.format(plan.timeout)}`
  })

/** Connects within the timeout. Whatever else happens, interruption too, leaves no socket behind. */
export const connectWith = (plan: ConnectPlan): Effect.Effect<Wire, TransportError> =>
  Effect.suspend(() => {
    let socket: Net.Socket | undefined
    return Effect.callback<Wire, TransportError>((resume) => {
      socket = plan.open({
        succeed: (wire) => resume(Effect.succeed(wire)),
        fail: (error) => resume(Effect.fail(error))
      })
    }).pipe(
      Effect.timeoutOrElse({ duration: plan.timeout, orElse: () => Effect.fail(timedOut(plan)) }),
      Effect.onExit((exit) => {
        if (Exit.isFailure(exit)) {
          socket?.on("error", ignoreError)
          socket?.destroy()
        }
        return Effect.void
      })
    )
  })
