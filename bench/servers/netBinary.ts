/** The limit for a binary codec: the fields of a reading taken out of the frame, checked, and written again, by hand. */
import { serveByHand } from "../lib/netServer.ts"

interface Reading {
  readonly seq: number
  readonly kind: "reading"
  readonly value: number
  readonly note: string
}

const headSize = 13

const decode = (frame: Uint8Array): Reading => {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.length)
  const value = bytes.readDoubleBE(5)
  if (bytes[4] !== 1 || !Number.isFinite(value)) throw new Error("not a reading")
  return { seq: bytes.readUInt32BE(0), kind: "reading", value, note: bytes.toString("utf8", headSize) }
}

const encode = ({ note, seq, value }: Reading): Uint8Array => {
  const bytes = Buffer.allocUnsafe(headSize + Buffer.byteLength(note))
  bytes.writeUInt32BE(seq, 0)
  bytes[4] = 1
  bytes.writeDoubleBE(value, 5)
  bytes.write(note, headSize)
  return bytes
}

serveByHand((frame) => encode(decode(frame)))
