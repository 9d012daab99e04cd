/**
 * What the suite for all transports shares.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Recorder } from "./recorder.ts"
import * as Rigs from "./rigs.ts"

export const rigs = [
  Rigs.tcp,
  Rigs.unix,
  Rigs.tls,
  Rigs.memory,
  Rigs.memoryOneByte,
  Rigs.memoryCutDelayed,
  Rigs.socket,
  Rigs.webSocketStream,
  Rigs.webSocketStreamCut
]

/** Bytes of which every 251 in a row differ from the next, so that a swap or a gap shows. */
export const pattern = (length: number, start: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (start + index * 7 + (index >> 8)) % 251)

export const assertOrderly = (...recorders: ReadonlyArray<Recorder>): void => {
  for (const recorder of recorders) {
    assert.deepStrictEqual(recorder.violations, [])
    assert.isAtMost(recorder.ends, 1)
    assert.isAtMost(recorder.closes, 1)
  }
}

/** Long enough for loopback to carry whatever it still would: there is no event for "nothing more comes". */
export const silence = Effect.sleep("150 millis")
