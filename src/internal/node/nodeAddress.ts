/**
 * Addresses as Node tells them.
 */
import type { Address } from "../../Transport.ts"

/** The address of an end whose socket tells none any more. */
export const unknownAddress: Address = { _tag: "Unknown" }

const mappedPrefix = "::ffff:"

/** An IPv4 peer of a dual-stack listener comes as `::ffff:127.0.0.1`; to us it is `127.0.0.1`. */
export const unmapped = (host: string): string =>
  host.startsWith(mappedPrefix) && host.includes(".") ? host.slice(mappedPrefix.length) : host

/** A TCP address from a socket's two properties, both undefined once it is gone. */
export const tcpAddress = (host: string | undefined, port: number | undefined): Address =>
  host === undefined || port === undefined ? unknownAddress : { _tag: "Tcp", host: unmapped(host), port }
