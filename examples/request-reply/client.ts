/** Asks for the keys that it is given, all at once, and for the list: `npx tsx examples/request-reply/client.ts KEY...` */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Effect, Stream } from "effect"
import { Client, Requests, TransportNode } from "effect-sluice"
import { Store } from "./protocol.ts"

const program = Effect.gen(function* () {
  const connection = yield* Client.connect(Store)
  const requests = yield* Requests.fromClient(Store, connection)
  yield* Effect.forEach(
    process.argv.slice(2),
    (key) =>
      requests.request({ _tag: "Get", key }, { timeout: "2 seconds" }).pipe(
        Effect.flatMap(({ value }) => Console.log(`${key}: ${value}`)),
        Effect.catchTag("Missing", (missing) => Console.log(`${missing.key}: nothing`))
      ),
    { concurrency: "unbounded" }
  )
  yield* Stream.runForEach(requests.stream({ _tag: "List" }), ({ key }) => Console.log(`there is ${key}`))
})

program.pipe(
  Effect.scoped,
  Effect.provide(
    TransportNode.layerTcpClientConfig({ port: Config.Int("PORT").pipe(Config.withDefault(7000)) })
  ),
  NodeRuntime.runMain
)
