/** Compares servers: `npx tsx bench/run.ts [--quick] [--only names] [--json file]`. More options in README.md. */
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { parseArgs } from "node:util"
import { buildAll } from "./lib/build.ts"
import { awaitQuiet } from "./lib/cpu.ts"
import { pinned } from "./lib/processes.ts"
import { type Rounds, type Summary, summarize, table } from "./lib/report.ts"
import { runTrial, type Trial, type TrialOptions } from "./lib/trial.ts"
import { againstVariants, type Variant, variants } from "./variants.ts"
import { type Workload, workloads } from "./workloads.ts"

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    rounds: { type: "string" },
    patience: { type: "string" },
    json: { type: "string" },
    source: { type: "string" },
    against: { type: "string" },
    node: { type: "string", default: process.execPath }
  }
})

/** A trial in which others took more of the machine than this, in cores, is run again, a few times at most. */
const tolerated = 0.15
const attempts = 4

const only = flags.only.split(",").filter((name) => name !== "")
const known = [...workloads, ...variants].map(({ name }) => name)
for (const name of only) {
  if (!known.includes(name)) throw new Error(`no ${name}; there are ${known.join(", ")}`)
}

const chosenWorkloads = workloads.some(({ name }) => only.includes(name))
  ? workloads.filter(({ name }) => only.includes(name))
  : workloads

const namesVariants = variants.some(({ name }) => only.includes(name))
const named = variants.filter(({ extra, name }) => (namesVariants ? only.includes(name) : extra !== true))
const withBaselines = variants.filter((variant) =>
  named.some((one) => one === variant || one.baseline === variant.name)
)
const chosenVariants = flags.against === undefined ? withBaselines : againstVariants(withBaselines)

const options: TrialOptions = {
  directory: await buildAll({
    servers: new Set(chosenVariants.map(({ server }) => server)),
    source: flags.source,
    against: flags.against
  }),
  node: flags.node,
  quick: flags.quick,
  warmupSeconds: flags.quick ? 0.7 : 2,
  seconds: flags.quick ? 1.5 : 5
}
/** How many seconds to wait for a quiet machine before each trial. */
const patience = Number(flags.patience ?? (flags.quick ? 5 : 20))
const rounds = Number(flags.rounds ?? (flags.quick ? 3 : 5))

/** A trial in as much quiet as there is. A server that fails is a result, and not one of noise. */
const quietTrial = async (variant: Variant, workload: Workload): Promise<Trial | string> => {
  let best: Trial | undefined
  for (let attempt = 0; attempt < attempts; attempt++) {
    await awaitQuiet(tolerated, patience)
    try {
      const trial = await runTrial(variant, workload, options)
      if (best === undefined || (trial.otherBusy ?? 0) < (best.otherBusy ?? 0)) best = trial
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
    if ((best.otherBusy ?? 0) <= tolerated) break
  }
  return best ?? "no trial"
}

const progress = (text: string) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

const runWorkload = async (workload: Workload): Promise<ReadonlyArray<Summary>> => {
  const all: ReadonlyArray<Rounds & { readonly trials: Array<Trial | string> }> = chosenVariants.map(
    (variant) => ({
      variant,
      trials: []
    })
  )
  for (let round = 0; round < rounds; round++) {
    for (const { trials, variant } of all) {
      progress(`${workload.name}, round ${round + 1} of ${rounds}: ${variant.name}`)
      trials.push(await quietTrial(variant, workload))
    }
  }
  progress("")
  return summarize(workload, all)
}

const nodeVersion = execFileSync(flags.node, ["--version"], { encoding: "utf8" }).trim()
const machine = `Node ${nodeVersion}, ${cpus()[0]?.model ?? "unknown CPU"}, ${pinned ? "pinned" : "not pinned"}`
console.log(`${machine}, ${rounds} rounds of ${options.seconds} s after ${options.warmupSeconds} s\n`)

const results: Array<Summary> = []
for (const workload of chosenWorkloads) {
  const summaries = await runWorkload(workload)
  results.push(...summaries)
  console.log(`${table(workload, summaries)}\n`)
}
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ machine, results }, null, 2)}\n`)
if (results.some(({ trials }) => trials.some((trial) => typeof trial === "string"))) process.exitCode = 1
