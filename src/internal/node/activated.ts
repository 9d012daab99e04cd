/** Socket activation, as `TransportNode` exports it. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ProxyProtocolOptions } from "../../ProxyProtocol.ts"
import { type InvalidConfig, TransportError } from "../../SluiceError.ts"
import { Listener } from "../../Transport.ts"
import { decodeOptions } from "../options.ts"
import { choose } from "./activation.ts"
import { inheritedListener } from "./inherited.ts"
import { ActivatedSettings } from "./socketOptions.ts"

/**
 * Which socket to listen on, and how.
 *
 * @category options
 * @since 0.1.0
 */
export interface ActivatedOptions {
  /** The socket that the service manager calls so (`FileDescriptorName=`). Default: any. */
  readonly name?: string | undefined
  /** Which one, counted from 0, of those with that name. Needed where there are several. */
  readonly index?: number | undefined
  /** This descriptor, whatever the environment says: for parents that are no service managers. */
  readonly fd?: number | undefined
  /** Peers that wait while the server is suspended, 0 to 65535; more are turned away. Default 128. */
  readonly heldPeers?: number | undefined
  /** Connections that the system queues until they are accepted, 1 to 65535. Default 1024. */
  readonly backlog?: number | undefined
  /** Sends small writes at once (no Nagle), on TCP. Default true. */
  readonly noDelay?: boolean | undefined
  /** Lets the kernel probe silent peers, on TCP. Default true. */
  readonly keepAlive?: boolean | undefined
  /** The silence before the first probe, 1 second to 9 hours. Default 60 seconds. */
  readonly keepAliveInitialDelay?: Duration.Input | undefined
  /** Peers that come through a proxy which announces them; see `ProxyProtocol`. Default: none. */
  readonly proxyProtocol?: ProxyProtocolOptions | undefined
  /** What a ClientHello of TLS is: a mistake that closes (`refuse`), or bytes like any other. Default `refuse`. */
  readonly clientHello?: "refuse" | "data" | undefined
}

/**
 * Listens on a socket that was opened by systemd, or by any parent process, and passed on: sd_listen_fds(3), with
 * `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES`. TCP and Unix sockets that listen; no others. The layer fails where
 * there is no such socket, so that another one can stand in (`Layer.catchTag`, with `TransportError`).
 *
 * The socket is its owner's: a Unix socket's file is not removed. A stop closes our descriptor at once and accepts nobody
 * any more; who stands in the kernel's queue stays there for the next instance, where the owner keeps the socket, as
 * systemd does. A suspended server keeps it, for it could not come back to it: peers are accepted and wait, unread, until
 * it resumes, or are reset where it is stopped.
 *
 * Processes that are started by this one inherit the descriptor, as Node has no way to prevent.
 *
 * **Example** (On systemd's socket, or else on a port)
 *
 * ```ts
 * import { TransportNode } from "effect-sluice"
 * import { Layer } from "effect"
 *
 * const listener = TransportNode.layerActivated().pipe(
 *   Layer.catchTag("TransportError", () => TransportNode.layerTcp({ port: 7000 }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerActivated = (
  options: ActivatedOptions = {}
): Layer.Layer<Listener, InvalidConfig | TransportError> =>
  Layer.effect(
    Listener,
    Effect.flatMap(decodeOptions(ActivatedSettings, options), (settings) => {
      const chosen = choose(settings, process.env, process.pid)
      return typeof chosen === "number"
        ? Effect.succeed(inheritedListener(chosen, settings))
        : Effect.fail(
            new TransportError({
              operation: "listen",
              kind: "AddressNotAvailable",
              address: "an inherited socket",
              detail: chosen
            })
          )
    })
  )
