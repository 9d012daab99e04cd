/** The numbers of a connection at one moment. */
import type { ConnectionStats } from "../Connection.ts"
import type { ConnectionImpl } from "./connection.ts"
import type { ConnectionShared } from "./connectionShared.ts"

/** A moment of the monotonic clock as one of the calendar's. */
const calendar = (
  { clock, now }: Pick<ConnectionShared<never, never>, "clock" | "now">,
  moment: number
): number => (moment < 0 ? 0 : Math.round(clock.currentTimeMillisUnsafe() - (now() - moment)))

export const statsOf = <In, Out>(connection: ConnectionImpl<In, Out>): ConnectionStats => {
  const { inbound, outbound, reader, shared } = connection
  return {
    bytesIn: reader.bytesIn,
    bytesOut: outbound.bytesWritten,
    messagesIn: reader.messages.taken,
    messagesOut: outbound.messagesWritten,
    skipped: reader.framesSkipped + reader.messages.skipped,
    dropped: connection.drops?.total ?? 0,
    unknown: reader.messages.unknown,
    filtered: reader.messages.filtered,
    openedAt: connection.openedAt,
    lastReadAt: calendar(shared, reader.lastRead),
    lastWriteAt: calendar(shared, connection.lastWrite),
    inboundMessages: inbound.messages,
    inboundBytes: inbound.bytes,
    outboundMessages: outbound.messages,
    outboundBytes: outbound.bytes,
    roundTripMillis: connection.heartbeat?.roundTrip
  }
}
