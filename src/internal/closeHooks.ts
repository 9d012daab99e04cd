/** What handlers want done when their connection is closed. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { CloseReason } from "../CloseReason.ts"

export type CloseHook = (reason: CloseReason) => Effect.Effect<unknown>

interface Host {
  readonly id: number
  readonly shared: {
    readonly closeTimeout: Duration.Duration
    readonly fork: (effect: Effect.Effect<void>) => void
  }
}

export class CloseHooks {
  private readonly host: Host
  private hooks: Array<CloseHook> = []
  /** There once they have begun: who comes then begins at once. */
  private reason: CloseReason | undefined

  constructor(host: Host, reason: CloseReason | undefined) {
    this.host = host
    this.reason = reason
  }

  add(hook: CloseHook): void {
    const { host, reason } = this
    if (reason === undefined) this.hooks.push(hook)
    else
      host.shared.fork(Effect.asVoid(Effect.timeoutOption(this.one(hook, reason), host.shared.closeTimeout)))
  }

  /** Begins them in their order. One that hangs holds up no other, one that fails is logged. */
  run(reason: CloseReason): Effect.Effect<void> {
    const { hooks } = this
    this.hooks = []
    this.reason = reason
    return Effect.forEach(hooks, (hook) => this.one(hook, reason), {
      discard: true,
      concurrency: "unbounded"
    })
  }

  private one(hook: CloseHook, reason: CloseReason): Effect.Effect<unknown> {
    return Effect.catchCause(
      Effect.suspend(() => hook(reason)),
      (cause) => Effect.logError(`connection ${this.host.id}: what was to be done at its close failed`, cause)
    )
  }
}
