/**
 * Versions: two ends that were not built on the same day find out whether they understand each other, and how.
 *
 * A protocol that is `Protocol.versioned` begins with a hello of both ends: each sends one frame at once, and no message
 * flows before it has the other's. The hello is JSON text in the protocol's own framing:
 *
 * ```text
 * {"protocol":"Chat","version":3,"accepts":[2,3],"codecs":["binary","default"]}
 * ```
 *
 * The two agree when each accepts the other's version and they have a codec in common: the first of the client's that
 * the server has too. Both ends come to the same answer by themselves, so the hello takes no turn of its own to wait for.
 * Where they do not agree, both close with the reason `Refused` (`version`), which carries the `VersionMismatch`; a
 * client that connects fails with it.
 *
 * @since 0.1.0
 */
import type { Codec } from "./Codec.ts"

/**
 * What one end says about itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hello {
  /** The protocol's name. */
  readonly protocol: string
  readonly version: number
  readonly accepts: ReadonlyArray<number>
  readonly codecs: ReadonlyArray<string>
}

/**
 * What the two ends agreed on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Agreement {
  /** Our own version. */
  readonly version: number
  /** The peer's. */
  readonly peerVersion: number
  /** The name of the codec; `default` is the protocol's own. */
  readonly codec: string
}

/**
 * Another way to encode the same messages.
 *
 * @category models
 * @since 0.1.0
 */
export interface NamedCodec<in out FromClient, in out FromServer, out ServerServices, out ClientServices> {
  /** 1 to 64 characters; `default` is taken. */
  readonly name: string
  readonly fromClient: Codec<FromClient, ServerServices, ClientServices>
  readonly fromServer: Codec<FromServer, ClientServices, ServerServices>
}

/**
 * How an end introduces itself.
 *
 * @category options
 * @since 0.1.0
 */
export interface VersionOptions<
  in out FromClient,
  in out FromServer,
  out ServerServices,
  out ClientServices
> {
  /** What this end speaks, 0 to 4 294 967 295. */
  readonly version: number
  /** The versions of peers that it understands, at most 256. Default: its own only. */
  readonly accepts?: ReadonlyArray<number> | undefined
  /**
   * Codecs that it would rather use than the protocol's own, best first, at most 32. The protocol's own comes last, with
   * the name `default`.
   */
  readonly codecs?:
    | ReadonlyArray<NamedCodec<FromClient, FromServer, ServerServices, ClientServices>>
    | undefined
}

/**
 * The hello of a protocol and what follows from it; made by `Protocol.versioned`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Versions<in out FromClient, in out FromServer, out ServerServices, out ClientServices> {
  readonly hello: Hello
  readonly codecs: ReadonlyArray<NamedCodec<FromClient, FromServer, ServerServices, ClientServices>>
}
