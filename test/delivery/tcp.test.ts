/** At-least-once delivery over a client that comes back, while its server is killed and started again. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schedule, Schema, Scope } from "effect"
import * as Client from "../../src/Client.ts"
import * as Delivery from "../../src/Delivery.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Requests from "../../src/Requests.ts"
import * as Server from "../../src/Server.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { portOf } from "../server/support.ts"
import { eventually } from "../support/pair.ts"

const id = Schema.Int
const Post = Schema.TaggedStruct("Post", {
  id,
  session: Schema.String,
  sequence: Schema.Int,
  text: Schema.String
})

const Mail = Requests.protocol(
  Protocol.tagged("Mail", {
    framing: Framing.lengthPrefixed(),
    fromClient: { Post: { id: 1, schema: Post } },
    fromServer: { Posted: { id: 1, schema: Schema.TaggedStruct("Posted", { id }) } }
  }),
  { id: "id", fromClient: { Post: { reply: "Posted" } } }
)

const host = "127.0.0.1"

describe("delivery over a client that comes back, over TCP", () => {
  it.live("each message is handled once, though its server is killed again and again", () =>
    Effect.gen(function* () {
      const handled: Array<string> = []
      let attempts = 0
      // It outlives the servers, as what they write to would.
      const receiver = yield* Delivery.makeReceiver()
      const serve = Effect.fnUntraced(function* (port: number) {
        const scope = yield* Scope.fork(yield* Effect.scope)
        const server = yield* Server.make(
          Mail,
          Requests.handler(Mail, {
            Post: (request) => {
              attempts++
              return receiver.receive(
                request,
                // Some time in which the server may be killed, of different lengths, so that some are always in hand.
                Effect.as(
                  Effect.andThen(
                    Effect.sleep(1 + (attempts % 7) * 3),
                    Effect.sync(() => handled.push(request.text))
                  ),
                  {}
                )
              )
            }
          })
        ).pipe(Effect.provide(TransportNode.layerTcp({ host, port })), Scope.provide(scope))
        return { server, stop: Effect.andThen(server.kill, Scope.close(scope, Exit.void)) }
      })
      let running = yield* serve(0)
      const port = portOf(running.server.address)
      const client = yield* Client.make(Mail, { reconnect: Schedule.spaced("5 millis") }).pipe(
        Effect.provide(TransportNode.layerTcpClient({ host, port }))
      )
      const sender = yield* Delivery.makeSender({
        attempt: (text: string, delivery) =>
          client.use((connection) =>
            Effect.flatMap(Requests.fromClient(Mail, connection), (requests) =>
              requests.request({ _tag: "Post", ...delivery, text }, { timeout: "2 seconds" })
            )
          ),
        retry: Schedule.spaced("2 millis"),
        concurrency: 4
      })
      const texts = Array.from({ length: 200 }, (_, index) => `message ${index}`)
      const delivering = yield* Effect.forkChild(
        Effect.forEach(texts, sender.deliver, { concurrency: "unbounded" })
      )
      let kills = 0
      while (handled.length < texts.length && kills < 10) {
        const next = Math.min(handled.length + 15, texts.length)
        yield* eventually(() => handled.length >= next, "some more are handled")
        yield* running.stop
        kills++
        running = yield* serve(port)
      }
      yield* Fiber.join(delivering)
      assert.deepStrictEqual(handled.toSorted(), texts.toSorted())
      assert.isAtLeast(kills, 5)
      assert.isAbove(attempts, texts.length)
      assert.isAbove(client.stats.connections, kills / 2)
    })
  )
})
