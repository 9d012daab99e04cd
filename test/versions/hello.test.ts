/** The hello of versioned protocols: who goes with whom, and what both ends hear of it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import type { CloseReason } from "../../src/CloseReason.ts"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import { agree } from "../../src/internal/greeting.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import { VersionMismatch } from "../../src/SluiceError.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import type { Hello } from "../../src/Versions.ts"
import { eventually, take } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"

const Say = Schema.Struct({ text: Schema.String })
const plain = Protocol.make("Chat", {
  framing: Framing.lengthPrefixed(),
  fromClient: Codec.json(Say),
  fromServer: Codec.json(Say)
})
const binary = { name: "binary", fromClient: Codec.binary(Say), fromServer: Codec.binary(Say) }
const shout = Handler.map<typeof Say.Type, typeof Say.Type>(({ text }) => ({ text: text.toUpperCase() }))
const lines = Protocol.make("Lines", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})
const memory = Effect.provide(TransportMemory.layer())

const reasons = (server: Server.Server["Service"]) => {
  const ended: Array<CloseReason> = []
  return Effect.as(
    Effect.forkScoped(
      Stream.runForEach(server.events, (event) =>
        Effect.sync(() => event._tag === "Closed" && ended.push(event.reason))
      ),
      { startImmediately: true }
    ),
    ended
  )
}

const mismatchOf = <A, E, R>(effect: Effect.Effect<A, E | VersionMismatch, R>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.instanceOf(error, VersionMismatch)
    return error
  })

describe("two ends that agree", () => {
  it.effect("speak the first codec of the client's that the server has, and know on what they agreed", () =>
    Effect.gen(function* () {
      let agreed: unknown
      yield* Server.make(
        Protocol.versioned(plain, { version: 3, accepts: [2, 3], codecs: [binary] }),
        (connection) => {
          agreed = connection.agreed
          return shout(connection)
        }
      )
      const client = yield* Client.connect(
        Protocol.versioned(plain, { version: 2, accepts: [2, 3], codecs: [binary] })
      )
      assert.deepStrictEqual(client.agreed, { version: 2, peerVersion: 3, codec: "binary" })
      yield* client.send({ text: "hello" })
      assert.deepStrictEqual(yield* take(client, 1), [{ text: "HELLO" }])
      assert.deepStrictEqual(agreed, { version: 3, peerVersion: 2, codec: "binary" })
    }).pipe(memory)
  )

  it.effect("fall back on the protocol's own codec, while others on the same server speak another", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Protocol.versioned(plain, { version: 1, codecs: [binary] }), shout)
      const old = yield* Client.connect(Protocol.versioned(plain, { version: 1 }))
      const young = yield* Client.connect(Protocol.versioned(plain, { version: 1, codecs: [binary] }))
      assert.strictEqual(old.agreed?.codec, "default")
      assert.strictEqual(young.agreed?.codec, "binary")
      for (const client of [old, young]) {
        yield* client.send({ text: "hello" })
        assert.deepStrictEqual(yield* take(client, 1), [{ text: "HELLO" }])
      }
      assert.strictEqual(yield* server.connectionCount, 2)
    }).pipe(memory)
  )

  it.effect("get broadcasts, each in the codec it speaks", () =>
    Effect.gen(function* () {
      const protocol = Protocol.versioned(plain, { version: 1, codecs: [binary] })
      let agreed = 0
      const server = yield* Server.make(protocol, (connection) => {
        agreed++
        return shout(connection)
      })
      const connections = yield* server.connections(protocol)
      const clients = [
        yield* Client.connect(Protocol.versioned(plain, { version: 1 })),
        yield* Client.connect(protocol)
      ]
      yield* eventually(() => agreed === 2, "the server has heard both hellos")
      const { delivered, failed } = yield* connections.broadcast({ text: "to all" })
      assert.strictEqual(delivered.length, 2)
      assert.deepStrictEqual(failed, [])
      for (const client of clients) assert.deepStrictEqual(yield* take(client, 1), [{ text: "to all" }])
    }).pipe(memory)
  )

  it.effect("send nothing before the hello, and what comes right behind it is a message", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Protocol.versioned(lines, { version: 7 }), (connection) =>
        Effect.andThen(connection.send("welcome"), Handler.map((line: string) => line)(connection))
      )
      const client = yield* rawClient
      yield* eventually(() => client.text().endsWith("\n"), "the server's hello")
      const hello = '{"protocol":"Lines","version":7,"accepts":[7],"codecs":["default"]}\n'
      assert.strictEqual(client.text(), hello)
      client.write(`${hello}one\ntwo\n`)
      yield* eventually(() => client.text().endsWith("two\n"), "the echo")
      assert.strictEqual(client.text(), `${hello}welcome\none\ntwo\n`)
      assert.strictEqual(yield* server.connectionCount, 1)
    }).pipe(memory)
  )

  it.effect("do so over type-length-value and tagged messages too", () =>
    Effect.gen(function* () {
      const Pump = Protocol.versioned(
        Protocol.tagged("Pump", {
          framing: Framing.typeLengthValue(),
          messages: { Say: { id: 1, schema: Schema.TaggedStruct("Say", { text: Schema.String }) } }
        }),
        { version: 1 }
      )
      assert.deepStrictEqual(Pump.problems, [])
      yield* Server.make(
        Pump,
        Handler.map((message) => message)
      )
      const client = yield* Client.connect(Pump)
      yield* client.send({ _tag: "Say", text: "hello" })
      assert.deepStrictEqual(yield* take(client, 1), [{ _tag: "Say", text: "hello" }])
    }).pipe(memory)
  )

  it.live("do so over TCP", () =>
    Effect.gen(function* () {
      const protocol = Protocol.versioned(plain, { version: 1, codecs: [binary] })
      const server = yield* Server.make(protocol, shout)
      const { address } = server
      assert(address._tag === "Tcp")
      const client = yield* Client.connect(protocol).pipe(
        Effect.provide(TransportNode.layerTcpClient({ port: address.port }))
      )
      assert.strictEqual(client.agreed?.codec, "binary")
      yield* client.send({ text: "hello" })
      assert.deepStrictEqual(yield* take(client, 1), [{ text: "HELLO" }])
    }).pipe(Effect.provide(TransportNode.layerTcp({ port: 0, host: "127.0.0.1" })))
  )
})

describe("two ends that do not", () => {
  it.effect.each([
    { what: "version", theirs: Protocol.versioned(plain, { version: 2 }) },
    { what: "protocol", theirs: Protocol.versioned({ ...plain, name: "Mail" }, { version: 1 }) }
  ] as const)("hear so on both sides: $what", ({ theirs, what }) =>
    Effect.gen(function* () {
      let handled = 0
      const server = yield* Server.make(Protocol.versioned(plain, { version: 1 }), () =>
        Effect.sync(() => handled++)
      )
      const ended = yield* reasons(server)
      const mismatch = yield* mismatchOf(Client.connect(theirs))
      assert.strictEqual(mismatch.reason, what)
      assert.strictEqual(mismatch.theirs?.version, 1)
      yield* eventually(() => ended.length === 1, "the server closed it too")
      const [reason] = ended
      assert(reason?._tag === "Refused" && reason.reason === "version")
      assert.instanceOf(reason.error, VersionMismatch)
      assert.strictEqual(reason.error.reason, what)
      assert.strictEqual(handled, 0)
    }).pipe(Effect.scoped, memory)
  )

  it.effect("a peer without a hello is refused, and told nothing of the handler's", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Protocol.versioned(lines, { version: 1 }), (connection) =>
        connection.send("welcome")
      )
      const ended = yield* reasons(server)
      const client = yield* rawClient
      client.write("GET / HTTP/1.1\r\n")
      yield* eventually(() => client.state.ended, "closed")
      client.wire.end()
      yield* eventually(() => ended.length === 1, "ended")
      assert.strictEqual(ended[0]?._tag, "Refused")
      assert.notInclude(client.text(), "welcome")
    }).pipe(memory)
  )

  it.effect("a server without a hello is refused by the client", () =>
    Effect.gen(function* () {
      yield* Server.make(lines, (connection) =>
        Effect.andThen(connection.send("welcome"), Stream.runDrain(connection.messages))
      )
      const mismatch = yield* mismatchOf(
        Effect.scoped(Client.connect(Protocol.versioned(lines, { version: 1 })))
      )
      assert.strictEqual(mismatch.reason, "hello")
      assert.isUndefined(mismatch.theirs)
    }).pipe(memory)
  )

  it.effect("a peer that says nothing has the deadline for its hello, and a client ten seconds", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Protocol.versioned(lines, { version: 1 }), () => Effect.never)
      const ended = yield* reasons(server)
      const client = yield* rawClient
      yield* TestClock.adjust("10 seconds")
      yield* eventually(() => client.state.ended, "closed")
      client.wire.end()
      yield* eventually(() => ended.length === 1, "ended")
      assert.deepStrictEqual(ended, [{ _tag: "DeadlineExceeded", deadline: "hello" }])
    }).pipe(memory)
  )

  it.effect("a silent server fails the client's connecting in ten seconds", () =>
    Effect.gen(function* () {
      yield* Server.make(lines, ({ messages }) => Stream.runDrain(messages), { deadlines: { hello: "off" } })
      const connecting = yield* Effect.forkChild(
        Effect.flip(Effect.scoped(Client.connect(Protocol.versioned(lines, { version: 1 })))),
        { startImmediately: true }
      )
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(connecting.pollUnsafe())
      yield* TestClock.adjust("20 seconds")
      const error = yield* Fiber.join(connecting)
      assert(error._tag === "TransportError" && error.kind === "Timeout")
    }).pipe(memory)
  )

  it.effect("a drain closes those that have not agreed, without a goodbye in no codec", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Protocol.versioned(lines, { version: 1 }), () => Effect.never, {
        goodbye: "goodbye"
      })
      const client = yield* rawClient
      yield* eventually(() => client.text() !== "", "the hello")
      const stopping = yield* Effect.forkChild(server.stop, { startImmediately: true })
      yield* eventually(() => client.state.ended, "closed")
      client.wire.end()
      const { clean, forced } = yield* Fiber.join(stopping)
      assert.deepStrictEqual([clean, forced], [1, 0])
      assert.notInclude(client.text(), "goodbye")
    }).pipe(memory)
  )
})

describe("agreeing", () => {
  const hello = (version: number, accepts: ReadonlyArray<number>, codecs = ["default"]): Hello => ({
    protocol: "Chat",
    version,
    accepts,
    codecs
  })

  it.prop(
    "both ends come to the same answer",
    [
      Schema.Struct({
        version: Schema.Int,
        accepts: Schema.Array(Schema.Int),
        codecs: Schema.Array(Schema.Literals(["a", "b", "c"]))
      }),
      Schema.Struct({
        version: Schema.Int,
        accepts: Schema.Array(Schema.Int),
        codecs: Schema.Array(Schema.Literals(["a", "b", "c"]))
      })
    ],
    ([one, other]) => {
      const small = (n: number) => Math.abs(n) % 3
      const client = {
        ...one,
        protocol: "Chat",
        version: small(one.version),
        accepts: one.accepts.map(small)
      }
      const server = {
        ...other,
        protocol: "Chat",
        version: small(other.version),
        accepts: other.accepts.map(small)
      }
      const atClient = agree("client", client, server)
      const atServer = agree("server", server, client)
      if (typeof atClient === "string" || typeof atServer === "string") {
        assert.deepStrictEqual(atClient, atServer)
        return
      }
      assert.strictEqual(atClient.codec, atServer.codec)
      assert.strictEqual(atClient.version, atServer.peerVersion)
      assert.strictEqual(atClient.peerVersion, atServer.version)
    }
  )

  it("needs both to accept each other, and the client's choice of codec wins", () => {
    assert.strictEqual(agree("client", hello(1, [1, 2]), hello(2, [2])), "version")
    assert.strictEqual(agree("client", hello(1, [1]), hello(2, [1, 2])), "version")
    const [client, server] = [hello(1, [1, 2], ["b", "a"]), hello(2, [1, 2], ["a", "b"])]
    assert.deepStrictEqual(agree("client", client, server), { version: 1, peerVersion: 2, codec: "b" })
    assert.deepStrictEqual(agree("server", server, client), { version: 2, peerVersion: 1, codec: "b" })
    assert.strictEqual(agree("client", hello(1, [1], ["x"]), hello(1, [1], ["y"])), "codec")
  })
})

describe("a versioned protocol tells what is wrong with it", () => {
  const problems = (protocol: Protocol.Protocol<string, string>) => protocol.problems.map(({ path }) => path)

  it("versions, codecs, and framings that do not carry it", () => {
    const twice = { name: "twice", fromClient: Codec.utf8, fromServer: Codec.utf8 }
    assert.deepStrictEqual(problems(Protocol.versioned(lines, { version: -1 })), [
      "versions.version",
      "versions.accepts"
    ])
    assert.deepStrictEqual(problems(Protocol.versioned(lines, { version: 1, accepts: [] })), [
      "versions.accepts"
    ])
    assert.deepStrictEqual(problems(Protocol.versioned(lines, { version: 1, codecs: [twice, twice] })), [
      "versions.codecs.1.name"
    ])
    for (const framing of [Framing.none(), Framing.untilEnd(), Framing.fixedLength(8)]) {
      assert.deepStrictEqual(problems(Protocol.versioned({ ...lines, framing }, { version: 1 })), [
        "versions.hello"
      ])
    }
    assert.deepStrictEqual(problems(Protocol.switchable(Protocol.versioned(lines, { version: 1 }))), [
      "versions"
    ])
    assert.deepStrictEqual(problems(Protocol.versioned(Protocol.switchable(lines), { version: 1 })), [
      "versions"
    ])
  })
})
