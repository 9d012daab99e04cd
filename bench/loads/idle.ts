/** Connections that have said something once and then stay. `measure` on stdin opens the rest; the parent reads the server's memory. */
import type { LoadOptions } from "../lib/loadOptions.ts"
import { KeptConnections } from "../lib/openConnections.ts"

/** How many connections warm the server up before the first look at its memory. */
const first = 200

export const idleLoad = async (options: LoadOptions): Promise<void> => {
  const connections = new KeptConnections(options, (error) => {
    console.error(error)
    process.exit(1)
  })
  const say = (word: string) => process.stdout.write(`${word}\n`)
  await connections.openUpTo(first)
  say("warm")
  process.stdin.once("data", () => {
    void connections.openUpTo(first + options.connections).then(() => say("open"))
  })
}
