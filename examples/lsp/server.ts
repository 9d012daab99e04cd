/** A language server for texts: headings are its symbols, `???` its complaint, a word's count its hover. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Ref } from "effect"
import { JsonRpc, TransportStdio } from "effect-sluice"
import { LanguageServer } from "./protocol.ts"

const matches = (text: string, pattern: RegExp) =>
  text.split("\n").flatMap((content, line) =>
    [...content.matchAll(pattern)].map(({ 0: found, index: character }) => ({
      found,
      range: { start: { line, character }, end: { line, character: character + found.length } }
    }))
  )

const program = Effect.gen(function* () {
  const documents = yield* Ref.make<ReadonlyMap<string, string>>(new Map())
  const textOf = (uri: string) => Effect.map(Ref.get(documents), (all) => all.get(uri) ?? "")

  const opened = (uri: string, text: string, connection: JsonRpc.JsonRpcConnection) =>
    Effect.gen(function* () {
      yield* Ref.update(documents, (all) => new Map([...all, [uri, text]]))
      const client = yield* JsonRpc.fromServer(LanguageServer, connection)
      const diagnostics = matches(text, /\?\?\?.*/g).map(({ found: message, range }) => ({
        range,
        severity: 2,
        message
      }))
      yield* client.notify("textDocument/publishDiagnostics", { uri, diagnostics })
    })

  const handler = JsonRpc.handler(LanguageServer, {
    requests: {
      initialize: () =>
        Effect.succeed({
          capabilities: { textDocumentSync: 1, hoverProvider: true, documentSymbolProvider: true },
          serverInfo: { name: "sluice-text" }
        }),
      "textDocument/documentSymbol": ({ textDocument }) =>
        Effect.map(textOf(textDocument.uri), (text) =>
          matches(text, /^#+ .*/g).map(({ found, range }) => ({
            name: found.replace(/^#+ /, ""),
            kind: 15,
            range,
            selectionRange: range
          }))
        ),
      "textDocument/hover": ({ position, textDocument }) =>
        Effect.map(textOf(textDocument.uri), (text) => {
          const words = matches(text, /[\p{L}\p{N}]+/gu)
          const { character, line } = position
          const word = words.find(
            ({ range: { end, start } }) =>
              start.line === line && start.character <= character && character < end.character
          )
          const count = words.filter(({ found }) => found === word?.found).length
          return word === undefined
            ? null
            : { contents: `“${word.found}” is here ${count} times`, range: word.range }
        }),
      shutdown: () => Effect.succeed(null)
    },
    notifications: {
      "textDocument/didOpen": ({ textDocument: { text, uri } }, connection) => opened(uri, text, connection),
      "textDocument/didChange": ({ contentChanges, textDocument }, connection) =>
        opened(textDocument.uri, contentChanges.at(-1)?.text ?? "", connection),
      "textDocument/didClose": ({ textDocument }) =>
        Ref.update(documents, (all) => new Map([...all].filter(([uri]) => uri !== textDocument.uri))),
      exit: (_, connection) => connection.close
    }
  })

  // An editor may be silent for as long as it likes.
  return yield* TransportStdio.serve(LanguageServer, handler, {
    deadlines: { hello: "off", readIdle: "off", lifetime: "off" }
  })
})

NodeRuntime.runMain(program)
