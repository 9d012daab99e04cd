/** A server and clients for it, over any of the transports. */
import { Effect, Scope, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import type * as Connection from "../../src/Connection.ts"
import type * as Handler from "../../src/Handler.ts"
import type * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import { Connector, Listener } from "../../src/Transport.ts"
import type { Rig } from "../transport/rigs.ts"

export interface Pair<In, Out> {
  readonly server: Server.Server["Service"]
  /** Connects a client that lives as long as the scope at hand. */
  readonly connect: Effect.Effect<Connection.Connection<Out, In>, unknown, Scope.Scope>
}

/** Starts a server on a transport. */
export const open = Effect.fnUntraced(function* <In, Out, E>(
  rig: Rig,
  protocol: Protocol.Protocol<In, Out>,
  handler: Handler.Handler<In, Out, E, Scope.Scope>,
  options: {
    readonly server?: Server.ServerOptions<Out>
    readonly client?: Client.ClientOptions<In>
  } = {}
) {
  const opened = yield* rig.open
  const server = yield* Server.make(protocol, handler, options.server).pipe(
    Effect.provideService(Listener, {
      ...opened.carriage,
      listen: (acceptor) => Effect.orDie(opened.listen(acceptor))
    })
  )
  const connect = Effect.gen(function* () {
    const scope = yield* Effect.scope
    return yield* Client.connect(protocol, options.client).pipe(
      Effect.provideService(Connector, {
        ...opened.carriage,
        connect: Effect.orDie(Effect.provideService(opened.connect(server.address), Scope.Scope, scope))
      })
    )
  })
  const pair: Pair<In, Out> = { server, connect }
  return pair
})

/** Waits, turn by turn, until something is so; for what other fibers and sockets are about to do. */
export const eventually = (condition: () => boolean, what: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    // Bounded by count, not by time: each turn lets the event loop go round once.
    for (let turn = 0; turn < 100_000; turn++) {
      if (condition()) return
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
    }
    return yield* Effect.die(new Error(`never came to be: ${what}`))
  })

/** Takes exactly `count` messages. What came in the same batch behind them is lost. */
export const take = <In, Out>(connection: Connection.Connection<In, Out>, count: number) =>
  Stream.runCollect(Stream.take(connection.messages, count))
