/** Programs of several processes, and people who talk to them line by line. */
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { type Ended, Program } from "../examples/support.ts"
import { builtProgram } from "../support/built.ts"

/** A fixture, built. */
export const fixture = (name: string): string => builtProgram(new URL(`fixtures/${name}.ts`, import.meta.url))

export const host = "127.0.0.1"

/** What a process of the fixture says on a line of its own. */
export interface Said {
  readonly _tag: string
  readonly [field: string]: unknown
}

/** The fixture, running. */
export class Machine {
  readonly program: Program

  constructor(options: object = {}, env: Readonly<Record<string, string>> = {}, name = "server") {
    this.program = new Program(process.execPath, [fixture(name)], {
      OPTIONS: JSON.stringify(options),
      ...env
    })
  }

  get all(): ReadonlyArray<Said> {
    return this.program.output
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line))
  }

  /** Waits until something has been said so often since the beginning, and returns the last of those. */
  async says(tag: string, times = 1): Promise<Said> {
    await this.program.says(`"_tag":"${tag}"`, times)
    const found = this.all.filter((said) => said._tag === tag)[times - 1]
    if (found === undefined) throw new Error(`no ${tag}`)
    return found
  }

  count(tag: string): number {
    return this.all.filter((said) => said._tag === tag).length
  }

  /** Waits until all workers are up; returns the processes and the port. */
  async up(): Promise<{ readonly pids: ReadonlyArray<number>; readonly port: number }> {
    await this.says("Up")
    const workers = this.all.filter(({ _tag }) => _tag === "Worker")
    const address = workers[0]?.address as { readonly port?: number }
    return { pids: workers.map(({ pid }) => Number(pid)), port: address.port ?? 0 }
  }

  signal(signal: NodeJS.Signals): void {
    this.program.signal(signal)
  }

  get ended(): Promise<Ended> {
    return this.program.ended
  }
}

/** Machines that end with their test file, whatever became of its tests. */
export class Machines {
  private readonly machines: Array<Machine> = []

  start(options?: object, env?: Readonly<Record<string, string>>, name?: string): Machine {
    const machine = new Machine(options, env, name)
    this.machines.push(machine)
    return machine
  }

  readonly end = async (): Promise<void> => {
    // Workers end when their supervisor is gone, and their output ends with them.
    await Promise.all(this.machines.map(({ program }) => program.kill()))
  }
}

export interface Place {
  readonly port?: number
  readonly path?: string
  readonly localAddress?: string
  readonly ca?: string
}

/** Somebody who asks a line, and is answered a line. */
export class Person {
  readonly socket: Net.Socket
  readonly connected: Promise<void>
  readonly closed: Promise<string | undefined>
  error: string | undefined
  /** What it was told without having asked. */
  readonly heard: Array<string> = []
  private lookers: Array<() => void> = []
  private readonly asked: Array<(answer: string | undefined) => void> = []
  private text = ""
  private over = false

  constructor({ ca, localAddress, path, port = 0 }: Place) {
    const from = localAddress === undefined ? {} : { localAddress }
    const socket =
      path !== undefined
        ? Net.connect({ path })
        : ca === undefined
          ? Net.connect({ host, port, ...from })
          : Tls.connect({ host, port, ca, servername: "localhost" })
    this.socket = socket
    this.connected = new Promise((resolve) => {
      socket.once(ca === undefined ? "connect" : "secureConnect", resolve)
      socket.once("close", () => resolve())
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message
    })
    socket.on("data", (chunk) => {
      const lines = (this.text + chunk.toString()).split("\n")
      this.text = lines.pop() ?? ""
      for (const line of lines) {
        if (line.startsWith("> ")) this.heard.push(line.slice(2))
        else this.asked.shift()?.(line)
      }
      for (const look of this.lookers.splice(0)) look()
    })
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.over = true
        for (const answer of this.asked.splice(0)) answer(undefined)
        for (const look of this.lookers.splice(0)) look()
        resolve(this.error)
      })
    })
  }

  /** The answer, or undefined where the connection ends without one. */
  ask(line: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      if (this.over) return resolve(undefined)
      this.asked.push(resolve)
      this.socket.write(`${line}\n`)
    })
  }

  /** The answer to a question of the machine. */
  async learn(line: string): Promise<unknown> {
    const answer = await this.ask(line)
    if (answer === undefined) throw new Error(`no answer to ${line}`)
    return JSON.parse(answer)
  }

  /** Waits until it has heard so much. */
  async hears(count: number): Promise<ReadonlyArray<string>> {
    while (this.heard.length < count) {
      if (this.over) throw new Error(`it heard only ${this.heard.join(", ")}`)
      await new Promise<void>((resolve) => this.lookers.push(resolve))
    }
    return this.heard
  }

  /** The process that it is connected to. */
  async process(): Promise<number> {
    return Number((await this.ask("who"))?.split(" ")[0])
  }

  tell(line: string): void {
    this.socket.write(`${line}\n`)
  }

  leave(): void {
    this.socket.destroy()
  }
}

export const times = <A>(count: number, make: (index: number) => A): Array<A> =>
  Array.from({ length: count }, (_, index) => make(index))

/** Whether a process runs. One that has ended may keep its number until somebody asks how it ended. */
export const isAlive = (pid: number): boolean => {
  try {
    const stat = Fs.readFileSync(`/proc/${pid}/stat`, "latin1")
    return stat.slice(stat.lastIndexOf(")")).split(" ")[1] !== "Z"
  } catch {
    return false
  }
}

/** Waits until something is so; each look comes in a turn of its own. */
export const until = async (predicate: () => boolean): Promise<void> => {
  while (!predicate()) await new Promise((resolve) => setTimeout(resolve, 10))
}
