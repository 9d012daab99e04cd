/**
 * An echo for few: `nc 127.0.0.1 7000`, in several terminals.
 *
 * At most `MAX` people at a time (3), and `PER_ADDRESS` from one address (2). Who is over a limit is told so and has to
 * go. The line `limit 5` changes how many may come from one address, without a restart.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Deferred, Effect, Stream, SubscriptionRef } from "effect"
import {
  type Admission,
  Codec,
  Framing,
  Handler,
  Protocol,
  Server,
  Shutdown,
  Transport,
  TransportNode
} from "effect-sluice"

const Lines = Protocol.make("Lines", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const farewells: Record<Admission.RefusedReason, string> = {
  full: "sorry, the house is full",
  address: "sorry, too many of you are here already",
  rate: "sorry, not so often",
  denied: "sorry, not you",
  unauthenticated: "sorry, who are you?",
  version: "sorry, I do not understand you"
}

const program = Effect.gen(function* () {
  const maxConnections = yield* Config.Int("MAX").pipe(Config.withDefault(3))
  const maxPerAddress = yield* Config.Int("PER_ADDRESS").pipe(Config.withDefault(2))

  // The handler changes limits that are there only once the server is.
  const limits = yield* Deferred.make<SubscriptionRef.SubscriptionRef<Admission.Limits>>()
  const handler = Handler.each<string, string, unknown>((line, connection) => {
    const limit = /^limit (\d+)$/.exec(line)?.[1]
    if (limit === undefined) return connection.send(line)
    return Deferred.await(limits).pipe(
      Effect.flatMap(SubscriptionRef.update((now) => ({ ...now, maxPerAddress: Number(limit) }))),
      Effect.andThen(connection.send(`at most ${limit} from one address`))
    )
  })

  const server = yield* Server.make(Lines, handler, {
    admission: { maxConnections, maxPerAddress, farewell: (reason) => farewells[reason] }
  })
  yield* Deferred.succeed(limits, server.limits)
  yield* Effect.log(`limits listens on ${Transport.formatAddress(server.address)}`)

  yield* server.events.pipe(
    Stream.filter((event) => event._tag === "Refused"),
    Stream.runForEach(({ reason, remoteAddress }) =>
      Effect.log(`refused ${Transport.formatAddress(remoteAddress)}: ${reason}`)
    ),
    Effect.forkScoped
  )
  yield* Shutdown.forceOnSecondSignal(server)
  return yield* Effect.never
})

program.pipe(
  Effect.provide(TransportNode.layerTcpConfig({ port: Config.Int("PORT").pipe(Config.withDefault(7000)) })),
  Effect.scoped,
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
