/** Which variants are measured under which workloads. */
import { readFileSync } from "node:fs"
import { againstVariants, type Variant, variants } from "../variants.ts"
import { type Workload, workloads } from "../workloads.ts"
import { isInstalled } from "./build.ts"

export interface PlanOptions {
  /** Names of workloads and of variants; empty for all. */
  readonly only: ReadonlyArray<string>
  readonly quick: boolean
  readonly against: boolean
}

/** What is measured side by side. */
export interface Planned {
  readonly workload: Workload
  readonly connections: number
  readonly variants: ReadonlyArray<Variant>
  /** Variants that would take part, and why they do not. */
  readonly skipped: ReadonlyArray<readonly [variant: Variant, why: string]>
}

export const installCommand = "npm ci --prefix bench"

export const plan = ({ against, only, quick }: PlanOptions): ReadonlyArray<Planned> => {
  const known = [...workloads, ...variants].map(({ name }) => name)
  for (const name of only) {
    if (!known.includes(name)) throw new Error(`no ${name}; there are ${known.join(", ")}`)
  }
  const namesWorkloads = workloads.some(({ name }) => only.includes(name))
  const namesVariants = variants.some(({ name }) => only.includes(name))
  return workloads.flatMap((workload) => {
    if (namesWorkloads && !only.includes(workload.name)) return []
    // Who asks for a workload or a variant by name gets more than what fits into two minutes.
    const usual = quick && !namesWorkloads && !namesVariants ? (workload.quick ?? []) : workload.variants
    const chosen = variants.filter(({ broadcasts = false, extra, name }) =>
      namesVariants
        ? only.includes(name) && broadcasts === (workload.load === "broadcast")
        : usual.includes(name) && extra !== true
    )
    if (chosen.length === 0) return []
    const all = variants.filter((variant) =>
      chosen.some((one) => one === variant || one.baseline === variant.name)
    )
    const withAgainst = against ? againstVariants(all) : all
    const connections = (quick ? workload.quickConnections : undefined) ?? workload.connections
    const why = (variant: Variant) =>
      connections + spareDescriptors > descriptorLimit
        ? `needs ${connections + spareDescriptors} open files, ${descriptorLimit} are allowed (ulimit -n)`
        : isInstalled(variant)
          ? undefined
          : `not installed; ${installCommand}`
    return [
      {
        workload,
        connections,
        variants: withAgainst.filter((variant) => why(variant) === undefined),
        skipped: withAgainst.flatMap((variant) => {
          const reason = why(variant)
          return reason === undefined ? [] : [[variant, reason] as const]
        })
      }
    ]
  })
}

/** What a process has open besides the connections that it is told to have. */
const spareDescriptors = 300

/** The limit that Node raises its own to when it starts. */
const descriptorLimit = ((): number => {
  try {
    const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1]
    return hard === undefined || hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard)
  } catch {
    return Number.POSITIVE_INFINITY
  }
})()
