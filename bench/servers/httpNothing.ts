/** What `node:net` alone can do: looks for the ends of heads, parses nothing, and says the same to all. */
import { createServer } from "node:net"
import { announce } from "../lib/serverProcess.ts"

const answer = Buffer.from(
  "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n" +
    "Date: Fri, 02 Jan 2026 03:04:05 GMT\r\n\r\nHello, World!\n"
)
const end = Buffer.from("\r\n\r\n")

const server = createServer({ noDelay: true }, (socket) => {
  let rest: Buffer = Buffer.alloc(0)
  socket.on("data", (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    let count = 0
    for (let found = bytes.indexOf(end); found >= 0; found = bytes.indexOf(end, at)) {
      at = found + end.length
      count++
    }
    rest = bytes.subarray(at)
    if (count > 0)
      socket.write(count === 1 ? answer : Buffer.concat(Array.from({ length: count }, () => answer)))
  })
  socket.on("error", () => {})
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  if (typeof address === "object" && address !== null) announce(address.port)
})
