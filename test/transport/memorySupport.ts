/**
 * What the tests of the network in memory share.
 */
import * as Effect from "effect/Effect"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { Reception, Recorder } from "./recorder.ts"

/** A network with one connection; both ends are recorded. */
export const linked = Effect.fnUntraced(function* (options?: TransportMemory.MemoryOptions) {
  const network = yield* TransportMemory.makeNetwork(options)
  const reception = new Reception()
  const listening = yield* network.listener.listen(reception)
  const client = yield* network.connector.connect
  const server = yield* reception.take
  return { network, reception, listening, left: new Recorder(client), right: new Recorder(server) }
})

export const lengths = (recorder: Recorder): ReadonlyArray<number> =>
  recorder.chunks.map((chunk) => chunk.length)

export const text = (value: string): Uint8Array => Buffer.from(value)
