/** Runs a command to its end. */
import { spawn } from "node:child_process"

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly log: string
}

export interface RunOptions {
  readonly input?: string | undefined
  /** Leaves the input open until the output holds this. */
  readonly until?: string | undefined
  /** What is typed once the output holds its key. */
  readonly replies?: ReadonlyArray<readonly [seen: string, typed: string]> | undefined
}

/** Its output, what it says beside it, and its code; `null` where it was still running after 30 seconds. */
export const run = (
  command: string,
  args: ReadonlyArray<string>,
  { input = "", replies = [], until }: RunOptions = {}
): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "pipe" })
    const kill = setTimeout(() => child.kill("SIGKILL"), 30_000)
    let out = ""
    let log = ""
    let open = true
    const waiting = [...replies]
    const look = () => {
      const said = out + log
      while (waiting[0] !== undefined && said.includes(waiting[0][0])) child.stdin.write(waiting.shift()![1])
      if (open && waiting.length === 0 && (until === undefined || said.includes(until))) {
        open = false
        child.stdin.end()
      }
    }
    child.stdin.on("error", () => {})
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString("latin1")
      look()
    })
    child.stderr.on("data", (chunk: Buffer) => {
      log += chunk.toString("latin1")
      look()
    })
    child.on("error", reject)
    child.on("close", (code) => {
      clearTimeout(kill)
      resolve({ code, out, log })
    })
    child.stdin.write(input)
    look()
  })
