/** Listening sockets, and programs that inherit them. */
import { type ChildProcess, spawn } from "node:child_process"
import * as Net from "node:net"
import { Program } from "../examples/support.ts"
import { builtProgram } from "../support/built.ts"

/** The program, as `exec` takes it. */
export const command = (options: object = {}): ReadonlyArray<string> => [
  process.execPath,
  builtProgram(new URL("program.ts", import.meta.url)),
  JSON.stringify(options)
]

const descriptorOf = (server: Net.Server): number =>
  // Not in the types.
  (server as unknown as { readonly _handle: { readonly fd: number } })._handle.fd

/** A socket that listens, and whose descriptor may be passed on. */
export class Passed {
  private readonly server: Net.Server

  private constructor(server: Net.Server) {
    this.server = server
  }

  static listen(options: Net.ListenOptions): Promise<Passed> {
    const server = Net.createServer()
    return new Promise((resolve) => server.listen(options, () => resolve(new Passed(server))))
  }

  get fd(): number {
    return descriptorOf(this.server)
  }

  get port(): number {
    const address = this.server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  }

  /** From here on only those have it whom it was passed to. Its file stays. */
  release(): void {
    // Not by the server, which would remove a Unix socket's file.
    ;(this.server as unknown as { readonly _handle: { readonly close: () => void } })._handle.close()
  }
}

/** Starts the program with sockets from descriptor 3 on, by the words of the service manager. */
export const activate = (
  sockets: ReadonlyArray<number>,
  options: object = {},
  env: Readonly<Record<string, string>> = {}
): Activated => new Activated(sockets, options, env)

/** A program that was started with descriptors of ours. */
export class Activated {
  readonly child: ChildProcess
  private said = ""
  private over = false
  private wake: () => void = () => {}

  constructor(sockets: ReadonlyArray<number>, options: object, env: Readonly<Record<string, string>>) {
    this.child = spawn("sh", ["-c", 'LISTEN_PID=$$ exec "$@"', "sh", ...command(options)], {
      stdio: ["pipe", "pipe", "inherit", ...sockets],
      env: { PATH: process.env.PATH, LISTEN_FDS: String(sockets.length), ...env }
    })
    this.child.stdout?.on("data", (chunk) => {
      this.said += chunk
      this.wake()
    })
    this.child.on("close", () => {
      this.over = true
      this.wake()
    })
  }

  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.said)
      if (found !== null) return found
      if (this.over) throw new Error(`it ended without ${pattern}: ${this.said}`)
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
  }

  /** Says a command, and waits until it is done. */
  async does(command: string): Promise<string> {
    this.said = ""
    this.child.stdin?.write(`${command}\n`)
    return (await this.says(new RegExp(`${command}: (.*)\n`)))[1] ?? ""
  }

  async ends(signal?: NodeJS.Signals): Promise<number | null> {
    if (signal !== undefined) this.child.kill(signal)
    while (!this.over) {
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
    return this.child.exitCode
  }
}

export { Program }
