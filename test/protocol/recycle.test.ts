import { assert, describe, it } from "@effect/vitest"
import { ByteWriter, recycle } from "../../src/ByteWriter.ts"

const written = (length: number): Uint8Array => {
  const writer = new ByteWriter()
  writer.writeBytes(new Uint8Array(length).fill(7))
  return writer.take()
}

describe("recycle", () => {
  it("gives a large buffer to the next batch, once", () => {
    for (const length of [10_000, 100_000]) {
      const first = written(length)
      recycle(first)
      recycle(first)
      const second = written(length)
      const third = written(length)
      assert.strictEqual(second.buffer, first.buffer)
      assert.notStrictEqual(third.buffer, first.buffer)
    }
  })

  it("leaves alone what came from elsewhere, of whatever size", () => {
    for (const length of [16 * 1024, 128 * 1024]) {
      const foreign = new Uint8Array(length)
      recycle(foreign)
      assert.notStrictEqual(written(length / 2 + 1).buffer, foreign.buffer)
    }
  })

  it("keeps small batches and very large ones to themselves", () => {
    for (const length of [100, 200_000]) {
      const first = written(length)
      recycle(first)
      assert.notStrictEqual(written(length), first)
      assert.isTrue(first.every((byte) => byte === 7))
    }
  })
})
