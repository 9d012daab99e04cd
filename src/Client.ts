/**
 * Clients: a protocol, connected.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { CloseReason } from "./CloseReason.ts"
import type { Connection } from "./Connection.ts"
import { agreedWith } from "./internal/agreedWith.ts"
import { ConnectionImpl } from "./internal/connection.ts"
import { clientDeadlines } from "./internal/deadlineSettings.ts"
import { runConnection } from "./internal/runConnection.ts"
import { connectionFields, decodeSettings, makeShared } from "./internal/settings.ts"
import type { Protocol } from "./Protocol.ts"
import type { ConnectionOptions } from "./Server.ts"
import type { ConnectError } from "./SluiceError.ts"
import { Connector } from "./Transport.ts"

/**
 * A connected client: the connection to a server, seen from the other end.
 *
 * When the server ends its side, what was sent is flushed and the client closes too; the messages that came before
 * can still be taken.
 *
 * @category models
 * @since 0.1.0
 */
export interface Client<out In, in Out> extends Connection<In, Out> {}

/**
 * How a client's connection lives.
 *
 * @category options
 * @since 0.1.0
 */
export interface ClientOptions<Out> extends ConnectionOptions<Out> {}

const ClientSettings = Schema.Struct({ ...connectionFields, deadlines: clientDeadlines })

/**
 * Connects, and stays connected until the scope ends. The end of the scope flushes what was sent and closes in good
 * order, within `closeTimeout`. A versioned protocol is connected once both ends have agreed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const connect: <FromClient, FromServer, ServerServices, ClientServices>(
  protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  options?: NoInfer<ClientOptions<FromClient>>
) => Effect.Effect<Client<FromServer, FromClient>, ConnectError, Connector | Scope.Scope | ClientServices> =
  Effect.fnUntraced(function* <FromClient, FromServer, ServerServices, ClientServices>(
    protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>,
    options: NoInfer<ClientOptions<FromClient>> = {}
  ) {
    const settings = yield* decodeSettings(ClientSettings, options, protocol)
    const shared = yield* makeShared({
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
    const connector = yield* Connector
    const scope = yield* Effect.scope
    return yield* Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const wire = yield* restore(connector.connect)
        const connection = new ConnectionImpl(wire, shared)
        const fiber = yield* Effect.forkDetach(runConnection(connection, connection.inputDone.await()), {
          startImmediately: true
        })
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

/**
 * A client as a layer, under a key of one's own.
 *
 * **Example** (A chat client as a service)
 *
 * ```ts
 * import { Client, Codec, Framing, Protocol, TransportNode } from "effect-sluice"
 * import { Context, Layer } from "effect"
 *
 * const Chat = Protocol.make("Chat", { framing: Framing.lines(), fromClient: Codec.utf8, fromServer: Codec.utf8 })
 *
 * class ChatClient extends Context.Service<ChatClient, Client.Client<string, string>>()("app/ChatClient") {}
 *
 * const ChatClientLive = Client.layer(ChatClient, Chat).pipe(
 *   Layer.provide(TransportNode.layerTcpClient({ port: 7000 }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <Id, FromClient, FromServer, ServerServices, ClientServices>(
  key: Context.Key<Id, Client<FromServer, FromClient>>,
  protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  options?: NoInfer<ClientOptions<FromClient>>
): Layer.Layer<Id, ConnectError, Connector | Exclude<ClientServices, Scope.Scope>> =>
  Layer.effect(key, connect(protocol, options))
