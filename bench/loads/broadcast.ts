/** Members of whom one speaks, and everybody, itself included, hears every message, in order and once. */
import * as Net from "node:net"
import { ByteCheck } from "../lib/byteCheck.ts"
import { messageForm } from "../lib/forms.ts"
import type { LoadOptions, LoadResult } from "../lib/loadOptions.ts"
import { Meter } from "../lib/measure.ts"
import { MessageRing } from "../lib/messages.ts"
import { sourceAddress } from "../lib/sourceAddress.ts"

// All members read into one buffer: it is looked through before the next read.
const readBuffer = Buffer.allocUnsafe(64 * 1024)

export const broadcastLoad = (options: LoadOptions): Promise<LoadResult> =>
  new Promise((resolve, reject) => {
    const { connections, encoded, kind, payload, port, window } = options
    const meter = new Meter(reject)
    const ring = new MessageRing(messageForm(kind, 0, payload, encoded), window)
    const sockets: Array<Net.Socket> = []
    /** When each message on its way left, and how many members have not heard it yet. */
    const times = new Float64Array(window)
    const missing = new Int32Array(window)
    let sent = 0
    let done = 0
    let ended = 0
    let result: LoadResult | undefined

    const speak = (count: number) => {
      for (let i = 0; i < count; i++, sent++) {
        const slot = sent % window
        ring.prepare(sent)
        times[slot] = performance.now()
        missing[slot] = connections
        sockets.at(-1)?.write(ring.sent.bytes.subarray(slot * ring.sent.size, (slot + 1) * ring.sent.size))
      }
    }

    const heard = (message: number) => {
      const slot = message % window
      meter.count(1, performance.now() - times[slot]!)
      if (--missing[slot]! > 0) return
      done++
      if (result === undefined) speak(1)
      else if (done === sent) for (const socket of sockets) socket.end()
    }

    const join = (id: number) => {
      const check = new ByteCheck(ring.expected)
      const socket = Net.connect({
        port,
        host: "127.0.0.1",
        noDelay: true,
        localAddress: sourceAddress(id),
        onread: {
          buffer: readBuffer,
          callback: (length) => {
            const before = check.received
            const problem = check.take(readBuffer, length, sent)
            if (problem !== undefined) reject(new Error(`member ${id}: ${problem}`))
            for (let message = before; message < check.received; message++) heard(message)
            return true
          }
        }
      })
      socket.on("error", reject)
      socket.on("end", () => {
        if (result === undefined || done < sent) reject(new Error("the server ended a connection"))
        else if (++ended === connections) resolve(result)
      })
      sockets.push(socket)
      return new Promise<void>((connected) => socket.once("connect", connected))
    }

    const run = async () => {
      // The last one speaks: a server that hears it has accepted all that came before.
      for (let id = 0; id < connections; id++) await join(id)
      speak(window)
      result = await meter.measure(options)
    }
    run().catch(reject)
  })
