/** `ws`: an echo of binary messages. */
import { WebSocketServer } from "ws"
import { announce } from "../lib/serverProcess.ts"

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", backlog: 1024, perMessageDeflate: false })

server.on("connection", (socket) => {
  socket.on("message", (message) => socket.send(message))
  socket.on("error", () => socket.terminate())
})

server.on("listening", () => {
  const address = server.address()
  if (address !== null && typeof address === "object") announce(address.port)
})
