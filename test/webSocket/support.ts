/** Peers that are not ours: the `ws` package as it comes, and bare sockets that say any bytes. */
import * as Net from "node:net"
import { Effect, Layer, Logger } from "effect"
import { type ClientOptions, WebSocket } from "ws"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportWebSocket from "../../src/TransportWebSocket.ts"

export const host = "127.0.0.1"

/** Lines of text. */
export const Lines = Protocol.make("Lines", {
  framing: Framing.lines({ maxLength: 1000 }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

export const echo = Handler.map((message: string) => message)

/** A server of `Lines`, and its port. */
export const serve = Effect.fnUntraced(function* (
  options: Partial<TransportWebSocket.ListenOptions> = {},
  handler: Handler.Handler<string, string, unknown, never> = echo,
  serverOptions: Server.ServerOptions<string> = {}
) {
  const server = yield* Effect.provide(
    Server.make(Lines, handler, serverOptions),
    Layer.merge(TransportWebSocket.layer({ host, port: 0, ...options }), Logger.layer([]))
  )
  return { server, port: server.address._tag === "Tcp" ? server.address.port : 0 }
})

/** What a WebSocket has heard. */
export interface Peer {
  readonly socket: WebSocket
  readonly messages: Array<string | Buffer>
  /** The close code and text, once it is closed. */
  readonly closed: Effect.Effect<readonly [code: number, text: string]>
  /** Waits until so many messages have come. */
  readonly heard: (count: number) => Effect.Effect<void>
}

/** Connects with the `ws` package; fails with what it says. */
export const connect = (
  url: string,
  options: ClientOptions & { readonly protocols?: Array<string> } = {}
) => {
  const { protocols = [], ...rest } = options
  return Effect.acquireRelease(
    Effect.callback<Peer, string>((resume) => {
      const socket = new WebSocket(url, protocols, rest)
      const messages: Array<string | Buffer> = []
      const closed = new Promise<readonly [number, string]>((resolve) => {
        socket.once("close", (code, text) => resolve([code, text.toString()]))
      })
      socket.on("message", (data: Buffer, binary) => messages.push(binary ? data : data.toString()))
      socket.on("error", (error) => resume(Effect.fail(error.message)))
      const heard = (count: number) =>
        Effect.promise(async () => {
          while (messages.length < count) await new Promise((resolve) => socket.once("message", resolve))
        })
      socket.once("open", () =>
        resume(Effect.succeed({ socket, messages, heard, closed: Effect.promise(() => closed) }))
      )
    }),
    ({ socket }) => Effect.sync(() => socket.terminate())
  )
}

/** A frame as a client sends it. */
export const frame = (
  opcode: number,
  payload: string | Uint8Array = "",
  options: {
    readonly fin?: boolean
    readonly masked?: boolean
    readonly rsv?: number
    readonly length?: number
  } = {}
): Buffer => {
  const { fin = true, masked = true, rsv = 0 } = options
  const body = Buffer.from(payload)
  const length = options.length ?? body.length
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  const mask = masked ? 0x80 : 0
  const header =
    length < 126
      ? Buffer.of(first, mask | length)
      : length < 65_536
        ? Buffer.of(first, mask | 126, length >> 8, length & 255)
        : Buffer.concat([Buffer.of(first, mask | 127), bigLength(length)])
  if (!masked) return Buffer.concat([header, body])
  const key = Buffer.of(0x12, 0x34, 0x56, 0x78)
  return Buffer.concat([header, key, body.map((byte, index) => byte ^ key[index % 4]!)])
}

const bigLength = (length: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(length))
  return bytes
}

/** A close frame of a client. */
export const closeFrame = (code: number, text = ""): Buffer =>
  frame(8, Buffer.concat([Buffer.of(code >> 8, code & 255), Buffer.from(text)]))

export interface Received {
  readonly opcode: number
  readonly fin: boolean
  readonly rsv: number
  readonly payload: Buffer
}

/** The frames that a server sent. */
export const framesOf = (bytes: Buffer): ReadonlyArray<Received> => {
  const found: Array<Received> = []
  let at = 0
  while (at + 2 <= bytes.length) {
    const short = bytes[at + 1]! & 127
    const wide = short === 126 ? 2 : short === 127 ? 8 : 0
    const length =
      wide === 0 ? short : wide === 2 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))
    const start = at + 2 + wide
    if (start + length > bytes.length) break
    found.push({
      opcode: bytes[at]! & 15,
      fin: bytes[at]! >= 128,
      rsv: (bytes[at]! >> 4) & 7,
      payload: bytes.subarray(start, start + length)
    })
    at = start + length
  }
  return found
}

/** The code of a close frame, 1005 for none; undefined for another frame. */
export const codeOf = (received: Received | undefined): number | undefined => {
  if (received?.opcode !== 8) return undefined
  return received.payload.length < 2 ? 1005 : received.payload.readUInt16BE(0)
}

/** A request as a client that knows the rules sends it, with other headers in the place of its own. */
export const request = (path = "/", headers: Readonly<Record<string, string | undefined>> = {}): string => {
  const all = {
    Host: host,
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    ...headers
  }
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`]
  )
  return `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`
}

/** Says some bytes, and waits until the other side has ended. Returns all that it said. */
export const say = (port: number, ...pieces: ReadonlyArray<string | Uint8Array>) =>
  Effect.callback<Buffer>((resume) => {
    const heard: Array<Buffer> = []
    const socket = Net.connect({ host, port }, () => {
      for (const piece of pieces) socket.write(piece)
    })
    socket.on("data", (chunk) => heard.push(chunk))
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(Buffer.concat(heard))))
    return Effect.sync(() => socket.destroy())
  })

/** Splits an answer into its head and what stands behind it. */
export const splitHead = (bytes: Buffer): { readonly head: string; readonly rest: Buffer } => {
  const end = bytes.indexOf("\r\n\r\n")
  return { head: bytes.subarray(0, end).toString(), rest: bytes.subarray(end + 4) }
}
