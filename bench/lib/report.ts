/** Medians over rounds, ratios within rounds, and a table of both. */
import { isRate, type Judgement } from "../targets.ts"
import type { Variant } from "../variants.ts"
import type { Workload } from "../workloads.ts"
import type { Outcome } from "./session.ts"
import type { Trial } from "./trial.ts"

/** The rounds of one variant under one workload. */
export interface Rounds {
  readonly variant: Variant
  readonly trials: ReadonlyArray<Outcome>
  /** Why there are none. */
  readonly skipped?: string
}

export const median = (values: ReadonlyArray<number>): number | undefined => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return undefined
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const present = (values: ReadonlyArray<number | undefined>): Array<number> =>
  values.filter((value): value is number => value !== undefined)

const field = (trial: Outcome, key: keyof Trial): number | undefined =>
  typeof trial === "object" ? trial[key] : undefined

const medianOf = ({ trials }: Rounds, key: keyof Trial) =>
  median(present(trials.map((trial) => field(trial, key))))

/** The median of the ratios to the baseline, each within its round. */
const ratioOf = ({ trials }: Rounds, baseline: Rounds | undefined, key: keyof Trial) =>
  median(
    present(
      trials.map((trial, round) => {
        const ours = field(trial, key)
        const theirs = field(baseline?.trials[round], key)
        return ours === undefined || theirs === undefined || theirs === 0 ? undefined : ours / theirs
      })
    )
  )

export interface Summary extends Trial {
  readonly workload: string
  readonly variant: string
  readonly baseline: string
  readonly rateRatio?: number
  readonly cpuRatio?: number
  readonly rssRatio?: number
  readonly heapRatio?: number
  /** How many rounds counted. */
  readonly rounds: number
  /** Why it was not measured. */
  readonly skipped?: string
  readonly trials: ReadonlyArray<Outcome>
}

export const summarize = (workload: Workload, all: ReadonlyArray<Rounds>): ReadonlyArray<Summary> =>
  all.map((rounds) => {
    const { skipped, trials, variant } = rounds
    const baseline = all.find((other) => other.variant.name === variant.baseline)
    const numbers: Record<string, number> = {}
    for (const key of [
      "rate",
      "p50",
      "p99",
      "cpu",
      "serverBusy",
      "loadBusy",
      "otherBusy",
      "rss",
      "heap"
    ] as const) {
      const value = medianOf(rounds, key)
      if (value !== undefined) numbers[key] = value
    }
    for (const key of ["rate", "cpu", "rss", "heap"] as const) {
      const value = ratioOf(rounds, baseline, key)
      if (value !== undefined) numbers[`${key}Ratio`] = value
    }
    return {
      workload: workload.name,
      variant: variant.name,
      baseline: variant.baseline,
      ...numbers,
      rounds: trials.filter((trial) => typeof trial === "object").length,
      ...(skipped === undefined ? {} : { skipped }),
      trials
    }
  })

type Column = readonly [title: string, cell: (summary: Summary) => string]

const number = (value: number | undefined, digits: number): string =>
  value === undefined
    ? "-"
    : value.toLocaleString("en-US", { maximumFractionDigits: digits, minimumFractionDigits: digits })

const percent = (value: number | undefined): string =>
  value === undefined ? "-" : `${Math.round(value * 100)} %`

const speedColumns: ReadonlyArray<Column> = [
  ["ops/s", (row) => (row.skipped === undefined ? number(row.rate, 0) : "skipped")],
  ["ratio", (row) => number(row.rateRatio, 2)],
  ["p50 µs", (row) => number(row.p50, 0)],
  ["p99 µs", (row) => number(row.p99, 0)],
  ["CPU s/M", (row) => number(row.cpu, 3)],
  ["CPU ratio", (row) => number(row.cpuRatio, 2)],
  ["server", (row) => percent(row.serverBusy)],
  ["load", (row) => percent(row.loadBusy)],
  ["others", (row) => percent(row.otherBusy)],
  ["rounds", (row) => number(row.rounds, 0)]
]

const memoryColumns: ReadonlyArray<Column> = [
  ["RSS B/conn", (row) => (row.skipped === undefined ? number(row.rss, 0) : "skipped")],
  ["ratio", (row) => number(row.rssRatio, 2)],
  ["heap B/conn", (row) => number(row.heap, 0)],
  ["heap ratio", (row) => number(row.heapRatio, 2)],
  ["rounds", (row) => number(row.rounds, 0)]
]

/** A table in Markdown, aligned for the terminal. The first column is text, and the last if it is said to be. */
export const aligned = (rows: ReadonlyArray<ReadonlyArray<string>>, lastIsText = false): string => {
  const [head = [], ...body] = rows
  const widths = head.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  const isText = (i: number) => i === 0 || (lastIsText && i === head.length - 1)
  const line = (row: ReadonlyArray<string>) =>
    `| ${row.map((cell, i) => (isText(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |`
  const rule = `|${widths.map((width, i) => (isText(i) ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`
  return [line(head), rule, ...body.map(line)].join("\n")
}

/** The table of one workload. */
export const table = (workload: Workload, summaries: ReadonlyArray<Summary>): string => {
  const columns: ReadonlyArray<Column> = [
    [workload.name, (row) => row.variant],
    ...(workload.load === "idle" ? memoryColumns : speedColumns)
  ]
  return aligned([
    columns.map(([title]) => title),
    ...summaries.map((row) => columns.map(([, cell]) => cell(row)))
  ])
}

/** What has to be said below a table: what was left out, and what failed. */
export const remarks = (summaries: ReadonlyArray<Summary>): ReadonlyArray<string> => {
  const reasons = new Set(summaries.flatMap(({ skipped }) => skipped ?? []))
  const names = (why: string) =>
    summaries.flatMap(({ skipped, variant }) => (skipped === why ? [variant] : [])).join(", ")
  return [...[...reasons].map((why) => `${names(why)}: skipped, ${why}`), ...failures(summaries)]
}

/** What was asked for, and whether it is so. */
export const targetTable = (judgements: ReadonlyArray<Judgement>): string =>
  aligned(
    [
      ["target", "ratio", "by CPU", "asked for", "result"],
      ...judgements.map(({ byCpu, failing, ratio, target, verdict }) => [
        target.what,
        number(ratio, 2),
        number(byCpu, 2),
        `${isRate(target) ? "≥" : "≤"} ${number(target.ratio, 2)}`,
        failing ? `${verdict}, by far` : verdict
      ])
    ],
    true
  )

const failures = (summaries: ReadonlyArray<Summary>): ReadonlyArray<string> =>
  summaries.flatMap(({ trials, variant }) =>
    trials.flatMap((trial, round) =>
      typeof trial === "string" ? [`${variant}, round ${round + 1}: ${trial}`] : []
    )
  )
