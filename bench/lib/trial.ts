/** One trial: a fresh server, one load. */
import type { Variant } from "../variants.ts"
import type { Workload } from "../workloads.ts"
import type { Built } from "./build.ts"
import type { Encoded } from "./forms.ts"
import type { LoadOptions, LoadResult } from "./loadOptions.ts"
import { type Running, start } from "./processes.ts"

export interface TrialOptions {
  readonly built: Built
  readonly connections: number
  readonly warmupSeconds: number
  readonly seconds: number
  /** The `node` to run servers and load client with. */
  readonly node: string
  /** More arguments for the server's. */
  readonly nodeArguments?: ReadonlyArray<string>
}

/** What a trial measured. What does not apply is absent. */
export interface Trial {
  /** Messages, connections or deliveries a second. */
  readonly rate?: number
  /** Microseconds. */
  readonly p50?: number
  readonly p99?: number
  /** Seconds of the server's CPU for a million of them. */
  readonly cpu?: number
  /** How busy server, load client and everybody else were, in cores. */
  readonly serverBusy?: number
  readonly loadBusy?: number
  readonly otherBusy?: number
  /** Bytes for each idle connection: of the process, and of its heap and what the heap holds outside. */
  readonly rss?: number
  readonly heap?: number
}

const startupSeconds = 30
const drainSeconds = 15

export const runTrial = async (
  variant: Variant,
  workload: Workload,
  options: TrialOptions
): Promise<Trial> => {
  const { built, connections, node, seconds, warmupSeconds } = options
  const idle = workload.load === "idle"
  const bound = startupSeconds + drainSeconds + (idle ? 60 : warmupSeconds + seconds)
  const nodeArguments = [...(options.nodeArguments ?? []), ...(idle ? ["--expose-gc"] : [])]
  const serverArguments = variant.argument === undefined ? [] : [variant.argument]
  const { onAllCores = false } = variant
  const command = [node, ...nodeArguments, built.server(variant), ...serverArguments]
  const server = start("server", command, bound, onAllCores)
  let load: Running | undefined
  try {
    const loadOptions: LoadOptions = {
      load: workload.load,
      port: Number(await server.line("listening")),
      serverPid: server.pid,
      kind: variant.kind,
      client: built.client(variant),
      encoded: variant.kind === "binary" ? await encoded(workload.payload) : undefined,
      connections,
      window: workload.window,
      payload: workload.payload,
      perSecond: workload.perSecond,
      warmupSeconds,
      seconds
    }
    load = start("load", [node, built.load, JSON.stringify(loadOptions)], bound, onAllCores)
    return idle ? await idleTrial(server, load, connections) : await loadTrial(load)
  } finally {
    await Promise.all([server.stop(), load?.stop()])
  }
}

// Loaded where it is needed: nothing else here knows Effect.
const encoded = async (size: number): Promise<Encoded> =>
  (await import("./encodedReading.ts")).encodedReading(size)

const loadTrial = async (load: Running): Promise<Trial> => {
  const { operations, p50, p99, spent }: LoadResult = JSON.parse(await load.line("result"))
  if (operations === 0) throw new Error("nothing came back in the measured span")
  return {
    rate: operations / spent.seconds,
    p50,
    p99,
    cpu: (spent.server / operations) * 1e6,
    serverBusy: spent.server / spent.seconds,
    loadBusy: spent.load / spent.seconds,
    otherBusy: spent.other / spent.seconds
  }
}

const idleTrial = async (server: Running, load: Running, connections: number): Promise<Trial> => {
  await load.line("warm")
  const before = await memory(server)
  load.write("measure\n")
  await load.line("open")
  const after = await memory(server)
  return {
    rss: (after.rss - before.rss) / connections,
    heap: (after.heap - before.heap) / connections
  }
}

const memory = async (server: Running): Promise<{ readonly rss: number; readonly heap: number }> => {
  server.signal("SIGUSR2")
  return JSON.parse(await server.line("memory"))
}
