/**
 * What a server's memory comes to while bytes pass: an echo of `--mebibytes` (1024) to a reader that stops for three
 * seconds on the way, every byte compared; by this library and by hand.
 *
 * `npx tsx bench/memory.ts [--mebibytes 1024] [--node path] [--flags=--max-semi-space-size=1]`. Linux.
 */
import { readFileSync } from "node:fs"
import * as Net from "node:net"
import { parseArgs } from "node:util"
import { buildAll } from "./lib/build.ts"
import { start } from "./lib/processes.ts"
import { aligned } from "./lib/report.ts"
import { variants } from "./variants.ts"

const { values: flags } = parseArgs({
  options: {
    mebibytes: { type: "string", default: "1024" },
    node: { type: "string", default: process.execPath },
    flags: { type: "string", default: "" }
  }
})
const total = Number(flags.mebibytes) * 1024 * 1024
const pause = 3000
/** A run takes no longer. */
const patienceSeconds = 300

/** A frame of 16 KiB, its length included, whose bytes differ from one to the next. */
const frame = Buffer.alloc(16_384, "The quick brown fox. ")
frame.writeUInt32BE(frame.length - 4)

const mebibytes = (pid: number, field: "VmHWM" | "VmRSS"): number =>
  Math.round(
    Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) / 1024
  )

/** Sends all, reads all, and stops reading once a quarter has come. */
const passThrough = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = Net.connect({ port, host: "127.0.0.1" })
    let [sent, received] = [0, 0]
    let rested = false
    const write = () => {
      while (sent < total) {
        sent += frame.length
        if (!socket.write(frame)) return
      }
      socket.end()
    }
    socket.on("connect", write)
    socket.on("drain", write)
    socket.on("data", (chunk) => {
      for (let at = 0; at < chunk.length; ) {
        const from = (received + at) % frame.length
        const length = Math.min(frame.length - from, chunk.length - at)
        if (frame.compare(chunk, at, at + length, from, from + length) !== 0) {
          socket.destroy(new Error(`another byte than was sent, after ${received + at}`))
          return
        }
        at += length
      }
      received += chunk.length
      if (rested || received < total / 4) return
      rested = true
      socket.pause()
      setTimeout(() => socket.resume(), pause)
    })
    socket.on("error", reject)
    socket.on("close", () =>
      received === sent ? resolve() : reject(new Error(`${received} bytes of ${sent} came back`))
    )
  })

const subjects = variants.filter(({ name }) => name === "net" || name === "stream")
const built = await buildAll({ variants: subjects })
const rows: Array<ReadonlyArray<string>> = []
for (const subject of subjects) {
  const nodeFlags = flags.flags === "" ? [] : flags.flags.split(" ")
  const command = [flags.node, ...nodeFlags, built.server(subject), subject.argument ?? ""]
  const server = start("server", command, patienceSeconds)
  const port = Number(await server.line("listening"))
  const idle = mebibytes(server.pid, "VmRSS")
  await passThrough(port)
  rows.push([subject.name, String(idle), String(mebibytes(server.pid, "VmHWM"))])
  await server.stop()
}
console.log(`${flags.mebibytes} MiB, MiB of the server's memory:\n`)
console.log(aligned([["server", "idle", "peak"], ...rows]))
