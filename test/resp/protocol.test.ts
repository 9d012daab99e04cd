/** Servers and clients of RESP. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Resp from "../../src/Resp.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"

const Redis = Resp.protocol({ strings: "utf8" })

/** Says each command's words back, and why it ends where what comes is no command. */
const echo: Handler.Handler<Resp.Command, Resp.Value, unknown> = (connection) =>
  Handler.map(
    (command: Resp.Command): Resp.Value =>
      Array.from({ length: command.length }, (_, index) => command.text(index))
  )(connection).pipe(
    Effect.catchTag("ConnectionClosed", ({ reason }) =>
      reason._tag === "FrameError"
        ? connection.send(Resp.simpleError(`ERR Protocol error: ${reason.error.message}`))
        : Effect.void
    )
  )

const provideMemory = Effect.provide(TransportMemory.layer())

describe("protocol", () => {
  it.effect("takes commands and answers values", () =>
    Effect.gen(function* () {
      yield* Server.make(Redis, echo)
      const client = yield* Client.make(Redis)
      yield* client.sendAll([Resp.command("SET", "ä", "1"), Resp.command("PING")])
      const replies = yield* Stream.runCollect(Stream.take(client.messages, 2))
      assert.deepStrictEqual(replies, [["SET", "ä", "1"], ["PING"]])
    }).pipe(Effect.scoped, provideMemory)
  )

  it.effect("takes lines that somebody types", () =>
    Effect.gen(function* () {
      yield* Server.make(Redis, echo)
      const peer = yield* rawClient
      peer.write("PING\r\nEC")
      peer.write('HO "a b"\n')
      yield* eventually(
        () => peer.text() === "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$3\r\na b\r\n",
        "answers"
      )
    }).pipe(Effect.scoped, provideMemory)
  )

  it.effect("answers what came before bytes that are no command, says why, and ends", () =>
    Effect.gen(function* () {
      yield* Server.make(Redis, echo)
      const peer = yield* rawClient
      peer.write("PING\r\n*1\r\n$-5\r\nPING\r\n")
      yield* eventually(() => peer.state.ended, "the end")
      assert.strictEqual(
        peer.text(),
        "*1\r\n$4\r\nPING\r\n-ERR Protocol error: corrupted frame: invalid bulk length\r\n"
      )
    }).pipe(Effect.scoped, provideMemory)
  )

  it.effect("flipped, is what a monitor of a server speaks", () =>
    Effect.gen(function* () {
      const flipped = Protocol.flip(Redis)
      yield* Server.make(
        flipped,
        Handler.map((value) => Resp.command("GOT", Resp.text(value) ?? "nothing"))
      )
      const peer = yield* rawClient
      peer.write("+hello\r\n:5\r\n")
      yield* eventually(
        () => peer.text() === "*2\r\n$3\r\nGOT\r\n$5\r\nhello\r\n*2\r\n$3\r\nGOT\r\n$1\r\n5\r\n",
        "commands"
      )
    }).pipe(Effect.scoped, provideMemory)
  )

  it.effect("is refused with options that cannot be", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Server.make(Resp.protocol({ maxDepth: -1 }), echo))
      assert.strictEqual(error._tag, "InvalidConfig")
      if (error._tag !== "InvalidConfig") return
      assert.deepStrictEqual(
        error.problems.map(({ path }) => path),
        ["protocol.fromClient.maxDepth", "protocol.fromServer.maxDepth"]
      )
    }).pipe(Effect.scoped, provideMemory)
  )
})
