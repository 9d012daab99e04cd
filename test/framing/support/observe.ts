/** Running a framing and writing down what it answers in the words of the cases. */
import { ByteWriter } from "../../../src/ByteWriter.ts"
import type { Framing } from "../../../src/Framing.ts"
import { type Outcome, toHex } from "./cases.ts"

/** Turns a frame into what the dialect would say of it; undefined where it would say nothing. */
export type Reading = (frame: Uint8Array, atEnd: boolean) => Outcome | undefined

export const asHex: Reading = (frame) => ({ frame: toHex(frame) })

/** Everything in order. Byte by byte, so that a frame that was left out shows up in its place. */
export const observe = (
  framing: Framing,
  input: Uint8Array,
  eof: boolean,
  read: Reading = asHex
): Array<Outcome> => {
  const decoder = framing.makeDecoder()
  const outcomes: Array<Outcome> = []
  let skipped = 0
  const note = (frames: ReadonlyArray<Uint8Array>, atEnd: boolean): void => {
    for (; skipped < decoder.skipped; skipped++) outcomes.push({ error: "FrameTooLong" })
    for (const frame of frames) {
      const outcome = read(frame, atEnd)
      if (outcome !== undefined) outcomes.push(outcome)
    }
  }
  if (framing.problems.length > 0) return [{ error: "InvalidConfig" }]
  for (let at = 0; at < input.length; at++) {
    const frames: Array<Uint8Array> = []
    const error = decoder.push(input.subarray(at, at + 1), frames)
    note(frames, false)
    if (error !== undefined) return [...outcomes, { error: error._tag }]
  }
  if (!eof) return outcomes
  const frames: Array<Uint8Array> = []
  const error = decoder.end(frames)
  note(frames, true)
  return error === undefined ? outcomes : [...outcomes, { error: error._tag }]
}

/** The same for any cut, except that frames left out are only counted: where they were, a chunk does not tell. */
export const observeCut = (
  framing: Framing,
  chunks: ReadonlyArray<Uint8Array>,
  eof: boolean,
  read: Reading = asHex
): Array<Outcome> => {
  const decoder = framing.makeDecoder()
  const frames: Array<Uint8Array> = []
  let error = chunks.reduce<ReturnType<typeof decoder.push>>(
    (before, chunk) => before ?? decoder.push(chunk, frames),
    undefined
  )
  const whole = frames.length
  if (eof && error === undefined) error = decoder.end(frames)
  if (framing.problems.length > 0) return [{ error: "InvalidConfig" }]
  const outcomes = frames.flatMap((frame, i) => read(frame, i >= whole) ?? [])
  for (let i = 0; i < decoder.skipped; i++) outcomes.push({ error: "FrameTooLong" })
  return error === undefined ? outcomes : [...outcomes, { error: error._tag }]
}

/** Puts the frames that were left out behind the others, as `observeCut` has them. */
export const withoutPlaces = (
  outcomes: ReadonlyArray<Outcome>,
  framing: Framing,
  input: Uint8Array,
  eof: boolean
) => {
  const decoder = framing.makeDecoder()
  const frames: Array<Uint8Array> = []
  const error = decoder.push(input, frames) ?? (eof ? decoder.end(frames) : undefined)
  if (decoder.skipped === 0) return outcomes
  const last = error === undefined ? [] : outcomes.slice(-1)
  const rest = error === undefined ? outcomes : outcomes.slice(0, -1)
  const tooLong = (outcome: Outcome): boolean => "error" in outcome && outcome.error === "FrameTooLong"
  return [...rest.filter((outcome) => !tooLong(outcome)), ...rest.filter(tooLong), ...last]
}

/** One outcome for each payload. */
export const observeEncode = (framing: Framing, payloads: ReadonlyArray<Uint8Array>): Array<Outcome> => {
  if (framing.problems.length > 0) return [{ error: "InvalidConfig" }]
  return payloads.map((payload) => {
    const out = new ByteWriter()
    const error = framing.encode(payload, out)
    return error === undefined ? { frame: toHex(out.view()) } : { error: error._tag }
  })
}

/** Every cut in two, every cut in three for short inputs, and single bytes. */
export function* cuts(input: Uint8Array): Generator<ReadonlyArray<Uint8Array>> {
  yield [input]
  yield Array.from(input, (_, at) => input.subarray(at, at + 1))
  for (let at = 0; at <= input.length; at++) {
    yield [input.subarray(0, at), input.subarray(at)]
    if (input.length > 24) continue
    for (let next = at; next <= input.length; next++) {
      yield [input.subarray(0, at), input.subarray(at, next), input.subarray(next)]
    }
  }
}
