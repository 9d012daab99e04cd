/** Effect's RPC over servers and clients of this library, in memory and over TCP. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Schedule, Schema, Scope, Stream } from "effect"
import * as EffectRpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Framing from "../../src/Framing.ts"
import * as Rpc from "../../src/Rpc.ts"
import * as Server from "../../src/Server.ts"
import { Connector, Listener, type Wire } from "../../src/Transport.ts"
import { eventually } from "../support/pair.ts"
import * as rigs from "../transport/rigs.ts"

class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { key: Schema.String }) {}

const Store = RpcGroup.make(
  EffectRpc.make("Get", { payload: { key: Schema.String }, success: Schema.String, error: NotFound }),
  EffectRpc.make("Slow", { success: Schema.String }),
  EffectRpc.make("Count", { payload: { to: Schema.Int }, success: Schema.Int, stream: true }),
  EffectRpc.make("Forever", { success: Schema.Int, stream: true }),
  EffectRpc.make("Gated", { success: Schema.Int, stream: true })
)

const serve = Effect.fnUntraced(function* (
  rig: rigs.Rig,
  options: {
    readonly server?: Rpc.ServerOptions
    readonly client?: Rpc.ClientOptions
    readonly serialization?: Layer.Layer<RpcSerialization.RpcSerialization>
  } = {}
) {
  const opened = yield* rig.open
  const serialization = options.serialization ?? RpcSerialization.layerJson
  const gate = yield* Deferred.make<void>()
  const log: Array<string> = []
  const wires: Array<Wire> = []
  let produced = 0
  const handlers = Store.toLayer({
    Get: ({ key }) => (key === "missing" ? Effect.fail(new NotFound({ key })) : Effect.succeed(`${key}!`)),
    Slow: () =>
      Effect.suspend(() => {
        log.push("slow")
        return Effect.as(Deferred.await(gate), "slow")
      }).pipe(Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted")))),
    Count: ({ to }) => Stream.rechunk(Stream.range(1, to), 10),
    Forever: () =>
      Stream.fromEffectRepeat(Effect.sync(() => ++produced)).pipe(
        Stream.ensuring(Effect.sync(() => log.push("forever ended")))
      ),
    Gated: () =>
      Stream.concat(
        Stream.make(1),
        Stream.concat(
          Stream.drain(Stream.fromEffect(Deferred.await(gate))),
          Stream.rechunk(Stream.range(2, 50), 5)
        )
      )
  })
  const listener = Layer.succeed(Listener, { listen: (acceptor) => Effect.orDie(opened.listen(acceptor)) })
  const server = Rpc.layerServer(options.server).pipe(Layer.provide([listener, serialization]))
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const context = yield* Layer.buildWithScope(
    RpcServer.layer(Store, { disableFatalDefects: true }).pipe(
      Layer.provide(handlers),
      Layer.provideMerge(server)
    ),
    scope
  )
  const connect = Effect.gen(function* () {
    const clientScope = yield* Effect.scope
    const address = Context.get(context, Server.Server).address
    const connector = Layer.succeed(Connector, {
      connect: Effect.map(
        Effect.orDie(Effect.provideService(opened.connect(address), Scope.Scope, clientScope)),
        (wire) => {
          wires.push(wire)
          return wire
        }
      )
    })
    const client = yield* Layer.build(
      Rpc.layerClient(options.client).pipe(Layer.provide([connector, serialization]))
    )
    return yield* Effect.provideContext(RpcClient.make(Store), client)
  })
  return {
    server: Context.get(context, Server.Server),
    connect,
    gate,
    log,
    scope,
    wires,
    produced: () => produced
  }
})

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

for (const rig of [rigs.memory, rigs.tcp, rigs.memoryOneByte]) {
  describe(rig.name, () => {
    it.live("calls have their results, their errors and their streams", () =>
      Effect.gen(function* () {
        const { connect } = yield* serve(rig)
        const client = yield* connect
        assert.strictEqual(yield* client.Get({ key: "a" }), "a!")
        const error = yield* Effect.flip(client.Get({ key: "missing" }))
        assert.strictEqual(error._tag, "NotFound")
        const numbers = yield* Stream.runCollect(client.Count({ to: 500 }))
        assert.deepStrictEqual(
          numbers,
          Array.from({ length: 500 }, (_, i) => i + 1)
        )
      })
    )

    it.live("many clients at once have their own", () =>
      Effect.gen(function* () {
        const { connect, server } = yield* serve(rig)
        const one = (name: number) =>
          Effect.scoped(
            Effect.gen(function* () {
              const client = yield* connect
              const keys = Array.from({ length: 20 }, (_, i) => `${name}:${i}`)
              const values = yield* Effect.all(
                keys.map((key) => client.Get({ key })),
                { concurrency: "unbounded" }
              )
              assert.deepStrictEqual(
                values,
                keys.map((key) => `${key}!`)
              )
            })
          )
        yield* Effect.all([1, 2, 3, 4, 5, 6, 7, 8].map(one), { concurrency: "unbounded" })
        yield* Effect.repeat(Effect.yieldNow, {
          until: () => Effect.map(server.connectionCount, (n) => n === 0)
        })
      })
    )
  })
}

for (const rig of [rigs.memory, rigs.tcp]) {
  describe(`over ${rig.name}`, () => {
    it.live("interruption reaches the handler", () =>
      Effect.gen(function* () {
        const { connect, log } = yield* serve(rig)
        const client = yield* connect
        const slow = yield* fork(client.Slow())
        yield* eventually(() => log.includes("slow"), "it runs")
        yield* Fiber.interrupt(slow)
        yield* eventually(() => log.includes("interrupted"), "it is interrupted")
        assert.strictEqual(yield* client.Get({ key: "a" }), "a!")
      })
    )

    it.live("a stream waits for its acknowledgements, and ends where it is left", () =>
      Effect.gen(function* () {
        const { connect, log, produced } = yield* serve(rig)
        const client = yield* connect
        const gate = yield* Deferred.make<void>()
        const first = yield* Deferred.make<void>()
        const taking = yield* fork(
          Stream.runForEach(client.Forever(), () =>
            Effect.andThen(Deferred.succeed(first, undefined), Deferred.await(gate))
          )
        )
        yield* Deferred.await(first)
        for (let i = 0; i < 200; i++)
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        const before = produced()
        for (let i = 0; i < 200; i++)
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        assert.strictEqual(produced(), before)
        yield* Fiber.interrupt(taking)
        yield* eventually(() => log.includes("forever ended"), "the stream is over")
      })
    )

    it.live("a client that goes has what it asked interrupted", () =>
      Effect.gen(function* () {
        const { connect, log } = yield* serve(rig)
        const scope = yield* Scope.make()
        const client = yield* Scope.provide(connect, scope)
        yield* fork(Effect.exit(client.Slow()))
        yield* eventually(() => log.includes("slow"), "it runs")
        yield* Scope.close(scope, Exit.void)
        yield* eventually(() => log.includes("interrupted"), "it is interrupted")
      })
    )

    it.live(
      "the end of the RPC server's layer answers what is in flight, streams with acknowledgements too",
      () =>
        Effect.gen(function* () {
          const { connect, gate, log, scope, server } = yield* serve(rig)
          const client = yield* connect
          const slow = yield* fork(client.Slow())
          const gated = yield* fork(Stream.runCollect(client.Gated()))
          yield* eventually(() => log.includes("slow"), "it runs")
          assert.strictEqual(yield* client.Get({ key: "a" }), "a!")
          const closing = yield* fork(Scope.close(scope, Exit.void))
          yield* Effect.repeat(Effect.yieldNow, {
            until: () => Effect.map(server.status, (status) => status === "draining")
          })
          yield* Deferred.succeed(gate, undefined)
          assert.strictEqual(yield* Fiber.join(slow), "slow")
          assert.strictEqual((yield* Fiber.join(gated)).length, 50)
          yield* Fiber.join(closing)
          const { clean, forced } = yield* server.stopped
          assert.deepStrictEqual({ clean, forced }, { clean: 1, forced: 0 })
          const afterwards = yield* Effect.flip(client.Get({ key: "a" }))
          assert.strictEqual(afterwards._tag, "RpcClientError")
        })
    )

    it.live("a lost connection fails what is in flight with a typed error, and is made again", () =>
      Effect.gen(function* () {
        const { connect, log, wires } = yield* serve(rig)
        const client = yield* connect
        const slow = yield* fork(Effect.flip(client.Slow()))
        yield* eventually(() => log.includes("slow"), "it runs")
        wires[0]?.destroy()
        assert.strictEqual((yield* Fiber.join(slow))._tag, "RpcClientError")
        const again = yield* client.Get({ key: "back" }).pipe(
          Effect.retry({
            while: (error) => error._tag === "RpcClientError",
            schedule: Schedule.spaced(50),
            times: 100
          })
        )
        assert.strictEqual(again, "back!")
      })
    )

    it.live("more calls than may be in flight are refused with a defect, one by one", () =>
      Effect.gen(function* () {
        const { connect, gate, log } = yield* serve(rig, { server: { maxCalls: 2 } })
        const client = yield* connect
        const two = yield* fork(Effect.all([client.Slow(), client.Slow()], { concurrency: 2 }))
        yield* eventually(() => log.length === 2, "two run")
        const exit = yield* Effect.exit(client.Slow())
        assert.isTrue(Exit.hasDies(exit))
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* Fiber.join(two), ["slow", "slow"])
        assert.strictEqual(yield* client.Get({ key: "a" }), "a!")
      })
    )

    it.live("serializations with a framing of their own go with any of ours, and with none", () =>
      Effect.gen(function* () {
        for (const framing of [Framing.lengthPrefixed(), Framing.none()]) {
          for (const serialization of [RpcSerialization.layerNdjson, RpcSerialization.layerSchemaBinary()]) {
            yield* Effect.scoped(
              Effect.gen(function* () {
                const { connect } = yield* serve(rig, {
                  server: { framing },
                  client: { framing },
                  serialization
                })
                const client = yield* connect
                assert.strictEqual(yield* client.Get({ key: "a" }), "a!")
                assert.strictEqual((yield* Stream.runCollect(client.Count({ to: 100 }))).length, 100)
              })
            )
          }
        }
      })
    )
  })
}
