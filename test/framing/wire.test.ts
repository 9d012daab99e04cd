/** What the guide says of the wire is what is written to it. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { ByteWriter } from "../../src/ByteWriter.ts"
import * as Framing from "../../src/Framing.ts"
import { ascii, fromHex, toHex } from "./support/cases.ts"

const guide = readFileSync(new URL("../../docs/framing.md", import.meta.url), "utf8")

/** The bytes of the line of the guide that begins so. */
const bytesBehind = (start: string): string => {
  const line = guide.split("\n").find((line) => line.trimStart().startsWith(`${start} `)) ?? ""
  return (
    /^(?:\s+[0-9a-f]{2}(?= |$))+/.exec(line.trimStart().slice(start.length))?.[0].replaceAll(" ", "") ?? ""
  )
}

const hi = ["hi"]

const wires: ReadonlyArray<readonly [string, Framing.Framing, ReadonlyArray<string>]> = [
  ["lines", Framing.lines(), hi],
  ['delimiter("\\0")', Framing.delimiter("\0"), ["ab", "c"]],
  ["jsonSequence", Framing.jsonSequence(), ["{}", "1"]],
  ["json", Framing.json(), ["{}", "[1]"]],
  ["lengthPrefixed", Framing.lengthPrefixed(), hi],
  ["width 2, little", Framing.lengthPrefixed({ width: 2, byteOrder: "little" }), hi],
  ["includesLength", Framing.lengthPrefixed({ includesLength: true }), hi],
  ["varint", Framing.varint(), hi],
  ["netstring", Framing.netstring(), hi],
  ["fixedLength(2)", Framing.fixedLength(2), ["hi", "ho"]],
  ["withChecksum", Framing.withChecksum(Framing.lengthPrefixed()), hi]
]

describe("docs/framing.md", () => {
  it.each(wires)("%s", (start, framing, payloads) => {
    const out = new ByteWriter()
    for (const payload of payloads) assert.isUndefined(framing.encode(ascii(payload), out))
    assert.strictEqual(bytesBehind(start), toHex(out.view()))
  })

  it("what is only read", () => {
    const decoded: ReadonlyArray<readonly [string, Framing.Framing, ReadonlyArray<string>]> = [
      ['anyOf([",", ";"])', Framing.anyOf([",", ";"]), ["a", "b"]],
      ["ndjson", Framing.ndjson(), ["{}", "1"]]
    ]
    for (const [start, framing, payloads] of decoded) {
      const frames: Array<Uint8Array> = []
      assert.isUndefined(framing.makeDecoder().push(fromHex(bytesBehind(start)), frames))
      assert.deepStrictEqual(
        frames.map((frame) => Buffer.from(frame).toString()),
        payloads
      )
    }
  })
})
