/** Node's own HTTP parser, in its strict mode, as a second opinion of what bytes mean. */
import { createServer } from "node:http"
import { Duplex } from "node:stream"

/** Both sides of a connection in memory, as Node's server takes it. */
class Pipe extends Duplex {
  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }

  // What a server does with sockets.
  setTimeout(): this {
    return this
  }
}

/** Reads bytes as requests, each whole, in the form of `Read.messages`, without those that ask for a 100. */
export const makeNodeReader = (limits: { readonly maxHeaderSize?: number } = {}) => {
  // By connection. Nobody else speaks with this server.
  const readers = new Map<unknown, Array<string>>()
  const server = createServer({ insecureHTTPParser: false, ...limits }, (request, response) => {
    const found = readers.get(request.socket)
    const body: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => body.push(chunk))
    request.on("end", () => {
      const text = Buffer.concat(body).toString("latin1")
      found?.push(`${request.method} ${request.url}${text === "" ? "" : ` ${text}`}`)
    })
    response.end()
  })
  // By itself it would take the connection down, and requests with it that were fine.
  server.on("clientError", () => {})
  return async (bytes: Uint8Array): Promise<ReadonlyArray<string>> => {
    const pipe = new Pipe()
    const found: Array<string> = []
    readers.set(pipe, found)
    server.emit("connection", pipe)
    pipe.push(Buffer.from(bytes))
    // The parser is called with the bytes; that a request has ended is told a little later.
    let before = -1
    for (let turns = 0; turns < 2; turns++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (found.length !== before) turns = 0
      before = found.length
    }
    pipe.destroy()
    readers.delete(pipe)
    return found
  }
}
