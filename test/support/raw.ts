/** A peer that speaks bytes, on the network in memory. */
import { Effect } from "effect"
import { Connector, type WireReceiver } from "../../src/Transport.ts"

/** A wire to the server that remembers what it hears. */
export const rawClient = Effect.gen(function* () {
  const { connect } = yield* Connector
  // Gone before the server stops, which would otherwise wait for this side's end, and the clock of these tests stands.
  const wire = yield* Effect.acquireRelease(connect, (wire) => Effect.sync(() => wire.destroy()))
  const heard: Array<Uint8Array> = []
  /** `sip`: reads one chunk and pauses. */
  const state = { ended: false, closed: false, error: undefined as string | undefined, sip: false }
  const receiver: WireReceiver = {
    onData: (chunk) => {
      heard.push(chunk)
      if (state.sip) wire.pause()
    },
    onEnd: () => {
      state.ended = true
    },
    onDrain: () => {},
    onClose: (error) => {
      state.closed = true
      state.error = error
    }
  }
  wire.attach(receiver)
  return {
    wire,
    state,
    write: (text: string | Uint8Array) => wire.write(typeof text === "string" ? Buffer.from(text) : text),
    text: () => Buffer.concat(heard).toString(),
    latin1: () => Buffer.concat(heard).toString("latin1")
  }
})
