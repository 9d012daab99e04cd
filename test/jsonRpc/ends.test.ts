/** Both ends of JSON-RPC. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Logger, Schema, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import * as Framing from "../../src/Framing.ts"
import * as JsonRpc from "../../src/JsonRpc.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { Calculator, makeServer, Numbers } from "./support.ts"

const inMemory = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.scoped, Effect.provide(Layer.merge(TransportMemory.layer(), Logger.layer([]))))

const setup = Effect.gen(function* () {
  const state = yield* makeServer
  const server = yield* Server.make(Calculator, state.handler)
  const connection = yield* Client.connect(Calculator)
  const calls = yield* JsonRpc.fromClient(Calculator, connection)
  return { ...state, server, connection, calls }
})

describe("calls", () => {
  it.live("have their results, whatever the order", () =>
    Effect.gen(function* () {
      const { calls } = yield* setup
      const results = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, i) => i),
        (i) => calls.request("subtract", [i, 1]),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        results,
        Array.from({ length: 100 }, (_, i) => i - 1)
      )
      assert.deepStrictEqual(yield* calls.request("later"), new Date(0))
      assert.isNull(yield* calls.request("shutdown"))
    }).pipe(inMemory)
  )

  it.live("fail with what the other side says", () =>
    Effect.gen(function* () {
      const { calls } = yield* setup
      const error = yield* Effect.flip(calls.request("divide", { by: 0, n: 3 }))
      assert.deepInclude(error, { _tag: "JsonRpcError", code: 1, message: "by zero", data: { n: 3 } })
    }).pipe(inMemory)
  )

  it.live("fail with parameters that their schema does not have, and nothing is sent", () =>
    Effect.gen(function* () {
      const { calls, connection } = yield* setup
      const error = yield* Effect.flip(calls.request("subtract", [Number.NaN, 1]))
      assert.deepInclude(error, { _tag: "MessageError", direction: "outbound" })
      assert.strictEqual(connection.stats.messagesOut, 0)
    }).pipe(inMemory)
  )

  it.live("fail with a result that its schema does not have", () =>
    Effect.gen(function* () {
      const Wrong = JsonRpc.make("Wrong", {
        fromClient: { requests: { subtract: { params: Numbers, result: Schema.String } } }
      })
      const { handler } = yield* makeServer
      yield* Server.make(Calculator, handler)
      const calls = yield* JsonRpc.fromClient(Wrong, yield* Client.connect(Wrong))
      const error = yield* Effect.flip(calls.request("subtract", [1, 1]))
      assert.deepInclude(error, { _tag: "MessageError", direction: "inbound" })
    }).pipe(inMemory)
  )

  it.live("are taken back when they are interrupted", () =>
    Effect.gen(function* () {
      const { calls, interrupted, waiting } = yield* setup
      const fiber = yield* Effect.forkChild(calls.request("wait"))
      yield* Deferred.await(waiting)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(interrupted)
      yield* calls.request("shutdown")
      assert.deepInclude(calls.stats, { inFlight: 0, late: 1 })
    }).pipe(inMemory)
  )

  it.live("are taken back when their time is over", () =>
    Effect.gen(function* () {
      const { calls, interrupted } = yield* setup
      const error = yield* Effect.flip(calls.request("wait", undefined, { timeout: "10 millis" }))
      assert.deepInclude(error, { _tag: "RequestTimeout" })
      yield* Deferred.await(interrupted)
    }).pipe(inMemory)
  )

  it.live("notify in order, before what is asked behind them", () =>
    Effect.gen(function* () {
      const { calls, updates } = yield* setup
      for (let i = 0; i < 50; i++) yield* calls.notify("update", [i])
      yield* calls.request("shutdown")
      assert.deepStrictEqual(
        updates,
        Array.from({ length: 50 }, (_, i) => [i])
      )
    }).pipe(inMemory)
  )

  it.live("go the other way, too, from within an answer", () =>
    Effect.gen(function* () {
      const Both = JsonRpc.make("Both", {
        framing: Framing.ndjson(),
        fromClient: { requests: { buy: { params: Schema.Tuple([Schema.String]), result: Schema.Boolean } } },
        fromServer: {
          requests: { sure: { params: Schema.Struct({ what: Schema.String }), result: Schema.Boolean } },
          notifications: { progress: { params: Schema.Struct({ done: Schema.Finite }) } }
        }
      })
      yield* Server.make(
        Both,
        JsonRpc.handler(Both, {
          requests: {
            buy: ([what], connection) =>
              Effect.gen(function* () {
                const client = yield* JsonRpc.fromServer(Both, connection)
                yield* client.notify("progress", { done: 50 })
                return yield* client.request("sure", { what })
              }).pipe(
                Effect.catchTag(
                  ["ConnectionClosed", "MessageError", "RequestTimeout", "TooManyRequests"],
                  (error) =>
                    Effect.fail(
                      new JsonRpc.JsonRpcError({
                        code: JsonRpc.ErrorCode.InternalError,
                        message: error.message
                      })
                    )
                )
              )
          }
        })
      )
      const connection = yield* Client.connect(Both)
      const seen: Array<number> = []
      const answer = JsonRpc.clientHandler(Both, {
        requests: {
          sure: ({ what }) =>
            what === "nothing"
              ? Effect.fail(new JsonRpc.JsonRpcError({ code: 5, message: "what?" }))
              : Effect.succeed(what === "bread")
        },
        notifications: { progress: ({ done }) => Effect.sync(() => seen.push(done)) }
      })
      yield* Effect.forkScoped(answer(connection))
      const calls = yield* JsonRpc.fromClient(Both, connection)
      assert.isTrue(yield* calls.request("buy", ["bread"]))
      assert.isFalse(yield* calls.request("buy", ["a castle"]))
      assert.deepInclude(yield* Effect.flip(calls.request("buy", ["nothing"])), { code: 5 })
      assert.deepStrictEqual(seen, [50, 50, 50])
    }).pipe(inMemory)
  )

  it.live("are answered before the server stops", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const begun = yield* Deferred.make<void>()
      const Slow = JsonRpc.make("Slow", { fromClient: { requests: { slow: { result: Schema.String } } } })
      const server = yield* Server.make(
        Slow,
        JsonRpc.handler(Slow, {
          requests: {
            slow: () =>
              Effect.as(Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate)), "done")
          }
        })
      )
      const connection = yield* Client.connect(Slow)
      const calls = yield* JsonRpc.fromClient(Slow, connection)
      const call = yield* Effect.forkChild(calls.request("slow"))
      yield* Deferred.await(begun)
      const stop = yield* Effect.forkChild(server.stop)
      yield* Effect.yieldNow
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(call), "done")
      assert.deepInclude(yield* Fiber.join(stop), { clean: 1 })
      assert.deepStrictEqual(yield* Stream.runCollect(connection.messages), [])
    }).pipe(inMemory)
  )

  it.live("are answered some at a time, the rest waits", () =>
    Effect.gen(function* () {
      let most = 0
      let now = 0
      const Busy = JsonRpc.make("Busy", { fromClient: { requests: { work: {} } } })
      yield* Server.make(
        Busy,
        JsonRpc.handler(
          Busy,
          {
            requests: {
              work: () =>
                Effect.gen(function* () {
                  most = Math.max(most, ++now)
                  yield* Effect.yieldNow
                  now--
                })
            }
          },
          { concurrency: 3 }
        )
      )
      const calls = yield* JsonRpc.fromClient(Busy, yield* Client.connect(Busy))
      const results = yield* Effect.forEach(Array.from({ length: 20 }), () => calls.request("work"), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(new Set(results), new Set([null]))
      assert.strictEqual(most, 3)
    }).pipe(inMemory)
  )
})
