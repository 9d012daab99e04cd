/** The door of a server: open or shut, any number of times, always at the same address. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { TransportError } from "../SluiceError.ts"
import type { Acceptor, Address, Listener, Listening } from "../Transport.ts"

interface Open {
  readonly listening: Listening
  readonly scope: Scope.Closeable
}

export class Door {
  /** Where it was open last. */
  address: Address | undefined
  private current: Open | undefined
  /** The one that keeps its peers waiting. */
  private held: Open | undefined
  private readonly listener: Context.Service.Shape<typeof Listener>
  private readonly acceptor: Acceptor

  constructor(listener: Context.Service.Shape<typeof Listener>, acceptor: Acceptor) {
    this.listener = listener
    this.acceptor = acceptor
  }

  /** Listens until `shut`, and returns where. The scope at hand has no part in it. */
  open(): Effect.Effect<Address, TransportError> {
    return Effect.suspend(() => {
      // Of its own, so that no number of suspensions leaves anything behind.
      const scope = Scope.makeUnsafe()
      return Effect.uninterruptibleMask((restore) =>
        restore(Scope.provide(this.listener.listen({ ...this.acceptor, again: this.address }), scope)).pipe(
          Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit))),
          Effect.flatMap((listening) => {
            const { held } = this
            this.current = { listening, scope }
            this.held = undefined
            this.address = listening.address
            return Effect.as(held === undefined ? Effect.void : end(held), listening.address)
          })
        )
      )
    })
  }

  /** Listens no more for the time being. */
  hold(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { current } = this
      const hold = current?.listening.hold
      if (hold === undefined) return this.shut()
      this.current = undefined
      this.held = current
      return hold
    })
  }

  /** Takes in who stands before it, until `hurry` at most, and listens no more. Connections live on. */
  shut(hurry?: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { current, held } = this
      this.held = undefined
      if (held !== undefined) return end(held)
      if (current === undefined) return Effect.void
      const { sweep } = current.listening
      return Effect.andThen(
        sweep === undefined ? Effect.void : hurry === undefined ? sweep : Effect.raceFirst(sweep, hurry),
        Effect.suspend(() => {
          if (this.current === current) this.current = undefined
          return end(current)
        })
      )
    })
  }
}

const end = ({ listening, scope }: Open): Effect.Effect<void> =>
  Effect.andThen(listening.close, Scope.close(scope, Exit.void))
