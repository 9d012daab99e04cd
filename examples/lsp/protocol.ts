/** As much of the Language Server Protocol (3.17) as the two programs here speak. */
import { Schema } from "effect"
import { JsonRpc } from "effect-sluice"

const Position = Schema.Struct({ line: Schema.Int, character: Schema.Int })
const Range = Schema.Struct({ start: Position, end: Position })
const Document = Schema.Struct({ uri: Schema.String })
const Place = Schema.Struct({ textDocument: Document, position: Position })

const Diagnostic = Schema.Struct({
  range: Range,
  severity: Schema.optionalKey(Schema.Int),
  message: Schema.String
})

const Hover = Schema.NullOr(Schema.Struct({ contents: Schema.Unknown, range: Schema.optionalKey(Range) }))

const Symbols = Schema.NullOr(
  Schema.Array(
    Schema.Struct({
      name: Schema.String,
      kind: Schema.Int,
      // Older servers have a location instead.
      range: Schema.optionalKey(Range),
      selectionRange: Schema.optionalKey(Range)
    })
  )
)

export const LanguageServer = JsonRpc.make("LanguageServer", {
  fromClient: {
    requests: {
      initialize: {
        params: Schema.Struct({
          processId: Schema.NullOr(Schema.Int),
          rootUri: Schema.NullOr(Schema.String),
          capabilities: Schema.Record(Schema.String, Schema.Unknown)
        }),
        result: Schema.Struct({
          capabilities: Schema.Record(Schema.String, Schema.Unknown),
          serverInfo: Schema.optionalKey(Schema.Struct({ name: Schema.String }))
        })
      },
      "textDocument/hover": { params: Place, result: Hover },
      "textDocument/documentSymbol": { params: Schema.Struct({ textDocument: Document }), result: Symbols },
      shutdown: { result: Schema.Null }
    },
    notifications: {
      initialized: { params: Schema.Struct({}) },
      "textDocument/didOpen": {
        params: Schema.Struct({
          textDocument: Schema.Struct({
            uri: Schema.String,
            languageId: Schema.String,
            version: Schema.Int,
            text: Schema.String
          })
        })
      },
      "textDocument/didChange": {
        params: Schema.Struct({
          textDocument: Schema.Struct({ uri: Schema.String, version: Schema.Int }),
          contentChanges: Schema.Array(Schema.Struct({ text: Schema.String }))
        })
      },
      "textDocument/didClose": { params: Schema.Struct({ textDocument: Document }) },
      exit: {}
    }
  },
  fromServer: {
    notifications: {
      "textDocument/publishDiagnostics": {
        params: Schema.Struct({ uri: Schema.String, diagnostics: Schema.Array(Diagnostic) })
      },
      "window/logMessage": { params: Schema.Struct({ type: Schema.Int, message: Schema.String }) }
    }
  }
})
