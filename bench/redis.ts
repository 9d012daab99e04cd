/**
 * `examples/redis` against the real one: pipelined `GET` and `SET`, as `redis-benchmark -P 16` sends them, by turns. The
 * servers have one core, the client another.
 *
 * `npx tsx bench/redis.ts [--rounds 5] [--requests 1000000] [--node path] [--check]`; with `--check` the exit code is 1
 * where ours has less than half the rate. Needs `redis-server` and `redis-benchmark`
 * (Debian packages `redis-server`, `redis-tools`). A round takes about ten seconds.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { build } from "esbuild"
import { processCpu } from "./lib/cpu.ts"
import { pinned, type Running, start } from "./lib/processes.ts"
import { median } from "./lib/report.ts"

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    requests: { type: "string", default: "1000000" },
    clients: { type: "string", default: "50" },
    pipeline: { type: "string", default: "16" },
    node: { type: "string", default: process.execPath },
    check: { type: "boolean", default: false }
  }
})
const patience = 600
const tests = ["SET", "GET"] as const

interface Subject {
  readonly name: string
  readonly port: number
  readonly process: Running
}

interface Trial {
  /** Requests a second. */
  readonly rate: number
  /** The server's CPU time for a million requests, in seconds. */
  readonly cpu: number
}

for (const command of ["redis-server", "redis-benchmark"]) {
  if (spawnSync("sh", ["-c", `command -v ${command}`]).status !== 0) throw new Error(`${command} is missing`)
}

const root = fileURLToPath(new URL("../", import.meta.url))

/** The example as plain JavaScript, where packages resolve as they do for a user. */
const bundled = async (): Promise<string> => {
  const outdir = `${root}node_modules/.cache/effect-sluice-bench-redis-${process.pid}`
  mkdirSync(outdir, { recursive: true })
  process.on("exit", () => rmSync(outdir, { recursive: true, force: true }))
  await build({
    entryPoints: [`${root}examples/redis/server.ts`],
    outfile: `${outdir}/server.mjs`,
    ...{ bundle: true, format: "esm", platform: "node", target: "node20", logLevel: "error" },
    alias: { "effect-sluice": `${root}src/index.ts` },
    packages: "external"
  })
  return `${outdir}/server.mjs`
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = Net.createServer()
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = Net.connect(port, "127.0.0.1", () => socket.write("PING\r\n"))
    socket.once("data", () => {
      resolve(true)
      socket.destroy()
    })
    socket.once("error", () => resolve(false))
  })

const ready = async (subject: Subject): Promise<Subject> => {
  for (let tries = 0; tries < 200; tries++) {
    if (await answers(subject.port)) return subject
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${subject.name} does not answer`)
}

const startSluice = async (): Promise<Subject> => {
  const port = await freePort()
  const command = ["env", `PORT=${port}`, flags.node, await bundled()]
  return ready({ name: "examples/redis", port, process: start("server", command, patience) })
}

const startRedis = async (): Promise<Subject> => {
  const port = await freePort()
  const command = [
    "redis-server",
    "--port",
    `${port}`,
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--appendonly",
    "no"
  ]
  return ready({ name: "redis-server", port, process: start("server", command, patience) })
}

/** One run of the client against one server. */
const trial = async ({ port, process: server }: Subject, test: string, requests: number): Promise<Trial> => {
  const before = processCpu(server.pid)
  const client = `redis-benchmark -p ${port} -t ${test} -n ${requests} -c ${flags.clients} -P ${flags.pipeline} --csv`
  // One line for each test: its name in quotes, then the rate.
  const load = start("load", ["sh", "-c", `${client} 2>&1 | tr -d '"' | sed 's/,/ /g'`], 120)
  const [rate] = (await load.line(test)).split(" ")
  await load.stop()
  return { rate: Number(rate), cpu: ((processCpu(server.pid) - before) / requests) * 1e6 }
}

const subjects = [await startSluice(), await startRedis()]
console.log(
  `${flags.rounds} rounds of ${flags.requests} requests, ${flags.clients} clients, -P ${flags.pipeline}, ` +
    `Node ${spawnSync(flags.node, ["--version"]).stdout.toString().trim()}, ${pinned ? "a core each" : "not pinned"}`
)
// What has hardly run is hardly compiled.
for (const subject of subjects) for (const test of tests) await trial(subject, test, 200_000)

const requests = Number(flags.requests)
for (const test of tests) {
  const rounds: Array<ReadonlyArray<Trial>> = []
  for (let round = 0; round < Number(flags.rounds); round++) {
    const trials: Array<Trial> = []
    for (const subject of subjects) trials.push(await trial(subject, test, requests))
    rounds.push(trials)
  }
  const of = (field: keyof Trial, index: number) =>
    rounds.map((trials) => trials[index]?.[field] ?? Number.NaN)
  const ratio = (field: keyof Trial) =>
    median(of(field, 0).map((ours, i) => ours / (of(field, 1)[i] ?? Number.NaN)))
  console.log()
  subjects.forEach(({ name }, index) => {
    const rate = Math.round(median(of("rate", index)) ?? 0).toLocaleString("en-US")
    const cpu = median(of("cpu", index))?.toFixed(2)
    console.log(`${test}  ${name.padEnd(16)} ${rate.padStart(10)} a second   ${cpu} CPU s for a million`)
  })
  if (flags.check && (ratio("rate") ?? 0) < 0.5) process.exitCode = 1
  console.log(`${test}  ratio ${ratio("rate")?.toFixed(2)}, CPU ratio ${ratio("cpu")?.toFixed(2)}`)
}
for (const subject of subjects) await subject.process.stop()
