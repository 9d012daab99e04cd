/** Several clients of one service, and which of them is next. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { PoolMember } from "../../Client.ts"
import type { Connection } from "../../Connection.ts"
import { type ConnectFailure, PoolUnavailable } from "../../SluiceError.ts"
import type { ResilientClient } from "./resilientClient.ts"

interface Member<In, Out> {
  readonly client: ResilientClient<In, Out>
  inFlight: number
}

/** Picks the client with the least in flight of those that are up; among equals the one whose turn is longest ago. */
export class ClientPool<In, Out> {
  private readonly members: ReadonlyArray<Member<In, Out>>
  private readonly timeout: Duration.Duration
  private last = 0

  constructor(clients: ReadonlyArray<ResilientClient<In, Out>>, timeout: Duration.Duration) {
    this.members = clients.map((client) => ({ client, inFlight: 0 }))
    this.timeout = timeout
  }

  get state(): ReadonlyArray<PoolMember> {
    return this.members.map(({ client, inFlight }) => ({
      up: client.gate.connection !== undefined,
      inFlight,
      connection: Option.fromUndefinedOr(client.gate.connection?.id)
    }))
  }

  readonly use = <A, E, R>(
    f: (connection: Connection<In, Out>) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | PoolUnavailable, R> =>
    Effect.uninterruptibleMask((restore) => {
      const attempt: Effect.Effect<A, E | PoolUnavailable, R> = Effect.suspend(() => {
        const member = this.pick()
        const connection = member?.client.gate.connection
        if (member === undefined || connection === undefined) {
          return Effect.flatMap(restore(this.awaitUp), () => attempt)
        }
        member.inFlight++
        return Effect.onExit(restore(Effect.suspend(() => f(connection))), () =>
          Effect.sync(() => {
            member.inFlight--
          })
        )
      })
      return attempt
    })

  private pick(): Member<In, Out> | undefined {
    const { members } = this
    let best: Member<In, Out> | undefined
    let at = this.last
    for (let offset = 1; offset <= members.length; offset++) {
      const index = (this.last + offset) % members.length
      const member = members[index]
      if (member?.client.gate.connection === undefined) continue
      if (best === undefined || member.inFlight < best.inFlight) {
        best = member
        at = index
      }
    }
    this.last = at
    return best
  }

  /** Until one is up. Fails at once where none will be. */
  private get awaitUp(): Effect.Effect<void, PoolUnavailable> {
    return Effect.callback<void, PoolUnavailable>((resume) => {
      const look = () => {
        const gates = this.members.map(({ client }) => client.gate)
        if (gates.some(({ connection }) => connection !== undefined)) resume(Exit.void)
        else if (gates.every(({ ended }) => ended !== undefined)) resume(Exit.fail(this.unavailable()))
        else return
        forget()
      }
      const all = this.members.map(({ client }) => client.gate.onChange(look))
      const forget = () => {
        for (const one of all) one()
      }
      look()
      return Effect.sync(forget)
    }).pipe(
      Effect.timeoutOrElse({
        duration: this.timeout,
        orElse: () => Effect.suspend(() => Effect.fail(this.unavailable()))
      })
    )
  }

  private unavailable(): PoolUnavailable {
    const failures: Array<ConnectFailure> = []
    for (const { client } of this.members) if (client.failure !== undefined) failures.push(client.failure)
    return new PoolUnavailable({ size: this.members.length, failures })
  }
}
