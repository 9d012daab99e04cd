/** Child processes that never outlive the benchmark, nor their time. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"

const running = new Set<ChildProcess>()

const killAll = () => {
  for (const child of running) child.kill("SIGKILL")
}

process.on("exit", killAll)
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129]
] as const) {
  process.on(signal, () => process.exit(code))
}

/** The cores that we may use. */
const cores = (): ReadonlyArray<number> => {
  try {
    const list = /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? ""
    return list.split(",").flatMap((part) => {
      const [from = 0, to = from] = part.split("-").map(Number)
      return Array.from({ length: to - from + 1 }, (_, i) => from + i)
    })
  } catch {
    return []
  }
}

const pinning = ((): { readonly server: string; readonly load: string } | undefined => {
  const [server, load] = cores()
  if (server === undefined || load === undefined) return undefined
  if (spawnSync("taskset", ["--version"]).status !== 0) return undefined
  return { server: String(server), load: String(load) }
})()

export const pinned = pinning !== undefined

/** A running process whose stdout is awaited line by line. */
export interface Running {
  readonly pid: number
  /** The rest of the next line that begins with `word`. */
  readonly line: (word: string) => Promise<string>
  readonly write: (text: string) => void
  readonly signal: (signal: NodeJS.Signals) => void
  /** Ends it: SIGTERM, then SIGKILL. */
  readonly stop: () => Promise<void>
}

/** Starts a command on the core of its role, or on all of them. It is killed after `seconds`. */
export const start = (
  role: "server" | "load",
  command: ReadonlyArray<string>,
  seconds: number,
  onAllCores = false
): Running => {
  const pinned = pinning !== undefined && !onAllCores
  const [file = "", ...args] = pinned ? ["taskset", "-c", pinning[role], ...command] : command
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"] })
  running.add(child)
  const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1000)
  let complaints = ""
  child.stderr.on("data", (data) => {
    complaints = (complaints + data).slice(-4000)
  })
  child.stdin.on("error", () => {})

  const lines: Array<string> = []
  let look = () => {}
  createInterface(child.stdout).on("line", (line) => {
    lines.push(line)
    look()
  })
  let ended: string | undefined
  const gone = new Promise<void>((resolve) => {
    const end = (why: string) => {
      clearTimeout(timer)
      running.delete(child)
      ended ??= why
      look()
      resolve()
    }
    child.on("error", (error) => end(error.message))
    child.on("close", (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`))
  })

  return {
    pid: child.pid ?? 0,
    line: (word) =>
      new Promise((resolve, reject) => {
        look = () => {
          const index = lines.findIndex((line) => line === word || line.startsWith(`${word} `))
          if (index >= 0) {
            const [found = ""] = lines.splice(index, 1)
            resolve(found.slice(word.length + 1))
          } else if (ended !== undefined) {
            reject(new Error(`${role} gave no "${word}": ${ended} ${lines.join("\n")}${complaints}`))
          }
        }
        look()
      }),
    write: (text) => child.stdin.write(text),
    signal: (signal) => child.kill(signal),
    stop: async () => {
      child.kill("SIGTERM")
      const patience = setTimeout(() => child.kill("SIGKILL"), 3000)
      await gone
      clearTimeout(patience)
    }
  }
}
