/** `@grpc/grpc-js`: an echo over a bidirectional stream. */
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js"
import { announce } from "../lib/serverProcess.ts"
import { echoService } from "./grpcEcho.ts"

const server = new Server()

server.addService(echoService, {
  echo: (call: ServerDuplexStream<Buffer, Buffer>) => {
    call.on("data", (message: Buffer) => {
      if (!call.write(message)) call.pause()
    })
    call.on("drain", () => call.resume())
    call.on("end", () => call.end())
    call.on("error", () => {})
  }
})

server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error
  announce(port)
})
