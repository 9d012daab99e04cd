/** Addresses and checksum of the PROXY protocol, version 2. */
import type { Address, ProxyHeader } from "../../Transport.ts"
import { decodeUtf8 } from "../bytes.ts"
import { formatIp } from "../cidr.ts"
import { crc32c } from "../framing/crc32c.ts"

/** Where the addresses begin. */
const start = 16

const unknown: Address = { _tag: "Unknown" }

/** Bytes of one address, by family: none, IPv4, IPv6, Unix. */
const sizes = [0, 4, 16, 108]

const transports = ["unknown", "stream", "datagram"] as const

interface Addresses extends Pick<ProxyHeader, "source" | "destination" | "transport"> {
  /** Where the values begin. */
  readonly end: number
}

const bits = (bytes: Uint8Array): bigint => bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)

/** IPv4 is where IPv6 maps it. */
const mapped = 0xffff_0000_0000n

const ipAt = (header: Uint8Array, at: number, size: number): string => {
  const value = bits(header.subarray(at, at + size))
  return formatIp(size === 4 ? mapped | value : value)
}

const pathAt = (header: Uint8Array, at: number, size: number): string | undefined => {
  const path = header.subarray(at, at + size)
  const end = path.indexOf(0)
  return decodeUtf8(end < 0 ? path : path.subarray(0, end))
}

/** The two addresses; or what is wrong with them. */
export const parseAddresses = (header: Uint8Array, family: number, transport: number): Addresses | string => {
  const size = sizes[family] ?? 0
  const end = start + 2 * size + (family === 1 || family === 2 ? 4 : 0)
  if (header.length < end) return `${header.length} bytes hold no addresses of family ${family}`
  // Known is what has both; the specification leaves it to us what to make of the rest.
  if (family === 0 || transport === 0) {
    return { source: unknown, destination: unknown, transport: "unknown", end }
  }
  const spoken = transports[transport] ?? "unknown"
  if (family === 3) {
    const [source, destination] = [pathAt(header, start, size), pathAt(header, start + size, size)]
    if (source === undefined || destination === undefined) return "a Unix path is not UTF-8"
    // A client's end mostly has no name.
    const named = (path: string): Address => (path === "" ? unknown : { _tag: "Unix", path })
    return { source: named(source), destination: named(destination), transport: spoken, end }
  }
  const port = (at: number): number => (header[at]! << 8) | header[at + 1]!
  const host = (at: number): string => ipAt(header, at, size)
  const _tag = spoken === "datagram" ? "Udp" : "Tcp"
  return {
    source: { _tag, host: host(start), port: port(end - 4) },
    destination: { _tag, host: host(start + size), port: port(end - 2) },
    transport: spoken,
    end
  }
}

/** What is wrong with the header by its own checksum, which stands at `at`; undefined where all is well. */
export const verifyChecksum = (header: Uint8Array, at: number | undefined): string | undefined => {
  if (at === undefined) return undefined
  const blank = Uint8Array.from(header)
  const view = new DataView(blank.buffer)
  const told = view.getUint32(at)
  view.setUint32(at, 0)
  return crc32c(blank) === told ? undefined : "the checksum does not fit"
}
