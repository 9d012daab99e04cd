/** The limit for a tagged protocol: the id of each message read, its handler chosen, the answer under its id again, by hand. */
import { serveFrames } from "../lib/netServer.ts"

interface Message {
  readonly _tag: "Data" | "Note"
  readonly body: Uint8Array
}

const decode = (frame: Uint8Array): Message => {
  const id = (frame[0]! << 8) | frame[1]!
  const body = new Uint8Array(frame.buffer, frame.byteOffset + 2, frame.length - 2)
  if (id === 1) return { _tag: "Data", body }
  if (id === 2) return { _tag: "Note", body }
  throw new Error(`unknown id ${id}`)
}

/** All answers in one buffer, each written where it belongs. */
const encode = (messages: ReadonlyArray<Message>): Buffer => {
  let total = 0
  for (let i = 0; i < messages.length; i++) total += 6 + messages[i]!.body.length
  const out = Buffer.allocUnsafe(total)
  let at = 0
  for (let i = 0; i < messages.length; i++) {
    const { _tag, body } = messages[i]!
    const length = 2 + body.length
    out[at] = length >>> 24
    out[at + 1] = length >>> 16
    out[at + 2] = length >>> 8
    out[at + 3] = length
    out[at + 4] = 0
    out[at + 5] = _tag === "Data" ? 1 : 2
    out.set(body, at + 6)
    at += 4 + length
  }
  return out
}

const routes: Record<Message["_tag"], (message: Message) => Message> = {
  Data: ({ body }) => ({ _tag: "Data", body }),
  Note: ({ body }) => ({ _tag: "Note", body })
}

serveFrames((frames, socket) => {
  const answers = frames.map((frame) => {
    const message = decode(frame)
    return routes[message._tag](message)
  })
  if (!socket.write(encode(answers))) socket.pause()
})
