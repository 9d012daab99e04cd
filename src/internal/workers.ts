/** Workers: permits, and what became of messages that found none. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { InvalidConfig } from "../SluiceError.ts"
import { decodeOptions, integerOption } from "./options.ts"
import { Turns, withPermit } from "./turns.ts"

export const WorkersSettings = Schema.Struct({ permits: Schema.optional(integerOption(1, 1_000_000)) })

export class WorkersImpl {
  readonly turns: Turns
  rejected = 0
  dropped = 0

  constructor(permits: number) {
    this.turns = new Turns(permits)
  }

  get withPermit() {
    return (owner: object) =>
      <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
        withPermit(this.turns, this.turns.owner(owner), effect)
  }

  get resize() {
    return (permits: number): Effect.Effect<void, InvalidConfig> =>
      Effect.map(decodeOptions(WorkersSettings, { permits }), () => this.turns.resize(permits))
  }

  get stats() {
    return Effect.sync(() => ({
      permits: this.turns.permits,
      inFlight: this.turns.taken,
      waiting: this.turns.waiting,
      rejected: this.rejected,
      dropped: this.dropped
    }))
  }
}
