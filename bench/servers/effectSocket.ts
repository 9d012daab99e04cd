/** Effect's own `SocketServer`, with the framing by hand: pull, decode, one write a batch. */
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { Effect } from "effect"
import type * as Socket from "effect/socket/Socket"
import { encodeFrames, FrameReader } from "../lib/frames.ts"
import { announce } from "../lib/serverProcess.ts"

const echo = Effect.fnUntraced(function* (socket: Socket.Socket) {
  const reader = yield* socket.reader
  const writer = yield* socket.writer
  const decoder = new FrameReader()
  while (true) {
    const frames: Array<Uint8Array> = []
    for (const chunk of yield* reader.pull) decoder.push(chunk as Uint8Array, frames)
    if (frames.length > 0) yield* writer.write(encodeFrames(frames))
  }
}, Effect.scoped)

const main = Effect.gen(function* () {
  const server = yield* NodeSocketServer.make({
    port: 0,
    host: "127.0.0.1",
    backlog: 1024,
    noDelay: true,
    allowHalfOpen: true
  })
  if ("port" in server.address) announce(server.address.port)
  // The peer's end is an error of `pull`.
  return yield* server.run((socket) => Effect.ignore(echo(socket)))
})

Effect.runFork(Effect.scoped(main))
