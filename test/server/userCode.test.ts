/** Code of the user's that throws where nobody expects it: its own connection ends, and nothing hangs. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import type * as Connection from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually } from "../support/pair.ts"
import { rawClient, say, Text } from "./support.ts"

const provideMemory = Effect.provide(TransportMemory.layer())

type Peer = Connection.Connection<string, string>

const echo = (connection: Peer) => Stream.run(connection.messages, connection.sink)

const now = { startImmediately: true } as const

const lines = Framing.lines()

const until = (server: Server.Server["Service"], count: number) =>
  eventually(() => Effect.runSync(server.connectionCount) === count, `${count} connections`)

const reasonOf = (deferred: Deferred.Deferred<string>, connection: Peer) =>
  Effect.forkDetach(
    Effect.flatMap(connection.closed, ({ _tag }) => Deferred.succeed(deferred, _tag)),
    now
  )

describe("code of the user's that throws where nobody expects it", () => {
  const policies: ReadonlyArray<readonly [string, Server.ServerOptions<string>["onMessageError"]]> = [
    [
      "throws",
      () => {
        throw new Error("policy")
      }
    ],
    ["makes a reply whose encoder dies", () => "die"]
  ]
  for (const [what, onMessageError] of policies) {
    it.effect(`onMessageError that ${what} closes its connection`, () =>
      Effect.gen(function* () {
        const reason = yield* Deferred.make<string>()
        const Dying = Protocol.make("Dying", {
          framing: lines,
          fromClient: Codec.utf8,
          fromServer: Codec.make<string>("dying", {
            decode: (frame) => Effect.succeed(Buffer.from(frame).toString()),
            encode: (text) =>
              text === "die"
                ? Effect.andThen(Effect.yieldNow, Effect.die("died"))
                : Effect.succeed(Buffer.from(text))
          })
        })
        const server = yield* Server.make(
          Dying,
          (connection) => Effect.andThen(reasonOf(reason, connection), echo(connection)),
          { onMessageError }
        )
        const client = yield* rawClient
        say(client, "before\n")
        yield* client.received(7)
        say(client, Uint8Array.of(0xff, 0x0a))
        yield* client.ended
        client.wire.end()
        assert.strictEqual(yield* Deferred.await(reason), "HandlerFailed")
        yield* until(server, 0)
      }).pipe(provideMemory)
    )
  }

  it.effect("a codec that interrupts itself closes its connection", () =>
    Effect.gen(function* () {
      const Interrupting = Protocol.make("Interrupting", {
        framing: lines,
        fromClient: Codec.make<string>("interrupting", {
          decode: () => Effect.andThen(Effect.yieldNow, Effect.interrupt),
          encode: (text) => Effect.succeed(Buffer.from(text))
        }),
        fromServer: Codec.utf8
      })
      const server = yield* Server.make(Interrupting, echo)
      const client = yield* rawClient
      say(client, "x\n")
      yield* client.ended
      client.wire.end()
      yield* until(server, 0)
    }).pipe(provideMemory)
  )

  it.effect("a framing that cannot make a decoder ends the connection, not the process", () =>
    Effect.gen(function* () {
      const reason = yield* Deferred.make<string>()
      const framing = Framing.make({
        name: "throwing",
        makeDecoder: () => {
          throw new Error("makeDecoder")
        },
        encode: (payload, out) => lines.encode(payload, out)
      })
      const Throwing = Protocol.make("Throwing", { framing, fromClient: Codec.utf8, fromServer: Codec.utf8 })
      const server = yield* Server.make(Throwing, (connection) =>
        Effect.andThen(reasonOf(reason, connection), echo(connection))
      )
      const client = yield* rawClient
      say(client, "x\n")
      yield* client.ended
      client.wire.end()
      assert.strictEqual(yield* Deferred.await(reason), "FrameError")
      yield* until(server, 0)
    }).pipe(provideMemory)
  )

  it.effect("a framing whose encoder throws leaves no half of a frame behind", () =>
    Effect.gen(function* () {
      const framing = Framing.make({
        name: "throwing",
        makeDecoder: () => lines.makeDecoder(),
        encode: (payload, out) => {
          out.writeBytes(Buffer.from("half"))
          if (payload.length === 3) throw new Error("encode")
          return undefined
        }
      })
      const Throwing = Protocol.make("Throwing", { framing, fromClient: Codec.utf8, fromServer: Codec.utf8 })
      yield* Server.make(Throwing, echo)
      const client = yield* rawClient
      say(client, "bad\n")
      yield* client.ended
      assert.strictEqual(client.text, "")
    }).pipe(provideMemory)
  )

  it.effect("a finalizer that dies does not keep its connection", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Text, (connection) =>
        Effect.andThen(
          Effect.addFinalizer(() => Effect.die("finalizer")),
          echo(connection)
        )
      )
      const client = yield* Client.connect(Text)
      yield* client.close
      yield* until(server, 0)
      assert.strictEqual((yield* client.closed)._tag, "LocalClosed")
    }).pipe(provideMemory)
  )

  it.effect("a finalizer that never ends keeps its connection for closeTimeout", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const server = yield* Server.make(Text, (connection) =>
        Effect.andThen(
          Effect.addFinalizer(() => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)),
          Effect.asVoid(connection.send("bye"))
        )
      )
      const client = yield* Client.connect(Text)
      yield* Deferred.await(begun)
      yield* TestClock.adjust("5 seconds")
      yield* until(server, 0)
      assert.deepStrictEqual(yield* Stream.runCollect(client.messages), ["bye"])
    }).pipe(provideMemory)
  )
})
