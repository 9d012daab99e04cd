/** What the compiler knows of messages on both ends. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Schema, type Stream } from "effect"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import type { Connection, SendError } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import type { ConnectionClosed, MessageError } from "../../src/SluiceError.ts"
import {
  type Alarm,
  compiles,
  type Key,
  Pump,
  type Reading,
  type Seal,
  Sealed,
  Secret,
  Split,
  type Stop,
  Sum
} from "./support.ts"

interface Numbers {
  readonly numbers: ReadonlyArray<number>
}

describe("protocols infer their messages", () => {
  it("make, from codecs of schemas", () => {
    expectTypeOf(Sum).toEqualTypeOf<Protocol.Protocol<Numbers, string>>()
    expectTypeOf(Sum.fromClient).toEqualTypeOf<Codec.Codec<Numbers>>()
    assert.deepStrictEqual(Sum.problems, [])
  })

  it("tagged, from one table", () => {
    type Messages = Reading | Alarm | Stop
    expectTypeOf(Pump).toEqualTypeOf<Protocol.Protocol<Messages, Messages>>()
    expectTypeOf<Protocol.MessagesOf<{ A: { id: 1; schema: typeof Stop } }>>().toEqualTypeOf<Stop>()
    assert.deepStrictEqual(Pump.problems, [])
  })

  it("tagged, from a table for each direction", () => {
    expectTypeOf(Split).toEqualTypeOf<Protocol.Protocol<Reading, Alarm | Stop>>()
    assert.deepStrictEqual(Split.problems, [])
  })

  it("flip exchanges them, and the services", () => {
    expectTypeOf(Protocol.flip(Split)).toEqualTypeOf<Protocol.Protocol<Alarm | Stop, Reading>>()
    expectTypeOf(Sealed).toEqualTypeOf<Protocol.Protocol<string, string, Key, Seal>>()
    expectTypeOf(Protocol.flip(Sealed)).toEqualTypeOf<Protocol.Protocol<string, string, Seal, Key>>()
    assert.strictEqual(Protocol.flip(Split).fromClient, Split.fromServer)
  })

  it("options know the messages that their functions return, tag and all", () =>
    compiles(() => {
      Protocol.heartbeat(Pump, {
        fromServer: {
          ping: { make: () => ({ _tag: "Alarm", text: "" }), is: ({ _tag }) => _tag === "Alarm" }
        }
      })
      Server.make(Pump, () => Effect.void, {
        goodbye: () => ({ _tag: "Alarm", text: "" }),
        onMessageError: () => ({ _tag: "Alarm", text: "" }),
        admission: { farewell: () => ({ _tag: "Alarm", text: "" }) }
      })
    }))

  it("tagged collects the services of its tables by direction", () => {
    const Hidden = Schema.TaggedStruct("Hidden", { text: Secret })
    const both = Protocol.tagged("Both", {
      framing: Framing.lengthPrefixed(),
      messages: { Hidden: { id: 1, schema: Hidden } }
    })
    expectTypeOf(both).toEqualTypeOf<
      Protocol.Protocol<typeof Hidden.Type, typeof Hidden.Type, Key | Seal, Key | Seal>
    >()
    const up = Protocol.tagged("Up", {
      framing: Framing.lengthPrefixed(),
      fromClient: { Hidden: { id: 1, codec: Codec.json(Hidden) } },
      fromServer: {}
    })
    expectTypeOf(up).toEqualTypeOf<Protocol.Protocol<typeof Hidden.Type, never, Key, Seal>>()
  })

  it("the services of make are those of the end that decodes or encodes", () => {
    const down = Protocol.make("Down", {
      framing: Framing.lines(),
      fromClient: Codec.utf8,
      fromServer: Codec.json(Secret)
    })
    expectTypeOf(down).toEqualTypeOf<Protocol.Protocol<string, string, Seal, Key>>()
    assert.isTrue(down.fromServer.name === "json")
  })
})

describe("tagged refuses", () => {
  const framing = Framing.lengthPrefixed()
  const Other = Schema.TaggedStruct("Other", {})
  const Untagged = Schema.Struct({ a: Schema.String })

  it("a schema with another tag than its entry's", () => {
    compiles(() =>
      Protocol.tagged("No", {
        framing,
        // @ts-expect-error
        messages: { Reading: { id: 1, schema: Other } }
      })
    )
    compiles(() =>
      Protocol.tagged("No", {
        framing,
        // @ts-expect-error
        messages: {
          Other: { id: 1, schema: Other },
          Reading: { id: 2, schema: Other }
        }
      })
    )
  })

  it("a schema without a tag", () => {
    compiles(() =>
      Protocol.tagged("No", {
        framing,
        // @ts-expect-error
        messages: { Reading: { id: 1, schema: Untagged } }
      })
    )
  })

  it("a codec with another tag", () => {
    compiles(() =>
      Protocol.tagged("No", {
        framing,
        // @ts-expect-error
        messages: { Reading: { id: 1, codec: Codec.json(Other) } }
      })
    )
    compiles(() =>
      Protocol.tagged("No", {
        framing,
        // @ts-expect-error
        messages: { Reading: { id: 1, codec: Codec.utf8 } }
      })
    )
  })

  it("the same in either of two tables", () => {
    compiles(() =>
      Protocol.tagged("No", {
        framing,
        // @ts-expect-error
        fromClient: { Reading: { id: 1, schema: Other } },
        fromServer: { Other: { id: 1, schema: Other } }
      })
    )
    compiles(() =>
      Protocol.tagged("No", {
        framing,
        fromClient: { Other: { id: 1, schema: Other } },
        // @ts-expect-error
        fromServer: { Reading: { id: 1, schema: Other } }
      })
    )
  })

  it("an entry with neither a schema nor a codec", () => {
    compiles(() =>
      Protocol.tagged("No", {
        framing,
        // @ts-expect-error
        messages: { Reading: { id: 1 } }
      })
    )
  })

  it("an entry without an id", () => {
    compiles(() =>
      Protocol.tagged("No", {
        framing,
        // @ts-expect-error
        messages: { Other: { schema: Other } }
      })
    )
    compiles(() =>
      Protocol.tagged("No", {
        framing,
        // @ts-expect-error
        messages: { Other: { id: "1", schema: Other } }
      })
    )
  })
})

describe("a connection's messages", () => {
  it("are those of the client on the server", () => {
    compiles(() =>
      Server.make(Sum, (connection) => {
        expectTypeOf(connection).toEqualTypeOf<Connection<Numbers, string>>()
        expectTypeOf(connection.messages).toEqualTypeOf<Stream.Stream<Numbers, ConnectionClosed>>()
        return connection.send("done")
      })
    )
  })

  it("are those of the server on the client", () => {
    compiles(() =>
      Effect.gen(function* () {
        const client = yield* Client.connect(Sum)
        expectTypeOf(client).toEqualTypeOf<Connection<string, Numbers>>()
        expectTypeOf(client.messages).toEqualTypeOf<Stream.Stream<string, ConnectionClosed>>()
        yield* client.send({ numbers: [1] })
      })
    )
  })

  it("send takes no others, on the server", () => {
    compiles(() =>
      Server.make(Sum, (connection) =>
        Effect.all([
          connection.send("text"),
          // @ts-expect-error
          connection.send(1),
          // @ts-expect-error
          connection.send({ numbers: [1] }),
          // @ts-expect-error
          connection.sendAll(["text", 1]),
          // @ts-expect-error
          connection.trySend(undefined),
          // @ts-expect-error
          connection.sendAwait(new Uint8Array())
        ])
      )
    )
  })

  it("send takes no others, on the client", () => {
    compiles(() =>
      Effect.gen(function* () {
        const client = yield* Client.connect(Sum)
        yield* client.send({ numbers: [] })
        // @ts-expect-error
        yield* client.send("text")
        // @ts-expect-error
        yield* client.send({ numbers: ["1"] })
        // @ts-expect-error
        yield* client.send({})
        // @ts-expect-error
        yield* client.sendAll([{ numbers: [] }, "text"])
      })
    )
  })

  it("send takes no message of the other direction's table", () => {
    compiles(() =>
      Server.make(Split, (connection) =>
        Effect.all([
          connection.send({ _tag: "Alarm", text: "dry" }),
          // @ts-expect-error
          connection.send({ _tag: "Reading", litres: 1 }),
          // @ts-expect-error
          connection.send({ _tag: "Alarm" }),
          // @ts-expect-error
          connection.send({ _tag: "Nobody" })
        ])
      )
    )
  })

  it("the reply to a bad message is one of the protocol", () => {
    compiles(() => Server.make(Sum, () => Effect.void, { onMessageError: (error) => error.message }))
    compiles(() =>
      Server.make(Sum, () => Effect.void, {
        onMessageError: (error) => {
          expectTypeOf(error).toEqualTypeOf<MessageError>()
          return "no"
        }
      })
    )
    // @ts-expect-error
    compiles(() => Server.make(Sum, () => Effect.void, { onMessageError: () => 1 }))
    // @ts-expect-error
    compiles(() => Server.make(Sum, () => Effect.void, { onMessageError: "ignore" }))
    // @ts-expect-error
    compiles(() => Client.connect(Sum, { onMessageError: () => "text" }))
    compiles(() => Client.connect(Sum, { onMessageError: () => ({ numbers: [] }) }))
  })

  it("the errors of sending are those that it names", () => {
    type Sent = ReturnType<Connection<string, string>["send"]>
    expectTypeOf<Sent>().toEqualTypeOf<Effect.Effect<void, SendError>>()
    expectTypeOf<SendError>().toEqualTypeOf<ConnectionClosed | MessageError>()
  })

  it("a connection may be handed where less is sent and more is received", () => {
    type Narrow = Connection<"a" | "b", string>
    expectTypeOf<Narrow>().toExtend<Connection<string, "x">>()
    expectTypeOf<Connection<string, "x">>().not.toExtend<Narrow>()
  })
})

describe("handlers without a connection in sight", () => {
  it("fromStream, each and map take their types from the protocol they are used with", () => {
    compiles(() =>
      Server.make(
        Sum,
        Handler.map((message) => {
          expectTypeOf(message).toEqualTypeOf<Numbers>()
          return String(message.numbers.length)
        })
      )
    )
    compiles(() =>
      Server.make(
        Sum,
        Handler.each((message, connection) => {
          expectTypeOf(message).toEqualTypeOf<Numbers>()
          return connection.send(String(message.numbers.length))
        })
      )
    )
    compiles(() =>
      Server.make(
        Sum,
        Handler.fromStream((messages) => {
          expectTypeOf(messages).toEqualTypeOf<Stream.Stream<Numbers, ConnectionClosed>>()
          return messages.pipe(mapTo("text"))
        })
      )
    )
  })

  it("and refuse answers that are no messages", () => {
    compiles(() =>
      Server.make(
        Sum,
        // @ts-expect-error
        Handler.map((message) => message.numbers.length)
      )
    )
    compiles(() =>
      Server.make(
        Sum,
        // @ts-expect-error
        Handler.fromStream((messages) => messages.pipe(mapTo(1)))
      )
    )
    compiles(() =>
      Server.make(
        Sum,
        // @ts-expect-error
        Handler.each((message: string) => Effect.log(message))
      )
    )
  })
})

const mapTo =
  <B>(_value: B) =>
  <A, E, R>(stream: Stream.Stream<A, E, R>): Stream.Stream<B, E, R> =>
    stream as never
