/** Writing the header of the PROXY protocol, either version. */
import type { OptionProblem } from "../../SluiceError.ts"
import type { Address, ProxySsl, ProxyValues } from "../../Transport.ts"
import { encodeUtf8 } from "../bytes.ts"
import { parseIp } from "../cidr.ts"
import { crc32c } from "../framing/crc32c.ts"
import { signature } from "./parse.ts"
import { flags, maximumUniqueId, sslTypes, types } from "./values.ts"

/** What is to be written. */
export interface HeaderPlan {
  readonly version: 1 | 2
  readonly command: "PROXY" | "LOCAL"
  readonly source: Address
  readonly destination: Address
  readonly values: ProxyValues
  readonly checksum: boolean
}

/** The bytes of a header without problems. */
export const encode = (plan: HeaderPlan): Uint8Array =>
  plan.version === 1 ? encodeLine(plan) : encodeBinary(plan)

interface Ends {
  readonly family: 4 | 6
  readonly datagrams: boolean
  readonly source: { readonly ip: bigint; readonly host: string; readonly port: number }
  readonly destination: { readonly ip: bigint; readonly host: string; readonly port: number }
}

const v4 = (ip: bigint): boolean => ip >> 32n === 0xffffn

/** Both ends as IP addresses, where they are some. */
const endsOf = ({ destination, source }: HeaderPlan): Ends | undefined => {
  if (source._tag !== "Tcp" && source._tag !== "Udp") return undefined
  if (destination._tag !== source._tag) return undefined
  const [from, to] = [parseIp(source.host), parseIp(destination.host)]
  if (from === undefined || to === undefined) return undefined
  return {
    family: v4(from) && v4(to) ? 4 : 6,
    datagrams: source._tag === "Udp",
    source: { ip: from, host: source.host, port: source.port },
    destination: { ip: to, host: destination.host, port: destination.port }
  }
}

const encodeLine = (plan: HeaderPlan): Uint8Array => {
  const ends = plan.command === "PROXY" ? endsOf(plan) : undefined
  if (ends === undefined || ends.datagrams) return encodeUtf8("PROXY UNKNOWN\r\n")
  // One IPv4 end beside an IPv6 one is written as IPv6 maps it.
  const host = (end: Ends["source"]): string =>
    ends.family === 6 && v4(end.ip) && !end.host.includes(":")
      ? `::ffff:${end.host}`
      : end.host.split("%")[0]!
  const { destination, source } = ends
  return encodeUtf8(
    `PROXY TCP${ends.family} ${host(source)} ${host(destination)} ${source.port} ${destination.port}\r\n`
  )
}

const bytesOf = (value: bigint, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, index) => Number((value >> BigInt(8 * (size - 1 - index))) & 0xffn))

const number16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 255)

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const pathBytes = 108

/** Family and transport, and the addresses behind them. */
const addresses = (plan: HeaderPlan): readonly [kind: number, block: Uint8Array] => {
  const none = [0, new Uint8Array(0)] as const
  if (plan.command === "LOCAL") return none
  const { destination, source } = plan
  if (source._tag === "Unix" || destination._tag === "Unix") {
    const block = new Uint8Array(2 * pathBytes)
    for (const [index, end] of [source, destination].entries()) {
      if (end._tag === "Unix") block.set(encodeUtf8(end.path).subarray(0, pathBytes), index * pathBytes)
    }
    return [0x31, block]
  }
  const ends = endsOf(plan)
  if (ends === undefined) return none
  const size = ends.family === 4 ? 4 : 16
  return [
    (ends.family === 4 ? 0x10 : 0x20) | (ends.datagrams ? 2 : 1),
    joined([
      bytesOf(ends.source.ip, size),
      bytesOf(ends.destination.ip, size),
      number16(ends.source.port),
      number16(ends.destination.port)
    ])
  ]
}

const entry = (type: number, value: Uint8Array): Uint8Array =>
  joined([Uint8Array.of(type), number16(value.length), value])

const textEntry = (type: number, text: string | undefined): ReadonlyArray<Uint8Array> =>
  text === undefined ? [] : [entry(type, encodeUtf8(text))]

const sslEntry = (ssl: ProxySsl): Uint8Array => {
  const certificate = ssl.certificate === "none" ? 0 : flags[ssl.certificate]
  return entry(
    types.ssl,
    joined([
      Uint8Array.of((ssl.secure ? flags.secure : 0) | certificate, 0, 0, 0, ssl.verified ? 0 : 1),
      ...Object.entries(sslTypes).flatMap(([name, type]) =>
        // The keys of the table are those of the object.
        textEntry(type, ssl[name as keyof typeof sslTypes])
      )
    ])
  )
}

const valueEntries = (values: ProxyValues): ReadonlyArray<Uint8Array> => [
  ...textEntry(types.alpn, values.alpn),
  ...textEntry(types.authority, values.authority),
  ...(values.uniqueId === undefined ? [] : [entry(types.uniqueId, values.uniqueId)]),
  ...(values.ssl === undefined ? [] : [sslEntry(values.ssl)]),
  ...textEntry(types.namespace, values.namespace),
  ...(values.others ?? []).map(({ type, value }) => entry(type, value))
]

const longest = 0xffff

/** What of a header cannot be written. */
export const problemsOf = (plan: HeaderPlan): ReadonlyArray<OptionProblem> => {
  if (plan.version === 1) return []
  const { uniqueId } = plan.values
  if (uniqueId !== undefined && uniqueId.length > maximumUniqueId) {
    return [{ path: "values.uniqueId", message: `must have at most ${maximumUniqueId} bytes` }]
  }
  return bodyOf(plan).length > longest - 2 * pathBytes
    ? [{ path: "values", message: `must have at most ${longest - 2 * pathBytes} bytes together` }]
    : []
}

/** What stands behind the addresses. A checksum comes last, so that its four bytes are the last ones. */
const bodyOf = ({ checksum, command, values }: HeaderPlan): Uint8Array =>
  command === "LOCAL"
    ? new Uint8Array(0)
    : joined([...valueEntries(values), ...(checksum ? [entry(types.checksum, new Uint8Array(4))] : [])])

const encodeBinary = (plan: HeaderPlan): Uint8Array => {
  const [kind, block] = addresses(plan)
  const body = bodyOf(plan)
  const header = joined([
    Uint8Array.from(signature),
    Uint8Array.of(0x20 | (plan.command === "PROXY" ? 1 : 0), kind),
    number16(block.length + body.length),
    block,
    body
  ])
  if (plan.checksum && plan.command === "PROXY") {
    new DataView(header.buffer).setUint32(header.length - 4, crc32c(header))
  }
  return header
}
