/** `examples/lsp`: its client against a real language server, and its server against a real client library. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, expect, it } from "vitest"
import { Cast, example, Program } from "../examples/support.ts"
import { describeWith } from "./support/needs.ts"

const cast = new Cast()
const directory = mkdtempSync(join(tmpdir(), "sluice-lsp-"))
afterAll(async () => {
  await cast.leave()
  rmSync(directory, { recursive: true })
})

const packageFile = (path: string) => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url))

const jsonServer = packageFile("vscode-json-languageserver/bin/vscode-json-languageserver")

/** What the client finds out about a file with such a text. */
const ask = async (name: string, text: string, ...server: ReadonlyArray<string>) => {
  const file = join(directory, name)
  writeFileSync(file, text)
  const client = cast.add(example("lsp/client.ts", [file, ...server]))
  const { code } = await client.ended
  return { code, lines: client.output.replaceAll(`${file}:`, "").trim().split("\n") }
}

describeWith("vscode-json-languageserver", { packages: ["vscode-json-languageserver"] }, () => {
  it("is initialized, finds what is wrong with a document, tells its symbols, and is shut down", async () => {
    const { code, lines } = await ask(
      "bad.json",
      '{\n  "one": 1,\n  "two": [1, 2,],\n  "one": 3',
      process.execPath,
      jsonServer,
      "--stdio"
    )
    expect(code).toBe(0)
    expect(lines).toContain("3:15: Trailing comma")
    expect(lines).toContain("4:3: Duplicate object key")
    expect(lines).toContain("symbols: one, two, one")
    expect(lines.at(-1)).toBe("the end: PeerClosed")
  })

  it("has nothing to say about a good one", async () => {
    const { code, lines } = await ask("good.json", '{"é": [true]}', process.execPath, jsonServer, "--stdio")
    expect(code).toBe(0)
    expect(lines.slice(1)).toEqual(["symbols: é", "hover: undefined", "the end: PeerClosed"])
  })

  it("that breaks off is an error of the client's", async () => {
    const { code, lines } = await ask("any.json", "{}", process.execPath, "-e", "process.exit(3)")
    expect(code).toBe(1)
    expect(lines.join("\n")).toContain("ConnectionClosed")
  })
})

describeWith("vscode-jsonrpc", { packages: ["vscode-jsonrpc"] }, () => {
  it("is answered by the example's server", async () => {
    const script = `
      const { spawn } = require("node:child_process")
      const rpc = require(${JSON.stringify(packageFile("vscode-jsonrpc/node.js"))})
      const child = spawn(process.execPath, ["--import", "tsx", "examples/lsp/server.ts"], { stdio: ["pipe", "pipe", "inherit"] })
      const connection = rpc.createMessageConnection(new rpc.StreamMessageReader(child.stdout), new rpc.StreamMessageWriter(child.stdin))
      connection.onNotification("textDocument/publishDiagnostics", ({ diagnostics }) => console.log(JSON.stringify(diagnostics)))
      connection.listen()
      ;(async () => {
        const textDocument = { uri: "file:///a.md", languageId: "md", version: 1, text: "# One\\n??? write one\\n" }
        console.log(JSON.stringify(await connection.sendRequest("initialize", { processId: null, rootUri: null, capabilities: {} })))
        await connection.sendNotification("initialized", {})
        await connection.sendNotification("textDocument/didOpen", { textDocument })
        console.log(JSON.stringify(await connection.sendRequest("textDocument/hover", { textDocument, position: { line: 0, character: 3 } })))
        await connection.sendRequest("nothing/such").catch(({ code }) => console.log(code))
        console.log(await connection.sendRequest("shutdown"))
        await connection.sendNotification("exit")
        child.on("exit", (code) => { console.log("exit", code); process.exit() })
      })()`
    const client = cast.add(new Program(process.execPath, ["-e", script]))
    await client.ended
    const lines = client.output.trim().split("\n")
    expect(lines[0]).toContain('"serverInfo":{"name":"sluice-text"}')
    expect(lines[1]).toContain('"message":"??? write one"')
    expect(lines.slice(2)).toEqual([
      '{"contents":"“One” is here 1 times","range":{"start":{"line":0,"character":2},"end":{"line":0,"character":5}}}',
      "-32601",
      "null",
      "exit 0"
    ])
  })
})
