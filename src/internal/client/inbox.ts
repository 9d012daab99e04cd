/** The messages of one connection after the other, as one stream. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import type { ClientEnded } from "../../SluiceError.ts"
import type { InboundQueue } from "../inboundQueue.ts"

type Ending = Exit.Exit<never, ClientEnded | Cause.Done>

/**
 * Keeps no messages of its own: they wait in the inbound queue of their connection, whose mark stops its reading.
 *
 * What nobody has taken of connections that are gone is kept up to the same marks, all of them together, and the last
 * of them in any case; of more, the oldest connection's is dropped, and counted.
 */
export class Inbox<In> {
  /** Messages that nobody took before the connections after theirs were gone too. */
  dropped = 0
  private sources: Array<InboundQueue<In>> = []
  private readonly limits: { readonly maxMessages: number; readonly maxBytes: number }
  private ending: Ending | undefined
  private readonly takers = new Set<() => void>()

  constructor(limits: { readonly maxMessages: number; readonly maxBytes: number }) {
    this.limits = limits
  }

  /** How many connections it has, those included that are gone. */
  get held(): number {
    return this.sources.length
  }

  /** The next connection's; all before it have ended. */
  add(source: InboundQueue<In>): void {
    this.sources = this.sources.filter(({ messages }) => messages > 0)
    this.trim()
    this.sources.push(source)
    this.wake()
  }

  /** No more connections come; what is here can still be taken. */
  end(ending: Ending): void {
    this.ending ??= ending
    this.wake()
  }

  take(): Pull.Pull<NonEmptyReadonlyArray<In>, ClientEnded> {
    const wait = Effect.callback<void>((resume) => {
      const taker = () => resume(Effect.void)
      this.takers.add(taker)
      return Effect.sync(() => this.takers.delete(taker))
    })
    const take: Pull.Pull<NonEmptyReadonlyArray<In>, ClientEnded> = Effect.suspend(() => {
      const [source] = this.sources
      if (source === undefined) return this.ending ?? Effect.flatMap(wait, () => take)
      return Effect.catch(source.take(), () => {
        // Its end, whatever it was, is not the client's.
        if (this.sources[0] === source) this.sources.shift()
        return take
      })
    })
    return take
  }

  private trim(): void {
    const { maxBytes, maxMessages } = this.limits
    let messages = 0
    let bytes = 0
    for (let index = this.sources.length - 1; index >= 0; index--) {
      const source = this.sources[index]
      messages += source?.messages ?? 0
      bytes += source?.bytes ?? 0
      if (index === this.sources.length - 1 || (messages <= maxMessages && bytes <= maxBytes)) continue
      for (const dropped of this.sources.splice(0, index + 1)) this.dropped += dropped.messages
      return
    }
  }

  private wake(): void {
    const takers = [...this.takers]
    this.takers.clear()
    for (const taker of takers) taker()
  }
}
