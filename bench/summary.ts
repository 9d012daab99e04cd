/** The targets over several runs: `npx tsx bench/summary.ts one.json two.json three.json`, as a table in Markdown. */
import { readFileSync } from "node:fs"
import { aligned, median } from "./lib/report.ts"
import type { Results } from "./lib/results.ts"
import { isRate } from "./targets.ts"
import { variants } from "./variants.ts"

const files = process.argv.slice(2)
if (files.length === 0) throw new Error("which files? npx tsx bench/summary.ts one.json two.json three.json")
const runs = files.map((file): Results => JSON.parse(readFileSync(file, "utf8")))

const shown = (ratio: number | undefined): string => ratio?.toFixed(2) ?? "-"
const defined = (ratios: ReadonlyArray<number | undefined>) => ratios.filter((ratio) => ratio !== undefined)

/** What was measured in the first run, with the numbers of all. */
const targets = (runs[0]?.targets ?? []).flatMap(({ target }, i) => {
  const ratios = runs.map(({ targets }) => targets[i]?.ratio)
  const middle = median(defined(ratios))
  if (middle === undefined) return []
  const met = isRate(target) ? middle >= target.ratio : middle <= target.ratio
  const asked = `${isRate(target) ? "≥" : "≤"} ${target.ratio.toFixed(2)}`
  return [
    [target.what, asked, `${met ? "" : "**"}${shown(middle)}${met ? "" : "**"}`, ratios.map(shown).join(", ")]
  ]
})

/** Everybody else, and this library's own way, by what they do in a second beside `net`. */
const instead = ["stream", "effectSocket", "effectRpc", "ws", "socketIo", "grpc", "nest"]
const places = ["pipelined-16x64", "pipelined-16x64-16k", "pingpong-1", "pingpong-64", "connect"]
const others = instead.map((variant) => [
  variant,
  ...places.map((workload) =>
    shown(
      median(
        defined(
          runs.map(
            ({ results }) =>
              results.find((row) => row.variant === variant && row.workload === workload)?.rateRatio
          )
        )
      )
    )
  ),
  variants.find(({ name }) => name === variant)?.note ?? ""
])

console.log(aligned([["target", "asked for", "median", "runs"], ...targets], true))
console.log()
console.log(aligned([["server", ...places, "what it is"], ...others], true))
