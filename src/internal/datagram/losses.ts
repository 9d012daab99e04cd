/** Datagrams that were dropped: counted by cause, and told seldom. */
import type { Address, DatagramCause, DroppedDatagrams } from "../../Transport.ts"

/** The first is told at once, and those that follow within this time together at its end; in milliseconds. */
const window = 1000

interface Count {
  readonly remoteAddress: Address
  readonly detail: string
  datagrams: number
  bytes: number
}

export class Losses {
  private readonly after: (milliseconds: number, work: () => void) => () => void
  private readonly tell: (dropped: DroppedDatagrams) => void
  /** The causes that were told of a moment ago, with what came since. */
  private readonly windows = new Map<DatagramCause, { count: Count | undefined; cancel: () => void }>()

  constructor(
    after: (milliseconds: number, work: () => void) => () => void,
    tell: (dropped: DroppedDatagrams) => void
  ) {
    this.after = after
    this.tell = tell
  }

  add(cause: DatagramCause, address: () => Address, bytes: number, detail: () => string): void {
    const open = this.windows.get(cause)
    if (open === undefined) {
      this.tell({ remoteAddress: address(), cause, datagrams: 1, bytes, detail: detail() })
      this.open(cause)
    } else if (open.count === undefined) {
      open.count = { remoteAddress: address(), detail: detail(), datagrams: 1, bytes }
    } else {
      open.count.datagrams++
      open.count.bytes += bytes
    }
  }

  /** Tells what is left. */
  flush(): void {
    for (const [cause, { cancel, count }] of this.windows) {
      cancel()
      if (count !== undefined) this.tell({ ...count, cause })
    }
    this.windows.clear()
  }

  private open(cause: DatagramCause): void {
    const cancel = this.after(window, () => {
      const count = this.windows.get(cause)?.count
      this.windows.delete(cause)
      if (count === undefined) return
      this.tell({ ...count, cause })
      this.open(cause)
    })
    this.windows.set(cause, { count: undefined, cancel })
  }
}
