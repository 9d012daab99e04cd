/** The limit for a broadcast: what a chunk holds goes to every member from one shared buffer. */
import type { Socket } from "node:net"
import { encodeFrames } from "../lib/frames.ts"
import { serveFrames } from "../lib/netServer.ts"

const members = new Set<Socket>()

serveFrames(
  (frames) => {
    const shared = encodeFrames(frames)
    for (const member of members) member.write(shared)
  },
  (socket) => {
    members.add(socket)
    socket.on("close", () => members.delete(socket))
  }
)
