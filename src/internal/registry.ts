/** The live registry of a server's connections, as its users see it. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { ByteWriter } from "../ByteWriter.ts"
import { CloseReason } from "../CloseReason.ts"
import type {
  BroadcastResult,
  ConnectionChange,
  ConnectionInfo,
  Connections,
  Delivery
} from "../Connections.ts"
import type { ServerEvent } from "../Events.ts"
import type { CodecError, MessageError, PayloadError } from "../SluiceError.ts"
import { type Address, formatAddress } from "../Transport.ts"
import { codecError } from "./codec/schemaCodec.ts"
import type { ConnectionImpl } from "./connection.ts"
import type { ConnectionSet } from "./connectionSet.ts"
import { keyOf, offerFrame } from "./outboundPolicy.ts"

export class Registry<In, Out, E, R> implements Connections<In, Out> {
  private readonly set: ConnectionSet<In, Out, E, R>

  constructor(set: ConnectionSet<In, Out, E, R>) {
    this.set = set
  }

  get size(): Effect.Effect<number> {
    return Effect.sync(() => this.set.size)
  }

  get list(): Effect.Effect<ReadonlyArray<ConnectionInfo>> {
    return Effect.sync(() => {
      const now = this.set.shared.clock.currentTimeMillisUnsafe()
      return Array.from(this.set, (connection) => infoOf(connection, now))
    })
  }

  get changes(): Connections<In, Out>["changes"] {
    return Stream.filter(this.set.events.stream, isChange)
  }

  // Functions of their own, so that they can be taken out of the registry and handed around.

  readonly get: Connections<In, Out>["get"] = (id) =>
    Effect.sync(() => Option.fromUndefinedOr(this.set.get(id)))

  readonly unicast: Connections<In, Out>["unicast"] = (id, message) =>
    Effect.suspend(() => {
      const connection = this.set.get(id)
      if (connection === undefined) return Effect.succeed("closed")
      return connection.switched === undefined ? this.offer(connection, message) : Effect.succeed("switched")
    })

  readonly broadcast: Connections<In, Out>["broadcast"] = (message, options) =>
    Effect.map(this.framed(message), (frame) => {
      const policy = options?.policy ?? this.set.shared.outboundPolicy
      const key = keyOf(policy, message)
      const delivered: Array<number> = []
      const failed: Array<BroadcastResult["failed"][number]> = []
      for (const connection of this.set) {
        if (options?.to !== undefined && !options.to(connection)) continue
        const offer =
          connection.switched === undefined ? offerFrame(connection, policy, key, frame) : "switched"
        if (offer === "queued") delivered.push(connection.id)
        else failed.push({ id: connection.id, reason: offer })
      }
      return { delivered, failed }
    })

  readonly closeById: Connections<In, Out>["closeById"] = (id, reason = CloseReason.LocalClosed()) =>
    Effect.sync(() => {
      const connection = this.set.get(id)
      connection?.closeWith(reason)
      return connection !== undefined
    })

  readonly closeByAddress: Connections<In, Out>["closeByAddress"] = (
    peer,
    reason = CloseReason.LocalClosed()
  ) =>
    Effect.sync(() => {
      const closed: Array<number> = []
      for (const connection of this.set) {
        if (!isPeer(connection.remoteAddress, peer)) continue
        connection.closeWith(reason)
        closed.push(connection.id)
      }
      return closed
    })

  private offer(connection: ConnectionImpl<In, Out>, message: Out): Effect.Effect<Delivery, MessageError> {
    return connection.trySend(message).pipe(
      Effect.map((sent): Delivery => (sent ? "queued" : "full")),
      Effect.catchTag("ConnectionClosed", () => Effect.succeed<Delivery>("closed"))
    )
  }

  /** The message as one frame, made once for all. */
  private framed(message: Out): Effect.Effect<Uint8Array, CodecError | PayloadError> {
    return Effect.suspend(() => this.encoded(message)).pipe(
      Effect.flatMap((payload) => {
        const writer = new ByteWriter()
        const error = this.set.shared.framing.encode(payload, writer)
        return error === undefined ? Effect.succeed(writer.take()) : Effect.fail(error)
      })
    )
  }

  private encoded(message: Out): Effect.Effect<Uint8Array, CodecError> {
    try {
      return this.set.shared.encode(message)
    } catch (defect) {
      return Effect.fail(codecError("codec", String(defect)))
    }
  }
}

const infoOf = <In, Out>(connection: ConnectionImpl<In, Out>, now: number): ConnectionInfo => ({
  id: connection.id,
  localAddress: connection.localAddress,
  remoteAddress: connection.remoteAddress,
  age: Duration.millis(now - connection.openedAt),
  stats: connection.stats,
  attributes: connection.attributes
})

const isChange = (event: ServerEvent): event is ConnectionChange =>
  event._tag === "Opened" || event._tag === "Closed"

const isPeer = (address: Address, peer: Address | string): boolean =>
  typeof peer === "string"
    ? address._tag === "Tcp" && address.host === peer
    : formatAddress(address) === formatAddress(peer)
