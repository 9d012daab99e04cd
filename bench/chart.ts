/** Draws what `--json` wrote: `npx tsx bench/chart.ts results.json [name]`, into `bench/results/name.svg` and `.md`. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { remarks, type Summary, table, targetTable } from "./lib/report.ts"
import { inWords, type Results } from "./lib/results.ts"
import { type Bar, barChart, type Panel, type Role } from "./lib/svg.ts"
import { variants } from "./variants.ts"
import { type Workload, workloads } from "./workloads.ts"

const [file, name = "latest"] = process.argv.slice(2)
if (file === undefined) throw new Error("which file? npx tsx bench/chart.ts results.json [name]")
const { circumstances, results, targets }: Results = JSON.parse(readFileSync(file, "utf8"))

/** What the bars of a workload show: what is left free there, not what the load client sets. */
const measures = {
  idle: { key: "rss", ratio: "rssRatio", unit: "bytes of RSS a connection, less is better" },
  paced: { key: "cpu", ratio: "cpuRatio", unit: "seconds of CPU for a million messages, less is better" },
  connect: { key: "rate", ratio: "rateRatio", unit: "connections a second" },
  broadcast: { key: "rate", ratio: "rateRatio", unit: "deliveries a second" },
  echo: { key: "rate", ratio: "rateRatio", unit: "messages a second" }
} as const

const roleOf = ({ baseline, variant }: Summary): Role => {
  if (variant === baseline) return "limit"
  const known = variants.find(({ name }) => name === variant.replace(/@against$/, ""))
  return known?.server.startsWith("sluice") === true ? "ours" : "other"
}

const shown = (value: number): string =>
  value.toLocaleString("en-US", { maximumSignificantDigits: 3, maximumFractionDigits: 2 })

const panelOf = (workload: Workload, rows: ReadonlyArray<Summary>): Panel => {
  const { key, ratio, unit } = measures[workload.load]
  return {
    title: `${workload.name}: ${unit}`,
    bars: rows.flatMap((row): ReadonlyArray<Bar> => {
      const value = row[key]
      if (value === undefined) return []
      const compared = row[ratio] === undefined ? "" : ` · ${row[ratio].toFixed(2)} of ${row.baseline}`
      const latency = key !== "rate" || row.p99 === undefined ? "" : ` · p99 ${shown(row.p99 / 1000)} ms`
      const text = `${shown(value)}${row.variant === row.baseline ? "" : compared}${latency}`
      return [{ label: row.variant, text, value, role: roleOf(row) }]
    })
  }
}

const measured = workloads.flatMap((workload) => {
  const rows = results.filter((row) => row.workload === workload.name)
  return rows.length === 0 ? [] : [{ workload, rows }]
})

const where = inWords(circumstances)
const parts = where.split("; ")
const svg = barChart(
  "effect-sluice beside node:net by hand and others",
  [parts.slice(0, 3).join("; "), parts.slice(3, 5).join("; "), parts.slice(5).join("; ")],
  measured.map(({ rows, workload }) => panelOf(workload, rows)).filter(({ bars }) => bars.length > 0)
)

const judged = targets.filter(({ verdict }) => verdict !== "not measured")
const notes = variants.filter(
  ({ name, note }) => note !== undefined && results.some((r) => r.variant === name)
)
const markdown = [
  `# Results: ${name}`,
  where,
  `![the same as bars](${name}.svg)`,
  ...measured.map(({ rows, workload }) =>
    [`## ${workload.name}`, table(workload, rows), ...remarks(rows)].join("\n\n")
  ),
  ...(judged.length === 0 ? [] : [`## Targets\n\n${targetTable(judged)}`]),
  `## Servers\n\n${notes.map(({ name, note }) => `- ${name}: ${note}`).join("\n")}`,
  ""
].join("\n\n")

const directory = fileURLToPath(new URL("results", import.meta.url))
mkdirSync(directory, { recursive: true })
writeFileSync(`${directory}/${name}.svg`, svg)
writeFileSync(`${directory}/${name}.md`, markdown)
console.log(`bench/results/${name}.svg and bench/results/${name}.md`)
