/** Protocols without a framing, whose messages say themselves where they end. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ByteWriter } from "../../src/ByteWriter.ts"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import type { Connection } from "../../src/Connection.ts"
import type * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Outbound from "../../src/Outbound.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import { DelimiterInPayload, FrameCorrupted, type FrameError, FrameTruncated } from "../../src/SluiceError.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"

const maxLength = 16

/** Whole numbers in decimal, each ended by a space. */
class Decoder implements Framing.FrameDecoder<number> {
  readonly skipped = 0
  private digits = ""
  private error: FrameError | undefined

  get buffered(): number {
    return this.digits.length
  }

  push(chunk: Uint8Array, numbers: Array<number>): FrameError | undefined {
    for (const byte of chunk) {
      if (this.error !== undefined) break
      if (byte === 0x20 && this.digits.length > 0) {
        numbers.push(Number(this.digits))
        this.digits = ""
      } else if (byte >= 0x30 && byte <= 0x39 && this.digits.length < maxLength - 1) {
        this.digits += String.fromCharCode(byte)
      } else {
        this.error = new FrameCorrupted({ detail: `byte ${byte}` })
      }
    }
    return this.error
  }

  end(): FrameError | undefined {
    if (this.error === undefined && this.digits.length > 0) {
      this.error = new FrameTruncated({ pending: this.digits.length })
    }
    return this.error
  }

  remaining(): Uint8Array {
    return Buffer.from(this.digits)
  }
}

const numbers = Codec.selfDelimiting<number>("numbers", {
  maxLength,
  makeDecoder: () => new Decoder(),
  encode: (number, out) => {
    out.writeBytes(Buffer.from(`${number} `))
    if (number === 13) throw new Error("unlucky")
    return Number.isSafeInteger(number) && number >= 0 ? undefined : new DelimiterInPayload({ offset: 0 })
  }
})

/** Texts in brackets; another form, for the other direction. */
const texts = Codec.selfDelimiting<string>("texts", {
  maxLength,
  makeDecoder: () => new TextDecoder(),
  encode: (text, out) => {
    out.writeBytes(Buffer.from(`<${text}>`))
    return undefined
  }
})

class TextDecoder implements Framing.FrameDecoder<string> {
  readonly skipped = 0
  private held = ""

  get buffered(): number {
    return this.held.length
  }

  push(chunk: Uint8Array, found: Array<string>): undefined {
    this.held += Buffer.from(chunk).toString()
    const parts = this.held.split(">")
    this.held = parts.pop() ?? ""
    found.push(...parts.map((part) => part.slice(1)))
  }

  end(): undefined {}

  remaining(): Uint8Array {
    return Buffer.from(this.held)
  }
}

const Mixed = Protocol.make("Mixed", { fromClient: numbers, fromServer: texts })
/** Takes no message, and goes when the server does. */
const idle = (connection: Connection<number, string>) => connection.draining
const provideMemory = Effect.provide(TransportMemory.layer())

describe("the codec", () => {
  it("obeys the laws of framings", () => {
    const payloads = ["0 ", "7 ", "42 ", "123456789012345 "].map((text) => Buffer.from(text))
    const results = FramingLaws.checkAll(FramingLaws.ofCodec(numbers), { payloads })
    assert.deepStrictEqual(
      results.filter(({ ok }) => !ok),
      []
    )
  })

  it("is one for frames of one message each, too", () => {
    assert.deepStrictEqual(numbers.decode(Buffer.from("42 ")), Exit.succeed(42))
    assert.deepStrictEqual(
      Effect.runSync(Effect.map(numbers.encode(42), (bytes) => Buffer.from(bytes).toString())),
      "42 "
    )
    for (const wrong of ["", "1 2 ", "42", "x"]) {
      assert.isTrue(Exit.isFailure(Effect.runSyncExit(numbers.decode(Buffer.from(wrong)))), wrong)
    }
    assert.isTrue(Exit.isFailure(Effect.runSyncExit(numbers.encode(-1))))
  })

  it("leaves nothing of a message behind that it refuses, or throws at", () => {
    const out = new ByteWriter()
    assert.isUndefined(numbers.wire.encode(1, out))
    assert.strictEqual(numbers.wire.encode(-1, out)?._tag, "DelimiterInPayload")
    assert.strictEqual(numbers.wire.encode(13, out)?._tag, "CodecError")
    assert.strictEqual(Buffer.from(out.take()).toString(), "1 ")
  })
})

describe("a protocol of such codecs", () => {
  it("has their problems, and those of a hello, which it cannot have", () => {
    const problem = { path: "maxLength", message: "must be more" }
    const bad = Codec.selfDelimiting<number>("bad", { ...numbers.wire, problems: [problem] })
    const protocol = Protocol.make("Bad", { fromClient: numbers, fromServer: bad })
    assert.deepStrictEqual(protocol.problems, [{ ...problem, path: "fromServer.maxLength" }])
    assert.strictEqual(Protocol.flip(protocol).selfDelimiting, true)
    assert.deepStrictEqual(
      Protocol.versioned(Mixed, { version: 1 }).problems.map(({ path }) => path),
      ["versions.hello"]
    )
  })

  it.effect("gives each direction its own form, between server and client", () =>
    Effect.gen(function* () {
      yield* Server.make(
        Mixed,
        Handler.map((number) => `got ${number}`)
      )
      const client = yield* Client.connect(Mixed)
      yield* client.sendAll([1, 22, 333])
      const replies = yield* Stream.runCollect(Stream.take(client.messages, 3))
      assert.deepStrictEqual(replies, ["got 1", "got 22", "got 333"])
    }).pipe(Effect.scoped, provideMemory)
  )

  it.effect("flipped, is the same the other way round", () =>
    Effect.gen(function* () {
      const flipped = Protocol.flip(Mixed)
      yield* Server.make(
        flipped,
        Handler.map((text) => text.length)
      )
      const client = yield* Client.connect(flipped)
      yield* client.sendAll(["a", "four"])
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(client.messages, 2)), [1, 4])
    }).pipe(Effect.scoped, provideMemory)
  )

  it.effect("answers what came before bytes that are no message, and may say why it ends", () =>
    Effect.gen(function* () {
      const answer = Handler.map((number: number) => `got ${number}`)
      yield* Server.make(Mixed, (connection) =>
        Effect.catchTag(answer(connection), "ConnectionClosed", ({ reason }) =>
          reason._tag === "FrameError" ? connection.send(reason.error.message) : Effect.void
        )
      )
      const client = yield* rawClient
      client.write("1 2")
      client.write("2 x3 ")
      yield* eventually(() => client.state.ended, "the server ended its side")
      assert.strictEqual(client.text(), "<got 1><got 22><corrupted frame: byte 120>")
    }).pipe(Effect.scoped, provideMemory)
  )

  it.effect("tells senders of messages that cannot be encoded, and goes on", () =>
    Effect.gen(function* () {
      yield* Server.make(
        Mixed,
        Handler.map((number) => `got ${number}`)
      )
      const client = yield* Client.connect(Mixed)
      const refused = yield* Effect.flip(client.send(-1))
      assert.strictEqual(refused._tag === "MessageError" && refused.issue._tag, "DelimiterInPayload")
      const threw = yield* Effect.flip(client.send(13))
      assert.strictEqual(threw._tag === "MessageError" && threw.issue._tag, "CodecError")
      yield* client.send(5)
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(client.messages, 1)), ["got 5"])
    }).pipe(Effect.scoped, provideMemory)
  )

  it.effect("counts what waits for the handler by its bytes on the wire, however many turns it takes", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Mixed, idle, { inbound: { perTurn: 3 } })
      const client = yield* rawClient
      // The last one is not whole.
      client.write("1 22 333 4444 5")
      const peer = yield* onlyPeer(server, Mixed)
      yield* eventually(() => peer.stats.inboundMessages === 4, "all of them wait")
      assert.strictEqual(peer.stats.inboundBytes, 14)
      assert.strictEqual(yield* server.heldBytes, 15)
    }).pipe(Effect.scoped, provideMemory)
  )

  it.effect("keeps pings and pongs from its messages", () =>
    Effect.gen(function* () {
      const Lively = Protocol.heartbeat(Mixed, {
        fromClient: { ping: { make: () => 0, is: (number) => number === 0 } },
        fromServer: { pong: { make: () => "pong", is: (text) => text === "pong" } }
      })
      const server = yield* Server.make(Lively, idle)
      const client = yield* rawClient
      client.write("0 7 0 ")
      yield* eventually(() => client.text() === "<pong><pong>", "pongs")
      const peer = yield* onlyPeer(server, Lively)
      assert.strictEqual(peer.stats.inboundMessages, 1)
      // A batch weighs as much as its chunk.
      assert.strictEqual(peer.stats.inboundBytes, 6)
    }).pipe(Effect.scoped, provideMemory)
  )

  it.effect("drops messages of a slow peer by their bytes", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Mixed, idle, { outbound: { maxMessages: 1 } })
      const dropped: Array<number> = []
      yield* Effect.forkChild(
        Stream.runForEach(server.events, (event) =>
          Effect.sync(() => event._tag === "Dropped" && dropped.push(event.bytes / event.messages))
        ),
        { startImmediately: true }
      )
      const client = yield* rawClient
      client.wire.pause()
      const peer = yield* onlyPeer(server, Mixed)
      yield* Effect.repeat(peer.sendWith("four", Outbound.dropNew), { until: (sent) => sent === "dropped" })
      yield* TestClock.adjust("1 second")
      yield* eventually(() => dropped.length > 0, "it is told")
      assert.strictEqual(dropped[0], "<four>".length)
    }).pipe(Effect.scoped, provideMemory)
  )

  it.effect("says farewell and goodbye in its own form", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Mixed, (connection) => Stream.runDrain(connection.messages), {
        goodbye: "bye",
        admission: { maxConnections: 1, farewell: (reason) => reason }
      })
      const client = yield* rawClient
      yield* onlyPeer(server, Mixed)
      const late = yield* rawClient
      yield* eventually(() => late.text() === "<full>", "a farewell")
      yield* Effect.forkChild(server.stop, { startImmediately: true })
      yield* eventually(() => client.text() === "<bye>", "a goodbye")
      client.wire.end()
    }).pipe(Effect.scoped, provideMemory)
  )
})

/** The server's side of the one connection there is, once it is there. */
const onlyPeer = Effect.fnUntraced(function* (
  server: Server.Server["Service"],
  protocol: Protocol.Protocol<number, string>
) {
  const connections = yield* server.connections(protocol)
  yield* eventually(() => Effect.runSync(connections.size) === 1, "it is connected")
  return Option.getOrThrow(yield* connections.get((yield* connections.list)[0]!.id))
})
