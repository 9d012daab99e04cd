/** Where a server spends its time: `npx tsx bench/profile.ts [variant] [workload] [--seconds n] [--top n]`. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { buildAll, isInstalled } from "./lib/build.ts"
import { type CpuProfile, selfTimes } from "./lib/cpuProfile.ts"
import { runTrial } from "./lib/trial.ts"
import { variants } from "./variants.ts"
import { workloads } from "./workloads.ts"

const { positionals, values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "5" },
    top: { type: "string", default: "30" },
    source: { type: "string" },
    node: { type: "string", default: process.execPath }
  }
})
const [variantName = "stream", workloadName = "pipelined-16x64"] = positionals
const variant = variants.find(({ name }) => name === variantName)
const workload = workloads.find(({ name }) => name === workloadName)
if (variant === undefined || !isInstalled(variant) || workload === undefined || workload.load === "idle") {
  throw new Error(`no profile of ${variantName} under ${workloadName}`)
}

const seconds = Number(flags.seconds)
const profiles = mkdtempSync(join(tmpdir(), "effect-sluice-profile-"))
process.on("exit", () => rmSync(profiles, { recursive: true, force: true }))
const built = await buildAll({ variants: [variant], source: flags.source })
const trial = await runTrial(variant, workload, {
  built,
  node: flags.node,
  connections: workload.connections,
  warmupSeconds: 1,
  seconds,
  nodeArguments: ["--cpu-prof", `--cpu-prof-dir=${profiles}`, "--cpu-prof-interval=250"]
})
const [file] = readdirSync(profiles)
if (file === undefined) throw new Error("the server left no profile")
const profile: CpuProfile = JSON.parse(readFileSync(join(profiles, file), "utf8"))

console.log(
  `${variant.name}, ${workload.name}, ${Math.round(trial.rate ?? 0)} a second while profiled; self time:\n`
)
for (const { name, place, share } of selfTimes(profile, seconds).slice(0, Number(flags.top))) {
  console.log(`${(share * 100).toFixed(1).padStart(5)} %  ${name.padEnd(32)} ${place}`)
}
