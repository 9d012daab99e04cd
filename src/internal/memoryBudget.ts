/** What all connections of a server hold together, and who goes when it is too much. */
import * as Schema from "effect/Schema"
import { DeadlineHeap, type HeapEntry } from "./deadlineHeap.ts"
import { integerOption, withDefault } from "./options.ts"

const mebibyte = 1024 * 1024

/** The option `memory` of a server. */
export const memorySettings = withDefault(
  Schema.Union([
    Schema.Literal("off"),
    Schema.Struct({ maxBytes: withDefault(integerOption(1024, 2 ** 40), 256 * mebibyte) })
  ]),
  { maxBytes: 256 * mebibyte }
)

/** What one connection holds. The heap has the smallest first, so it stands there under minus its bytes. */
export class Share implements HeapEntry {
  due = Number.POSITIVE_INFINITY
  place = -1
  held = 0
  /** Its connection counts no more. */
  released = false
  readonly shed: (held: number) => void

  constructor(shed: (held: number) => void) {
    this.shed = shed
  }
}

/**
 * Connections tell of what stays with them, each when it has become more or less. Who holds the most is always known.
 *
 * Nobody is closed in the middle of somebody's call: it happens at the end of the turn, if the sum is still too much.
 */
export class MemoryBudget {
  /** Bytes of all connections. */
  held = 0
  readonly maxBytes: number
  private readonly shares = new DeadlineHeap<Share>()
  private scheduled = false

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** A connection holds so much now. */
  account(share: Share, held: number): void {
    if (share.released) return
    this.held += held - share.held
    share.held = held
    if (held === 0) this.shares.remove(share)
    else this.shares.set(share, -held)
    if (this.held <= this.maxBytes || this.scheduled) return
    this.scheduled = true
    queueMicrotask(() => this.shed())
  }

  /** A connection is gone, or as good as gone. */
  release(share: Share): void {
    this.account(share, 0)
    share.released = true
  }

  /** Closes those who hold the most until the rest is within the budget. */
  private shed(): void {
    this.scheduled = false
    while (this.held > this.maxBytes) {
      const { first } = this.shares
      if (first === undefined) return
      const { held } = first
      this.release(first)
      first.shed(held)
    }
  }
}
