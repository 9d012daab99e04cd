/** The live registry of a server's connections, as its users see it. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { CloseReason } from "../CloseReason.ts"
import type {
  BroadcastResult,
  ConnectionChange,
  ConnectionInfo,
  Connections,
  Delivery
} from "../Connections.ts"
import type { ServerEvent } from "../Events.ts"
import type { MessageError } from "../SluiceError.ts"
import { type Address, formatAddress } from "../Transport.ts"
import { awayFrom } from "./away.ts"
import type { ConnectionImpl } from "./connection.ts"
import type { ConnectionSet } from "./connectionSet.ts"
import { type Peer, sendToAll } from "./sendToEach.ts"
import { periodOf } from "./timers.ts"
import { Visits } from "./visits.ts"

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
      const away = awayFrom(connection)
      return away === undefined ? this.offer(connection, message) : Effect.succeed(away)
    })

  readonly broadcast: Connections<In, Out>["broadcast"] = (message, options) =>
    Effect.suspend(() => {
      const policy = options?.policy ?? this.set.shared.outboundPolicy
      const chosen: Array<Peer> = []
      const missed: Array<BroadcastResult["failed"][number]> = []
      for (const connection of this.set) {
        if (options?.to !== undefined && !options.to(connection)) continue
        const away = awayFrom(connection)
        // It gets what it takes, the server's own messages; what it hands out is nobody's business here.
        if (away === undefined) chosen.push(connection as unknown as Peer)
        else missed.push({ id: connection.id, reason: away })
      }
      const sent = sendToAll(chosen, message, policy)
      return missed.length === 0 ? sent : Effect.map(sent, (result) => withMissed(result, missed))
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

  readonly runEvery: Connections<In, Out>["runEvery"] = (period, visit, { concurrency = 256 } = {}) =>
    Effect.contextWith((context) =>
      Effect.sync(() => {
        if (!(concurrency >= 1)) throw new RangeError("concurrency must be 1 or more")
        return new Visits(this.set, periodOf(period), concurrency, (connection) =>
          Effect.provideContext(visit(connection), context)
        )
      })
    )

  private offer(connection: ConnectionImpl<In, Out>, message: Out): Effect.Effect<Delivery, MessageError> {
    return connection.trySend(message).pipe(
      Effect.map((sent): Delivery => (sent ? "queued" : "full")),
      Effect.catchTag("ConnectionClosed", () => Effect.succeed<Delivery>("closed"))
    )
  }
}

const withMissed = (
  { delivered, failed }: BroadcastResult,
  missed: BroadcastResult["failed"]
): BroadcastResult => ({
  delivered,
  failed: [...failed, ...missed].sort((one, other) => one.id - other.id)
})

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
    ? (address._tag === "Tcp" || address._tag === "Udp") && address.host === peer
    : formatAddress(address) === formatAddress(peer)
