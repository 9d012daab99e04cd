/** Compares servers: `npm run bench -- [--quick] [--only names] [--json file] [--check]`. More options in README.md. */
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { buildAll } from "./lib/build.ts"
import { type Planned, plan } from "./lib/plan.ts"
import { median, remarks, type Summary, summarize, table, targetTable } from "./lib/report.ts"
import { circumstances, inWords, type Results } from "./lib/results.ts"
import { Session, type SessionOptions } from "./lib/session.ts"
import { type Cell, type Judgement, judge, slack } from "./targets.ts"
import { variants } from "./variants.ts"

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    warmup: { type: "string" },
    patience: { type: "string" },
    json: { type: "string" },
    source: { type: "string" },
    against: { type: "string" },
    node: { type: "string", default: process.execPath }
  }
})

const only = flags.only.split(",").filter((name) => name !== "")
const planned = plan({ only, quick: flags.quick, against: flags.against !== undefined })

const run = {
  quick: flags.quick,
  rounds: Number(flags.rounds ?? (flags.quick ? 2 : 5)),
  warmupSeconds: Number(flags.warmup ?? (flags.quick ? 1 : 2)),
  seconds: Number(flags.seconds ?? (flags.quick ? 0.8 : 5))
}

/** Without patience the machine is taken as it is. */
const patience = Number(flags.patience ?? (flags.quick ? 0 : 20))

const progress = (text: string) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

const options: SessionOptions = {
  trial: {
    built: await buildAll({
      variants: planned.flatMap(({ variants }) => variants),
      source: flags.source,
      against: flags.against
    }),
    node: flags.node,
    warmupSeconds: run.warmupSeconds,
    seconds: run.seconds
  },
  rounds: run.rounds,
  patience,
  attempts: patience > 0 ? 4 : 1,
  // The last trial and the start take their time too: under two minutes in all.
  budgetSeconds: flags.quick && flags.rounds === undefined && only.length === 0 ? 100 : undefined,
  progress
}

const where = circumstances(flags.node, run)
console.log(`${inWords(where)}\n`)

const session = new Session(options)
const results: Array<Summary> = []

const summariesOf = ({ skipped, variants, workload }: Planned): ReadonlyArray<Summary> =>
  summarize(workload, [
    ...variants.map((variant) => ({
      variant,
      trials: session.outcomesOf({ workload: workload.name, variant: variant.name })
    })),
    ...skipped.map(([variant, why]) => ({ variant, trials: [], skipped: why }))
  ])

const show = (one: Planned) => {
  const summaries = summariesOf(one)
  results.push(...summaries)
  progress("")
  console.log([table(one.workload, summaries), ...remarks(summaries), ""].join("\n"))
}

/** What is missed by far, once more, with more patience and longer trials; what comes out then is what counts. */
const again = async (judgements: ReadonlyArray<Judgement>): Promise<ReadonlyArray<Judgement>> => {
  const failing = judgements.filter((judgement) => judgement.failing)
  if (failing.length === 0) return judgements
  console.log(`${failing.length} missed by far, once more:\n`)
  const asked = failing.flatMap(({ target }) => [target.of, target.to])
  const isAsked = (cell: Cell) =>
    asked.some(({ variant, workload }) => variant === cell.variant && workload === cell.workload)
  const second = new Session({
    ...options,
    trial: {
      ...options.trial,
      warmupSeconds: Math.max(2, run.warmupSeconds),
      seconds: Math.max(2, run.seconds)
    },
    patience: patience + 10,
    attempts: 2,
    budgetSeconds: options.budgetSeconds
  })
  await second.run(
    planned.map((one) => ({
      ...one,
      variants: one.variants.filter(({ name }) => isAsked({ workload: one.workload.name, variant: name }))
    })),
    () => {}
  )
  progress("")
  const anew = judge((cell) => second.outcomesOf(cell), median)
  return judgements.map((judgement, i) => {
    const next = anew[i]
    // What there was no time for stays as it is.
    return !judgement.failing || next?.ratio === undefined ? judgement : next
  })
}

await session.run(planned, show)

const first = judge((cell) => session.outcomesOf(cell), median)
const judgements = flags.check ? await again(first) : first
const measured = judgements.filter(({ verdict }) => verdict !== "not measured")
if (measured.length > 0) console.log(`${targetTable(measured)}\n`)

const took = variants.filter(
  ({ name, note }) => note !== undefined && results.some((r) => r.variant === name)
)
console.log(took.map(({ name, note }) => `${name}: ${note}`).join("\n"))

if (flags.json !== undefined) {
  const written: Results = { circumstances: where, results, targets: judgements }
  writeFileSync(flags.json, `${JSON.stringify(written, null, 2)}\n`)
}

if (flags.check) {
  const failing = judgements.filter((judgement) => judgement.failing)
  for (const { ratio = 0, target } of failing) {
    console.log(
      `\nfailed: ${target.what}: ${ratio.toFixed(2)}, ${target.held ?? target.ratio} is held (slack ${slack})`
    )
  }
  if (failing.length > 0) process.exitCode = 1
} else if (results.some(({ trials }) => trials.some((trial) => typeof trial === "string"))) {
  process.exitCode = 1
}
