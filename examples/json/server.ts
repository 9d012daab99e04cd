/**
 * JSON in, JSON out, each value with its number: `printf '{"a":1}{"b":2}' | nc -N 127.0.0.1 7000`.
 *
 * `FORMAT=json` (default) takes objects and arrays one behind the other, `FORMAT=ndjson` any JSON, one text a line, and
 * `FORMAT=seq` JSON text sequences (RFC 7464). Answers come the same way.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Schema, Stream } from "effect"
import { Codec, Framing, Protocol, Server, Shutdown, Transport, TransportNode } from "effect-sluice"

const framings = {
  json: Framing.json(),
  ndjson: Framing.ndjson(),
  seq: Framing.jsonSequence()
}

const Numbered = Schema.Struct({ number: Schema.Int, value: Schema.Json })

const program = Effect.gen(function* () {
  const format = yield* Config.Literals(["json", "ndjson", "seq"], "FORMAT").pipe(Config.withDefault("json"))
  const Numbering = Protocol.make("Numbering", {
    framing: framings[format],
    fromClient: Codec.json(Schema.Json),
    fromServer: Codec.json(Numbered)
  })
  const server = yield* Server.make(Numbering, (connection) =>
    connection.messages.pipe(
      Stream.zipWithIndex,
      Stream.map(([value, index]) => ({ number: index + 1, value })),
      Stream.run(connection.sink)
    )
  )
  yield* Effect.log(`json (${format}) listens on ${Transport.formatAddress(server.address)}`)
  return yield* Effect.never
})

program.pipe(
  Effect.scoped,
  Effect.provide(TransportNode.layerTcpConfig({ port: Config.Int("PORT").pipe(Config.withDefault(7000)) })),
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
