import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** Something that happens once, and whoever waits for it. Holds no array until someone does. */
export class Signal {
  private happened = false
  private waiters: Array<() => void> | undefined

  get fired(): boolean {
    return this.happened
  }

  /** Lets everyone on, in the order in which they came. Only the first call counts. */
  fire(): void {
    if (this.happened) return
    this.happened = true
    const waiters = this.waiters
    this.waiters = undefined
    if (waiters === undefined) return
    for (const wake of waiters) wake()
  }

  /** Calls back when it happens, at once where it has; the result calls that off. */
  onFire(callback: () => void): () => void {
    if (this.happened) {
      callback()
      return noop
    }
    this.waiters ??= []
    this.waiters.push(callback)
    return () => {
      const index = this.waiters?.indexOf(callback) ?? -1
      if (index >= 0) this.waiters?.splice(index, 1)
    }
  }

  /** Completes when it happens. */
  await(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const cancel = this.onFire(() => resume(Exit.void))
      return Effect.sync(cancel)
    })
  }
}

const noop = (): void => {}
