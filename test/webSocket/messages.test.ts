/** How messages and frames go together. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Schema, Stream } from "effect"
import { WebSocket } from "ws"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import { messageFraming } from "../../src/internal/webSocket/messageFraming.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Resp from "../../src/Resp.ts"
import * as Server from "../../src/Server.ts"
import * as TransportWebSocket from "../../src/TransportWebSocket.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { silence } from "../transport/wireSupport.ts"
import { connect, host, Lines, serve } from "./support.ts"

const Message = Schema.Struct({ text: Schema.String })
const Json = Protocol.make("Json", {
  framing: Framing.lines(),
  fromClient: Codec.json(Message),
  fromServer: Codec.json(Message)
})

const Raw = Protocol.make("Raw", {
  framing: Framing.lengthPrefixed({ maxLength: 100 }),
  fromClient: Codec.bytes,
  fromServer: Codec.bytes
})

/** A server of any protocol that sends back what it gets, and its address. */
const echoOf = Effect.fnUntraced(function* <A>(
  protocol: Protocol.Protocol<A, A>,
  options: TransportWebSocket.SocketOptions = {}
) {
  const server = yield* Effect.provide(
    Server.make(
      protocol,
      Handler.map((message: A) => message)
    ),
    TransportWebSocket.layer({ host, port: 0, ...options })
  )
  return `ws://${host}:${server.address._tag === "Tcp" ? server.address.port : 0}/`
})

const clientOf = <A>(
  protocol: Protocol.Protocol<A, A>,
  url: string,
  options: TransportWebSocket.SocketOptions = {}
) => Effect.provide(Client.connect(protocol, {}), TransportWebSocket.layerClient({ ...options, url }))

describe("the framing in between", () => {
  const payloads = ["", "a", "two\nlines", "x".repeat(90)].map((text) => Buffer.from(text))
  const typed = payloads.map((body) => Buffer.concat([Buffer.of(1, 0, 0, 0, body.length, 0, 0, 0), body]))

  it.each([
    ["lines", Framing.lines(), false, payloads],
    ["lengthPrefixed", Framing.lengthPrefixed({ maxLength: 100 }), false, payloads],
    ["typeLengthValue", Framing.typeLengthValue({ maxLength: 100 }), true, typed]
  ] as const)("keeps the laws in the place of %s", (_name, framing, whole, payloads) => {
    for (const text of [false, true]) {
      const results = FramingLaws.checkAll(messageFraming(framing, { text, whole }, 1000), { payloads })
      assert.deepStrictEqual(
        results.filter(({ ok }) => !ok),
        []
      )
    }
  })
})

describe("messages", () => {
  it.live("are texts where the codec makes texts, for plain code as in a page", () =>
    Effect.gen(function* () {
      const url = yield* echoOf(Json)
      const heard = yield* Effect.callback<string>((resume) => {
        // As a browser's own.
        const socket = new WebSocket(url)
        socket.onopen = () => socket.send(JSON.stringify({ text: "hello\nworld" }, null, 2))
        socket.onmessage = ({ data }) => resume(Effect.succeed(data as string))
        return Effect.sync(() => socket.terminate())
      })
      assert.deepStrictEqual(JSON.parse(heard), { text: "hello\nworld" })
    })
  )

  it.live("are binary where the codec makes bytes, and taken either way", () =>
    Effect.gen(function* () {
      const peer = yield* connect(yield* echoOf(Raw))
      peer.socket.send(Buffer.of(0, 255, 10))
      peer.socket.send("text")
      yield* peer.heard(2)
      assert.deepStrictEqual(peer.messages, [Buffer.of(0, 255, 10), Buffer.from("text")])
    })
  )

  it.live("of the other kind are refused where only one is asked for", () =>
    Effect.gen(function* () {
      for (const [messages, wrong] of [
        ["text", Buffer.from('{"text":"x"}')],
        ["binary", '{"text":"x"}']
      ] as const) {
        const peer = yield* connect(yield* echoOf(Json, { messages }))
        const good = '{"text":"good"}'
        peer.socket.send(messages === "text" ? good : Buffer.from(good))
        peer.socket.send(wrong)
        const [code] = yield* peer.closed
        assert.strictEqual(code, 1003)
        assert.deepStrictEqual(peer.messages, [messages === "text" ? good : Buffer.from(good)])
      }
    })
  )

  it.live("hold a whole frame where the frame holds its header", () =>
    Effect.gen(function* () {
      const Typed = Protocol.make("Typed", {
        framing: Framing.typeLengthValue({ maxLength: 100 }),
        fromClient: Codec.bytes,
        fromServer: Codec.bytes
      })
      const url = yield* echoOf(Typed)
      const frame = Buffer.from("0100000003000000616263", "hex")
      const peer = yield* connect(url)
      peer.socket.send(frame)
      yield* peer.heard(1)
      assert.deepStrictEqual(peer.messages, [frame])
      // A length that is not the message's.
      peer.socket.send(frame.subarray(0, 10))
      assert.strictEqual((yield* peer.closed)[0], 1002)

      const client = yield* clientOf(Typed, url)
      // What stands in the place of the length is the framing's business.
      yield* client.send(Buffer.from("02000000ffffffff6162", "hex"))
      const [answer] = yield* Stream.runCollect(Stream.take(client.messages, 1))
      assert.strictEqual(Buffer.from(answer!).toString("hex"), "02000000020000006162")
    })
  )

  it.live("are whole messages of a protocol that delimits itself", () =>
    Effect.gen(function* () {
      const server = yield* Effect.provide(
        Server.make(
          Resp.protocol(),
          Handler.map(() => Resp.simpleString("PONG"))
        ),
        TransportWebSocket.layer({ host, port: 0 })
      )
      const peer = yield* connect(`ws://${host}:${server.address._tag === "Tcp" ? server.address.port : 0}`)
      peer.socket.send(Buffer.from("*1\r\n$4\r\nPING\r\n"))
      yield* peer.heard(1)
      assert.deepStrictEqual(peer.messages, [Buffer.from("+PONG\r\n")])
      peer.socket.send(Buffer.from("*1\r\n$4\r\nPI"))
      assert.strictEqual((yield* peer.closed)[0], 1002)
    })
  )

  it.live("carry a stream where that is asked for, cut anywhere", () =>
    Effect.gen(function* () {
      const peer = yield* connect(yield* echoOf(Lines, { messages: "stream" }))
      for (const piece of ["on", "e\ntw", "o\n", ""]) peer.socket.send(Buffer.from(piece))
      const all = () => Buffer.concat(peer.messages.map((message) => Buffer.from(message))).toString()
      while (all() !== "one\ntwo\n") yield* peer.heard(peer.messages.length + 1)
    })
  )

  it.live("are as long as framing and transport allow, whichever is less, and longer ones are not sent", () =>
    Effect.gen(function* () {
      const url = yield* echoOf(Raw)
      const client = yield* clientOf(Raw, url)
      yield* client.send(new Uint8Array(100))
      const [answer] = yield* Stream.runCollect(Stream.take(client.messages, 1))
      assert.strictEqual(answer?.length, 100)
      const error = yield* Effect.flip(client.send(new Uint8Array(101)))
      assert.include(error.message, "101")
      const small = yield* clientOf(Raw, url, { maxMessageBytes: 10 })
      assert.include((yield* Effect.flip(small.send(new Uint8Array(11)))).message, "10")
    })
  )

  it.live("of codecs that are agreed on later are texts only where all of those make texts", () =>
    Effect.gen(function* () {
      const Versioned = Protocol.versioned(Json, {
        version: 1,
        codecs: [
          {
            name: "messagePack",
            fromClient: Codec.messagePack(Message),
            fromServer: Codec.messagePack(Message)
          }
        ]
      })
      const url = yield* echoOf(Versioned)
      const client = yield* clientOf(Versioned, url)
      yield* client.send({ text: "agreed" })
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(client.messages, 1)), [{ text: "agreed" }])
      const peer = yield* connect(url)
      yield* peer.heard(1)
      assert.instanceOf(peer.messages[0], Buffer)
    })
  )

  it.live("survive a change of protocols", () =>
    Effect.gen(function* () {
      const Greeting = Protocol.switchable(
        Protocol.make("Greeting", {
          framing: Framing.lines(),
          fromClient: Codec.utf8,
          fromServer: Codec.utf8
        })
      )
      const server = yield* Effect.provide(
        Server.make(Greeting, (connection) =>
          Effect.gen(function* () {
            yield* Stream.runDrain(Stream.take(connection.messages, 1))
            yield* connection.send("switching")
            const raw = yield* connection.switchProtocol(Raw)
            yield* Stream.run(raw.messages, raw.sink)
          })
        ),
        TransportWebSocket.layer({ host, port: 0 })
      )
      const peer = yield* connect(`ws://${host}:${server.address._tag === "Tcp" ? server.address.port : 0}`)
      peer.socket.send("switch")
      peer.socket.send(Buffer.of(1, 2))
      yield* peer.heard(2)
      assert.deepStrictEqual(peer.messages, ["switching", Buffer.of(1, 2)])
    })
  )

  it.live("stop coming while the handler does not take them, and the sender waits", () =>
    Effect.gen(function* () {
      let taken = 0
      const gate = yield* Deferred.make<void>()
      const { port } = yield* serve(
        {},
        (connection) =>
          Effect.andThen(
            Deferred.await(gate),
            Stream.runForEach(connection.messages, () => Effect.sync(() => taken++))
          ),
        { inbound: { maxMessages: 10 } }
      )
      const peer = yield* connect(`ws://${host}:${port}`)
      const message = "x".repeat(1000)
      for (let i = 0; i < 20_000; i++) peer.socket.send(message)
      yield* silence
      // The kernel's buffers hold some; the rest of these 20 MB is still the sender's.
      const held = peer.socket.bufferedAmount
      assert.isAbove(held, 5_000_000)
      yield* silence
      assert.strictEqual(peer.socket.bufferedAmount, held)
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.callback<void>((resume) => peer.socket.ping("", undefined, () => resume(Effect.void)))
      peer.socket.close()
      yield* peer.closed
      assert.strictEqual(taken, 20_000)
    })
  )
})
