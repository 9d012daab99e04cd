/** What `run.ts` tells a load client, and what it hears from it. Both as one line of JSON. */
import type { Spent } from "./cpu.ts"
import type { Encoded, Kind } from "./forms.ts"

export interface LoadOptions {
  readonly load: "echo" | "connect" | "idle" | "broadcast" | "paced"
  readonly port: number
  readonly serverPid: number
  readonly kind: Kind
  /** The file of a client that is not ours; see `lib/connect.ts`. */
  readonly client?: string | undefined
  readonly encoded?: Encoded | undefined
  /** `connect`: how many on their way at once. Otherwise how many connections there are. */
  readonly connections: number
  /** `echo`: messages on their way for each connection. `broadcast`: messages on their way to everybody. */
  readonly window: number
  /** Bytes of a message. */
  readonly payload: number
  /** `paced`: messages a second of all connections together. */
  readonly perSecond?: number | undefined
  readonly warmupSeconds: number
  readonly seconds: number
}

export interface LoadResult {
  /** Messages, connections for `connect`, deliveries for `broadcast`. */
  readonly operations: number
  readonly p50: number
  readonly p99: number
  readonly spent: Spent
}
