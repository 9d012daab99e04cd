/** What the tests of clients share: a server that comes and goes, in memory. */
import { Clock, Effect, Exit, Scope, Stream, SubscriptionRef } from "effect"
import type * as Client from "../../src/Client.ts"
import type * as Connection from "../../src/Connection.ts"
import * as Server from "../../src/Server.ts"
import type { TransportError } from "../../src/SluiceError.ts"
import { Connector, Listener, type Wire } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { Text } from "../server/support.ts"

export const now = { startImmediately: true } as const

export type Peer = Connection.Connection<string, string>

export const echo = (connection: Peer) => Stream.run(connection.messages, connection.sink)

/** A server that is up and down as told. Down, its connections are reset and nobody listens. */
export const flakyServer = Effect.fnUntraced(function* (
  handler: (peer: Peer) => Effect.Effect<unknown, unknown>
) {
  const network = yield* TransportMemory.Network
  const listener = yield* Listener
  let scope: Scope.Closeable | undefined
  const down = Effect.suspend(() => {
    const old = scope
    scope = undefined
    return old === undefined ? Effect.void : Effect.andThen(network.reset, Scope.close(old, Exit.void))
  })
  const up = Effect.gen(function* () {
    scope = yield* Scope.make()
    yield* Server.make(Text, handler).pipe(Effect.provideService(Listener, listener), Scope.provide(scope))
  })
  yield* Effect.addFinalizer(() => down)
  return { up, down, network }
})

/** A server that writes down all it hears. */
export const hearingServer = Effect.gen(function* () {
  const heard: Array<string> = []
  const server = yield* flakyServer((peer) =>
    Stream.runForEach(peer.messages, (message) => Effect.sync(() => heard.push(message)))
  )
  return { ...server, heard }
})

/** The connector at hand, with the times of its attempts in milliseconds. */
export const attempts = Effect.gen(function* () {
  const { connect } = yield* Connector
  const times: Array<number> = []
  const counted: Effect.Effect<Wire, TransportError> = Effect.flatMap(Clock.currentTimeMillis, (time) => {
    times.push(time)
    return connect
  })
  return { times, provide: Effect.provideService(Connector, { connect: counted }) }
})

export const statusOf = (client: { readonly status: SubscriptionRef.SubscriptionRef<Client.ClientStatus> }) =>
  SubscriptionRef.getUnsafe(client.status)

/** Lets everything go on that needs no time to pass. */
export const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })
