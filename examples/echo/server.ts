/**
 * Lines in, lines out: `printf 'a\nb\n' | nc -N 127.0.0.1 7000`.
 *
 * Imports by module, so that a small server loads only what it needs.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Codec from "effect-sluice/Codec"
import * as Framing from "effect-sluice/Framing"
import * as Protocol from "effect-sluice/Protocol"
import * as Server from "effect-sluice/Server"
import * as Shutdown from "effect-sluice/Shutdown"
import * as Transport from "effect-sluice/Transport"
import * as TransportNode from "effect-sluice/TransportNode"

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
