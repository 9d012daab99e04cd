/**
 * Effect's RPC over this library's servers and clients: its calls, streams and errors, with the framing, the limits,
 * the heartbeat and the drain of ours.
 *
 * Not part of the root, for it loads Effect's RPC: import it as `effect-sluice/Rpc`. Effect's RPC is unstable; only
 * this module knows it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcClient from "effect/rpc/RpcClient"
import type * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Client from "./Client.ts"
import type * as Framing from "./Framing.ts"
import { makeRpcClient } from "./internal/rpcClient.ts"
import { makeRpcServer } from "./internal/rpcServer.ts"
import * as Server from "./Server.ts"
import type { ConnectError } from "./SluiceError.ts"
import type { Connector, Listener } from "./Transport.ts"

/**
 * What both ends have to agree on.
 *
 * @category options
 * @since 0.1.0
 */
export interface FramingOptions {
  /**
   * What separates the serialized messages. Default: `Framing.lengthPrefixed()`, with its maximum of 1 MiB. With
   * `Framing.none()` and a serialization that has a framing of its own, the other end may be Effect's socket protocol;
   * there is no heartbeat of ours then.
   */
  readonly framing?: Framing.Framing | undefined
}

/**
 * How a server lives, and how much a client may ask of it.
 *
 * @category options
 * @since 0.1.0
 */
export interface ServerOptions extends Omit<Server.ServerOptions<Uint8Array>, "goodbye">, FramingOptions {
  /**
   * How many calls of one client may be in flight, 1 or more. Another one is answered with a defect. Default 1024.
   */
  readonly maxCalls?: number | undefined
}

/**
 * How a client lives, and how it connects again.
 *
 * @category options
 * @since 0.1.0
 */
export interface ClientOptions extends Client.ClientOptions<Uint8Array>, FramingOptions {
  /**
   * When to try again to connect, after the connection was lost; what it returns is left out. When it is over, calls
   * fail from then on. Default: after 0.5 seconds, then 1.5 times as long each time, up to 5 seconds, forever.
   */
  readonly retry?: Schedule.Schedule<unknown, ConnectError> | undefined
}

/**
 * Starts a server, and hands its clients to an `RpcServer`. A client's id is that of its connection.
 *
 * Clients are accepted at once, and heard when the `RpcServer` runs. When that ends, or the server stops, whichever is
 * first, what was asked is still answered as `drainTimeout` allows, streams with their acknowledgements; then clients
 * are closed. A client that ends its side is gone, and what it asked is interrupted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeServer: (
  options?: ServerOptions
) => Effect.Effect<
  { readonly server: Server.Server["Service"]; readonly protocol: RpcServer.Protocol["Service"] },
  ConnectError,
  Listener | RpcSerialization.RpcSerialization | Scope.Scope
> = makeRpcServer

/**
 * The `Protocol` of Effect's `RpcServer`, and the server that it rides on.
 *
 * **Example** (A greeter)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import * as EffectRpc from "effect/rpc/Rpc"
 * import * as RpcGroup from "effect/rpc/RpcGroup"
 * import * as RpcSerialization from "effect/rpc/RpcSerialization"
 * import * as RpcServer from "effect/rpc/RpcServer"
 * import { TransportNode } from "effect-sluice"
 * import * as Rpc from "effect-sluice/Rpc"
 *
 * const Greeter = RpcGroup.make(
 *   EffectRpc.make("Greet", { payload: { name: Schema.String }, success: Schema.String })
 * )
 *
 * const GreeterServer = RpcServer.layer(Greeter).pipe(
 *   Layer.provide(Greeter.toLayer({ Greet: ({ name }) => Effect.succeed(`hello, ${name}`) })),
 *   Layer.provide(Rpc.layerServer()),
 *   Layer.provide([TransportNode.layerTcp({ port: 7000 }), RpcSerialization.layerJson])
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerServer = (
  options?: ServerOptions
): Layer.Layer<
  RpcServer.Protocol | Server.Server,
  ConnectError,
  Listener | RpcSerialization.RpcSerialization
> =>
  Layer.effectContext(
    Effect.map(makeServer(options), ({ protocol, server }) =>
      Context.make(RpcServer.Protocol, protocol).pipe(Context.add(Server.Server, server))
    )
  )

// --- client --------------------------------------------------------------------------------------------------

/**
 * Connects, and hands the calls of Effect's `RpcClient`s to the connection; fails where the first connection does.
 *
 * When the connection is lost, what is in flight fails at once with an `RpcClientError` whose reason holds why, as do
 * calls until it is there again; whether a call may be asked once more, only its caller knows.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeClient: (
  options?: ClientOptions
) => Effect.Effect<
  RpcClient.Protocol["Service"],
  ConnectError,
  Connector | RpcSerialization.RpcSerialization | Scope.Scope
> = makeRpcClient

/**
 * The `Protocol` of Effect's `RpcClient`, over a connection that is made again when it is lost.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClient = (
  options?: ClientOptions
): Layer.Layer<RpcClient.Protocol, ConnectError, Connector | RpcSerialization.RpcSerialization> =>
  Layer.effect(RpcClient.Protocol, makeClient(options))
