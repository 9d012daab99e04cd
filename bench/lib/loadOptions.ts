/** What `run.ts` tells a load client, and what it hears from it. Both as one line of JSON. */
import type { Spent } from "./cpu.ts"
import type { Kind } from "./messages.ts"

export interface LoadOptions {
  readonly load: "echo" | "connect" | "idle"
  readonly port: number
  readonly serverPid: number
  readonly kind: Kind
  /** `echo`, `idle`: how many at once. `connect`: how many on their way at once. */
  readonly connections: number
  /** `echo`: messages on their way for each connection. */
  readonly window: number
  /** Bytes of a message. */
  readonly payload: number
  readonly warmupSeconds: number
  readonly seconds: number
}

export interface LoadResult {
  /** Messages, or connections for `connect`. */
  readonly operations: number
  readonly p50: number
  readonly p99: number
  readonly spent: Spent
}
