/** The rules of RFC 6455 for what comes after the handshake, case by case, by bare bytes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { closeFrame, codeOf, echo, frame, framesOf, request, say, serve, splitHead } from "./support.ts"

interface Case {
  /** What the client sends. */
  readonly send: ReadonlyArray<Uint8Array>
  /** The messages that come back. */
  readonly echoed?: ReadonlyArray<string>
  /** The payloads of the pongs. */
  readonly pongs?: ReadonlyArray<string>
  /** The code that the server closes with. */
  readonly code: number
}

const text = 1
const binary = 2
const ping = 9
const pong = 10
const more = 0
const unfinished = { fin: false }
const bye = closeFrame(1000)

const cases: Readonly<Record<string, Case>> = {
  "an empty text": { send: [frame(text), bye], echoed: [""], code: 1000 },
  "a text with two bytes of length": {
    send: [frame(text, "x".repeat(126)), bye],
    echoed: ["x".repeat(126)],
    code: 1000
  },
  "a text as long as may be": {
    send: [frame(text, "x".repeat(1000)), bye],
    echoed: ["x".repeat(1000)],
    code: 1000
  },
  "a text that is one byte too long for the protocol": { send: [frame(text, "x".repeat(1001))], code: 1009 },
  "a text that is too long for the transport": { send: [frame(text, "x".repeat(4097))], code: 1009 },
  "a length that was only declared": { send: [frame(binary, "", { length: 2 ** 40 })], code: 1009 },
  "a length that no number is": { send: [Buffer.from("82ffffffffffffffffff12345678", "hex")], code: 1009 },
  "a binary message of text": { send: [frame(binary, "bytes"), bye], echoed: ["bytes"], code: 1000 },
  fragments: {
    send: [frame(text, "one ", unfinished), frame(more, "two ", unfinished), frame(more, "three"), bye],
    echoed: ["one two three"],
    code: 1000
  },
  "a character cut in two by fragments": {
    send: [frame(text, Buffer.of(0xc3), unfinished), frame(more, Buffer.of(0xa9)), bye],
    echoed: ["é"],
    code: 1000
  },
  "empty fragments": {
    send: [frame(text, "", unfinished), frame(more, "", unfinished), frame(more, "x"), bye],
    echoed: ["x"],
    code: 1000
  },
  "a ping": { send: [frame(ping, "are you there"), bye], pongs: ["are you there"], code: 1000 },
  "a ping of 125 bytes": { send: [frame(ping, "x".repeat(125)), bye], pongs: ["x".repeat(125)], code: 1000 },
  "a ping between fragments": {
    send: [frame(text, "a", unfinished), frame(ping, "p"), frame(more, "b"), bye],
    pongs: ["p"],
    echoed: ["ab"],
    code: 1000
  },
  "a pong that nobody asked for": {
    send: [frame(pong, "?"), frame(text, "x"), bye],
    echoed: ["x"],
    code: 1000
  },
  "two messages in one packet": {
    send: [Buffer.concat([frame(text, "a"), frame(text, "b"), bye])],
    echoed: ["a", "b"],
    code: 1000
  },
  "a message, byte by byte": {
    send: [...Buffer.concat([frame(text, "slow"), bye])].map((byte) => Buffer.of(byte)),
    echoed: ["slow"],
    code: 1000
  },
  "a close without a code": { send: [frame(8)], code: 1005 },
  "a close of an application": { send: [closeFrame(4321, "why")], code: 4321 },
  "what comes behind a close": { send: [bye, frame(text, "late")], code: 1000 },

  "a text that is no UTF-8": { send: [frame(text, Buffer.of(0xc3, 0x28))], code: 1007 },
  "a surrogate in UTF-8": { send: [frame(text, Buffer.of(0xed, 0xa0, 0x80))], code: 1007 },
  "UTF-8 that ends too early": { send: [frame(text, Buffer.of(0x61, 0xe2, 0x82))], code: 1007 },
  "a frame without a mask": { send: [frame(text, "x", { masked: false })], code: 1002 },
  "the first reserved bit without compression": { send: [frame(text, "x", { rsv: 4 })], code: 1002 },
  "the second reserved bit": { send: [frame(text, "x", { rsv: 2 })], code: 1002 },
  "the third reserved bit": { send: [frame(text, "x", { rsv: 1 })], code: 1002 },
  "a reserved opcode": { send: [frame(3, "x")], code: 1002 },
  "a reserved control opcode": { send: [frame(11, "x")], code: 1002 },
  "a continuation of nothing": { send: [frame(more, "x")], code: 1002 },
  "a new message within fragments": { send: [frame(text, "a", unfinished), frame(text, "b")], code: 1002 },
  "a control frame in fragments": { send: [frame(ping, "x", unfinished)], code: 1002 },
  "a ping of 126 bytes": { send: [frame(ping, "x".repeat(126))], code: 1002 },
  "a close of one byte": { send: [frame(8, Buffer.of(3))], code: 1002 },
  "a close code that is not for the wire": { send: [closeFrame(1005)], code: 1002 },
  "a close code that nobody has given out": { send: [closeFrame(1016)], code: 1002 },
  "a close reason that is no UTF-8": {
    send: [frame(8, Buffer.of(3, 0xe8, 0xc3, 0x28))],
    code: 1007
  },
  "what came before the mistake": {
    send: [frame(text, "good"), frame(3, "bad"), frame(text, "unheard")],
    echoed: ["good"],
    code: 1002
  }
}

describe("what a client may send", () => {
  for (const [name, { code, echoed = [], pongs = [], send }] of Object.entries(cases)) {
    it.live(`${name}: ${code}`, () =>
      Effect.gen(function* () {
        const { port } = yield* serve({ maxMessageBytes: 4096 }, echo, { closeTimeout: "1 second" })
        const { head, rest } = splitHead(yield* say(port, request(), ...send))
        assert.match(head, /^HTTP\/1\.1 101 /)
        const frames = framesOf(rest)
        const of = (opcode: number) =>
          frames.filter((received) => received.opcode === opcode).map(({ payload }) => payload.toString())
        assert.deepStrictEqual(of(text), echoed)
        assert.deepStrictEqual(of(pong), pongs)
        assert.strictEqual(codeOf(frames.at(-1)), code)
        assert.strictEqual(frames.filter(({ opcode }) => opcode === 8).length, 1)
        assert.isTrue(frames.every(({ fin, rsv }) => fin && rsv === 0))
      })
    )
  }
})
