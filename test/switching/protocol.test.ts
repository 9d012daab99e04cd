/** L-H30: a connection that leaves its protocol, on the in-memory network. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Schema, SchemaGetter, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import type { CloseReason } from "../../src/CloseReason.ts"
import * as Codec from "../../src/Codec.ts"
import type { Connection } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"
import { Counted, counted, Plain, switcher } from "./support.ts"

const provideMemory = Effect.provide(TransportMemory.layer())

/** Everything that one peer sends, before and after the switch. The new bytes are bad lines: too long, with LF inside. */
const script = Buffer.concat([
  Buffer.from("one\ntwo\r\nSWITCH\n"),
  counted("a\nb", "", "x".repeat(200), "\r\n", "SWITCH\n")
])

const messages = [
  "plain one",
  "plain two",
  "plain SWITCH",
  "counted a\nb",
  "counted ",
  `counted ${"x".repeat(200)}`,
  "counted \r\n",
  "counted SWITCH\n"
]

const answers = Buffer.concat([
  Buffer.from("<one>\n<two>\n<SWITCH>\n"),
  counted("[a\nb]", "[]", `[${"x".repeat(200)}]`, "[\r\n]", "[SWITCH\n]")
]).toString()

/** Sends the script in these pieces, each once the one before was taken or held. */
const play = (pieces: ReadonlyArray<Uint8Array>, network: TransportMemory.MemoryOptions = {}) =>
  Effect.gen(function* () {
    const seen: Array<string> = []
    yield* Server.make(Plain, switcher(seen))
    const client = yield* rawClient
    for (const piece of pieces) {
      client.write(piece)
      yield* Effect.yieldNow
    }
    client.wire.end()
    yield* eventually(() => client.state.closed, "the connection is over")
    assert.deepStrictEqual(seen, messages)
    assert.strictEqual(client.text(), answers)
  }).pipe(Effect.scoped, Effect.provide(TransportMemory.layer(network), { local: true }))

describe("switchProtocol", () => {
  it.effect(
    "L-H30: the bytes behind the message go to the next protocol, once and in order, however they were cut",
    () =>
      Effect.gen(function* () {
        yield* play([script])
        yield* play(Array.from(script, (byte) => Uint8Array.of(byte)))
        for (let cut = 1; cut < 40; cut++) yield* play([script.subarray(0, cut), script.subarray(cut)])
      })
  )

  it.effect("L-H30: at random cuts the messages across a switch are the same", () =>
    Effect.gen(function* () {
      for (let seed = 0; seed < 60; seed++) yield* play([script], { maxChunk: 1 + (seed % 30), seed })
    })
  )

  it.effect("there and back: a protocol that is switchable itself can be left again", () =>
    Effect.gen(function* () {
      const Back = Protocol.switchable(Counted)
      const seen: Array<string> = []
      const next = (connection: Connection<string, string>) =>
        Effect.map(Stream.runCollect(Stream.take(connection.messages, 1)), ([text = "?"]) => seen.push(text))
      yield* Server.make(Plain, (plain) =>
        Effect.gen(function* () {
          yield* next(plain)
          const there = yield* plain.switchProtocol(Back)
          yield* next(there)
          const back = yield* there.switchProtocol(Plain)
          yield* next(back)
          assert.strictEqual(back.id, plain.id)
          yield* back.send("bye")
        })
      )
      const client = yield* rawClient
      client.write(Buffer.concat([Buffer.from("a\n"), counted("b"), Buffer.from("c\n")]))
      yield* eventually(() => client.state.ended, "the server is through")
      client.wire.end()
      assert.deepStrictEqual(seen, ["a", "b", "c"])
      assert.strictEqual(client.text(), "bye\n")
    }).pipe(provideMemory)
  )

  it.effect("a client switches with its server, and what both have of the connection goes on", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      yield* Server.make(Plain, switcher(seen))
      const client = yield* Client.connect(Plain)
      yield* client.send("SWITCH")
      yield* client.send("\x05early".slice(1))
      const [ready] = yield* Stream.runCollect(Stream.take(client.messages, 1))
      assert.strictEqual(ready, "<SWITCH>")
      const next = yield* client.switchProtocol(Protocol.flip(Counted))
      assert.strictEqual(next.id, client.id)
      assert.strictEqual(next.attributes, client.attributes)
      yield* next.send("now")
      yield* next.end
      yield* next.closed
    }).pipe(provideMemory)
  )

  it.effect(
    "what was sent before leaves before all that is sent afterwards, pings too, though the peer does not read",
    () =>
      Effect.gen(function* () {
        const Lively = Protocol.heartbeat(Counted, {
          fromServer: { ping: { make: () => "PING", is: (text) => text === "PING" } }
        })
        const switched = yield* Deferred.make<void>()
        yield* Server.make(
          Plain,
          (plain) =>
            Effect.gen(function* () {
              yield* Stream.runCollect(Stream.take(plain.messages, 1))
              // The first half fills the wire, the second waits behind it.
              for (let line = 0; line < 10; line++) yield* plain.send(`line ${line}`)
              yield* Effect.sleep("1 second")
              for (let line = 10; line < 20; line++) yield* plain.send(`line ${line}`)
              const next = yield* plain.switchProtocol(Lively)
              yield* next.send("first")
              yield* Deferred.succeed(switched, undefined)
              yield* Effect.ignore(Stream.runDrain(next.messages))
            }),
          { heartbeat: { interval: "1 second", jitter: 0 } }
        )
        const client = yield* rawClient
        client.wire.pause()
        client.write("SWITCH\n")
        yield* Effect.yieldNow
        yield* TestClock.adjust("1 second")
        yield* Deferred.await(switched)
        yield* TestClock.adjust("1 second")
        client.wire.resume()
        const lines = Array.from({ length: 20 }, (_, line) => `line ${line}\n`).join("")
        const expected = lines.length + 6 + 5
        yield* eventually(() => client.text().length >= expected, "all of it has come")
        assert.strictEqual(client.text().slice(0, lines.length), lines)
        assert.sameMembers(
          client
            .text()
            .slice(lines.length)
            .split(/\p{Cc}/u),
          ["", "first", "PING"]
        )
      }).pipe(Effect.provide(TransportMemory.layer({ window: 16 })))
  )

  it.effect("the peer's end right behind: the next protocol gets its bytes, then the end", () =>
    Effect.gen(function* () {
      const closed = yield* Deferred.make<CloseReason>()
      const Whole = Protocol.make("Whole", {
        framing: Framing.untilEnd(),
        fromClient: Codec.utf8,
        fromServer: Codec.utf8
      })
      const seen: Array<string> = []
      yield* Server.make(Plain, (plain) =>
        Effect.gen(function* () {
          yield* Effect.forkDetach(Effect.flatMap(plain.closed, (reason) => Deferred.succeed(closed, reason)))
          yield* Stream.runCollect(Stream.take(plain.messages, 1))
          // The end is here before the switch.
          yield* Effect.sleep("1 second")
          const next = yield* plain.switchProtocol(Whole)
          yield* Stream.runForEach(next.messages, (text) => Effect.sync(() => seen.push(text)))
          yield* next.send("all")
        })
      )
      for (const rest of ["no line, and no end to it", ""]) {
        const client = yield* rawClient
        client.write(`SWITCH\n${rest}`)
        client.wire.end()
        yield* eventually(() => client.state.ended === false, "sent")
        yield* TestClock.adjust("1 second")
        yield* eventually(() => client.state.closed, "it is over")
        assert.strictEqual(client.text(), "all")
        assert.strictEqual((yield* Deferred.await(closed))._tag, "PeerClosed")
      }
      assert.deepStrictEqual(seen, ["no line, and no end to it", ""])
    }).pipe(provideMemory)
  )

  it.effect(
    "a reset right behind: the bytes before it are read in the next protocol, within the close timeout",
    () =>
      Effect.gen(function* () {
        const reasons: Array<string> = []
        const seen: Array<string> = []
        const handled = yield* Deferred.make<void>()
        yield* Server.make(
          Plain,
          (plain) =>
            Effect.gen(function* () {
              yield* Effect.forkDetach(Effect.map(plain.closed, ({ _tag }) => reasons.push(_tag)))
              yield* Stream.runCollect(Stream.take(plain.messages, 1))
              yield* Effect.sleep("1 second")
              const next = yield* plain.switchProtocol(Counted)
              yield* Stream.runForEach(next.messages, (text) => Effect.sync(() => seen.push(text))).pipe(
                Effect.ignore
              )
              yield* Deferred.succeed(handled, undefined)
            }),
          { closeTimeout: "5 seconds" }
        )
        const client = yield* rawClient
        client.write(Buffer.concat([Buffer.from("SWITCH\n"), counted("a", "b")]))
        yield* Effect.yieldNow
        client.wire.reset()
        yield* Effect.yieldNow
        yield* TestClock.adjust("1 second")
        yield* Deferred.await(handled)
        assert.deepStrictEqual(seen, ["a", "b"])
        yield* eventually(() => reasons.length === 1, "it is over")
        assert.deepStrictEqual(reasons, ["PeerReset"])
      }).pipe(provideMemory)
  )

  it.effect("a handler that never asks again is still interrupted after a reset", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      yield* Server.make(
        Plain,
        (plain) =>
          Effect.andThen(Stream.runCollect(Stream.take(plain.messages, 1)), Effect.never).pipe(
            Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
          ),
        { closeTimeout: "5 seconds" }
      )
      const client = yield* rawClient
      client.write("one\ntwo\n")
      yield* Effect.yieldNow
      client.wire.reset()
      yield* Effect.yieldNow
      yield* TestClock.adjust("5 seconds")
      yield* Deferred.await(interrupted)
    }).pipe(provideMemory)
  )

  it.effect(
    "a drain meanwhile: the whole messages behind the switch are still delivered, half a one is not",
    () =>
      Effect.gen(function* () {
        const seen: Array<string> = []
        const arrived = yield* Deferred.make<void>()
        const server = yield* Server.make(Plain, (plain) =>
          Effect.gen(function* () {
            yield* Stream.runCollect(Stream.take(plain.messages, 1))
            yield* Deferred.succeed(arrived, undefined)
            yield* plain.draining
            const next = yield* plain.switchProtocol(Counted)
            yield* Stream.runForEach(next.messages, (text) => {
              seen.push(text)
              return next.send(text)
            })
          })
        )
        const client = yield* rawClient
        client.write(Buffer.concat([Buffer.from("SWITCH\n"), counted("a", "b"), Buffer.from([9, 1])]))
        yield* Deferred.await(arrived)
        const stopping = yield* Effect.forkChild(server.stop, { startImmediately: true })
        yield* eventually(() => client.state.ended, "the server has ended its side")
        client.wire.end()
        const report = yield* Fiber.join(stopping)
        assert.deepStrictEqual(seen, ["a", "b"])
        assert.strictEqual(client.text(), counted("a", "b").toString())
        assert.strictEqual(report.forced, 0)
      }).pipe(provideMemory)
  )

  it.effect("the goodbye and broadcasts are the server's protocol, and pass over who has switched", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const server = yield* Server.make(Plain, switcher(seen), { goodbye: "BYE" })
      const connections = yield* server.connections(Plain)
      const plain = yield* rawClient
      const gone = yield* rawClient
      plain.write("hi\n")
      gone.write("SWITCH\n")
      yield* eventually(() => seen.length === 2, "both have spoken")
      const [first, second] = yield* connections.list
      const result = yield* connections.broadcast("all")
      assert.deepStrictEqual(result.delivered, [first?.id ?? 0])
      assert.deepStrictEqual(result.failed, [{ id: second?.id ?? 0, reason: "switched" }])
      assert.strictEqual(yield* connections.unicast(second?.id ?? 0, "you"), "switched")
      const stopping = yield* Effect.forkChild(server.stop, { startImmediately: true })
      yield* eventually(() => plain.state.ended && gone.state.ended, "the server has ended both")
      plain.wire.end()
      gone.wire.end()
      yield* Fiber.join(stopping)
      assert.strictEqual(plain.text(), "<hi>\nall\nBYE\n")
      assert.strictEqual(gone.text(), "<SWITCH>\n")
    }).pipe(provideMemory)
  )

  it.effect("who still holds the connection in its old protocol reads its end, and sends nothing", () =>
    Effect.gen(function* () {
      const results: Array<unknown> = []
      yield* Server.make(Plain, (plain) =>
        Effect.gen(function* () {
          yield* Stream.runCollect(Stream.take(plain.messages, 1))
          const waiting = yield* plain.fork(Stream.runCollect(plain.messages))
          const send = plain.send
          yield* plain.switchProtocol(Counted)
          results.push((yield* Fiber.join(waiting)).length)
          results.push((yield* Stream.runCollect(plain.messages)).length)
          for (const sending of [
            send("x"),
            plain.send("x"),
            plain.sendAll(["x"]),
            plain.trySend("x"),
            plain.sendAwait("x")
          ]) {
            const error = yield* Effect.flip(sending)
            results.push(error._tag, error.message.includes("has switched to Counted"))
          }
          const again = yield* Effect.flip(plain.switchProtocol(Plain))
          results.push(again._tag)
        })
      )
      const client = yield* rawClient
      client.write("SWITCH\n")
      yield* eventually(() => client.state.ended, "the handler is through")
      client.wire.end()
      const failed = ["MessageError", true]
      assert.deepStrictEqual(results, [
        0,
        0,
        ...failed,
        ...failed,
        ...failed,
        ...failed,
        ...failed,
        "InvalidConfig"
      ])
      assert.strictEqual(client.text(), "")
    }).pipe(provideMemory)
  )

  it.effect("a protocol that is not switchable says so, and so does one with problems", () =>
    Effect.gen(function* () {
      const Fixed = Protocol.make("Fixed", {
        framing: Framing.lines(),
        fromClient: Codec.utf8,
        fromServer: Codec.utf8
      })
      const Bad = Protocol.make("Bad", {
        framing: Framing.lines({ maxLength: -1 }),
        fromClient: Codec.utf8,
        fromServer: Codec.utf8
      })
      const paths: Array<string | undefined> = []
      const handler = (connection: Connection<string, string>) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(connection.switchProtocol(Bad))
          if (error._tag === "InvalidConfig") paths.push(error.problems[0]?.path)
        })
      for (const protocol of [Fixed, Plain]) {
        yield* Effect.gen(function* () {
          yield* Server.make(protocol, handler)
          const client = yield* rawClient
          yield* eventually(() => client.state.ended, "the handler is through")
          client.wire.end()
        }).pipe(Effect.scoped, Effect.provide(TransportMemory.layer(), { local: true }))
      }
      assert.deepStrictEqual(paths, ["protocol", "protocol.framing.maxLength"])
    })
  )

  it.effect("frame and hello deadlines, rate and numbers go on across the switch", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      let held: Connection<string, string> | undefined
      yield* Server.make(
        Plain,
        switcher(seen, (next) => Effect.sync(() => (held = next))),
        { deadlines: { frame: "5 seconds" }, inbound: { rate: { messages: 2, burst: "1 second" } } }
      )
      const client = yield* rawClient
      client.write(Buffer.concat([Buffer.from("one\nSWITCH\n"), counted("a"), Buffer.from([5, 97])]))
      yield* eventually(() => seen.length === 3, "what one read held is handled, and paid for afterwards")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(held?.stats.messagesIn, 3)
      assert.deepStrictEqual(held?.stats.bytesIn, 15)
      yield* TestClock.adjust("10 seconds")
      yield* eventually(() => client.state.ended, "the half message had its time")
      client.wire.end()
      const reason = yield* (held as Connection<string, string>).closed
      assert.deepStrictEqual(reason, { _tag: "DeadlineExceeded", deadline: "frame" } as never)
    }).pipe(provideMemory)
  )

  it.effect("the codecs' services come from where the switch is, also for messages that were waiting", () =>
    Effect.gen(function* () {
      class Key extends Context.Service<Key, { readonly shift: number }>()("test/Key") {}
      const Shifted = Schema.String.pipe(
        Schema.decodeTo(Schema.Finite, {
          decode: SchemaGetter.transformEffect((text: string) =>
            Effect.map(Effect.andThen(Effect.yieldNow, Key), ({ shift }) => text.length + shift)
          ),
          encode: SchemaGetter.transformEffect((n: number) =>
            Effect.map(Key, ({ shift }) => "x".repeat(n - shift))
          )
        })
      )
      const Secret = Protocol.make("Secret", {
        framing: Framing.lines(),
        fromClient: Codec.json(Shifted),
        fromServer: Codec.json(Shifted)
      })
      const seen: Array<number> = []
      yield* Server.make(Plain, (plain) =>
        Effect.gen(function* () {
          yield* Stream.runCollect(Stream.take(plain.messages, 1))
          const next = yield* plain.switchProtocol(Secret).pipe(Effect.provideService(Key, { shift: 10 }))
          yield* Stream.runForEach(next.messages, (n) => {
            seen.push(n)
            return next.send(n)
          })
        })
      )
      const client = yield* rawClient
      client.write('go\n"aa"\n"b"\n')
      client.wire.end()
      yield* eventually(() => client.state.closed, "it is over")
      assert.deepStrictEqual(seen, [12, 11])
      assert.strictEqual(client.text(), '"xx"\n"x"\n')
    }).pipe(provideMemory)
  )
})

describe("a switchable protocol", () => {
  it.effect("is read as any other by who does not switch: pipelined lines, pings among them, bad ones", () =>
    Effect.gen(function* () {
      const Lively = Protocol.heartbeat(Plain, {
        fromClient: { ping: { make: () => "PING", is: (line) => line === "PING" } },
        fromServer: { pong: { make: () => "PONG", is: (line) => line === "PONG" } }
      })
      const reasons: Array<string> = []
      yield* Server.make(Lively, (connection) =>
        Effect.gen(function* () {
          yield* Effect.forkDetach(Effect.map(connection.closed, ({ _tag }) => reasons.push(_tag)))
          yield* Stream.run(connection.messages, connection.sink)
        })
      )
      const client = yield* rawClient
      client.write(`a\nPING\nb\n${"x".repeat(40)}\nnever\n`)
      yield* eventually(() => client.state.ended, "the server has closed")
      client.wire.end()
      yield* eventually(() => reasons.length > 0, "it is over")
      assert.sameMembers(client.text().split("\n"), ["PONG", "a", "b", ""])
      assert.deepStrictEqual(reasons, ["FrameError"])
    }).pipe(provideMemory)
  )

  it.effect("a drain delivers the messages whose bytes are held", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const arrived = yield* Deferred.make<void>()
      const server = yield* Server.make(Plain, (connection) =>
        Stream.runForEach(connection.messages, (line) => {
          seen.push(line)
          return Effect.andThen(Deferred.succeed(arrived, undefined), connection.draining)
        })
      )
      const client = yield* rawClient
      client.write("a\nb\nhalf")
      yield* Deferred.await(arrived)
      const stopping = yield* Effect.forkChild(server.stop, { startImmediately: true })
      yield* eventually(() => client.state.ended, "the server has ended its side")
      client.wire.end()
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(seen, ["a", "b"])
    }).pipe(provideMemory)
  )

  it.effect("holds one chunk at most while nobody asks, and reads on when somebody does", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      let count = 0
      yield* Server.make(Plain, (connection) =>
        Effect.andThen(
          Deferred.await(go),
          Stream.runForEach(connection.messages, () => Effect.sync(() => count++))
        )
      )
      const client = yield* rawClient
      for (let turn = 0; turn < 100; turn++) {
        client.write("0123456789\n".repeat(10))
        yield* Effect.yieldNow
      }
      // The peer's window of 1024 bytes and what one read took; the rest has not left it.
      assert.isAbove(client.wire.unsent, 8000)
      yield* Deferred.succeed(go, undefined)
      client.wire.end()
      yield* eventually(() => count === 1000, "all have come")
    }).pipe(Effect.provide(TransportMemory.layer({ window: 1024 })))
  )
})
