/** The header of the PROXY protocol, version 1: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443`. */
import type { Address, ProxyHeader } from "../../Transport.ts"
import { formatIp, parseIp } from "../cidr.ts"

/** The longest line that there can be, its end included. */
export const maximumLine = 107

const unknown: Address = { _tag: "Unknown" }

const noHeader: ProxyHeader = {
  version: 1,
  command: "PROXY",
  transport: "unknown",
  source: unknown,
  destination: unknown,
  values: {}
}

/** What the line says, without its end; or what is wrong with it. */
export const parseLine = (bytes: Uint8Array): ProxyHeader | string => {
  const text = String.fromCharCode(...bytes)
  const [, protocol = "", ...rest] = text.split(" ")
  // What follows is to be ignored.
  if (protocol === "UNKNOWN") return noHeader
  if (protocol !== "TCP4" && protocol !== "TCP6") return `protocol ${JSON.stringify(protocol)} is not known`
  if (rest.length !== 4) return `${rest.length} values after the protocol, not 4`
  const [from = "", to = "", fromPort = "", toPort = ""] = rest
  const source = endpoint(protocol, from, fromPort)
  const destination = endpoint(protocol, to, toPort)
  if (source === undefined || destination === undefined) {
    const [host, port] = source === undefined ? [from, fromPort] : [to, toPort]
    return `${JSON.stringify(host)} and ${JSON.stringify(port)} are no address and port of ${protocol}`
  }
  return { ...noHeader, transport: "stream", source, destination }
}

const endpoint = (protocol: "TCP4" | "TCP6", host: string, port: string): Address | undefined => {
  const ip = host.includes(":") === (protocol === "TCP6") && !host.includes("%") ? parseIp(host) : undefined
  return ip === undefined || !/^(0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65_535
    ? undefined
    : { _tag: "Tcp", host: formatIp(ip), port: Number(port) }
}
