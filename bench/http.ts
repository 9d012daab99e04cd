/**
 * `examples/http` against `node:http`, hello world for `wrk`: one request at a time on each connection, and 16 in a
 * pipeline; by turns, the servers on one core and the client on another. A server on `node:net` that parses nothing and
 * always says the same shows what is left to gain.
 *
 * `npx tsx bench/http.ts [--rounds 5] [--seconds 3] [--connections 64] [--node path] [--source ../other/src]`. Needs `wrk`
 * (Debian package `wrk`). A round takes about 20 seconds.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { build } from "esbuild"
import { processCpu } from "./lib/cpu.ts"
import { pinned, type Running, start } from "./lib/processes.ts"
import { median } from "./lib/report.ts"

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    connections: { type: "string", default: "64" },
    node: { type: "string", default: process.execPath },
    source: { type: "string" }
  }
})
const patience = 900

const root = fileURLToPath(new URL("../", import.meta.url))
const folder = `${root}node_modules/.cache/effect-sluice-bench-http-${process.pid}`

interface Subject {
  readonly name: string
  readonly url: string
  readonly process: Running
}

interface Trial {
  /** Requests a second. */
  readonly rate: number
  /** The server's CPU time for a million requests, in seconds. */
  readonly cpu: number
}

if (spawnSync("sh", ["-c", "command -v wrk"]).status !== 0) throw new Error("wrk is missing")

mkdirSync(folder, { recursive: true })
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))

// As plain JavaScript, so that no loader stands between Node and what is measured.
await build({
  entryPoints: ["httpExample", "httpNode", "httpNothing"].map((name) => `${root}bench/servers/${name}.ts`),
  outdir: folder,
  outExtension: { ".js": ".mjs" },
  ...{ bundle: true, format: "esm", platform: "node", target: "node20", logLevel: "error" },
  alias: { "effect-sluice": resolve(flags.source ?? `${root}src`, "index.ts") },
  packages: "external"
})

const script = `${folder}/pipeline.lua`
writeFileSync(
  script,
  "init = function() all = string.rep(wrk.format(), 16) end\nrequest = function() return all end\n"
)

const startServer = async (name: string, file: string): Promise<Subject> => {
  const server = start("server", [flags.node, `${folder}/${file}.mjs`], patience)
  return { name, url: `http://127.0.0.1:${await server.line("listening")}/`, process: server }
}

/** One run of wrk against one server. Any answer that is wrong, or that does not come, fails it. */
const trial = async ({ name, process: server, url }: Subject, pipelined: boolean): Promise<Trial> => {
  const before = processCpu(server.pid)
  const options = `-t 1 -c ${flags.connections} -d ${flags.seconds}s ${pipelined ? `-s ${script}` : ""}`
  const load = start("load", ["sh", "-c", `echo wrk $(wrk ${options} ${url} 2>&1)`], 120)
  const said = await load.line("wrk")
  await load.stop()
  const [, count, rate] = /(\d+) requests in .*Requests\/sec: ([\d.]+)/.exec(said) ?? []
  if (count === undefined || /Socket errors|Non-2xx/.test(said)) throw new Error(`${name}: ${said}`)
  return { rate: Number(rate), cpu: ((processCpu(server.pid) - before) / Number(count)) * 1e6 }
}

const subjects = [
  await startServer("examples/http", "httpExample"),
  await startServer("node:http", "httpNode"),
  await startServer("node:net, canned", "httpNothing")
]
const version = spawnSync(flags.node, ["--version"]).stdout.toString().trim()
console.log(
  `${flags.rounds} rounds of ${flags.seconds} s, ${flags.connections} connections, Node ${version}, ` +
    `${pinned ? "a core each" : "not pinned"}`
)

for (const [workload, pipelined] of [
  ["one at a time", false],
  ["16 in a pipeline", true]
] as const) {
  // What has hardly run is hardly compiled.
  for (const subject of subjects) await trial(subject, pipelined)
  const rounds: Array<ReadonlyArray<Trial>> = []
  for (let round = 0; round < Number(flags.rounds); round++) {
    const trials: Array<Trial> = []
    for (const subject of subjects) trials.push(await trial(subject, pipelined))
    rounds.push(trials)
  }
  const of = (field: keyof Trial, index: number) =>
    rounds.map((trials) => trials[index]?.[field] ?? Number.NaN)
  const ratio = (field: keyof Trial, index: number) =>
    median(of(field, index).map((value, round) => value / (of(field, 1)[round] ?? Number.NaN)))?.toFixed(2)
  console.log(`\n${workload}`)
  for (const [index, { name }] of subjects.entries()) {
    const rate = Math.round(median(of("rate", index)) ?? 0).toLocaleString("en-US")
    const cpu = median(of("cpu", index))?.toFixed(2)
    console.log(
      `${name.padEnd(18)} ${rate.padStart(10)} a second, ratio ${ratio("rate", index)}; ` +
        `${cpu} CPU s for a million, ratio ${ratio("cpu", index)}`
    )
  }
}
for (const { process: server } of subjects) await server.stop()
process.exit(0)
