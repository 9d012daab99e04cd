/**
 * Asks a Redis, this one or the real one, and hears what is published: `npx tsx examples/redis/client.ts`.
 *
 * Answers come in the order of the commands, one for each, so a queue of those who wait is all that asking takes.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Deferred, Effect, Fiber, Stream } from "effect"
import { Client, Resp, TransportNode } from "effect-sluice"
import { RedisClient } from "./protocol.ts"

type Waiting = Deferred.Deferred<Resp.Value, Error>

/** A connection on which one asks. What comes unasked for is printed. */
const connect = Effect.gen(function* () {
  const waiting: Array<Waiting> = []
  const connection = yield* Client.connect(RedisClient)

  const take = (value: Resp.Value): Effect.Effect<unknown> => {
    const tagged = value !== null && typeof value === "object" && "_tag" in value ? value : undefined
    if (tagged?._tag === "Push") return Console.log("pushed", tagged.values)
    const asker = waiting.shift()
    if (asker === undefined) return Effect.void
    return tagged?._tag === "SimpleError"
      ? Deferred.fail(asker, new Error(tagged.message))
      : Deferred.succeed(asker, value)
  }
  const send = (...[name, ...args]: Parameters<typeof Resp.command>) =>
    connection.send(Resp.command(name, ...args))
  const ask = (...command: Parameters<typeof Resp.command>) =>
    Effect.suspend(() => {
      const asker: Waiting = Deferred.makeUnsafe()
      // Before anything else can run, so that those who wait are in the order in which their commands leave.
      waiting.push(asker)
      return Effect.andThen(send(...command), Deferred.await(asker))
    })
  return { ask, listen: Stream.runForEach(connection.messages, take), send }
})

const program = Effect.gen(function* () {
  const { ask, listen, send } = yield* connect
  const listening = yield* Effect.forkScoped(listen)
  yield* ask("HELLO", 3)
  const answers = yield* Effect.all(
    [
      ask("SET", "greeting", "hello", "EX", 60),
      ask("GET", "greeting"),
      ask("INCR", "visits"),
      ask("HSET", "user:1", "name", "Ada", "role", "engineer"),
      ask("HGETALL", "user:1"),
      Effect.map(Effect.flip(ask("INCR", "greeting")), ({ message }) => message)
    ],
    // All of them are on their way before the first is answered.
    { concurrency: "unbounded" }
  )
  for (const answer of answers) yield* Console.log(answer)

  // Confirmed by a push, and not by an answer.
  yield* send("SUBSCRIBE", "news")
  yield* Fiber.join(listening)
})

program.pipe(
  Effect.scoped,
  Effect.provide(
    TransportNode.layerTcpClientConfig({ port: Config.Int("PORT").pipe(Config.withDefault(7000)) })
  ),
  NodeRuntime.runMain
)
