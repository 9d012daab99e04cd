/** A child process that speaks a protocol on its standard input and output: its life, from the outside. */
import type { ChildProcessWithoutNullStreams } from "node:child_process"
import type { Address } from "../../Transport.ts"
import type { ProcessExit } from "../../TransportStdio.ts"
import { StreamWire } from "./streamWire.ts"

/** Milliseconds that the end of the output and that of the process may lie apart and still be one. */
const together = 200

/** Milliseconds after the exit for which output of processes that the child left behind is waited for. */
const lateOutput = 1000

/** `exit code 3`, `signal SIGKILL`; undefined for an orderly exit. */
export const describeExit = ({ code, signal }: ProcessExit): string | undefined =>
  code === 0 ? undefined : signal === undefined ? `exit code ${code}` : `signal ${signal}`

/** The process is over when it has exited and its output has been read. */
export class Child {
  readonly wire: StreamWire
  private readonly process: ChildProcessWithoutNullStreams
  /** Milliseconds after SIGTERM. */
  private readonly killTimeout: number
  private readonly onExit: (exit: ProcessExit) => void
  private exit: ProcessExit | undefined
  private outputEnded = false
  private released = false
  private heard = false
  private timer: NodeJS.Timeout | undefined

  constructor(
    process: ChildProcessWithoutNullStreams,
    address: Address,
    killTimeout: number,
    onExit: (exit: ProcessExit) => void
  ) {
    this.process = process
    this.killTimeout = killTimeout
    this.onExit = onExit
    const { stdin, stdout } = process
    this.wire = new StreamWire(
      { readable: stdout, writable: stdin },
      { local: { _tag: "Stdio" }, remote: address },
      { end: () => stdin.end(), release: (hard) => this.release(hard) }
    )
    // A child that does not read any more says so by its exit.
    stdin.on("error", () => {})
    stdout.on("error", () => {})
    stdout.on("end", () => this.outputOver())
    process.on("error", () => {})
    process.on("exit", (code, signal) =>
      this.exited({ code: code ?? undefined, signal: signal ?? undefined })
    )
  }

  private outputOver(): void {
    this.outputEnded = true
    // How it exited says whether this is a good end, and comes at about the same time.
    if (this.exit === undefined) this.later(together, () => this.wire.inputEnded())
    else this.over(this.exit)
  }

  private exited(exit: ProcessExit): void {
    this.exit = exit
    this.onExit(exit)
    if (this.outputEnded || this.released) {
      this.over(exit)
      return
    }
    this.process.stdout.on("data", () => {
      this.heard = true
    })
    if (this.wire.paused) this.process.stdout.pause()
    this.awaitOutput(exit)
  }

  /** The last output is still to be read. What the child started may hold it open for as long as it likes. */
  private awaitOutput(exit: ProcessExit): void {
    this.later(lateOutput, () => {
      const goesOn = this.wire.paused || this.heard
      this.heard = false
      if (goesOn) this.awaitOutput(exit)
      else this.over(exit)
    })
  }

  private over(exit: ProcessExit): void {
    clearTimeout(this.timer)
    const error = this.released ? undefined : describeExit(exit)
    if (error === undefined) this.wire.inputEnded()
    this.wire.closed(error)
    this.process.stdin.destroy()
    this.process.stdout.destroy()
  }

  /** Ends the process: by SIGTERM and later by SIGKILL, or by that at once. */
  private release(hard: boolean): void {
    this.released = true
    if (this.exit !== undefined) {
      this.over(this.exit)
      return
    }
    const { process } = this
    // Who waits for its output to be read would not see a signal either.
    process.stdout.resume()
    process.kill(hard ? "SIGKILL" : "SIGTERM")
    if (!hard) this.later(this.killTimeout, () => void process.kill("SIGKILL"))
  }

  /** One thing at a time is waited for. */
  private later(milliseconds: number, work: () => void): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(work, milliseconds)
  }
}
