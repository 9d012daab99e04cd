/** The way out of a peer that never became a connection. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { RefusedReason } from "../Admission.ts"
import { CloseReason } from "../CloseReason.ts"
import type { Wire } from "../Transport.ts"

/** How long a refused peer has to take its farewell and end its side. */
const patience = "1 second"

/** How many have that time at once. */
const maximumLeaving = 256

export class Refusals {
  private readonly leaving = new Set<Wire>()
  private readonly emptied: () => void
  private readonly run: (effect: Effect.Effect<void>) => void
  private over = false

  /** `emptied` is called when nobody is leaving any more. */
  constructor(run: (effect: Effect.Effect<void>) => void, emptied: () => void) {
    this.run = run
    this.emptied = emptied
  }

  get size(): number {
    return this.leaving.size
  }

  /**
   * Says the farewell, if there is one, and ends our side. The peer may still be sending: closing before it has ended
   * would be a reset, which could overtake what we said.
   */
  dismiss(wire: Wire, reason: RefusedReason, farewell: Effect.Effect<Uint8Array | undefined>): void {
    const why = CloseReason.Refused({ reason })
    if (this.over || this.leaving.size >= maximumLeaving) {
      wire.end(why)
      wire.destroy()
      return
    }
    this.leaving.add(wire)
    const gone = Effect.callback<void>((resume) => {
      wire.attach({
        onData: () => {},
        onEnd: () => {},
        onDrain: () => {},
        onClose: () => resume(Exit.void)
      })
    })
    this.run(
      Effect.flatMap(farewell, (frame) => {
        if (frame !== undefined) wire.write(frame)
        wire.end(why)
        return gone
      }).pipe(
        Effect.timeoutOption(patience),
        Effect.ensuring(
          Effect.sync(() => {
            wire.destroy()
            this.leaving.delete(wire)
            if (this.leaving.size === 0) this.emptied()
          })
        ),
        Effect.asVoid
      )
    )
  }

  /** Cuts those who are left. */
  cut(): void {
    this.over = true
    for (const wire of this.leaving) wire.destroy()
  }
}
