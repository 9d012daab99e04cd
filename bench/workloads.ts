/** What is asked of which servers. A new one is a line here, or a file in `loads` for another kind of load. */
import type { LoadOptions } from "./lib/loadOptions.ts"

export interface Workload {
  readonly name: string
  readonly load: LoadOptions["load"]
  readonly connections: number
  readonly window: number
  readonly payload: number
  readonly perSecond?: number
  /** Workloads of the same group share their rounds: they are compared with each other. */
  readonly group?: string
  /** The variants that take part unless `--only` names others. */
  readonly variants: ReadonlyArray<string>
  /** With `--quick`: the variants that take part, none if left out, and how many connections. */
  readonly quick?: ReadonlyArray<string>
  readonly quickConnections?: number
}

const bytes = ["net", "effectSocket", "stream", "map"]
const styles = ["each", "sync", "gen"]
const liveness = ["deadlines", "heartbeat"]
const typed = [
  "netRoute",
  "route",
  "netJson",
  "json",
  "jsonCompiled",
  "netBinary",
  "binary",
  "binaryCompiled"
]
const instead = ["effectRpc", "ws", "socketIo", "grpc", "nest"]

const several = ["workAlone", "work1", "work2", "netCluster2"]

const echo = { load: "echo", payload: 64 } as const
const paced = {
  group: "paced",
  load: "paced",
  window: 1,
  payload: 64,
  perSecond: 10_000,
  variants: ["net", "stream"]
} as const

export const workloads: ReadonlyArray<Workload> = [
  {
    name: "pipelined-16x64",
    ...echo,
    connections: 16,
    window: 64,
    variants: [...bytes, ...styles, ...liveness, "workers", ...typed, ...instead],
    quick: [...bytes, "sync", "gen", "netRoute", "route", "netJson", "json", "jsonCompiled", ...instead]
  },
  { name: "pipelined-1x64", ...echo, connections: 1, window: 64, variants: bytes },
  {
    name: "pipelined-128x64",
    ...echo,
    connections: 128,
    window: 64,
    variants: bytes,
    quick: ["net", "stream"]
  },
  {
    name: "pipelined-16x64-16k",
    load: "echo",
    connections: 16,
    window: 64,
    payload: 16_384,
    variants: [...bytes, "ws", "grpc"]
  },
  { name: "pingpong-1", ...echo, connections: 1, window: 1, variants: [...bytes, ...instead] },
  {
    name: "pingpong-64",
    ...echo,
    connections: 64,
    window: 1,
    variants: [...bytes, ...styles, ...liveness, "workers", ...instead],
    quick: ["net", "effectSocket", "stream"]
  },
  { name: "pingpong-512", ...echo, connections: 512, window: 1, variants: bytes },
  {
    name: "connect",
    load: "connect",
    connections: 32,
    window: 1,
    payload: 64,
    variants: [...bytes, ...liveness, ...instead],
    quick: ["net", "effectSocket", "stream"]
  },
  { name: "work-64x4", ...echo, connections: 64, window: 4, variants: several },
  { name: "work-connect", load: "connect", connections: 32, window: 1, payload: 64, variants: several },
  {
    name: "broadcast-1000",
    load: "broadcast",
    connections: 1000,
    window: 4,
    payload: 64,
    variants: ["netBroadcast", "broadcast"],
    quick: ["netBroadcast", "broadcast"]
  },
  {
    name: "idle",
    load: "idle",
    connections: 10_000,
    quickConnections: 2_000,
    window: 1,
    payload: 64,
    variants: ["net", "effectSocket", "stream", ...liveness, "effectRpc", "ws", "socketIo", "nest"],
    quick: ["net", "deadlines", "heartbeat"]
  },
  // The same messages a second in all, over few connections and over many that send once a second each.
  { name: "paced-128", ...paced, connections: 128, quick: ["stream"] },
  { name: "paced-10000", ...paced, connections: 10_000, quick: ["stream"] }
]
