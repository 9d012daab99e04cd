/** This library, with the handler that the first argument names. */
import { Effect, Schema, Stream } from "effect"
import { Codec, type Connection, Framing, Handler, Protocol, Server, TransportNode } from "effect-sluice"
import { announce } from "../lib/serverProcess.ts"

type Echoing<A, E = unknown> = (connection: Connection.Connection<A, A>) => Effect.Effect<unknown, E>

const stream = <A>(connection: Connection.Connection<A, A>) =>
  Stream.run(connection.messages, connection.sink)

const sendOne = Effect.fnUntraced(function* <A>(message: A, connection: Connection.Connection<A, A>) {
  yield* connection.send(message)
})

const bytesHandlers: Record<string, Echoing<Uint8Array>> = {
  stream,
  map: Handler.map((message) => message),
  each: Handler.each((message, connection) => connection.send(message)),
  fn: Handler.each(sendOne),
  gen: Handler.each((message, connection) =>
    Effect.gen(function* () {
      yield* connection.send(message)
    })
  ),
  mapEffect: (connection) =>
    connection.messages.pipe(
      Stream.mapEffect((message) => Effect.succeed(message)),
      Stream.run(connection.sink)
    )
}

const Reading = Schema.Struct({
  seq: Schema.Int,
  kind: Schema.Literal("reading"),
  value: Schema.Finite,
  note: Schema.String
})

const echoServer = <A>(codec: Codec.Codec<A>, handler: Echoing<A>) =>
  Server.make(
    Protocol.make("BenchEcho", { framing: Framing.lengthPrefixed(), fromClient: codec, fromServer: codec }),
    handler
  )

const [style = "stream"] = process.argv.slice(2)
const bytesHandler = bytesHandlers[style]
const server =
  style === "json"
    ? echoServer(Codec.json(Reading), stream)
    : bytesHandler !== undefined
      ? echoServer(Codec.bytes, bytesHandler)
      : Effect.die(`no handler ${style}`)

const main = Effect.gen(function* () {
  const { address } = yield* server
  if ("port" in address) announce(address.port)
  return yield* Effect.never
})

main.pipe(
  Effect.scoped,
  Effect.provide(TransportNode.layerTcp({ port: 0 })),
  Effect.tapCause((cause) => Effect.sync(() => console.error(cause))),
  Effect.runFork
)
