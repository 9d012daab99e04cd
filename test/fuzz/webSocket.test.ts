/** WebSocket conversations, handshake and frames: each mutated one is answered, or closed with a code that says why. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { deflateRawSync } from "node:zlib"
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import * as TransportWebSocket from "../../src/TransportWebSocket.ts"
import { closeFrame, codeOf, frame, framesOf, splitHead } from "../webSocket/support.ts"
import { assault, type Outcome } from "./support/assault.ts"
import type { Tokens } from "./support/fuzz.ts"

const key = "dGhlIHNhbXBsZSBub25jZQ=="

const head = (...more: ReadonlyArray<string>): ReadonlyArray<Uint8Array> =>
  [
    "GET ",
    "/chat",
    " HTTP/1.1\r\n",
    "Host: ",
    "chat.example",
    "\r\n",
    "Upgrade: websocket\r\n",
    "Connection: Upgrade\r\n",
    `Sec-WebSocket-Key: ${key}\r\n`,
    "Sec-WebSocket-Version: ",
    "13",
    "\r\n",
    ...more,
    "\r\n"
  ].map((text) => Buffer.from(text))

/** A frame in parts: its two bytes, its longer length, its mask, its payload. */
const parts = (bytes: Buffer): ReadonlyArray<Uint8Array> => {
  const short = bytes[1]! & 127
  const wide = short === 126 ? 2 : short === 127 ? 8 : 0
  return [
    bytes.subarray(0, 1),
    bytes.subarray(1, 2),
    bytes.subarray(2, 2 + wide),
    bytes.subarray(2 + wide, 6 + wide),
    bytes.subarray(6 + wide)
  ].filter(({ length }) => length > 0)
}

const unfinished = { fin: false }
const bye = parts(closeFrame(1000, "bye"))
const squeezed = deflateRawSync("compressed ".repeat(20), { finishFlush: 2 }).subarray(0, -4)

/** The handshake is one token in most of them, so that frames are what is mostly mutated. */
const conversations: ReadonlyArray<Tokens> = [
  [...head(), ...parts(frame(1, "hello")), ...parts(frame(2, Buffer.of(0, 1, 2, 255))), ...bye],
  [
    Buffer.concat(head()),
    ...parts(frame(1, "one ", unfinished)),
    ...parts(frame(9, "are you there")),
    ...parts(frame(0, "two ", unfinished)),
    ...parts(frame(0, "thrée")),
    ...bye
  ],
  [Buffer.concat(head()), ...parts(frame(1, "x".repeat(200))), ...parts(frame(10, "?")), ...bye],
  [Buffer.concat(head()), ...parts(frame(1, "y".repeat(1000))), ...parts(frame(8))],
  [
    Buffer.concat(head("Sec-WebSocket-Extensions: permessage-deflate\r\n")),
    ...parts(frame(1, squeezed, { rsv: 4 })),
    ...parts(frame(1, "plain")),
    ...bye
  ],
  [
    ...head("Origin: ", "http://chat.example", "\r\n", "Sec-WebSocket-Protocol: ", "v1, v2", "\r\n"),
    ...parts(frame(1, "with all there is")),
    ...bye
  ]
]

const statuses = new Set([400, 403, 404, 405, 426, 431])
const codes = new Set([1000, 1002, 1005, 1007, 1008, 1009, 1011])

/** What is wrong with an answer. */
const judge = ({ heard }: Outcome): string | undefined => {
  const answer = Buffer.from(heard)
  // Who ends before its request is whole, or is none, gets nothing.
  if (answer.length === 0) return undefined
  const { head: first, rest } = splitHead(answer)
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1])
  if (status !== 101) return statuses.has(status) ? undefined : `answered ${first.slice(0, 100)}`
  if (!/sec-websocket-accept: \S{28}/i.test(first)) return `no accept in ${first}`
  if (first.includes(key)) return "the key came back"
  const frames = framesOf(rest)
  const length = frames.reduce(
    (sum, { payload }) =>
      sum + payload.length + (payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10),
    0
  )
  if (length !== rest.length) return `${rest.length - length} bytes are no frame`
  for (const [index, received] of frames.entries()) {
    const { fin, opcode, payload } = received
    if (!fin || ![1, 2, 8, 10].includes(opcode)) return `a frame of ${opcode}`
    if (opcode === 1 && !received.rsv && payload.toString() !== new TextDecoder().decode(payload))
      return "no text"
    if (opcode === 8) {
      const code = codeOf(received) ?? 0
      if (index !== frames.length - 1) return "frames behind the close"
      // A code of the peer's own comes back.
      if (!codes.has(code) && !(code >= 3000 && code < 5000) && !(code >= 1000 && code < 1015))
        return `closed with ${code}`
    }
  }
  return undefined
}

// What zlib held is freed with its objects.
setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

/** What is held outside the heap, in bytes, once what nobody holds is gone. */
const held = Effect.gen(function* () {
  for (let turn = 0; turn < 3; turn++) {
    collect()
    yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
  }
  return process.memoryUsage().external
})

const protocol = Protocol.make("WebSockets", {
  framing: Framing.lines({ maxLength: 1000 }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

describe.each([false, true])("WebSockets, compression: %s", (compression) => {
  it.live(
    "answers or closes",
    () =>
      Effect.gen(function* () {
        const server = yield* Effect.provide(
          Server.make(
            protocol,
            Handler.map((message) => message),
            { closeTimeout: "50 millis", heartbeat: "off" }
          ),
          TransportWebSocket.layerOver({
            path: "/chat",
            subprotocols: ["v1"],
            maxMessageBytes: 4000,
            compression: compression && { threshold: 20 }
          })
        )
        const before = yield* held
        yield* assault({
          name: `WebSockets, compression: ${compression}`,
          server,
          conversations,
          judge,
          shares: 2,
          // Many of them wait for the end of the closing timeout.
          together: 512
        })
        const grown = (yield* held) - before
        if (grown > 32 * 1024 * 1024) return yield* Effect.die(new Error(`${grown} bytes more are held`))
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(TransportMemory.layer(), Logger.layer([])))),
    { timeout: 300_000 }
  )
})
