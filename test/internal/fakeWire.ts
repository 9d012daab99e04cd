/** A wire that goes nowhere: it keeps what is written, and has room or none as it is told. */
import type { Address, Wire } from "../../src/Transport.ts"

const address: Address = { _tag: "Memory", name: "fake" }

export class FakeWire implements Wire {
  readonly localAddress = address
  readonly remoteAddress = address
  readonly tls = undefined
  readonly unsent = 0
  /** What `write` answers. */
  room = true
  ended = false
  /** Each write, as text. */
  readonly writes: Array<string> = []
  private readonly receipts: Array<() => void> = []

  write(bytes: Uint8Array, written?: () => void): boolean {
    this.writes.push(Buffer.from(bytes).toString())
    if (written !== undefined) this.receipts.push(written)
    return this.room
  }

  /** The kernel has everything. */
  confirm(): void {
    for (const receipt of this.receipts.splice(0)) receipt()
  }

  end(): void {
    this.ended = true
  }

  attach(): void {}
  pause(): void {}
  resume(): void {}
  reset(): void {}
  destroy(): void {}
}
