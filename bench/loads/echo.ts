/** Connections that keep `window` messages on their way: pipelined, or ping-pong with a window of 1. */
import { openEcho } from "../lib/connect.ts"
import type { EchoEvents, Echoing } from "../lib/echoConnection.ts"
import type { LoadOptions, LoadResult } from "../lib/loadOptions.ts"
import { Meter } from "../lib/measure.ts"
import { sourceAddress } from "../lib/sourceAddress.ts"

export const echoLoad = (options: LoadOptions): Promise<LoadResult> =>
  new Promise((resolve, reject) => {
    const { connections, window } = options
    const meter = new Meter(reject)
    const all: Array<Echoing> = []
    let connected = 0
    let ended = 0
    let stopping = false
    let result: LoadResult | undefined
    const open = () => {
      const id = all.length
      if (id < connections) all.push(openEcho({ ...options, id, localAddress: sourceAddress(id) }, events))
    }
    const endIfDone = (connection: Echoing) => {
      if (connection.sent === connection.received) connection.end()
    }
    const events: EchoEvents = {
      onConnect: () => {
        open()
        if (++connected === connections) start()
      },
      onEchoes: (connection, count, milliseconds) => {
        meter.count(count, milliseconds)
        const outstanding = connection.sent - connection.received
        if (stopping) endIfDone(connection)
        else if (outstanding <= window - count) connection.send(window - outstanding)
      },
      onEnd: () => {
        if (!stopping) return reject(new Error("the server ended a connection"))
        if (++ended === connections && result !== undefined) resolve(result)
      },
      onError: reject
    }
    const start = () => {
      for (const connection of all) connection.send(window)
      meter.measure(options).then((measured) => {
        result = measured
        // All that is on its way must still come back, and nothing else.
        stopping = true
        for (const connection of all) endIfDone(connection)
      }, reject)
    }
    // Never more handshakes at once than any backlog holds.
    for (let i = 0; i < 32; i++) open()
  })
