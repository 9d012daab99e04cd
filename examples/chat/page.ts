/** The page: its files over HTTP, and on the same port, at `/chat`, the rooms over WebSockets. */
import { readFile } from "node:fs/promises"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import * as TransportWebSocket from "effect-sluice/TransportWebSocket"
import { JsonServer } from "./json.ts"

const file = (name: string): string => fileURLToPath(new URL(`page/${name}`, import.meta.url))

/** The program of the page in one file, made when it is first asked for. */
const bundle = Effect.cached(
  Effect.promise(async () => {
    const { build } = await import("esbuild")
    const { outputFiles } = await build({
      entryPoints: [file("main.ts")],
      bundle: true,
      write: false,
      format: "esm",
      target: "es2022",
      minify: true
    })
    return Buffer.from(outputFiles[0]!.contents)
  })
)

const headers = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-cache"
}

const types: Readonly<Record<string, string>> = {
  "/": "text/html; charset=utf-8",
  "/style.css": "text/css; charset=utf-8",
  "/icon.svg": "image/svg+xml",
  "/main.js": "text/javascript; charset=utf-8"
}

/** Listens until the scope ends. */
const listen = (port: number, onRequest: Http.RequestListener) =>
  Effect.acquireRelease(
    Effect.callback<Http.Server, Error>((resume) => {
      const server = Http.createServer(onRequest)
      server.once("error", (error) => resume(Effect.fail(error)))
      server.listen(port, () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )

/** Where the page is, and the server of its WebSockets. */
export const servePage = Effect.fnUntraced(function* (port: number) {
  const program = yield* bundle
  const content = (path: string): Promise<Buffer> => {
    if (path === "/main.js") return Effect.runPromise(program)
    return readFile(file(path === "/" ? "index.html" : path.slice(1)))
  }
  const http = yield* listen(port, (request, response) => {
    const path = request.url?.replace(/[?].*/, "") ?? ""
    const type = types[path]
    if (type === undefined) {
      response.writeHead(404).end("There is nothing here.\n")
      return
    }
    content(path).then(
      (bytes) => response.writeHead(200, { ...headers, "Content-Type": type }).end(bytes),
      (error) => response.writeHead(500).end(`${error}\n`)
    )
  })
  const server = yield* Effect.provide(JsonServer, TransportWebSocket.layerAttached(http, { path: "/chat" }))
  // Of a server on a port, which listens.
  const { port: bound } = http.address() as AddressInfo
  return { server, url: `http://localhost:${bound}/` }
})
