/** What a connection says before its first message and after its last, for protocols that ask for it. */
import { clientMask, type Kind, webSocketFrame } from "./forms.ts"

/** The beginning of one connection. */
export interface Handshake {
  /** What to send first. */
  readonly begin: Buffer
  /** Takes what came in; `undefined` while it lasts. Returns what to send next, or that it is done. */
  readonly take: (chunk: Buffer) => Buffer | "done" | undefined
}

const upgrade = (path: string): Buffer =>
  Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
  )

/** What a server has to make of the key above. */
const acceptance = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

const headerEnd = "\r\n\r\n"

/** Cuts the answer to the upgrade off, once it is complete. */
const afterUpgrade = (received: Buffer): Buffer | undefined => {
  const end = received.indexOf(headerEnd)
  if (end < 0) return undefined
  const head = received.toString("latin1", 0, end)
  if (!head.startsWith("HTTP/1.1 101 ") || !head.includes(acceptance))
    throw new Error(`no upgrade: ${head.slice(0, 200)}`)
  return received.subarray(end + headerEnd.length)
}

const webSocketHandshake = (): Handshake => {
  let received = Buffer.alloc(0)
  return {
    begin: upgrade("/"),
    take: (chunk) => {
      received = Buffer.concat([received, chunk])
      return afterUpgrade(received) === undefined ? undefined : "done"
    }
  }
}

/** The text of the first short frame of a server, and what follows. */
const firstText = (received: Buffer): { readonly text: string; readonly rest: Buffer } | undefined => {
  if (received.length < 2) return undefined
  const short = received[1]! < 126
  const start = short ? 2 : 4
  if (received.length < start) return undefined
  const end = start + (short ? received[1]! : received.readUInt16BE(2))
  if (received.length < end) return undefined
  return { text: received.toString("utf8", start, end), rest: received.subarray(end) }
}

/** Engine.IO opens (`0`), the client asks for the main namespace (`40`), the server lets it in (`40`). */
const socketIoHandshake = (): Handshake => {
  let received = Buffer.alloc(0)
  let upgraded = false
  return {
    begin: upgrade("/socket.io/?EIO=4&transport=websocket"),
    take: (chunk) => {
      received = Buffer.concat([received, chunk])
      if (!upgraded) {
        const rest = afterUpgrade(received)
        if (rest === undefined) return undefined
        upgraded = true
        received = Buffer.from(rest)
      }
      const first = firstText(received)
      if (first === undefined) return undefined
      received = Buffer.from(first.rest)
      if (first.text.startsWith("0"))
        return webSocketFrame(0x81, { bytes: Buffer.from("40"), numbers: [] }, clientMask).bytes
      if (first.text.startsWith("40")) return "done"
      throw new Error(`unexpected: ${first.text.slice(0, 200)}`)
    }
  }
}

export const handshakeOf = (kind: Kind): Handshake | undefined =>
  kind === "webSocket" ? webSocketHandshake() : kind === "socketIo" ? socketIoHandshake() : undefined

const webSocketClose = webSocketFrame(
  0x88,
  { bytes: Buffer.from([0x03, 0xe8]), numbers: [] },
  clientMask
).bytes

/** What is sent instead of a bare end; the server ends then. */
export const farewellOf = (kind: Kind): Buffer | undefined =>
  kind === "webSocket" || kind === "socketIo" ? webSocketClose : undefined
