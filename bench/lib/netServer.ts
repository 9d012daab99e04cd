/** A `node:net` server by hand: one write a chunk, and no reading while the peer does not read. */
import * as Net from "node:net"
import { encodeFrames, FrameReader } from "./frames.ts"
import { announce } from "./serverProcess.ts"

/** Answers each frame with what `handle` makes of it. */
export const serveByHand = (handle: (frame: Uint8Array) => Uint8Array, onPort = announce): void =>
  serveFrames(
    (frames, socket) => {
      for (let i = 0; i < frames.length; i++) frames[i] = handle(frames[i]!)
      if (!socket.write(encodeFrames(frames))) socket.pause()
    },
    undefined,
    onPort
  )

/** Hands over the frames of each chunk; `onSocket` hears of every connection first. */
export const serveFrames = (
  onFrames: (frames: Array<Uint8Array>, socket: Net.Socket) => void,
  onSocket?: (socket: Net.Socket) => void,
  onPort = announce
): void => {
  const server = Net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const reader = new FrameReader()
    onSocket?.(socket)
    socket.on("data", (chunk: Buffer) => {
      const frames: Array<Uint8Array> = []
      try {
        reader.push(chunk, frames)
        if (frames.length > 0) onFrames(frames, socket)
      } catch {
        socket.destroy()
      }
    })
    socket.on("drain", () => socket.resume())
    socket.on("end", () => socket.end())
    socket.on("error", () => socket.destroy())
  })
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => {
    const address = server.address()
    if (address !== null && typeof address === "object") onPort(address.port)
  })
}
