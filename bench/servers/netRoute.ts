/** The limit for a tagged protocol: the id of each message read, its handler chosen, the answer under its id again, by hand. */
import { serveByHand } from "../lib/netServer.ts"

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

const encode = ({ _tag, body }: Message): Uint8Array => {
  const frame = new Uint8Array(2 + body.length)
  frame[1] = _tag === "Data" ? 1 : 2
  frame.set(body, 2)
  return frame
}

const routes: Record<Message["_tag"], (message: Message) => Message> = {
  Data: ({ body }) => ({ _tag: "Data", body }),
  Note: ({ body }) => ({ _tag: "Note", body })
}

serveByHand((frame) => {
  const message = decode(frame)
  return encode(routes[message._tag](message))
})
