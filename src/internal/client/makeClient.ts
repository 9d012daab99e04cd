/** From a protocol and options to a client: one connection, one that comes back, or a pool. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Client, ClientOptions, ClientStatus, MakeOptions, Pool, PoolOptions } from "../../Client.ts"
import { CloseReason } from "../../CloseReason.ts"
import type { Protocol } from "../../Protocol.ts"
import { Connector } from "../../Transport.ts"
import { agreedWith } from "../agreedWith.ts"
import { type Carried, carriedBy } from "../datagram/carriedBy.ts"
import { forEachEager } from "../forEachEager.ts"
import { decodeSettings, makeShared } from "../settings.ts"
import { ClientSender } from "./clientSender.ts"
import { ClientSettings, ConnectSettings, defaultReconnect, PoolSettings } from "./clientSettings.ts"
import { prepareWith } from "./onConnect.ts"
import { openConnection } from "./openConnection.ts"
import { ClientPool } from "./pool.ts"
import { ResilientClient } from "./resilientClient.ts"

/** One connection, closed with the scope. */
export const connectOnce = Effect.fnUntraced(function* <
  FromClient,
  FromServer,
  ServerServices,
  ClientServices
>(
  protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  options: ClientOptions<FromClient>
) {
  const connector = yield* Connector
  const carried = carriedBy(protocol, connector)
  const settings = yield* decodeSettings(ConnectSettings, options, carried)
  const shared = yield* sharedOf(carried, options, settings)
  const scope = yield* Effect.scope
  return yield* Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const wire = yield* restore(connector.connect)
      const { connection, fiber } = yield* openConnection(wire, shared)
      yield* Scope.addFinalizer(
        scope,
        Effect.suspend(() => {
          connection.closeWith(CloseReason.LocalClosed())
          return Fiber.await(fiber)
        })
      )
      yield* restore(agreedWith(connection))
      return connection
    })
  )
})

const sharedOf = <FromClient, FromServer, ServerServices, ClientServices>(
  protocol: Carried & Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  options: ClientOptions<FromClient>,
  settings: (typeof ConnectSettings)["Type"]
) =>
  makeShared({
    protocol,
    decoder: protocol.fromServer,
    encoder: protocol.fromClient,
    side: "client",
    codecs: (protocol.versions?.codecs ?? []).map(({ fromClient, fromServer, name }) => ({
      name,
      decoder: fromServer,
      encoder: fromClient
    })),
    settings,
    policy: options.outbound?.policy,
    onMessageError: options.onMessageError,
    onIdle: options.onIdle,
    beats: { ours: protocol.heartbeat?.fromClient, theirs: protocol.heartbeat?.fromServer }
  })

/** A client that has begun to connect, and ends with the scope. */
const begin = Effect.fnUntraced(function* <FromClient, FromServer, ServerServices, ClientServices, R>(
  protocol: Carried & Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  options: Omit<MakeOptions<FromServer, FromClient, R>, "whenDown">,
  settings: Omit<(typeof ClientSettings)["Type"], "whenDown">
) {
  const { onConnect } = options
  const connector = yield* Connector
  const context = yield* Effect.context<Exclude<R, Scope.Scope>>()
  const client = new ResilientClient<FromServer, FromClient>(
    {
      connect: connector.connect,
      shared: yield* sharedOf(protocol, options, settings),
      reconnect: options.reconnect ?? defaultReconnect,
      stableAfter: settings.stableAfter,
      prepare: onConnect && prepareWith(onConnect, context),
      onConnectTimeout: settings.onConnectTimeout
    },
    yield* SubscriptionRef.make<ClientStatus>({ _tag: "Connecting", attempt: 1 })
  )
  yield* client.start
  return client
})

/** A client that comes back. */
export const makeClient = Effect.fnUntraced(function* <
  FromClient,
  FromServer,
  ServerServices,
  ClientServices,
  R
>(
  protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  options: MakeOptions<FromServer, FromClient, R>
) {
  const carried = carriedBy(protocol, yield* Connector)
  const settings = yield* decodeSettings(ClientSettings, options, carried)
  const client = yield* begin(carried, options, settings)
  const sender = new ClientSender(client, settings.whenDown)
  const sendAll = (messages: ReadonlyArray<FromClient>) => forEachEager(messages, sender.send)
  const face: Client<FromServer, FromClient> = {
    messages: Stream.fromPull(Exit.succeed(client.inbox.take())),
    sink: Sink.forEachArray(sendAll),
    send: sender.send,
    sendAll,
    trySend: sender.trySend,
    sendAwait: sender.sendAwait,
    use: (f) => Effect.flatMap(sender.take, f),
    connection: Effect.sync(() => client.connection),
    awaitUp: client.awaitUp,
    status: client.status,
    close: client.close,
    get stats() {
      return client.stats
    }
  }
  return face
})

/** Several of them, and the choice among them. */
export const makePool = Effect.fnUntraced(function* <
  FromClient,
  FromServer,
  ServerServices,
  ClientServices,
  R
>(
  protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  options: PoolOptions<FromServer, FromClient, R>
) {
  const carried = carriedBy(protocol, yield* Connector)
  const settings = yield* decodeSettings(PoolSettings, options, carried)
  const clients = yield* Effect.forEach(Array.from({ length: settings.size }), () =>
    begin(carried, options, settings)
  )
  const pool = new ClientPool(clients, settings.timeout)
  const send: Pool<FromServer, FromClient>["send"] = (message) =>
    Effect.catchTag(
      pool.use((connection) => connection.send(message)),
      "ConnectionClosed",
      // It was not taken. That connection is none of the pool's any more.
      () => send(message)
    )
  // Those of one that has given up are over; the others go on.
  const streams = clients.map(({ inbox }) =>
    Stream.catch(Stream.fromPull(Exit.succeed(inbox.take())), () => Stream.empty)
  )
  const end = Stream.suspend(() => {
    const endings = clients.map(({ gate }) => gate.ended)
    const last = endings.at(-1)
    return last !== undefined && endings.every((ending) => ending?.failure !== undefined)
      ? Stream.fail(last)
      : Stream.empty
  })
  const face: Pool<FromServer, FromClient> = {
    use: pool.use,
    send,
    messages: Stream.concat(Stream.mergeAll(streams, { concurrency: "unbounded", bufferSize: 1 }), end),
    members: Effect.sync(() => pool.state)
  }
  return face
})
