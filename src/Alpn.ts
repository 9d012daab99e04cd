/**
 * ALPN: several servers on one TLS port, each with a protocol and a handler of its own. The client says in its handshake
 * which protocols it speaks (RFC 7301), and becomes a connection of the server that speaks one of them.
 *
 * Each server has its own limits, events, registry and drain. A client that speaks none of their protocols is refused in
 * the handshake, with the alert `no_application_protocol`. A server that is suspended or stopped leaves the port to the
 * others, and its protocols are not on offer meanwhile.
 *
 * **Example** (Two versions of a chat on one port)
 *
 * ```ts
 * import { Alpn, Codec, Framing, Handler, Protocol, Server } from "effect-sluice"
 * import { Layer, Schema } from "effect"
 *
 * const Old = Protocol.make("Old", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 * const Say = Codec.json(Schema.Struct({ text: Schema.String }))
 * const New = Protocol.make("New", { framing: Framing.lengthPrefixed(), fromClient: Say, fromServer: Say })
 *
 * const servers = Layer.mergeAll(
 *   Server.layer(Old, Handler.map((line) => line)).pipe(Layer.provide(Alpn.layer(["chat/1"], { otherwise: true }))),
 *   Server.layer(New, Handler.map((say) => say)).pipe(Layer.provide(Alpn.layer(["chat/2"])))
 * )
 *
 * export const main = servers.pipe(
 *   Layer.provide(Alpn.layerPort({
 *     port: 7000,
 *     tls: { certificateFile: "chat.pem", keyFile: "chat.key" },
 *     preference: ["chat/2", "chat/1"]
 *   })),
 *   Layer.launch
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { AlpnPortImpl } from "./internal/node/alpnPort.ts"
import { SocketSource } from "./internal/node/socketSource.ts"
import { TlsKeeper } from "./internal/node/tlsKeeper.ts"
import { AlpnPortSettings, AlpnPortSettingsWith, protocolNames } from "./internal/node/tlsOptions.ts"
import { decodeOptions } from "./internal/options.ts"
import type { InvalidConfig, TransportError } from "./SluiceError.ts"
import { type Acceptor, Listener, type Listening } from "./Transport.ts"
import type { TcpTlsOptions } from "./TransportNode.ts"

/**
 * How to listen on a port that servers share. What ALPN offers are the protocols of the servers, so `tls.alpn` is none of
 * its options.
 *
 * @category options
 * @since 0.1.0
 */
export interface AlpnPortOptions extends TcpTlsOptions {
  /** Which protocol to take where a client speaks several, best first; behind them counts the client's own order. */
  readonly preference?: ReadonlyArray<string> | undefined
}

/**
 * Which peers a server takes.
 *
 * @category options
 * @since 0.1.0
 */
export interface AlpnOptions {
  /**
   * Whether it also takes peers that name no protocol: those whose TLS knows no ALPN, and those in plain text where the
   * port has `plain`. Where no server does, they are closed. Default false.
   */
  readonly otherwise?: boolean | undefined
}

/**
 * A TLS port that servers share. It is open while one of them listens.
 *
 * @category services
 * @since 0.1.0
 */
export class AlpnPort extends Context.Service<
  AlpnPort,
  {
    /** Listens for protocols that nobody else listens for; a second one fails with `AddressInUse`. */
    readonly listen: (options: {
      readonly protocols: ReadonlyArray<string>
      readonly otherwise: boolean
      readonly acceptor: Acceptor
    }) => Effect.Effect<Listening, TransportError, Scope.Scope>
  }
>()("effect-sluice/Alpn/AlpnPort") {}

/**
 * A port that servers share. With port 0 all of them have the one that the system chooses for the first.
 *
 * A peer that did not become a connection is an event of the server that has listened the longest.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerPort = (options: AlpnPortOptions): Layer.Layer<AlpnPort, InvalidConfig> => {
  const { tls } = options
  return Layer.effect(
    AlpnPort,
    Effect.gen(function* () {
      const { preference, ...settings } =
        tls instanceof TlsKeeper
          ? yield* decodeOptions(AlpnPortSettingsWith(tls), options)
          : yield* decodeOptions(AlpnPortSettings, options)
      const port = new AlpnPortImpl(settings, yield* SocketSource, preference)
      return AlpnPort.of({ listen: (member) => port.listen(member) })
    })
  )
}

/**
 * Listens on the port at hand for peers that agree on one of these protocols; `connection.tls` tells on which.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  protocols: ReadonlyArray<string>,
  { otherwise = false }: AlpnOptions = {}
): Layer.Layer<Listener, InvalidConfig, AlpnPort> =>
  Layer.effect(
    Listener,
    Effect.gen(function* () {
      const settings = yield* decodeOptions(Schema.Struct({ protocols: protocolNames }), { protocols })
      const port = yield* AlpnPort
      return { listen: (acceptor) => port.listen({ protocols: settings.protocols, otherwise, acceptor }) }
    })
  )
