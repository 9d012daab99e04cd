/** `examples/lsp`: its client, and the server that it starts. */
import { afterAll, describe, expect, it } from "vitest"
import { Cast, example } from "./support.ts"

const cast = new Cast()
afterAll(cast.leave)

describe("examples/lsp", () => {
  it("asks its own server about a file, and shuts it down", async () => {
    const client = cast.add(example("lsp/client.ts", ["examples/lsp/README.md"]))
    expect(await client.ended).toEqual({ code: 0, signal: null })
    const lines = client.output.trim().split("\n")
    expect(lines[0]).toBe("the server is sluice-text")
    expect(lines).toContain("symbols: Language servers, A client for any of them, A server for any editor")
    expect(lines.some((line) => /^examples\/lsp\/README\.md:\d+:\d+: \?\?\?/.test(line))).toBe(true)
    expect(lines.at(-2)).toMatch(/^hover: "“Language” is here \d+ times"$/)
    expect(lines.at(-1)).toBe("the end: PeerClosed")
  })
})
