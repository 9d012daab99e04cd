import { assert, describe, it } from "@effect/vitest"
import { ByteWriter } from "../../src/ByteWriter.ts"
import * as Framing from "../../src/Framing.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { ascii, toHex } from "./support/cases.ts"
import { cuts, observe, observeCut } from "./support/observe.ts"

const answer = (input: string, options: Framing.ContentLengthOptions = {}) =>
  observe(Framing.contentLength(options), ascii(input), false)
const frames = (...payloads: ReadonlyArray<string>) => payloads.map((text) => ({ frame: toHex(ascii(text)) }))

describe("contentLength", () => {
  it("writes the example of the specification", () => {
    const out = new ByteWriter()
    assert.isUndefined(Framing.contentLength().encode(ascii('{"é":1}'), out))
    assert.strictEqual(Buffer.from(out.view()).toString(), 'Content-Length: 8\r\n\r\n{"é":1}')
  })

  it("reads headers as people write them, however they are cut", () => {
    const input = [
      "Content-Length: 2\r\n\r\n{}",
      "CONTENT-LENGTH:2\r\n\r\n[]",
      "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length: \t 3 \t\r\nX-Empty:\r\n\r\nabc",
      "Content-Length: 0\r\n\r\n",
      "Content-Length: 0004\r\n\r\n\r\n\r\n"
    ].join("")
    const expected = frames("{}", "[]", "abc", "", "\r\n\r\n")
    for (const chunks of cuts(ascii(input))) {
      assert.deepStrictEqual(observeCut(Framing.contentLength(), chunks, true), expected)
    }
  })

  it("is corrupt where a header is none", () => {
    for (const wrong of [
      "\r\n",
      "\r\n\r\n",
      "\n",
      "Content-Length: 2\n",
      "Content-Length: 2\r\r",
      "Content-Length 2\r\n",
      ": 2\r\n",
      "Content-Length : 2\r\n",
      " Content-Length: 2\r\n",
      "Content-Length: 2\r\n folded: 1\r\n",
      "Content-Length:\r\n",
      "Content-Length: -2\r\n",
      "Content-Length: +2\r\n",
      "Content-Length: 2.0\r\n",
      "Content-Length: 0x2\r\n",
      "Content-Length: 2 2\r\n",
      "Content-Length: 2, 2\r\n",
      "Content-Length: 2\r\nContent-Length: 2\r\n",
      "Content-Type: text\r\n\r\n",
      "Content-Length: 2\0",
      "Contént-Length: 2\r\n"
    ]) {
      assert.deepStrictEqual(answer(wrong), [{ error: "FrameCorrupted" }], JSON.stringify(wrong))
      assert.deepStrictEqual(answer(`Content-Length: 1\r\n\r\na${wrong}`), [
        ...frames("a"),
        { error: "FrameCorrupted" }
      ])
    }
  })

  it("takes headers of exactly the maximum and no more", () => {
    const header = (length: number) => {
      const rest = "Content-Length: 1\r\n\r\n"
      return `X: ${"x".repeat(length - rest.length - 5)}\r\n${rest}`
    }
    assert.lengthOf(header(64), 64)
    assert.deepStrictEqual(answer(`${header(64)}a`, { maxHeaderLength: 64 }), frames("a"))
    assert.deepStrictEqual(answer(header(65), { maxHeaderLength: 64 }), [{ error: "FrameCorrupted" }])
    // Not a byte more is waited for.
    assert.deepStrictEqual(answer("x".repeat(63), { maxHeaderLength: 64 }), [])
    assert.deepStrictEqual(answer("x".repeat(64), { maxHeaderLength: 64 }), [{ error: "FrameCorrupted" }])
  })

  it("refuses or skips what is too long", () => {
    const input = "Content-Length: 3\r\n\r\nabcContent-Length: 2\r\n\r\nab"
    assert.deepStrictEqual(answer(input, { maxLength: 2 }), [{ error: "FrameTooLong" }])
    assert.deepStrictEqual(answer(input, { maxLength: 2, oversize: "skip" }), [
      { error: "FrameTooLong" },
      ...frames("ab")
    ])
    const huge = `Content-Length: ${"9".repeat(15)}\r\n\r\n`
    const skipping = Framing.contentLength({ oversize: "skip" })
    const endless = skipping.makeDecoder()
    assert.isUndefined(endless.push(ascii(huge), []))
    assert.strictEqual(endless.skipped, 1)
    const beyond = FramingLaws.decodeAll(skipping, [ascii(huge.replace("99", "999"))])
    assert.deepInclude(beyond.error, { _tag: "FrameTooLong" })
    const { error } = FramingLaws.decodeAll(Framing.contentLength({ maxLength: 5 }), [
      ascii("Content-Length: 6\r\n\r\n")
    ])
    assert.deepInclude(error, { _tag: "FrameTooLong", limit: 5, seen: 6 })
  })

  it("ends inside of headers and bodies as it is told", () => {
    for (const input of ["Content-", "Content-Length: 3\r\n\r\nab"]) {
      const at = (end: Framing.EndPolicy) => observe(Framing.contentLength({ end }), ascii(input), true)
      assert.deepStrictEqual(at("fail"), [{ error: "FrameTruncated" }])
      assert.deepStrictEqual(at("drop"), [])
      assert.lengthOf(at("emit"), 1)
    }
  })

  it("tells what is wrong with its options", () => {
    const { problems } = Framing.contentLength({ maxLength: 0, maxHeaderLength: 23 })
    assert.deepStrictEqual(
      problems.map(({ path }) => path),
      ["maxLength", "maxHeaderLength"]
    )
    assert.lengthOf(Framing.contentLength({ maxHeaderLength: 8193 }).problems, 1)
  })
})
