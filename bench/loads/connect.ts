/** Connect, one echo, end: as often as it goes, a bounded number at once. */
import { openEcho } from "../lib/connect.ts"
import type { EchoEvents } from "../lib/echoConnection.ts"
import type { LoadOptions, LoadResult } from "../lib/loadOptions.ts"
import { Meter } from "../lib/measure.ts"
import { sourceAddress } from "../lib/sourceAddress.ts"

export const connectLoad = (options: LoadOptions): Promise<LoadResult> =>
  new Promise((resolve, reject) => {
    const meter = new Meter(reject)
    const begun = new Map<number, number>()
    let nextId = 0
    let result: LoadResult | undefined
    const open = () => {
      const id = nextId++
      begun.set(id, performance.now())
      openEcho({ ...options, id, window: 1, localAddress: sourceAddress(id) }, events)
    }
    const events: EchoEvents = {
      onConnect: (connection) => connection.send(1),
      onEchoes: (connection) => connection.end(),
      onEnd: ({ id }) => {
        meter.count(1, performance.now() - begun.get(id)!)
        begun.delete(id)
        if (result === undefined) open()
        else if (begun.size === 0) resolve(result)
      },
      onError: reject
    }
    for (let i = 0; i < options.connections; i++) open()
    meter.measure(options).then((measured) => {
      result = measured
    }, reject)
  })
