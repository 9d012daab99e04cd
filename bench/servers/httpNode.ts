/** Hello world on `node:http`, with the fields that `examples/http` has. */
import { createServer } from "node:http"
import { announce } from "../lib/serverProcess.ts"

const body = Buffer.from("Hello, World!\n")
const fields = { "Content-Type": "text/plain; charset=utf-8", "Content-Length": body.length }

const server = createServer((request, response) => {
  if (request.method === "GET" && request.url === "/") {
    response.writeHead(200, fields)
    response.end(body)
  } else {
    response.writeHead(404)
    response.end()
  }
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  if (typeof address === "object" && address !== null) announce(address.port)
})
