/** Where there is no `Buffer`, as in a browser, the same comes out. */
import { assert, describe, it } from "@effect/vitest"
import { afterEach, vi } from "vitest"

describe("without Buffer", () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.resetModules()
  })

  it("texts are read and written the same", async () => {
    const text = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join("")
    const euro = Uint8Array.of(0x61, 0xe2, 0x82, 0xac, 0xff)
    vi.stubGlobal("Buffer", undefined)
    vi.resetModules()
    const { readLatin1, writeLatin1 } = await import("../../src/internal/resp/latin1.ts")
    const { readUtf8 } = await import("../../src/internal/resp/command.ts")
    const bytes = new Uint8Array(300)
    writeLatin1(text, bytes, 10)
    assert.deepStrictEqual(
      Array.from(bytes.subarray(10, 266)),
      Array.from({ length: 256 }, (_, i) => i)
    )
    assert.strictEqual(readLatin1(bytes, 10, 266), text)
    assert.strictEqual(readLatin1(bytes, 107, 110), "abc")
    assert.strictEqual(readUtf8(euro, 1, 5), "€\uFFFD")
  })
})
