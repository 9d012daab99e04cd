/** Many connections that each send once in a while, in turn: a rate that is given, and what it costs the server. */
import type { Echoing } from "../lib/echoConnection.ts"
import type { LoadOptions, LoadResult } from "../lib/loadOptions.ts"
import { Meter } from "../lib/measure.ts"
import { KeptConnections } from "../lib/openConnections.ts"

const tickMilliseconds = 5

export const pacedLoad = (options: LoadOptions): Promise<LoadResult> =>
  new Promise((resolve, reject) => {
    const { connections, perSecond = 1000 } = options
    const kept = new KeptConnections(options, reject)
    const run = () => {
      const meter = new Meter(reject)
      let result: LoadResult | undefined
      let ended = 0
      const endIfDone = (connection: Echoing) => {
        if (connection.sent === connection.received) connection.end()
      }
      kept.onEchoes = (connection, count, milliseconds) => {
        meter.count(count, milliseconds)
        if (result !== undefined) endIfDone(connection)
      }
      kept.onEnd = () => {
        if (result === undefined) reject(new Error("the server ended a connection"))
        else if (++ended === connections) resolve(result)
      }
      const begun = performance.now()
      let sent = 0
      let next = 0
      const timer = setInterval(() => {
        const due = Math.floor(((performance.now() - begun) / 1000) * perSecond)
        // One connection has one message on its way: who has not answered yet is waited for.
        for (; sent < due; sent++) {
          const connection = kept.all[next]!
          if (connection.sent > connection.received) return
          connection.send(1)
          next = (next + 1) % connections
        }
      }, tickMilliseconds)
      meter.measure(options).then((measured) => {
        clearInterval(timer)
        result = measured
        for (const connection of kept.all) endIfDone(connection)
      }, reject)
    }
    kept.openUpTo(connections).then(run, reject)
  })
