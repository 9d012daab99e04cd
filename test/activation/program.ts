/** An echo of lines on a socket that was passed, which does what its standard input says. */
import { createInterface } from "node:readline"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Logger, Stream } from "effect"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as Shutdown from "../../src/Shutdown.ts"
import { formatAddress } from "../../src/Transport.ts"
import * as TransportNode from "../../src/TransportNode.ts"

const Lines = Protocol.make("Lines", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const options: TransportNode.ActivatedOptions = JSON.parse(process.argv[2] ?? "{}")

const commands = Effect.gen(function* () {
  const server = yield* Server.Server
  yield* Console.log(`listens on ${formatAddress(server.address)}`)
  yield* Stream.fromAsyncIterable(createInterface(process.stdin), String).pipe(
    Stream.runForEach((command) =>
      Effect.gen(function* () {
        if (command === "suspend") yield* server.suspend
        if (command === "resume") yield* server.resume
        if (command === "stop") yield* server.stop
        if (command === "again") yield* Effect.scoped(Layer.build(Layer.fresh(another)))
        yield* Console.log(`${command}: ${yield* server.status}, ${yield* server.connectionCount}`)
      }).pipe(
        Effect.catchCause((cause) =>
          Console.log(
            `${command}: ${cause.reasons.map((reason) => ("error" in reason ? String(reason.error) : reason._tag))}`
          )
        )
      )
    )
  )
})

const listener = TransportNode.layerActivated(options)

const server = Server.layer(Lines, (connection) =>
  Stream.run(
    Stream.map(
      connection.messages,
      (line) => `${process.pid} ${formatAddress(connection.remoteAddress)} ${line}`
    ),
    connection.sink
  )
)

/** Another one on the same descriptor. */
const another = server.pipe(Layer.provide(TransportNode.layerActivated(options)))

Layer.effectDiscard(Effect.forkScoped(commands)).pipe(
  Layer.provide(server),
  Layer.provide(listener),
  Layer.provide(Logger.layer([])),
  Layer.launch,
  Effect.catchTag(["TransportError", "InvalidConfig"], (error) =>
    Effect.andThen(
      Console.log(error.message),
      Effect.sync(() => process.exit(3))
    )
  ),
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
