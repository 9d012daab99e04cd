/** What `--json` writes, and the charts are drawn from. */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { availableParallelism, cpus, release, type as systemType } from "node:os"
import { fileURLToPath } from "node:url"
import type { Judgement } from "../targets.ts"
import { pinned } from "./processes.ts"
import type { Summary } from "./report.ts"

/** Where and how it was measured; without that no number says anything. */
export interface Circumstances {
  readonly date: string
  readonly cpu: string
  readonly cores: number
  readonly system: string
  readonly node: string
  /** Of the library. */
  readonly version: string
  readonly effect: string
  readonly commit: string
  readonly pinned: boolean
  readonly quick: boolean
  readonly rounds: number
  readonly warmupSeconds: number
  readonly seconds: number
}

export interface Results {
  readonly circumstances: Circumstances
  readonly results: ReadonlyArray<Summary>
  readonly targets: ReadonlyArray<Judgement>
}

const root = fileURLToPath(new URL("../../", import.meta.url))

const output = (file: string, ...args: ReadonlyArray<string>): string => {
  try {
    return execFileSync(file, args, {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"]
    }).trim()
  } catch {
    return "unknown"
  }
}

const versionIn = (file: string): string => {
  const { version }: { readonly version: string } = JSON.parse(readFileSync(`${root}${file}`, "utf8"))
  return version
}

const commit = (): string => {
  const changed = output("git", "status", "--porcelain", "--untracked-files=no", "--", "src", "bench")
  return output("git", "rev-parse", "--short", "HEAD") + (changed === "" ? "" : " with changes")
}

export const circumstances = (
  node: string,
  run: Pick<Circumstances, "quick" | "rounds" | "warmupSeconds" | "seconds">
): Circumstances => ({
  date: new Date().toISOString().slice(0, 16).replace("T", " "),
  cpu: cpus()[0]?.model ?? "unknown CPU",
  cores: availableParallelism(),
  system: `${systemType()} ${release()}`,
  node: output(node, "--version"),
  version: versionIn("package.json"),
  effect: versionIn("node_modules/effect/package.json"),
  commit: commit(),
  pinned,
  ...run
})

/** One line for above a table. */
export const inWords = (all: Circumstances): string =>
  [
    `effect-sluice ${all.version} (${all.commit})`,
    `Effect ${all.effect}`,
    `Node ${all.node}`,
    `${all.cpu}, ${all.cores} cores${all.pinned ? ", server and load client on one each" : ", not pinned"}`,
    all.system,
    `${all.date} UTC`,
    `${all.rounds} rounds of ${all.seconds} s after ${all.warmupSeconds} s${all.quick ? " (quick)" : ""}`
  ].join("; ")
