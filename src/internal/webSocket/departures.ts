/** What a connection writes, as messages of a WebSocket. */
import { viewOf } from "../framing/accumulator.ts"
import { headerLength, isText, lengthOf, readHeader } from "./messageFraming.ts"

/** The longest piece of a stream that goes in one message, in bytes. */
const longestPiece = 65_536

/** Hands over each message in `bytes`, and whether it is a text and the last one. */
export const eachMessage = (
  bytes: Uint8Array,
  stream: boolean,
  send: (message: Uint8Array, text: boolean, last: boolean) => void
): void => {
  const { length } = bytes
  let at = 0
  while (at < length) {
    const header = stream ? 0 : readHeader(bytes, at)
    const start = stream ? at : at + headerLength
    const end = stream ? Math.min(at + longestPiece, length) : start + lengthOf(header)
    send(viewOf(bytes, start, end), isText(header), end === length)
    at = end
  }
}
