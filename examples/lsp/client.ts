/** Asks a language server about a file: `npx tsx examples/lsp/client.ts FILE [COMMAND ARGS...]`. */
import { readFileSync } from "node:fs"
import { extname } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Deferred, Effect } from "effect"
import { Client, JsonRpc, TransportStdio } from "effect-sluice"
import { LanguageServer } from "./protocol.ts"

const ours = [process.execPath, "--import", "tsx", fileURLToPath(new URL("server.ts", import.meta.url))]
const [file = "README.md", ...given] = process.argv.slice(2)
const [command = "", ...args] = given.length > 0 ? given : ours

const program = Effect.gen(function* () {
  const connection = yield* Client.connect(LanguageServer)
  const diagnosed = yield* Deferred.make<void>()
  // What the server says and asks by itself.
  const answers = JsonRpc.clientHandler(LanguageServer, {
    requests: {},
    notifications: {
      "textDocument/publishDiagnostics": ({ diagnostics }) =>
        Effect.andThen(
          Effect.forEach(diagnostics, ({ message, range: { start } }) =>
            Console.log(`${file}:${start.line + 1}:${start.character + 1}: ${message}`)
          ),
          Deferred.succeed(diagnosed, undefined)
        ),
      "window/logMessage": ({ message }) => Console.error(message)
    }
  })
  yield* Effect.forkScoped(answers(connection))

  const server = yield* JsonRpc.fromClient(LanguageServer, connection, { timeout: "20 seconds" })
  const { serverInfo } = yield* server.request("initialize", {
    processId: process.pid,
    rootUri: null,
    capabilities: { textDocument: { publishDiagnostics: {}, hover: {}, documentSymbol: {} } }
  })
  yield* server.notify("initialized", {})
  yield* Console.log(`the server is ${serverInfo?.name ?? command}`)

  const uri = pathToFileURL(file).href
  const text = readFileSync(file, "utf8")
  yield* server.notify("textDocument/didOpen", {
    textDocument: { uri, languageId: extname(file).slice(1), version: 1, text }
  })
  yield* Effect.timeoutOption(Deferred.await(diagnosed), "10 seconds")
  const symbols = yield* server.request("textDocument/documentSymbol", { textDocument: { uri } })
  yield* Console.log(`symbols: ${symbols?.map(({ name }) => name).join(", ")}`)
  const hover = yield* server.request("textDocument/hover", {
    textDocument: { uri },
    position: { line: 0, character: 2 }
  })
  yield* Console.log(`hover: ${JSON.stringify(hover?.contents)}`)

  yield* server.request("shutdown")
  yield* server.notify("exit")
  yield* Console.log(`the end: ${(yield* connection.closed)._tag}`)
})

program.pipe(
  Effect.scoped,
  Effect.provide(TransportStdio.layerCommand({ command, args, onStderr: (line) => Console.error(line) })),
  NodeRuntime.runMain
)
