/** The laws find the faults that they are there for. */
import { assert, describe, it } from "@effect/vitest"
import type { ByteWriter } from "../../src/ByteWriter.ts"
import * as Framing from "../../src/Framing.ts"
import { FrameCorrupted } from "../../src/SluiceError.ts"
import { FramingLaws } from "../../src/testing/index.ts"

const payloads = ["", "a", "hello", "x".repeat(40)].map((text) => new TextEncoder().encode(text))

/** A decoder of lines, each time with one fault. */
class Faulty implements Framing.FrameDecoder {
  buffered = 0
  readonly skipped = 0
  private readonly fault: string
  private held = new Uint8Array(0)
  private failed = false

  constructor(fault: string) {
    this.fault = fault
  }

  push(chunk: Uint8Array, frames: Array<Uint8Array>): FrameCorrupted | undefined {
    if (this.failed && this.fault !== "forgets its error") return wrong
    if (this.fault === "throws" && chunk.includes(0x80)) throw new Error("oh")
    this.held = Uint8Array.from([...(this.fault === "forgets the rest" ? [] : this.held), ...chunk])
    let start = 0
    for (let at = 0; at < this.held.length; at++) {
      if (this.held[at] === 0x3f && this.fault === "forgets its error") {
        this.failed = true
        return wrong
      }
      if (this.held[at] !== 10) continue
      if (this.fault === "waits for more" && at + 1 === this.held.length) break
      frames.push(this.held.slice(start, at))
      start = at + 1
    }
    if (this.fault === "emits too early" && start < this.held.length) {
      frames.push(this.held.slice(start))
      start = this.held.length
    }
    if (this.fault !== "makes frames of nothing" || chunk.length === 0) this.held = this.held.slice(start)
    else for (let i = 0; i < 100; i++) frames.push(this.held)
    this.buffered = this.held.length
    return undefined
  }

  end(frames: Array<Uint8Array>): undefined {
    if (this.fault === "waits for more" && this.held.at(-1) === 10) frames.push(this.held.slice(0, -1))
  }

  remaining(): Uint8Array {
    return this.held
  }
}

const wrong = new FrameCorrupted({ detail: "question mark" })

const encodeLine = (payload: Uint8Array, out: ByteWriter): FrameCorrupted | undefined => {
  out.writeBytes(payload)
  out.writeByte(10)
  return undefined
}

const faulty = (fault: string): Framing.Framing => ({
  ...Framing.lines(),
  makeDecoder: () => new Faulty(fault),
  withMaxLength: () => faulty(fault),
  maxLength: 100
})

const broken = (framing: Framing.Framing): ReadonlyArray<FramingLaws.Law> =>
  FramingLaws.checkAll(framing, { payloads, except: ["linear"] })
    .filter(({ ok }) => !ok)
    .map(({ law }) => law)

describe("FramingLaws", () => {
  it("holds for a good framing, and says nothing", () => {
    const results = FramingLaws.checkAll(Framing.netstring(), { payloads })
    assert.deepStrictEqual(
      results.map(({ law }) => law),
      FramingLaws.allLaws
    )
    for (const { detail, ok } of results) assert.deepStrictEqual([ok, detail], [true, ""])
  })

  const faults: Readonly<Record<string, FramingLaws.Law>> = {
    "forgets the rest": "recut",
    "emits too early": "prefix",
    "waits for more": "noOverRead",
    "forgets its error": "noise",
    throws: "noise",
    "makes frames of nothing": "noise",
    "has no bound": "bounded"
  }
  for (const [fault, law] of Object.entries(faults)) {
    it(`finds a decoder that ${fault}`, () => {
      assert.include(broken(faulty(fault)), law)
    })
  }

  it("finds an encoder that writes what the decoder cuts elsewhere", () => {
    const careless = { ...Framing.lines(), encode: () => undefined }
    assert.include(broken(careless), "roundTrip")
    const unchecked: Framing.Framing = {
      ...Framing.lines(),
      encode: (payload, out) => {
        encodeLine(payload, out)
        return undefined
      }
    }
    assert.deepStrictEqual(broken(unchecked), ["refusal"])
  })

  it("finds a refusal that leaves bytes behind", () => {
    const lines = Framing.lines()
    const untidy: Framing.Framing = {
      ...lines,
      encode: (payload, out) => {
        const error = lines.encode(payload, out)
        if (error !== undefined) out.writeByte(0)
        return error
      }
    }
    assert.include(broken(untidy), "refusal")
  })

  it("finds a decoder that scans from the start for every byte", () => {
    const quadratic: Framing.Framing = {
      ...Framing.lines(),
      maxLength: 66_000,
      makeDecoder: () => {
        const held = new Uint8Array(200_000)
        let length = 0
        return {
          push: (chunk, frames) => {
            held.set(chunk, length)
            length += chunk.length
            const at = held.subarray(0, length).indexOf(10)
            if (at >= 0) frames.push(held.slice(0, at))
            return undefined
          },
          end: () => undefined,
          remaining: () => held.slice(0, length),
          buffered: 0,
          skipped: 0
        }
      }
    }
    assert.isFalse(FramingLaws.check("linear", quadratic, { payloads }).ok)
  })

  it("says so when no payload was accepted", () => {
    const { detail, ok } = FramingLaws.check("roundTrip", Framing.fixedLength(3), { payloads })
    assert.deepStrictEqual([ok, detail], [false, "fixedLength: none of the payloads was accepted"])
  })
})
