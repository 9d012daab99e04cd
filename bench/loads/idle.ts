/** Connections that have said something once and then stay. `measure` on stdin opens the rest; the parent reads the server's memory. */
import { EchoConnection, type EchoEvents } from "../lib/echoConnection.ts"
import type { LoadOptions } from "../lib/loadOptions.ts"
import { sourceAddress } from "../lib/sourceAddress.ts"

/** How many connections warm the server up before the first look at its memory. */
const first = 200

export const idleLoad = async (options: LoadOptions): Promise<void> => {
  const all: Array<EchoConnection> = []
  const say = (word: string) => process.stdout.write(`${word}\n`)
  await openUpTo(first, all, options)
  say("warm")
  process.stdin.once("data", () => {
    openUpTo(first + options.connections, all, options).then(
      () => say("open"),
      (error) => {
        console.error(error)
        process.exit(1)
      }
    )
  })
}

const openUpTo = (count: number, all: Array<EchoConnection>, options: LoadOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    const { kind, payload, port } = options
    let echoed = all.length
    const open = () => {
      if (all.length >= count) return
      const id = all.length
      all.push(
        new EchoConnection({ port, id, kind, payload, window: 1, localAddress: sourceAddress(id) }, events)
      )
    }
    const events: EchoEvents = {
      onConnect: (connection) => connection.send(1),
      onEchoes: () => {
        open()
        if (++echoed === count) resolve()
      },
      onEnd: () => reject(new Error("the server ended an idle connection")),
      onError: reject
    }
    for (let i = 0; i < 32; i++) open()
  })
