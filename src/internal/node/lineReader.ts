/** The lines of a stream, one after the other, to an effect that takes its time. */
import type { Readable } from "node:stream"
import * as Effect from "effect/Effect"

/** Lines that wait before nothing more is read, and the longest of them, in characters; the rest of it is left out. */
const maximumWaiting = 256
const maximumLength = 8192

export class LineReader {
  private readonly stream: Readable
  private readonly take: (line: string) => Effect.Effect<void>
  private readonly runFork: (effect: Effect.Effect<void>) => unknown
  private readonly decoder = new TextDecoder()
  private line = ""
  private waiting: Array<string> = []
  private running = false

  constructor(
    stream: Readable,
    take: (line: string) => Effect.Effect<void>,
    runFork: (effect: Effect.Effect<void>) => unknown
  ) {
    this.stream = stream
    this.take = take
    this.runFork = runFork
    stream.on("data", (chunk: Uint8Array) => this.add(this.decoder.decode(chunk, { stream: true })))
    stream.on("end", () => this.end())
    stream.on("error", () => {})
  }

  private add(text: string): void {
    const lines = text.split("\n")
    const last = lines.pop() ?? ""
    for (const line of lines) {
      this.push(this.line + line)
      this.line = ""
    }
    this.line = (this.line + last).slice(0, maximumLength)
  }

  private end(): void {
    if (this.line !== "") this.push(this.line)
    this.line = ""
  }

  private push(line: string): void {
    this.waiting.push(line.slice(0, maximumLength).replace(/\r$/, ""))
    if (this.waiting.length >= maximumWaiting) this.stream.pause()
    if (this.running) return
    this.running = true
    this.runFork(this.takeAll)
  }

  private readonly takeAll: Effect.Effect<void> = Effect.suspend(() => {
    const line = this.waiting.shift()
    if (line === undefined) {
      this.running = false
      return Effect.void
    }
    if (this.waiting.length < maximumWaiting / 2 && this.stream.isPaused()) this.stream.resume()
    const taking = Effect.suspend(() => this.take(line))
    return Effect.flatMap(Effect.ignoreCause(taking), () => this.takeAll)
  })
}
