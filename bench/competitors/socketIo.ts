/** socket.io over WebSocket: an echo of an event with a text. */
import { createServer } from "node:http"
import { Server } from "socket.io"
import { announce } from "../lib/serverProcess.ts"

const http = createServer()
// No ping comes within a trial: the load client has no answer to them.
const server = new Server(http, { transports: ["websocket"], pingInterval: 600_000, serveClient: false })

server.on("connection", (socket) => {
  socket.on("echo", (text: string) => socket.emit("echo", text))
})

http.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => {
  const address = http.address()
  if (address !== null && typeof address === "object") announce(address.port)
})
