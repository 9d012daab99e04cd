/** The options of UDP, as schemas. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { durationOption, integerOption, withDefault } from "../options.ts"

const host = Schema.NonEmptyString.annotate({ message: "must be a host name or an address" })

/** A number within bounds, or `off`, which is none. */
const orOff = (minimum: number, maximum: number) => {
  const expected = `must be a number from ${minimum} to ${maximum}, or off`
  return Schema.Union([
    Schema.Literal("off"),
    Schema.Finite.check(Schema.isBetween({ minimum, maximum }, { message: expected }))
  ]).annotate({ message: expected })
}

/** The longest that IPv4 carries. */
const longestDatagram = 65_507

const mebibyte = 1024 * 1024

const commonFields = {
  maxDatagram: withDefault(integerOption(1, longestDatagram), 1232),
  maxQueued: withDefault(integerOption(1, 65_536), 64),
  maxQueuedBytes: withDefault(integerOption(1024, 1024 * mebibyte), 16 * mebibyte),
  receiveBuffer: Schema.optional(integerOption(1024, 1024 * mebibyte))
} as const

/** `UdpOptions`. */
export const UdpSettings = Schema.Struct({
  port: integerOption(0, 65_535),
  host: Schema.optional(host),
  ipv6Only: withDefault(Schema.Boolean, false),
  maxPeers: withDefault(integerOption(1, 1_000_000), 4096),
  newPeersPerSecond: withDefault(orOff(1, 1_000_000), 1000),
  idleTimeout: withDefault(durationOption("10 millis", "1 day"), Duration.seconds(30)),
  amplification: withDefault(orOff(0, 1000), 3),
  ...commonFields
})

/** `UdpOptions` with every default filled in. */
export type UdpSettings = typeof UdpSettings.Type

/** `UdpClientOptions`. */
export const UdpClientSettings = Schema.Struct({
  port: integerOption(1, 65_535),
  host: withDefault(host, "127.0.0.1"),
  localAddress: Schema.optional(host),
  localPort: withDefault(integerOption(0, 65_535), 0),
  connectTimeout: withDefault(durationOption("1 millis", "1 hour"), Duration.seconds(10)),
  ...commonFields
})

/** `UdpClientOptions` with every default filled in. */
export type UdpClientSettings = typeof UdpClientSettings.Type
