/** The laws: each answers what breaks it, or undefined. */
import { ByteWriter } from "../ByteWriter.ts"
import type { Framing } from "../Framing.ts"
import { copyOf, encodeUtf8, hexExcerpt } from "../internal/bytes.ts"
import type { Law } from "./FramingLaws.ts"
import { Random } from "./random.ts"
import { type Decoded, decodeAll, encodeAll } from "./run.ts"

type Check = (
  framing: Framing,
  payloads: ReadonlyArray<Uint8Array>,
  seed: number,
  runs: number
) => string | undefined

const recut: Check = (framing, payloads, seed, runs) => {
  const random = new Random(seed)
  for (const input of inputs(framing, payloads, random, runs)) {
    for (const end of [true, false]) {
      const whole = decodeAll(framing, [input], { end })
      const broken = (chunks: ReadonlyArray<Uint8Array>): string | undefined => {
        const difference = differ(whole, decodeAll(framing, chunks, { end }))
        if (difference === undefined) return undefined
        return `${difference} when ${hexExcerpt(input)} is cut after ${chunks.map(({ length }) => length)}`
      }
      for (const at of positions(input, random)) {
        const violation = broken([input.subarray(0, at), input.subarray(at)])
        if (violation !== undefined) return violation
      }
      const violation = broken(singles(input)) ?? broken(random.cut(input)) ?? broken(random.cut(input))
      if (violation !== undefined) return violation
    }
  }
  return undefined
}

const prefix: Check = (framing, payloads, seed, runs) => {
  const random = new Random(seed)
  for (const input of inputs(framing, payloads, random, runs)) {
    const whole = decodeAll(framing, [input], { end: false })
    for (const at of positions(input, random)) {
      const part = decodeAll(framing, [input.subarray(0, at)], { end: false })
      const kept = part.frames.every((frame, i) => i < whole.frames.length && same(frame, whole.frames[i]!))
      const final = part.error === undefined || differ(part, whole) === undefined
      if (!kept || !final) return `what came of ${at} bytes is taken back after all of ${hexExcerpt(input)}`
    }
  }
  return undefined
}

const roundTrip: Check = (framing, payloads, seed, runs) => {
  const random = new Random(seed)
  const lists: Array<ReadonlyArray<Uint8Array>> = [payloads, ...payloads.map((payload) => [payload])]
  for (let run = 0; run < runs; run++) {
    lists.push(Array.from({ length: 1 + random.below(8) }, () => payloads[random.below(payloads.length)]!))
  }
  if (encodeAll(framing, payloads).accepted.length === 0) return "none of the payloads was accepted"
  for (const list of lists) {
    const { wire, accepted } = encodeAll(framing, list)
    if (accepted.length === 0) continue
    const expected = { frames: accepted, error: undefined, skipped: 0, remaining: nothing }
    const difference = differ(expected, decodeAll(framing, [wire]))
    if (difference !== undefined)
      return `${difference} in the round trip of ${list.map((p) => hexExcerpt(p))}`
  }
  return undefined
}

const noOverRead: Check = (framing, payloads) => {
  const { wire, ends } = encodeAll(framing, payloads)
  const decoder = framing.makeDecoder()
  const frames: Array<Uint8Array> = []
  let expected = 0
  for (let at = 0; at < wire.length; at++) {
    decoder.push(wire.subarray(at, at + 1), frames)
    while (ends[expected] === at + 1) expected++
    if (frames.length !== expected) return `${frames.length} frames after the bytes of ${expected}`
  }
  for (const [i, end] of ends.entries()) {
    const part = decodeAll(framing, [wire.subarray(0, end)], { end: false })
    if (part.remaining.length > 0) return `${part.remaining.length} bytes remain after frame ${i}`
    const next = wire.subarray(0, Math.min(wire.length, end + 1))
    const held = decodeAll(framing, [next], { end: false })
    if (held.frames.length === i + 1 && !same(held.remaining, next.subarray(end))) {
      return `the byte after frame ${i} does not remain`
    }
  }
  return undefined
}

const bounded: Check = (framing, payloads, seed) => {
  const maximum = 1024
  const chunkLength = 1024
  const smaller = framing.withMaxLength(maximum)
  const tried = smaller.problems.length === 0 ? smaller : framing
  const bound = tried.maxLength + chunkLength
  const random = new Random(seed)
  const fillers: Array<Uint8Array> = [0, 0x20, 0x31, 0x61, 0x7f, 0xff].map((byte) =>
    new Uint8Array(chunkLength).fill(byte)
  )
  fillers.push(random.bytes(chunkLength))
  for (const filler of fillers) {
    for (const first of [
      filler,
      ...payloads.map((payload) => encodeAll(tried, [payload]).wire.subarray(0, -1))
    ]) {
      const decoder = tried.makeDecoder()
      let error = decoder.push(first, [])
      for (let fed = 0; fed <= 8 * bound && error === undefined; fed += chunkLength) {
        error = decoder.push(filler, [])
        if (decoder.buffered > bound) return `${decoder.buffered} bytes held, more than ${bound}`
      }
    }
  }
  return undefined
}

const linear: Check = (framing) => {
  const payload = longestPayload(framing)
  const factor = 8
  const frame = encodeAll(framing, [payload]).wire
  if (frame.length < 65_536) return undefined
  const short = encodeAll(framing, [payload.subarray(0, Math.floor(payload.length / factor))])
  const input = short.accepted.length > 0 ? short.wire : frame.subarray(0, Math.floor(frame.length / factor))
  // Linear is 8, quadratic 64. The best of several, for a pause may hit any one of them.
  let best = Infinity
  for (let attempt = 0; attempt < 4 && best > 16; attempt++) {
    best = Math.min(best, cost(framing, frame) / Math.min(cost(framing, input), cost(framing, input)))
  }
  return best <= 28 ? undefined : `${factor} times the bytes cost ${best.toFixed(1)} times as much`
}

const noise: Check = (framing, payloads, seed, runs) => {
  const random = new Random(seed)
  for (const input of inputs(framing, payloads, random, runs)) {
    const decoder = framing.makeDecoder()
    const frames: Array<Uint8Array> = []
    const error = decoder.push(input, frames) ?? decoder.end(frames)
    const count = frames.length
    if (count > input.length + 1) return `${count} frames from ${input.length} bytes`
    if (error === undefined) continue
    const later = [decoder.push(input, frames), decoder.end(frames), decoder.push(nothing, frames)]
    if (frames.length !== count) return `frames after an error, from ${hexExcerpt(input)}`
    if (later.some((again) => again?.message !== error.message))
      return `an error did not stay: ${error.message}`
  }
  return undefined
}

const refusal: Check = (framing, payloads) => {
  for (const payload of payloads) {
    const wire = encodeAll(framing, [payload]).wire
    const tails = [1, 2, 3].map((count) => wire.subarray(-count))
    for (const part of [wire, ...tails]) {
      for (const candidate of [
        part,
        join(payload, part),
        join(part, payload),
        join(payload, part, payload)
      ]) {
        const out = new ByteWriter()
        out.writeByte(0x2a)
        const refused = framing.encode(candidate, out) !== undefined
        if (refused && !same(out.view(), asterisk))
          return `refusing ${hexExcerpt(candidate)} left bytes behind`
        if (refused) continue
        const encoded = out.view().subarray(1)
        const { frames, error } = decodeAll(framing, [encoded])
        const stable = frames.length === 1 && same(encodeAll(framing, frames).wire, encoded)
        if (error !== undefined || !stable) {
          return `${hexExcerpt(candidate)} was accepted and comes back as ${frames.map((f) => hexExcerpt(f))}`
        }
      }
    }
  }
  return undefined
}

export const laws: Readonly<Record<Law, Check>> = {
  ...{ recut, prefix, roundTrip, noOverRead, bounded, linear, noise, refusal }
}

const nothing = new Uint8Array(0)
const asterisk = Uint8Array.of(0x2a)

/** Wires, wires with random damage, and random bytes, all short. */
const inputs = (
  framing: Framing,
  payloads: ReadonlyArray<Uint8Array>,
  random: Random,
  runs: number
): ReadonlyArray<Uint8Array> => {
  const short = payloads.filter(({ length }) => length <= 512)
  const { wire } = encodeAll(framing, short)
  const all = [nothing, wire]
  for (let run = 0; run < runs; run++) {
    const from = random.below(wire.length + 1)
    const damaged = copyOf(wire.subarray(from, from + random.below(300)))
    for (let count = random.below(4); count > 0 && damaged.length > 0; count--) {
      damaged[random.below(damaged.length)] = random.below(2) === 0 ? random.below(256) : 0
    }
    all.push(damaged, random.bytes(random.below(40)))
    // Few values, so that delimiters and short lengths are frequent.
    const few = Array.from({ length: 4 }, () => wire[random.below(wire.length)] ?? 0)
    all.push(Uint8Array.from({ length: random.below(40) }, () => few[random.below(4)]!))
  }
  return all
}

/** Every position where an input may be cut, or some of them where there are many. */
const positions = (input: Uint8Array, random: Random): ReadonlyArray<number> =>
  input.length <= 64
    ? Array.from({ length: input.length + 1 }, (_, at) => at)
    : Array.from({ length: 24 }, () => random.below(input.length + 1))

const singles = (input: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from(input, (_, at) => input.subarray(at, at + 1))

const join = (...parts: ReadonlyArray<Uint8Array>): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]))

const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])

const differ = (a: Omit<Decoded, "mostBuffered">, b: Omit<Decoded, "mostBuffered">): string | undefined => {
  for (const [i, frame] of a.frames.entries()) {
    const other = b.frames[i]
    if (other === undefined || !same(frame, other)) {
      return `frame ${i} is ${other === undefined ? "missing" : hexExcerpt(other)}, not ${hexExcerpt(frame)}`
    }
  }
  if (b.frames.length > a.frames.length) return `there are ${b.frames.length} frames, not ${a.frames.length}`
  if (a.error?.message !== b.error?.message)
    return `the error is ${b.error?.message}, not ${a.error?.message}`
  if (a.skipped !== b.skipped) return `${b.skipped} frames were skipped, not ${a.skipped}`
  return same(a.remaining, b.remaining) ? undefined : `${hexExcerpt(b.remaining)} remains`
}

/** The longest payload that the framing takes, up to 1 MiB: plain text, or JSON where it takes nothing else. */
const longestPayload = (framing: Framing): Uint8Array => {
  for (let length = Math.min(framing.maxLength, 1_048_576); length > 0; length = Math.floor(length / 2)) {
    const text = new Uint8Array(length).fill(0x61)
    const json = encodeUtf8(`{"a":"${"a".repeat(Math.max(0, length - 8))}"}`)
    for (const payload of [text, json]) {
      if (encodeAll(framing, [payload]).accepted.length > 0) return payload
    }
  }
  return nothing
}

/** How long an input takes, byte by byte. */
const cost = (framing: Framing, input: Uint8Array): number => {
  const decoder = framing.makeDecoder()
  const frames: Array<Uint8Array> = []
  const start = performance.now()
  for (let at = 0; at < input.length; at++) decoder.push(input.subarray(at, at + 1), frames)
  return performance.now() - start
}
