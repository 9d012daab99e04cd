/** What an RPC server and its clients have from this library: limits, heartbeat, reconnecting. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Schedule, Schema, Scope, Stream } from "effect"
import * as EffectRpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import { RpcClientError } from "effect/rpc/RpcClientError"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import { TestClock } from "effect/testing"
import type { CloseReason } from "../../src/CloseReason.ts"
import * as Rpc from "../../src/Rpc.ts"
import * as Server from "../../src/Server.ts"
import { Listener } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually } from "../support/pair.ts"

const Group = RpcGroup.make(
  EffectRpc.make("Echo", { payload: { text: Schema.String }, success: Schema.String }),
  EffectRpc.make("Never", { success: Schema.String })
)

const memory = Effect.provide([TransportMemory.layer(), RpcSerialization.layerJson])

const now = { startImmediately: true } as const

/** A server that can be stopped, with why its connections ended. */
const serve = Effect.fnUntraced(function* (options: Rpc.ServerOptions = {}) {
  const log: Array<string> = []
  const ended: Array<CloseReason> = []
  const handlers = Group.toLayer({
    Echo: ({ text }) => Effect.succeed(text),
    Never: () =>
      Effect.andThen(
        Effect.sync(() => log.push("asked")),
        Effect.never
      ).pipe(Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted"))))
  })
  const listener = yield* Listener
  const scope = yield* Scope.fork(yield* Effect.scope)
  const context = yield* Layer.buildWithScope(
    RpcServer.layer(Group, { disableFatalDefects: true }).pipe(
      Layer.provide(handlers),
      Layer.provideMerge(Rpc.layerServer({ drainTimeout: 10, ...options })),
      Layer.provide([Layer.succeed(Listener, listener), RpcSerialization.layerJson])
    ),
    scope
  )
  const server = Context.get(context, Server.Server)
  yield* Effect.forkScoped(
    Stream.runForEach(server.events, (event) =>
      Effect.sync(() => event._tag === "Closed" && ended.push(event.reason))
    ),
    now
  )
  return { server, log, ended, stop: Scope.close(scope, Exit.void) }
})

/** What a call failed with, and why. */
const why = (error: unknown): string =>
  error instanceof RpcClientError
    ? `${JSON.stringify("cause" in error.reason ? error.reason.cause : "")} ${"cause" in error.reason ? error.reason.cause : ""}`
    : "something else"

const connect = (options: Rpc.ClientOptions = {}) =>
  Effect.flatMap(Layer.build(Rpc.layerClient(options)), (context) =>
    Effect.provideContext(RpcClient.make(Group), context)
  )

describe("an RPC server and its clients", () => {
  it.effect("a client that asks nothing stays connected: its pings are signs of life", () =>
    Effect.gen(function* () {
      const { ended, server } = yield* serve()
      const client = yield* connect()
      for (let i = 0; i < 60; i++) yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(ended, [])
      assert.strictEqual(yield* server.connectionCount, 1)
      assert.strictEqual(yield* client.Echo({ text: "a" }), "a")
    }).pipe(memory)
  )

  it.effect("a server that is silent is found dead, and what is in flight fails", () =>
    Effect.gen(function* () {
      const { log } = yield* serve()
      const client = yield* connect({ heartbeat: { interval: "1 second", misses: 2, jitter: 0 } })
      const network = yield* TransportMemory.Network
      const asking = yield* Effect.forkChild(Effect.flip(client.Never()), now)
      yield* eventually(() => log.includes("asked"), "it is asked")
      yield* network.setStalled(true)
      yield* Effect.addFinalizer(() => network.setStalled(false))
      yield* TestClock.adjust("1 second")
      assert.isUndefined(asking.pollUnsafe())
      for (let i = 0; i < 4; i++) yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(asking)
      assert.include(why(error), "HeartbeatTimeout")
    }).pipe(memory)
  )

  it.effect("a client that is silent is found dead by the server, and what it asked is interrupted", () =>
    Effect.gen(function* () {
      const { ended, log, server } = yield* serve({ deadlines: { readIdle: "30 seconds" } })
      const client = yield* connect()
      const network = yield* TransportMemory.Network
      yield* Effect.forkChild(Effect.exit(client.Never()), now)
      yield* eventually(() => log.includes("asked"), "it is asked")
      yield* network.setStalled(true)
      yield* Effect.addFinalizer(() => network.setStalled(false))
      for (let i = 0; i < 50; i++) yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log, ["asked", "interrupted"])
      assert.deepStrictEqual(
        ended.map(({ _tag }) => _tag),
        ["DeadlineExceeded"]
      )
      assert.strictEqual(yield* server.connectionCount, 0)
    }).pipe(memory)
  )

  it.effect("no more connections than may be: the next one is refused, until there is room", () =>
    Effect.gen(function* () {
      const { server } = yield* serve({ admission: { maxConnections: 1 } })
      const first = yield* Scope.fork(yield* Effect.scope)
      const one = yield* Scope.provide(connect(), first)
      const refused = yield* Effect.flip(
        Effect.scoped(Effect.flatMap(connect(), (two) => two.Echo({ text: "b" })))
      )
      assert.include(["ConnectionClosed", "RpcClientError"], refused._tag)
      assert.strictEqual(yield* one.Echo({ text: "a" }), "a")
      assert.strictEqual(yield* server.connectionCount, 1)
      yield* Scope.close(first, Exit.void)
      const two = yield* connect()
      assert.strictEqual(yield* two.Echo({ text: "b" }), "b")
    }).pipe(memory)
  )

  it.effect("a client fails where the first connection does, and comes back by its schedule later", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(Effect.scoped(connect()))
      assert.strictEqual(failed._tag, "TransportError")
      const old = yield* serve()
      const client = yield* connect({ reconnect: Schedule.spaced("10 seconds") })
      const network = yield* TransportMemory.Network
      const asking = yield* Effect.forkChild(Effect.flip(client.Never()), now)
      yield* eventually(() => old.log.includes("asked"), "it is asked")
      yield* network.reset
      // At once: no time passes.
      assert.strictEqual((yield* Fiber.join(asking))._tag, "RpcClientError")
      yield* old.stop
      assert.strictEqual((yield* Effect.flip(client.Echo({ text: "a" })))._tag, "RpcClientError")
      yield* serve()
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* client.Echo({ text: "a" }), "a")
    }).pipe(memory)
  )

  it.effect("a client whose schedule is over says why, to every call", () =>
    Effect.gen(function* () {
      yield* serve()
      const client = yield* connect({ reconnect: Schedule.recurs(0) })
      const network = yield* TransportMemory.Network
      yield* network.reset
      yield* TestClock.adjust("1 minute")
      for (let i = 0; i < 2; i++) {
        const error = yield* Effect.flip(client.Echo({ text: "a" }))
        assert.include(why(error), "gave up")
      }
    }).pipe(memory)
  )
})
