/** The commands between `MULTI` and `EXEC`. */
import { Resp } from "effect-sluice"
import type { Named } from "./table.ts"

interface Queued {
  readonly row: Named
  readonly command: Resp.Command
}

/** So many bytes of them wait, at most. */
const maxBytes = 16 * 1024 * 1024
/** What a word costs besides its bytes, or about that. */
const wordBytes = 64

export class Transaction {
  readonly commands: Array<Queued> = []
  /** One of them was none, and so none of them is carried out. */
  aborted = false
  private bytes = 0

  /** Says whether there was room. */
  add(row: Named, command: Resp.Command): boolean {
    // It waits for long, and must not keep alive the chunk that it came in.
    const [, ...args] = command.args.map((arg) => Uint8Array.from(arg))
    this.bytes += wordBytes
    for (const arg of args) this.bytes += arg.length + wordBytes
    if (this.bytes > maxBytes) return false
    this.commands.push({ row, command: Resp.command(command.latin1(0), ...args) })
    return true
  }
}
