/** Lines in, lines out: `printf 'a\nb\n' | nc -N 127.0.0.1 7000`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer, Stream } from "effect"
import { Codec, Framing, Protocol, Server, Shutdown, Transport, TransportNode } from "effect-sluice"

const Echo = Protocol.make("Echo", {
  framing: Framing.lines(),
  fromClient: Codec.bytes,
  fromServer: Codec.bytes
})

const EchoServer = Server.layer(Echo, (connection) => Stream.run(connection.messages, connection.sink))

const Announce = Layer.effectDiscard(
  Effect.gen(function* () {
    const { address } = yield* Server.Server
    yield* Effect.log(`echo listens on ${Transport.formatAddress(address)}`)
  })
)

Announce.pipe(
  Layer.provide(EchoServer),
  Layer.provide(TransportNode.layerTcpConfig({ port: Config.Int("PORT").pipe(Config.withDefault(7000)) })),
  Layer.launch,
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
