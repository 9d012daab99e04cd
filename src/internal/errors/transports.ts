/** What listening and connecting fail with. */
import * as Data from "effect/Data"
import type { Hello } from "../../Versions.ts"
import type { InvalidConfig } from "./configuration.ts"

/**
 * Why a transport could not listen, connect or go on.
 *
 * @category transports
 * @since 0.1.0
 */
export type TransportFailure =
  | "AddressInUse"
  | "AddressNotAvailable"
  | "PermissionDenied"
  | "ConnectionRefused"
  | "ConnectionReset"
  | "UnknownHost"
  | "CommandNotFound"
  | "Timeout"
  | "BadCertificate"
  | "UnreadableFile"
  | "HandshakeFailed"
  | "NotSupported"
  | "Closed"
  | "Unknown"

/**
 * What came first is no header of the PROXY protocol, or one that is malformed or damaged.
 *
 * @category transports
 * @since 0.1.0
 */
export class ProxyHeaderInvalid extends Data.TaggedError("ProxyHeaderInvalid")<{ readonly detail: string }> {
  override get message(): string {
    return `PROXY header: ${this.detail}`
  }
}

/**
 * The hello of two ends did not match, see `Versions`. `theirs` is undefined where the peer's first frame was none.
 *
 * - `hello`: what came first was no hello
 * - `protocol`: the protocols have different names
 * - `version`: one does not accept the other's version
 * - `codec`: they have no codec in common
 *
 * @category connections
 * @since 0.1.0
 */
export class VersionMismatch extends Data.TaggedError("VersionMismatch")<{
  readonly connection: number
  readonly reason: "hello" | "protocol" | "version" | "codec"
  readonly ours: Hello
  readonly theirs: Hello | undefined
}> {
  override get message(): string {
    const { ours, theirs } = this
    if (theirs === undefined) return `connection ${this.connection}: the peer did not begin with a hello`
    return `connection ${this.connection}: ${describe(ours)} does not go with the peer's ${describe(theirs)}`
  }
}

const describe = ({ accepts, codecs, protocol, version }: Hello): string =>
  `${protocol} ${version} (accepts ${accepts.join(", ")}; ${codecs.join(", ")})`

/**
 * A transport could not listen or connect, or not start TLS on a connection, or not load certificates.
 *
 * `kind` is what went wrong in a word, `address` what it was tried on, `detail` the system's own words.
 *
 * @category transports
 * @since 0.1.0
 */
export class TransportError extends Data.TaggedError("TransportError")<{
  readonly operation: "listen" | "connect" | "startTls" | "load"
  readonly kind: TransportFailure
  readonly address: string
  readonly detail: string
  readonly cause?: unknown
}> {
  override get message(): string {
    const where = this.operation === "load" ? this.address : `on ${this.address}`
    return `cannot ${this.operation} ${where}: ${this.kind} (${this.detail})`
  }
}

/**
 * Why a client has no connection: its options cannot be, the transport could not connect, or the two ends do not
 * understand each other.
 *
 * @category transports
 * @since 0.1.0
 */
export type ConnectError = InvalidConfig | TransportError | VersionMismatch
