/** Datagrams in, datagrams out: `echo hello | nc -u -w 1 127.0.0.1 7000`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer, Stream } from "effect"
import { Codec, Framing, Protocol, Server, Shutdown, Transport, TransportUdp } from "effect-sluice"

// The whole of a datagram is the message.
const Echo = Protocol.make("Echo", {
  framing: Framing.untilEnd(),
  fromClient: Codec.bytes,
  fromServer: Codec.bytes
})

// A peer is an address: it comes with its first datagram, and goes after 30 seconds of silence.
const EchoServer = Server.layer(Echo, (connection) => Stream.run(connection.messages, connection.sink))

const Announce = Layer.effectDiscard(
  Effect.gen(function* () {
    const server = yield* Server.Server
    yield* Effect.log(`udp-echo listens on ${Transport.formatAddress(server.address)}`)
    yield* server.events.pipe(
      Stream.runForEach((event) =>
        event._tag === "Opened" || event._tag === "Closed"
          ? Effect.log(`${Transport.formatAddress(event.remoteAddress)} ${event._tag.toLowerCase()}`)
          : Effect.void
      ),
      Effect.forkScoped
    )
  })
)

Announce.pipe(
  Layer.provide(EchoServer),
  Layer.provide(TransportUdp.layerConfig({ port: Config.Int("PORT").pipe(Config.withDefault(7000)) })),
  Layer.launch,
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
