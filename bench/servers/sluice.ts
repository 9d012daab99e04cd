/** This library with the codec of raw bytes or of a schema, and the handler that the first argument names. */
import { Effect, Stream } from "effect"
import { Codec, type Connection, Framing, Handler, Protocol, type Server, Workers } from "effect-sluice"
import { Reading } from "../lib/reading.ts"
import { serveSluice } from "../lib/sluiceServer.ts"

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
  sync: Handler.each((message, connection) =>
    Effect.flatMap(
      Effect.sync(() => message),
      (answer) => connection.send(answer)
    )
  ),
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

const protocol = <A>(codec: Codec.Codec<A>) =>
  Protocol.make("BenchEcho", { framing: Framing.lengthPrefixed(), fromClient: codec, fromServer: codec })

/** Every deadline on, none of which passes within a trial. */
const everyDeadline = {
  deadlines: {
    hello: "1 minute",
    frame: "1 minute",
    readIdle: "10 minutes",
    writeIdle: "10 minutes",
    allIdle: "10 minutes",
    send: "1 minute",
    lifetime: "1 hour"
  }
} satisfies Server.ServerOptions<unknown>

const noDeadline = {
  deadlines: { hello: "off", frame: "off", readIdle: "off", send: "off" }
} satisfies Server.ServerOptions<unknown>

/** Pings that are armed for each connection but do not come within a trial: the load client has no answer to them. */
const withPings = Protocol.heartbeat(protocol(Codec.bytes), {
  fromServer: { ping: { make: () => Uint8Array.of(9), is: isBeat(9) } },
  fromClient: { pong: { make: () => Uint8Array.of(10), is: isBeat(10) } }
})

const watched = { ...everyDeadline, heartbeat: { interval: "5 minutes" } } as const

const limited = Handler.each(
  (message: Uint8Array, connection: Connection.Connection<Uint8Array, Uint8Array>) => connection.send(message)
).pipe(Workers.limit())

function isBeat(kind: number) {
  return (message: Uint8Array): boolean => message.length === 1 && message[0] === kind
}

const [style = "stream"] = process.argv.slice(2)

switch (style) {
  case "json":
    serveSluice(protocol(Codec.json(Reading)), stream)
    break
  case "binary":
    serveSluice(protocol(Codec.binary(Reading)), stream)
    break
  case "plain":
    serveSluice(protocol(Codec.bytes), stream, noDeadline)
    break
  case "deadlines":
    serveSluice(protocol(Codec.bytes), stream, everyDeadline)
    break
  case "heartbeat":
    serveSluice(withPings, stream, watched)
    break
  case "workers":
    Workers.make().pipe(
      Effect.flatMap((workers) =>
        Effect.sync(() =>
          serveSluice(
            withPings,
            (connection) => Effect.provideService(limited(connection), Workers.Workers, workers),
            watched
          )
        )
      ),
      Effect.runSync
    )
    break
  default: {
    const handler = bytesHandlers[style]
    if (handler === undefined) throw new Error(`no handler ${style}`)
    serveSluice(protocol(Codec.bytes), handler)
  }
}
