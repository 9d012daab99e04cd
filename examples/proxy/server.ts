/**
 * Behind a proxy: says to everybody where he is, and by whom he came. `haproxy -f examples/proxy/haproxy.cfg`, then
 * `nc 127.0.0.1 8000`. `PROXIES` are those who are believed, by address, with commas between.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Stream } from "effect"
import {
  Codec,
  type Connection,
  Framing,
  Protocol,
  Server,
  Shutdown,
  Transport,
  TransportNode
} from "effect-sluice"

const Lines = Protocol.make("Lines", {
  framing: Framing.lines({ maxLength: 1000 }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const handle = (connection: Connection.Connection<string, string>) =>
  Effect.gen(function* () {
    const { proxy, remoteAddress } = connection
    yield* connection.send(`you are ${Transport.formatAddress(remoteAddress)}`)
    if (proxy !== undefined) {
      const { command, destination, values, version } = proxy.header
      yield* connection.send(
        `announced by ${Transport.formatAddress(proxy.address)}, version ${version} ${command}`
      )
      yield* connection.send(`you came to ${Transport.formatAddress(destination)}`)
      if (values.uniqueId !== undefined) yield* connection.send(`as ${Buffer.from(values.uniqueId)}`)
      if (values.ssl?.secure === true) {
        const { cipher, commonName, version } = values.ssl
        yield* connection.send(
          `over ${version}, ${cipher ?? "no cipher told"}, by ${commonName ?? "nobody known"}`
        )
      }
    }
    yield* Stream.run(connection.messages, connection.sink)
  })

const program = Effect.gen(function* () {
  const port = yield* Config.Int("PORT").pipe(Config.withDefault(7000))
  const proxies = yield* Config.String("PROXIES").pipe(Config.withDefault("127.0.0.1,::1"))
  const server = yield* Server.make(Lines, handle, { admission: { maxPerAddress: 3 } }).pipe(
    Effect.provide(TransportNode.layerTcp({ port, proxyProtocol: { from: proxies.split(",") } }))
  )
  yield* Effect.log(`proxy listens on ${Transport.formatAddress(server.address)}`)
  yield* Shutdown.forceOnSecondSignal(server)
  return yield* Effect.never
})

program.pipe(Effect.scoped, NodeRuntime.runMain({ teardown: Shutdown.teardown }))
