/** The examples as processes of their own, and people who talk to them with `nc` and `node:net`. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import * as Net from "node:net"
import { fileURLToPath } from "node:url"
import type { TestContext } from "vitest"
import { builtProgram } from "../support/built.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

export const host = "127.0.0.1"

/** Text that grows, and whoever waits for something in it. */
class Transcript {
  private readonly chunks: Array<Buffer> = []
  private readonly waiting = new Set<() => void>()
  private over = false

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }

  get text(): string {
    return this.bytes.toString()
  }

  add(chunk: Buffer): void {
    this.chunks.push(chunk)
    this.changed()
  }

  /** Nothing more comes. Who still waits waits in vain, and is told so. */
  end(): void {
    this.over = true
    this.changed()
  }

  until(predicate: (text: string) => boolean, what: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const { text } = this
        if (predicate(text)) {
          this.waiting.delete(check)
          resolve(text)
        } else if (this.over) {
          this.waiting.delete(check)
          reject(new Error(`it ended without ${what}: ${JSON.stringify(text)}`))
        }
      }
      this.waiting.add(check)
      check()
    })
  }

  private changed(): void {
    for (const check of [...this.waiting]) check()
  }
}

/** How a process ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A process, what it says, and how it ends. */
export class Program {
  readonly ended: Promise<Ended>
  private readonly child: ChildProcess
  private readonly said = new Transcript()
  private running = true

  constructor(command: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) {
    // A group of its own, so that what it starts goes with it; and no variables of the test runner, which has a MODE.
    const child = spawn(command, args, {
      cwd: root,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      detached: true,
      stdio: "pipe"
    })
    this.child = child
    child.stdout.on("data", (chunk: Buffer) => this.said.add(chunk))
    child.stderr.on("data", (chunk: Buffer) => this.said.add(chunk))
    // Who writes to a program that is gone finds out by what it did not say.
    child.stdin.on("error", () => {})
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject)
      child.once("close", (code, signal) => {
        this.running = false
        this.said.end()
        resolve({ code, signal })
      })
    })
  }

  get output(): string {
    return this.said.text
  }

  get bytes(): Buffer {
    return this.said.bytes
  }

  type(text: string | Uint8Array): void {
    this.child.stdin?.write(text)
  }

  /** The end of what is typed: ctrl-D. */
  endInput(): void {
    this.child.stdin?.end()
  }

  /** Waits until it has said something, so often. */
  says(what: string, times = 1): Promise<string> {
    const wanted = times === 1 ? JSON.stringify(what) : `${times} times ${JSON.stringify(what)}`
    return this.said.until((text) => text.split(what).length > times, wanted)
  }

  /** The port that it says it listens on, behind `label`. */
  async port(label: string): Promise<number> {
    const pattern = new RegExp(`${label} listens on (?:\\[::\\]|0\\.0\\.0\\.0):(\\d+)`)
    return Number(pattern.exec(await this.said.until((text) => pattern.test(text), String(pattern)))?.[1])
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** The end of a test that failed before it came to its own: nothing is left running. */
  async kill(): Promise<void> {
    if (this.running && this.child.pid !== undefined) process.kill(-this.child.pid, "SIGKILL")
    await this.ended
  }
}

/** A port for a server that has to come back to it: below those that the system gives to others. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    const server = Net.createServer()
    server.once("error", () => resolve(freePort()))
    server.listen(port, host, () => server.close(() => resolve(port)))
  })

const ports = { PORT: "0", JSON_PORT: "0" }

/**
 * Starts what `npx tsx FILE` starts, on ports of the system's choice. Without the command of `tsx` around it: that one
 * waits 30 ms for its program to hear of a signal, and on a busy machine says 143 for it.
 */
export const example = (
  file: string,
  args: ReadonlyArray<string> = [],
  env: Readonly<Record<string, string>> = {}
): Program =>
  new Program(process.execPath, ["--import", "tsx", `examples/${file}`, ...args], { ...ports, ...env })

/** The same, built beforehand: for those of a test file that start one more of them, which takes a tenth of the time so. */
export const builtExample = (
  file: string,
  args: ReadonlyArray<string> = [],
  env: Readonly<Record<string, string>> = {}
): Program =>
  new Program(process.execPath, [builtProgram(new URL(`../../examples/${file}`, import.meta.url)), ...args], {
    ...ports,
    ...env
  })

/** Skips a test that needs `nc` where there is none. In CI there is one. */
export const needsNc = (context: TestContext): void => {
  const help = spawnSync("nc", ["-h"], { encoding: "utf8" })
  const reason =
    help.error !== undefined
      ? "nc is not installed"
      : /\[-[^\]]*N/.test(help.stderr + help.stdout)
        ? undefined
        : "this nc has no -N"
  if (reason === undefined) return
  if (process.env.CI !== undefined) throw new Error(`${reason} (netcat-openbsd)`)
  context.skip(reason)
}

/** A person with `nc`. */
export const nc = (port: number): Program => new Program("nc", ["-N", host, String(port)])

/** `printf INPUT | nc -N`: all that comes back, when the server has closed. */
export const pipeThroughNc = async (port: number, input: string | Uint8Array): Promise<Buffer> => {
  const person = nc(port)
  person.type(input)
  person.endInput()
  const { code } = await person.ended
  if (code !== 0) throw new Error(`nc ended with ${code}: ${person.output}`)
  return person.bytes
}

/** A peer on `node:net`. */
export class Peer {
  readonly closed: Promise<{ readonly error: string | undefined; readonly sawEnd: boolean }>
  private readonly socket: Net.Socket
  private readonly heard = new Transcript()
  private sawEnd = false
  private error: string | undefined

  constructor(port: number) {
    const socket = Net.connect({ host, port })
    this.socket = socket
    socket.on("data", (chunk) => this.heard.add(chunk))
    socket.on("end", () => {
      this.sawEnd = true
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message
    })
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.heard.end()
        resolve({ error: this.error, sawEnd: this.sawEnd })
      })
    })
  }

  get bytes(): Buffer {
    return this.heard.bytes
  }

  get text(): string {
    return this.heard.text
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes)
  }

  end(): void {
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** Waits until so many bytes have come. */
  async received(length: number): Promise<Buffer> {
    await this.heard.until(() => this.bytes.length >= length, `${length} bytes`)
    return this.bytes
  }

  hears(what: string): Promise<string> {
    return this.heard.until((text) => text.includes(what), JSON.stringify(what))
  }
}

/** What is stopped at the end of a test file, whatever became of its tests. */
export class Cast {
  private readonly programs: Array<Program> = []

  add(program: Program): Program {
    this.programs.push(program)
    return program
  }

  readonly leave = async (): Promise<void> => {
    await Promise.all(this.programs.map((program) => program.kill()))
  }
}
