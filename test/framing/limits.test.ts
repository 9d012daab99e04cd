/** How much a decoder holds, whatever comes. */
import { assert, describe, it } from "@effect/vitest"
import * as Framing from "../../src/Framing.ts"
import { ascii, fromHex } from "./support/cases.ts"

const mebibyte = 1_048_576
const chunk = new Uint8Array(65_536).fill(0x78)

/** The memory behind what is held: small buffers come from a shared pool of some KiB. */
const memoryOf = (decoder: Framing.FrameDecoder): number => decoder.remaining().buffer.byteLength
const pool = 65_536

describe("64 MiB without an end", () => {
  const feed = (framing: Framing.Framing, first: Uint8Array = new Uint8Array(0)) => {
    const decoder = framing.makeDecoder()
    const frames: Array<Uint8Array> = []
    let most = 0
    let error = decoder.push(first, frames)
    for (let fed = 0; fed < 64 * mebibyte; fed += chunk.length) {
      error = decoder.push(chunk, frames)
      most = Math.max(most, decoder.buffered)
    }
    return {
      error: error?._tag,
      frames: frames.length,
      most,
      memory: memoryOf(decoder),
      skipped: decoder.skipped
    }
  }

  it("ends delimited decoders at the maximum", () => {
    for (const framing of [Framing.lines(), Framing.delimiter("--"), Framing.anyOf([",", ";;"])]) {
      const { error, most } = feed(framing)
      assert.strictEqual(error, "FrameTooLong")
      assert.isAtMost(most, mebibyte + chunk.length)
    }
  })

  it("holds no more than a delimiter's length while it skips", () => {
    for (const [framing, longest] of [
      [Framing.lines({ oversize: "skip" }), 2],
      [Framing.delimiter("-----", { oversize: "skip" }), 5]
    ] as const) {
      const decoder = framing.makeDecoder()
      for (let fed = 0; fed < 64 * mebibyte; fed += chunk.length) {
        assert.isUndefined(decoder.push(chunk, []))
        assert.isAtMost(decoder.buffered, fed < mebibyte ? mebibyte : longest - 1)
      }
      assert.deepStrictEqual([decoder.skipped, decoder.buffered], [1, longest - 1])
      assert.isAtMost(memoryOf(decoder), pool)
    }
  })

  it("gives the memory of a line back when it begins to skip it byte by byte", () => {
    const decoder = Framing.lines({ oversize: "skip" }).makeDecoder()
    decoder.push(new Uint8Array(mebibyte).fill(0x78), [])
    for (let i = 0; i < 9; i++) decoder.push(ascii("x"), [])
    assert.strictEqual(decoder.buffered, 1)
    assert.isAtMost(memoryOf(decoder), pool)
  })

  it("passes through a frame that is left out", () => {
    const framing = Framing.lengthPrefixed({ oversize: "skip" })
    assert.deepStrictEqual(feed(framing, fromHex("04000000")), {
      ...{ error: undefined, frames: 0, most: 0, memory: 0, skipped: 1 }
    })
  })

  it("ends decoders of JSON at the maximum, or holds nothing while they skip", () => {
    for (const [make, first] of [
      [Framing.json, '{"'],
      [Framing.ndjson, '"'],
      [Framing.jsonSequence, '\x1e"']
    ] as const) {
      const { error, most } = feed(make(), ascii(first))
      assert.strictEqual(error, "FrameTooLong")
      assert.isAtMost(most, mebibyte + chunk.length)
      const skipping = feed(make({ oversize: "skip" }), ascii(first))
      assert.deepStrictEqual([skipping.error, skipping.memory, skipping.skipped], [undefined, 0, 1])
    }
  })

  it("holds no whitespace around JSON, nor what stands between texts", () => {
    const decoder = Framing.json().makeDecoder()
    const sequence = Framing.jsonSequence().makeDecoder()
    const blank = new Uint8Array(65_536).fill(0x20)
    assert.isUndefined(sequence.push(ascii("\x1e1\n\x1e"), []))
    for (let fed = 0; fed < 4 * mebibyte; fed += blank.length) {
      assert.isUndefined(decoder.push(blank, []))
      assert.isUndefined(sequence.push(blank, []))
      assert.deepStrictEqual([decoder.buffered, sequence.buffered], [0, 1])
    }
    const { error, memory, skipped } = feed(Framing.jsonSequence())
    assert.deepStrictEqual([error, memory, skipped], [undefined, 0, 1])
  })

  it("ends the whole input at the maximum", () => {
    assert.strictEqual(feed(Framing.untilEnd()).error, "FrameTooLong")
  })
})

describe("a length that is only declared", () => {
  it("costs nothing until its bytes come", () => {
    for (const [framing, header] of [
      [Framing.lengthPrefixed(), fromHex("00100000")],
      [Framing.typeLengthValue(), fromHex("0100000000008000")],
      [Framing.varint(), fromHex("808040")],
      [Framing.netstring(), ascii("1048576:")],
      [Framing.fixedLength(mebibyte), ascii("a")]
    ] as const) {
      const decoder = framing.makeDecoder()
      assert.isUndefined(decoder.push(header, []))
      assert.strictEqual(decoder.buffered, header.length)
      assert.isAtMost(memoryOf(decoder), pool, framing.name)
    }
  })

  it("makes the buffer double up to the frame and not beyond", () => {
    const decoder = Framing.lengthPrefixed().makeDecoder()
    const frames: Array<Uint8Array> = []
    decoder.push(fromHex("00100000"), frames)
    for (let held = 4; held < mebibyte; held += chunk.length) {
      assert.isUndefined(decoder.push(chunk, frames))
      assert.isAtMost(memoryOf(decoder), Math.min(mebibyte + 4, Math.max(pool, 2 * (held + chunk.length))))
    }
    assert.strictEqual(frames[0]!.length, mebibyte)
    assert.strictEqual(memoryOf(decoder), 0)
  })
})

describe("an idle decoder", () => {
  it("has no buffer before a frame straddles two chunks, nor after it", () => {
    const decoder = Framing.lines().makeDecoder()
    assert.strictEqual(memoryOf(decoder), 0)
    decoder.push(ascii("a\nb"), [])
    assert.isAbove(memoryOf(decoder), 0)
    decoder.push(ascii("c\n"), [])
    assert.strictEqual(memoryOf(decoder), 0)
  })
})
