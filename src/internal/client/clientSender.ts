/** Sending through whatever connection there is, or waiting for one. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { SendError } from "../../Connection.ts"
import {
  ClientDown,
  ClientEnded,
  type ConnectFailure,
  type ConnectionClosed,
  QueueFull,
  SendExpired
} from "../../SluiceError.ts"
import type { ConnectionImpl } from "../connection.ts"
import type { Gate, Waiter } from "./gate.ts"

/** What becomes of a message while there is no connection. */
export type WhenDown = "suspend" | "fail" | { readonly queue: number; readonly deadline: Duration.Duration }

type Refusal = ClientDown | QueueFull | SendExpired | ClientEnded

type Act<In, Out, A, E> = (connection: ConnectionImpl<In, Out>) => Effect.Effect<A, E>

interface Host<In, Out> {
  readonly gate: Gate<ConnectionImpl<In, Out>>
  readonly failure: ConnectFailure | undefined
  expired: number
}

/**
 * A connection's own `send` fails with `ConnectionClosed` only where it has not taken the message. So it is tried
 * again on the next connection, and nothing is ever sent twice.
 */
export class ClientSender<In, Out> {
  private readonly host: Host<In, Out>
  private readonly whenDown: WhenDown

  constructor(host: Host<In, Out>, whenDown: WhenDown) {
    this.host = host
    this.whenDown = whenDown
  }

  readonly send = (message: Out): Effect.Effect<void, Exclude<SendError, ConnectionClosed> | Refusal> =>
    Effect.suspend(() => {
      const { gate } = this.host
      const ticket = gate.ticket()
      const act = (connection: ConnectionImpl<In, Out>) => connection.send(message)
      const { open } = gate
      if (open === undefined) return this.retrying(ticket, act)
      return Effect.catch(act(open), (error) =>
        error._tag === "ConnectionClosed" ? this.retrying(ticket, act) : Exit.fail(error)
      )
    })

  /** Sends once, and says when the kernel has it; what became of it where the connection breaks nobody knows. */
  readonly sendAwait = (message: Out): Effect.Effect<void, SendError | Refusal> =>
    this.act((connection) => connection.sendAwait(message))

  readonly trySend = (message: Out): Effect.Effect<boolean, Exclude<SendError, ConnectionClosed> | Refusal> =>
    Effect.suspend(() => {
      const { open, ended } = this.host.gate
      if (ended !== undefined) return Exit.fail(ended)
      if (open === undefined) return this.tryWithout()
      return Effect.catchTag(open.trySend(message), "ConnectionClosed", () => this.tryWithout())
    })

  /** The connection, when it is one's turn. */
  readonly take: Effect.Effect<ConnectionImpl<In, Out>, Refusal> = Effect.suspend(() =>
    this.act((connection) => Exit.succeed(connection))
  )

  private tryWithout(): Exit.Exit<boolean, ClientDown> {
    return this.whenDown === "fail"
      ? Exit.fail(new ClientDown({ failure: this.host.failure }))
      : Exit.succeed(false)
  }

  /** Acts on the connection there is, or on the next one. */
  private act<A, E>(act: Act<In, Out, A, E>): Effect.Effect<A, E | Refusal> {
    return Effect.suspend(() => {
      const { gate } = this.host
      const { open } = gate
      return open === undefined ? this.inTurn(gate.ticket(), act, undefined) : act(open)
    })
  }

  private retrying<A, E extends { readonly _tag: string }>(
    ticket: number,
    act: Act<In, Out, A, E>
  ): Effect.Effect<A, Exclude<E, ConnectionClosed> | Refusal> {
    return Effect.flatMap(Clock.currentTimeMillis, (since) => {
      const again: Effect.Effect<A, Exclude<E, ConnectionClosed> | Refusal> = Effect.catch(
        Effect.suspend(() => this.inTurn(ticket, act, since)),
        (error) =>
          error._tag === "ConnectionClosed"
            ? again
            : // All but the one tag that is left out.
              Exit.fail(error as Exclude<E, ConnectionClosed> | Refusal)
      )
      return again
    })
  }

  /** Stands in line and acts when it is its turn, within the deadline where there is one. */
  private inTurn<A, E>(
    ticket: number,
    act: Act<In, Out, A, E>,
    since: number | undefined
  ): Effect.Effect<A, E | Refusal> {
    const { host, whenDown } = this
    const { gate } = host
    return Effect.acquireUseRelease(
      Effect.suspend(() => {
        const refusal = this.refusal()
        return refusal === undefined ? Exit.succeed(gate.enter(ticket)) : Exit.fail(refusal)
      }),
      (waiter): Effect.Effect<A, E | Refusal> => {
        const acting = Effect.flatMap(turn(waiter), act)
        if (typeof whenDown !== "object") return acting
        return within(acting, whenDown.deadline, since, (deadline) => {
          host.expired++
          return new SendExpired({ deadline, failure: host.failure })
        })
      },
      (waiter) => Effect.sync(() => gate.release(waiter))
    )
  }

  private refusal(): Refusal | undefined {
    const { whenDown } = this
    const { gate, failure } = this.host
    if (gate.ended !== undefined) return gate.ended
    if (gate.connection !== undefined || whenDown === "suspend") return undefined
    if (whenDown === "fail") return new ClientDown({ failure })
    return gate.waiting >= whenDown.queue ? new QueueFull({ limit: whenDown.queue, failure }) : undefined
  }
}

const turn = <C>(waiter: Waiter<C>): Effect.Effect<C, ClientEnded> =>
  Effect.callback<C, ClientEnded>((resume) => {
    const wake = () => {
      const { granted } = waiter
      if (granted instanceof ClientEnded) resume(Exit.fail(granted))
      else if (granted !== undefined) resume(Exit.succeed(granted))
    }
    waiter.wake = wake
    wake()
  })

/** The rest of a deadline that began at `since`, or begins now. */
const within = <A, E, E2>(
  self: Effect.Effect<A, E>,
  deadline: Duration.Duration,
  since: number | undefined,
  error: (deadline: number) => E2
): Effect.Effect<A, E | E2> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const millis = Duration.toMillis(deadline)
    return Effect.timeoutOrElse(self, {
      duration: Math.max(0, millis - (now - (since ?? now))),
      orElse: () => Effect.suspend(() => Effect.fail(error(millis)))
    })
  })
