/** What one connection offers, on the in-memory network. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Option, Schema, SchemaGetter, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import * as Connection from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually, take } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"

const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const Numbers = Protocol.make("Numbers", {
  framing: Framing.lines(),
  fromClient: Codec.json(Schema.Struct({ n: Schema.Int })),
  fromServer: Codec.json(Schema.Struct({ n: Schema.Int }))
})

const provideMemory = Effect.provide(TransportMemory.layer())

describe("messages", () => {
  it.effect(
    "S-6, L-H26: empty lines, NUL bytes and many lines in one packet are messages like any other",
    () =>
      Effect.gen(function* () {
        yield* Server.make(Text, (connection) => Stream.run(connection.messages, connection.sink))
        const client = yield* rawClient
        client.write("\n\r\n\0\na\nb")
        client.write("c\n")
        yield* eventually(() => client.text() === "\n\n\0\na\nbc\n", "all lines are back")
      }).pipe(provideMemory)
  )

  it.effect(
    "a malformed message closes its connection after what came before it, and tells what was wrong",
    () =>
      Effect.gen(function* () {
        const reason = yield* Deferred.make<unknown>()
        const seen: Array<number> = []
        yield* Server.make(Numbers, (connection) =>
          Effect.gen(function* () {
            yield* Effect.forkDetach(Effect.flatMap(connection.closed, (it) => Deferred.succeed(reason, it)))
            yield* Stream.runForEach(connection.messages, ({ n }) =>
              Effect.andThen(
                Effect.sync(() => seen.push(n)),
                connection.send({ n })
              )
            )
          })
        )
        const client = yield* rawClient
        client.write('{"n":1}\n{"n":2}\n{"n":"x"}\n{"n":4}\n')
        yield* eventually(() => client.state.ended, "the server ended its side")
        client.wire.end()
        const closed = (yield* Deferred.await(reason)) as {
          _tag: string
          error: { index: number; excerpt: string; message: string }
        }
        assert.strictEqual(closed._tag, "MessageError")
        assert.strictEqual(closed.error.index, 2)
        assert.strictEqual(closed.error.excerpt, Buffer.from('{"n":"x"}').toString("hex"))
        assert.match(closed.error.message, /inbound message 2: json: n: /)
        assert.deepStrictEqual(seen, [1, 2])
        assert.strictEqual(client.text(), '{"n":1}\n{"n":2}\n')
      }).pipe(provideMemory)
  )

  it.effect("onMessageError: skip leaves the message out and counts it", () =>
    Effect.gen(function* () {
      let stats: Connection.ConnectionStats | undefined
      yield* Server.make(
        Numbers,
        (connection) =>
          Effect.andThen(
            Stream.run(connection.messages, connection.sink),
            Effect.sync(() => {
              stats = connection.stats
            })
          ),
        { onMessageError: "skip" }
      )
      const client = yield* rawClient
      client.write('{"n":1}\nnonsense\n\xff\n{"n":4}\n')
      client.wire.end()
      yield* eventually(() => client.state.closed, "the connection is closed")
      assert.strictEqual(client.text(), '{"n":1}\n{"n":4}\n')
      assert.strictEqual(stats?.skipped, 2)
      assert.strictEqual(stats?.messagesIn, 4)
      assert.strictEqual(stats?.messagesOut, 2)
      assert.strictEqual(stats?.bytesOut, 16)
    }).pipe(provideMemory)
  )

  it.effect("frames that the framing left out count as skipped, too", () =>
    Effect.gen(function* () {
      const counted: Array<number> = []
      const framing = Framing.lines({ maxLength: 10, oversize: "skip" })
      yield* Server.make(
        { ...Numbers, framing },
        (connection) =>
          Stream.runForEach(connection.messages, (message) =>
            Effect.andThen(
              Effect.sync(() => counted.push(connection.stats.skipped)),
              connection.send(message)
            )
          ),
        { onMessageError: "skip" }
      )
      const client = yield* rawClient
      client.write('{"n":1}\n')
      yield* eventually(() => counted.length === 1, "the first is here")
      client.write(`${"x".repeat(11)}\nno\n${"y".repeat(30)}`)
      client.write(`${"y".repeat(30)}\n{"n":2}\n`)
      client.wire.end()
      yield* eventually(() => client.state.closed, "the connection is closed")
      assert.strictEqual(client.text(), '{"n":1}\n{"n":2}\n')
      assert.deepStrictEqual(counted, [0, 3])
    }).pipe(provideMemory)
  )

  it.effect("onMessageError: a function answers, in order with the other replies", () =>
    Effect.gen(function* () {
      yield* Server.make(Numbers, (connection) => Stream.run(connection.messages, connection.sink), {
        onMessageError: (error) => ({ n: -error.index })
      })
      const client = yield* rawClient
      client.write('{"n":1}\nnonsense\n{"n":3}\n')
      client.write("more\n")
      client.wire.end()
      yield* eventually(() => client.state.closed, "the connection is closed")
      assert.strictEqual(client.text(), '{"n":1}\n{"n":-1}\n{"n":3}\n{"n":-3}\n')
    }).pipe(provideMemory)
  )

  it.effect("a broken frame closes its connection after what came before it", () =>
    Effect.gen(function* () {
      const Short = Protocol.make("Short", {
        framing: Framing.lines({ maxLength: 4 }),
        fromClient: Codec.utf8,
        fromServer: Codec.utf8
      })
      const reason = yield* Deferred.make<string>()
      yield* Server.make(Short, (connection) =>
        Effect.andThen(
          Effect.forkDetach(Effect.flatMap(connection.closed, ({ _tag }) => Deferred.succeed(reason, _tag))),
          Stream.run(connection.messages, connection.sink)
        )
      )
      const client = yield* rawClient
      client.write("a\nb\ntoo long\n")
      yield* eventually(() => client.state.ended, "the server ended its side")
      client.wire.end()
      assert.strictEqual(yield* Deferred.await(reason), "FrameError")
      assert.strictEqual(client.text(), "a\nb\n")
    }).pipe(provideMemory)
  )

  it.effect("a codec with services is decoded and encoded with them, in order, byte by byte too", () =>
    Effect.gen(function* () {
      class Salt extends Context.Service<Salt, { readonly add: (n: number) => Effect.Effect<number> }>()(
        "Salt"
      ) {}
      const Salted = Schema.Number.pipe(
        Schema.decodeTo(Schema.Number, {
          decode: SchemaGetter.transformEffect((n: number) => Effect.flatMap(Salt, (salt) => salt.add(n))),
          encode: SchemaGetter.transformEffect((n: number) => Effect.flatMap(Salt, (salt) => salt.add(n)))
        })
      )
      const SaltedProtocol = Protocol.make("Salted", {
        framing: Framing.lines(),
        fromClient: Codec.json(Salted),
        fromServer: Codec.json(Salted)
      })
      const order: Array<number> = []
      const program = Effect.gen(function* () {
        yield* Server.make(SaltedProtocol, (connection) =>
          Stream.runForEach(connection.messages, (n) =>
            Effect.andThen(
              Effect.sync(() => order.push(n)),
              connection.send(n)
            )
          )
        )
        const client = yield* rawClient
        client.write("1\n2\n3\n")
        client.wire.end()
        yield* eventually(() => client.state.closed, "the connection is closed")
        return client.text()
      })
      const text = yield* program.pipe(
        Effect.provideService(Salt, { add: (n) => Effect.as(Effect.yieldNow, n + 100) })
      )
      assert.deepStrictEqual(order, [101, 102, 103])
      assert.strictEqual(text, "201\n202\n203\n")
    }).pipe(Effect.provide(TransportMemory.layer({ maxChunk: 1 })))
  )
})

describe("sending", () => {
  it.effect("trySend says when the queue is full, send waits, and order is kept", () =>
    Effect.gen(function* () {
      const client = yield* Deferred.make<Connection.Connection<string, string>>()
      yield* Server.make(
        Text,
        (connection) =>
          Effect.andThen(Deferred.succeed(client, connection), Stream.runDrain(connection.messages)),
        { outbound: { maxMessages: 3 }, drainTimeout: 0 }
      )
      const raw = yield* rawClient
      raw.wire.pause()
      const connection = yield* Deferred.await(client)
      const big = "x".repeat(70_000)
      // Fills the wire, so that the queue behind it fills too.
      yield* connection.send(big)
      yield* eventually(() => connection.stats.bytesOut >= 70_000, "the wire is full")
      const tries = [
        yield* connection.trySend("1"),
        yield* connection.trySend("2"),
        yield* connection.trySend("3")
      ]
      assert.deepStrictEqual(tries, [true, true, true])
      assert.isFalse(yield* connection.trySend("4"))
      assert.strictEqual(connection.stats.outboundMessages, 3)
      const four = yield* Effect.forkChild(connection.send("4"), { startImmediately: true })
      const five = yield* Effect.forkChild(connection.sendAll(["5", "6"]), { startImmediately: true })
      const seven = yield* Effect.forkChild(connection.send("7"), { startImmediately: true })
      yield* Fiber.interrupt(seven)
      assert.isUndefined(four.pollUnsafe())
      assert.isUndefined(five.pollUnsafe())
      raw.wire.resume()
      yield* Fiber.join(four)
      yield* Fiber.join(five)
      yield* eventually(() => raw.text().endsWith("6\n"), "everything arrived")
      assert.strictEqual(raw.text(), `${big}\n1\n2\n3\n4\n5\n6\n`)
    }).pipe(provideMemory)
  )

  it.effect(
    "sendAwait returns once the peer's side has it, and fails where the connection breaks before",
    () =>
      Effect.gen(function* () {
        const ready = yield* Deferred.make<Connection.Connection<string, string>>()
        yield* Server.make(Text, (connection) =>
          Effect.andThen(Deferred.succeed(ready, connection), Stream.runDrain(connection.messages))
        )
        const raw = yield* rawClient
        const connection = yield* Deferred.await(ready)
        yield* connection.sendAwait("one")
        yield* eventually(() => raw.text() === "one\n", "it is there")
        raw.wire.pause()
        const waiting = yield* Effect.forkChild(Effect.exit(connection.sendAwait("y".repeat(200_000))), {
          startImmediately: true
        })
        yield* eventually(() => connection.stats.bytesOut > 200_000, "it is on its way")
        assert.isUndefined(waiting.pollUnsafe())
        raw.wire.reset()
        const exit = yield* Fiber.join(waiting)
        assert.isTrue(Exit.isFailure(exit))
      }).pipe(provideMemory)
  )

  it.effect("a message that cannot be encoded fails its send, and the connection lives", () =>
    Effect.gen(function* () {
      yield* Server.make(Text, (connection) => Stream.run(connection.messages, connection.sink))
      const client = yield* Client.connect(Text)
      yield* client.send("fine")
      const error = yield* Effect.flip(client.sendAll(["ok", "two\nlines", "never"]))
      assert.strictEqual(error._tag, "MessageError")
      assert.match(error.message, /outbound message 2: payload holds the delimiter at byte 3/)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(client.trySend("a\nb"))))
      yield* client.send("still")
      assert.deepStrictEqual(yield* take(client, 3), ["fine", "ok", "still"])
    }).pipe(provideMemory)
  )

  it.effect("L-H14: what two fibers send at once arrives whole, each in its own order", () =>
    Effect.gen(function* () {
      yield* Server.make(Text, (connection) => Stream.run(connection.messages, connection.sink))
      const client = yield* Client.connect(Text, { outbound: { maxMessages: 2 } })
      const sender = (name: string) =>
        Effect.forEach(Array.from({ length: 100 }), (_, i) => client.send(`${name}${i}`), { discard: true })
      yield* Effect.forkChild(Effect.all([sender("a"), sender("b")], { concurrency: 2 }))
      const messages = yield* take(client, 200)
      for (const name of ["a", "b"]) {
        assert.deepStrictEqual(
          messages.filter((message) => message.startsWith(name)),
          Array.from({ length: 100 }, (_, i) => `${name}${i}`)
        )
      }
    }).pipe(provideMemory)
  )

  it.effect("L-H10, L-H11: sending on a closed connection fails and says why it closed", () =>
    Effect.gen(function* () {
      yield* Server.make(Text, () => Effect.void)
      const client = yield* Client.connect(Text)
      const reason = yield* client.closed
      const error = yield* Effect.flip(client.send("late"))
      assert.strictEqual(error._tag, "ConnectionClosed")
      assert.deepStrictEqual(error._tag === "ConnectionClosed" ? error.reason : undefined, reason)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(client.trySend("late"))))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(client.sendAwait("late"))))
    }).pipe(provideMemory)
  )
})

describe("what belongs to a connection", () => {
  it.effect("attributes are typed by their key and gone with the connection", () =>
    Effect.gen(function* () {
      const User = Connection.attribute<{ readonly name: string }>("user")
      const Other = Connection.attribute<number>("user")
      const seen: Array<unknown> = []
      yield* Server.make(Text, (connection) =>
        Stream.runForEach(connection.messages, (name) =>
          Effect.gen(function* () {
            seen.push(Option.getOrUndefined(connection.attributes.get(User))?.name)
            yield* connection.attributes.set(User, { name })
            assert.isTrue(Option.isNone(connection.attributes.get(Other)))
            if (name === "forget") yield* connection.attributes.remove(User)
            yield* connection.send("ok")
          })
        )
      )
      const client = yield* Client.connect(Text)
      yield* client.sendAll(["ada", "forget", "bob"])
      yield* take(client, 3)
      assert.deepStrictEqual(seen, [undefined, "ada", undefined])
    }).pipe(provideMemory)
  )

  it.effect(
    "L-H7: forked work and the scope's finalizers end with the handler, before the connection is gone",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const server = yield* Server.make(Text, (connection) =>
          Effect.gen(function* () {
            yield* connection.fork(
              Effect.never.pipe(Effect.ensuring(Effect.sync(() => log.push("forked work ended"))))
            )
            yield* Effect.addFinalizer(() => Effect.sync(() => log.push("finalizer ran")))
            yield* Stream.runDrain(connection.messages)
            log.push("handler ended")
          })
        )
        const client = yield* Client.connect(Text)
        yield* client.send("x")
        yield* client.close
        assert.strictEqual((yield* client.closed)._tag, "LocalClosed")
        yield* eventually(() => Effect.runSync(server.connectionCount) === 0, "the connection is gone")
        assert.strictEqual(log[0], "handler ended")
        assert.deepStrictEqual(log.slice(1).sort(), ["finalizer ran", "forked work ended"])
      }).pipe(provideMemory)
  )

  it.effect("close interrupts the handler, flushes what was sent and tells everyone the same reason", () =>
    Effect.gen(function* () {
      const ready = yield* Deferred.make<Connection.Connection<string, string>>()
      const interrupted = yield* Deferred.make<void>()
      yield* Server.make(Text, (connection) =>
        connection.send("last words").pipe(
          Effect.andThen(Deferred.succeed(ready, connection)),
          Effect.andThen(Effect.never),
          Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
        )
      )
      const client = yield* Client.connect(Text)
      const connection = yield* Deferred.await(ready)
      yield* Effect.all([connection.close, connection.close], { concurrency: 2 })
      yield* Deferred.await(interrupted)
      assert.deepStrictEqual(yield* Stream.runCollect(client.messages), ["last words"])
      const reasons = yield* Effect.all([connection.closed, connection.closed])
      assert.deepStrictEqual(
        reasons.map((reason) => reason._tag),
        ["LocalClosed", "LocalClosed"]
      )
    }).pipe(provideMemory)
  )

  it.effect("addresses match: ours is the peer's remote one", () =>
    Effect.gen(function* () {
      const ready = yield* Deferred.make<Connection.Connection<string, string>>()
      yield* Server.make(Text, (connection) =>
        Effect.andThen(Deferred.succeed(ready, connection), Stream.runDrain(connection.messages))
      )
      const client = yield* Client.connect(Text)
      const connection = yield* Deferred.await(ready)
      assert.deepStrictEqual(client.localAddress, connection.remoteAddress)
      assert.deepStrictEqual(client.remoteAddress, connection.localAddress)
      assert.isBelow(0, connection.id)
      assert.notStrictEqual(client.id, connection.id)
    }).pipe(provideMemory)
  )
})

describe("a peer that does not play along", () => {
  it.effect("a peer that never ends its side is cut after closeTimeout", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Text, (connection) => connection.send("bye"), {
        closeTimeout: "3 seconds"
      })
      const client = yield* rawClient
      yield* eventually(() => client.state.ended, "the server ended its side")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* server.connectionCount, 1)
      assert.isFalse(client.state.closed)
      yield* TestClock.adjust("1 seconds")
      yield* eventually(() => Effect.runSync(server.connectionCount) === 0, "the connection is gone")
    }).pipe(provideMemory)
  )

  it.effect("a peer that does not read is cut after closeTimeout, with what it left unread", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Text, (connection) =>
        Effect.ignore(connection.send("x".repeat(1_000_000)))
      )
      const client = yield* rawClient
      client.wire.pause()
      yield* eventually(() => Effect.runSync(server.connectionCount) === 1, "the connection is there")
      yield* TestClock.adjust("5 seconds")
      yield* eventually(() => Effect.runSync(server.connectionCount) === 0, "the connection is gone")
    }).pipe(provideMemory)
  )

  it.effect("a handler that ignores the end of its connection is interrupted after closeTimeout", () =>
    Effect.gen(function* () {
      let interrupted = false
      const server = yield* Server.make(Text, () =>
        Effect.never.pipe(
          Effect.onInterrupt(() =>
            Effect.sync(() => {
              interrupted = true
            })
          )
        )
      )
      const client = yield* rawClient
      client.write("hello\n")
      yield* eventually(() => Effect.runSync(server.connectionCount) === 1, "the connection is there")
      client.wire.reset()
      yield* Effect.yieldNow
      yield* TestClock.adjust("4 seconds")
      assert.isFalse(interrupted)
      yield* TestClock.adjust("1 seconds")
      yield* eventually(() => Effect.runSync(server.connectionCount) === 0, "the connection is gone")
      assert.isTrue(interrupted)
    }).pipe(provideMemory)
  )

  it.effect("L-C8: a client reads all that a server sent before it closed, however late it looks", () =>
    Effect.gen(function* () {
      yield* Server.make(Text, (connection) => connection.sendAll(["a", "b", "c"]))
      const client = yield* Client.connect(Text)
      yield* client.closed
      assert.deepStrictEqual(yield* Stream.runCollect(client.messages), ["a", "b", "c"])
    }).pipe(provideMemory)
  )
})

describe("Handler", () => {
  it.effect("map, each and fromStream give the same answers", () =>
    Effect.gen(function* () {
      const handlers: ReadonlyArray<Handler.Handler<string, string, unknown>> = [
        Handler.map((text: string) => text.toUpperCase()),
        Handler.each((text: string, connection: Connection.Connection<string, string>) =>
          connection.send(text.toUpperCase())
        ),
        Handler.each((text: string, connection: Connection.Connection<string, string>) =>
          Effect.andThen(Effect.yieldNow, connection.send(text.toUpperCase()))
        ),
        Handler.fromStream((messages: Stream.Stream<string, unknown>) =>
          Stream.map(messages, (text) => text.toUpperCase())
        )
      ]
      for (const handler of handlers) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* Server.make(Text, handler)
            const client = yield* Client.connect(Text)
            const sent = Array.from({ length: 100 }, (_, i) => `message ${i}`)
            yield* client.sendAll(sent)
            yield* client.end
            const back = yield* Stream.runCollect(client.messages)
            assert.deepStrictEqual(
              back,
              sent.map((text) => text.toUpperCase())
            )
          })
        ).pipe(Effect.provide(TransportMemory.layer({ maxChunk: 700 })))
      }
    })
  )

  const Pump = Protocol.tagged("Pump", {
    framing: Framing.typeLengthValue(),
    messages: {
      Reading: { id: 1, schema: Schema.TaggedStruct("Reading", { litres: Schema.Finite }) },
      Alarm: { id: 2, schema: Schema.TaggedStruct("Alarm", { text: Schema.String }) }
    }
  })

  const frame = (id: number, body: string): Buffer => {
    const header = Buffer.alloc(8)
    header.writeUInt32LE(id, 0)
    header.writeUInt32LE(body.length, 4)
    return Buffer.concat([header, Buffer.from(body)])
  }

  it.effect(
    "route calls one function a tag; unknown ids reach otherwise, or are left out, and are counted",
    () =>
      Effect.gen(function* () {
        for (const withOtherwise of [true, false]) {
          const seen: Array<string> = []
          let stats: Connection.ConnectionStats | undefined
          const route = Handler.route(
            Pump,
            {
              Reading: ({ litres }) => Effect.sync(() => seen.push(`reading ${litres}`)),
              Alarm: ({ text }, connection) => connection.send({ _tag: "Alarm", text: `${text}!` })
            },
            withOtherwise
              ? { otherwise: ({ body, id }) => Effect.sync(() => seen.push(`${id}: ${body}`)) }
              : {}
          )
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* Server.make(Pump, (connection) =>
                Effect.andThen(
                  route(connection),
                  Effect.sync(() => {
                    stats = connection.stats
                  })
                )
              )
              const client = yield* rawClient
              client.write(
                Buffer.concat([
                  frame(1, '{"_tag":"Reading","litres":3}'),
                  frame(99, "zz"),
                  frame(2, '{"_tag":"Alarm","text":"hot"}')
                ])
              )
              client.wire.end()
              yield* eventually(() => client.state.closed, "the connection is closed")
              assert.strictEqual(client.text(), frame(2, '{"_tag":"Alarm","text":"hot!"}').toString())
            })
          ).pipe(provideMemory)
          assert.deepStrictEqual(seen, withOtherwise ? ["reading 3", "99: 122,122"] : ["reading 3"])
          assert.strictEqual(stats?.unknown, 1)
          assert.strictEqual(stats?.messagesIn, 3)
        }
      })
  )
})
