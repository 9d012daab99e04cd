/** A real Redis and ours, and a client that sees every byte of both. */
import { spawnSync } from "node:child_process"
import * as Net from "node:net"
import { Resp } from "effect-sluice"
import type { Command, Value } from "../../../src/Resp.ts"
import { freePort, host, Program } from "../../examples/support.ts"

/** Debian's packages. */
export const redisTools = { "redis-cli": "redis-tools", "redis-benchmark": "redis-tools" }
export const redisServer = { "redis-server": "redis-server" }

/** A real one, which keeps nothing. */
export const startRedis = async (): Promise<{ readonly program: Program; readonly port: number }> => {
  const port = await freePort()
  const options = ["--port", `${port}`, "--bind", host, "--save", "", "--appendonly", "no"]
  const program = new Program("redis-server", options)
  await program.says("Ready to accept connections")
  return { program, port }
}

/** Runs a command to its end. */
export const run = (command: string, args: ReadonlyArray<string>, input = "") => {
  const { error, status, stderr, stdout } = spawnSync(command, args, {
    input,
    encoding: "latin1",
    timeout: 60_000
  })
  if (error !== undefined) throw error
  return { status, stderr, stdout }
}

/** An answer: its bytes, and what they say. */
export interface Answer {
  readonly bytes: string
  readonly value: Value
}

const codec = Resp.values({ strings: "latin1" })
const commands = Resp.commands({ maxArrayLength: 100_000 })

/** What a command is on the wire. */
export const bytesOf = (...words: ReadonlyArray<string>): Buffer => {
  const out: Array<Buffer> = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) out.push(Buffer.from(`$${word.length}\r\n${word}\r\n`, "latin1"))
  return Buffer.concat(out)
}

export class RawClient {
  private readonly socket: Net.Socket
  private heard = Buffer.alloc(0)
  private ended = false
  private look: () => void = () => {}

  constructor(port: number) {
    this.socket = Net.connect({ host, port })
    this.socket.setNoDelay(true)
    this.socket.on("data", (chunk) => {
      this.heard = Buffer.concat([this.heard, chunk])
      this.look()
    })
    this.socket.on("error", () => {})
    this.socket.on("close", () => {
      this.ended = true
      this.look()
    })
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes)
  }

  /** The next value that comes; undefined where the server has closed. */
  async next(): Promise<Answer | undefined> {
    for (;;) {
      const decoder = codec.wire.makeDecoder()
      const found: Array<Value> = []
      // Byte by byte only as far as one value goes.
      let at = 0
      let error: unknown
      while (found.length === 0 && error === undefined && at < this.heard.length) {
        error = decoder.push(this.heard.subarray(at, ++at), found)
      }
      if (error !== undefined) throw error
      const [value] = found
      if (value !== undefined) {
        const bytes = this.heard.subarray(0, at).toString("latin1")
        this.heard = this.heard.subarray(at)
        return { bytes, value }
      }
      if (this.ended) return undefined
      await new Promise<void>((resolve) => {
        this.look = resolve
      })
    }
  }

  /** All that comes up to the close. */
  async rest(): Promise<string> {
    while (!this.ended) {
      await new Promise<void>((resolve) => {
        this.look = resolve
      })
    }
    return this.heard.toString("latin1")
  }

  ask(...words: ReadonlyArray<string>): Promise<Answer | undefined> {
    this.write(bytesOf(...words))
    return this.next()
  }

  end(): void {
    this.socket.end()
  }
}

export type { Command }
export { commands }
