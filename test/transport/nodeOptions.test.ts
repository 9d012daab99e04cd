import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TransportNode from "../../src/TransportNode.ts"
import { host, problemsOf } from "./nodeSupport.ts"
import { Reception } from "./recorder.ts"
import { connectThrough, listenerOf, portOf } from "./rigs.ts"

describe("options", () => {
  it.effect("tells all problems at once", () =>
    Effect.gen(function* () {
      // Wrong on purpose, as a caller without types could be.
      const options = {
        port: 70_000,
        host: "",
        backlog: 0,
        noDelay: "yes",
        keepAliveInitialDelay: "soon",
        fast: 1
      }
      const problems = yield* problemsOf(TransportNode.layerTcp(options as never))
      const paths = problems.map((problem) => problem.path).sort()
      assert.deepStrictEqual(paths, ["backlog", "fast", "host", "keepAliveInitialDelay", "noDelay", "port"])
      const port = problems.find((problem) => problem.path === "port")
      assert.strictEqual(port?.message, "must be a whole number from 0 to 65535")
      assert.strictEqual(problems.find((problem) => problem.path === "fast")?.message, "is not an option")
    })
  )

  it.effect("accepts bounds and refuses what is beyond", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(Layer.build(TransportNode.layerTcp({ port: 65_535, backlog: 65_535 })))
      yield* Effect.scoped(Layer.build(TransportNode.layerTcpClient({ port: 1, connectTimeout: "1 hour" })))
      for (const port of [-1, 65_536, 1.5, Number.NaN]) {
        assert.strictEqual((yield* problemsOf(TransportNode.layerTcp({ port })))[0]?.path, "port")
      }
      assert.strictEqual((yield* problemsOf(TransportNode.layerTcpClient({ port: 0 })))[0]?.path, "port")
      for (const connectTimeout of [0, -5, "2 hours", Number.NaN, "Infinity"] as const) {
        const problems = yield* problemsOf(TransportNode.layerTcpClient({ port: 1, connectTimeout }))
        assert.deepStrictEqual(
          problems.map((problem) => problem.path),
          ["connectTimeout"]
        )
      }
    })
  )

  it.effect("refuses options that are none", () =>
    Effect.gen(function* () {
      // Wrong on purpose, as a caller without types could be.
      assert.lengthOf(yield* problemsOf(TransportNode.layerTcp(undefined as never)), 1)
      assert.deepStrictEqual(yield* problemsOf(TransportNode.layerTcp({} as never)), [
        { path: "port", message: "is required" }
      ])
    })
  )

  it.effect("refuses a Unix path that the system would cut off", () =>
    Effect.gen(function* () {
      const path = `/tmp/${"x".repeat(120)}.sock`
      for (const problems of [
        yield* problemsOf(TransportNode.layerUnix({ path })),
        yield* problemsOf(TransportNode.layerUnixClient({ path }))
      ]) {
        assert.strictEqual(problems[0]?.path, "path")
        assert.include(problems[0]?.message, "at most")
      }
      assert.lengthOf(yield* problemsOf(TransportNode.layerUnix({ path: "" })), 1)
      assert.lengthOf(yield* problemsOf(TransportNode.layerUnix({ path: "/tmp/a\0b" })), 1)
    })
  )

  it.live("come from the configuration", () =>
    Effect.gen(function* () {
      const reception = new Reception()
      const layer = TransportNode.layerTcpConfig({
        port: Config.Int("PORT"),
        host: Config.String("HOST")
      })
      const listener = yield* listenerOf(layer).pipe(
        Effect.provideService(
          ConfigProvider.ConfigProvider,
          ConfigProvider.fromUnknown({ PORT: "0", HOST: host })
        )
      )
      const { address } = yield* listener.listen(reception)
      const client = TransportNode.layerTcpClientConfig({ port: Config.succeed(portOf(address)) })
      yield* connectThrough(client)
      const server = yield* reception.take
      server.destroy()
    })
  )
})
