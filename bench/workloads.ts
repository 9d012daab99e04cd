/** What is asked of the servers. A new one is a line here, or a file in `loads` for another kind of load. */
import type { LoadOptions } from "./lib/loadOptions.ts"

export interface Workload {
  readonly name: string
  readonly load: LoadOptions["load"]
  readonly connections: number
  readonly window: number
  readonly payload: number
  /** Instead of `connections`, with `--quick`. */
  readonly quickConnections?: number
}

export const workloads: ReadonlyArray<Workload> = [
  { name: "pipelined-16x64", load: "echo", connections: 16, window: 64, payload: 64 },
  { name: "pipelined-128x64", load: "echo", connections: 128, window: 64, payload: 64 },
  { name: "pipelined-16x64-16k", load: "echo", connections: 16, window: 64, payload: 16_384 },
  { name: "pingpong-64", load: "echo", connections: 64, window: 1, payload: 64 },
  { name: "pingpong-512", load: "echo", connections: 512, window: 1, payload: 64 },
  { name: "connect", load: "connect", connections: 32, window: 1, payload: 64 },
  { name: "idle", load: "idle", connections: 10_000, quickConnections: 2_000, window: 1, payload: 64 }
]
