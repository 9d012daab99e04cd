/** What stands behind the addresses of the PROXY protocol, version 2: types, lengths, values. */
import type { ProxySsl, ProxyValues } from "../../Transport.ts"
import { copyOf, decodeUtf8 } from "../bytes.ts"

/** The types that the specification names. */
export const types = {
  alpn: 0x01,
  authority: 0x02,
  checksum: 0x03,
  padding: 0x04,
  uniqueId: 0x05,
  ssl: 0x20,
  namespace: 0x30
} as const

/** Those within `ssl`. */
export const sslTypes = {
  version: 0x21,
  commonName: 0x22,
  cipher: 0x23,
  signatureAlgorithm: 0x24,
  keyAlgorithm: 0x25
} as const

/** The flags of a client. */
export const flags = { secure: 1, connection: 2, session: 4 } as const

/** The longest name of a connection, in bytes. */
export const maximumUniqueId = 128

interface Entry {
  readonly type: number
  /** Where the value begins. */
  readonly at: number
  readonly value: Uint8Array
}

/** All entries from `start` on; undefined where they do not end with the bytes. */
const entriesOf = (bytes: Uint8Array, start: number): ReadonlyArray<Entry> | undefined => {
  const entries: Array<Entry> = []
  let at = start
  while (at < bytes.length) {
    if (at + 3 > bytes.length) return undefined
    const end = at + 3 + ((bytes[at + 1]! << 8) | bytes[at + 2]!)
    if (end > bytes.length) return undefined
    entries.push({ type: bytes[at]!, at: at + 3, value: bytes.subarray(at + 3, end) })
    at = end
  }
  return entries
}

interface Values {
  readonly values: ProxyValues
  readonly checksumAt: number | undefined
}

type Mutable<A> = { -readonly [Key in keyof A]: A[Key] }

const cutShort = "a value is cut short"

/** The values of a header, which begin at `start`; or what is wrong with them. */
export const parseValues = (header: Uint8Array, start: number): Values | string => {
  const entries = entriesOf(header, start)
  if (entries === undefined) return cutShort
  const values: Mutable<ProxyValues> = {}
  const others: Array<{ readonly type: number; readonly value: Uint8Array }> = []
  const texts: Array<readonly [name: "alpn" | "authority" | "namespace", type: number]> = [
    ["alpn", types.alpn],
    ["authority", types.authority],
    ["namespace", types.namespace]
  ]
  let checksumAt: number | undefined
  const seen = new Set<number>()
  for (const { at, type, value } of entries) {
    const named = Object.values<number>(types).includes(type) && type !== types.padding
    // One of them would be believed by us, and the other by somebody else.
    if (named && seen.has(type)) return `type ${type} is there twice`
    seen.add(type)
    const text = texts.find(([, known]) => known === type)
    if (text !== undefined) {
      const decoded = decodeUtf8(value)
      if (decoded === undefined) return `${text[0]} is not UTF-8`
      values[text[0]] = decoded
    } else if (type === types.checksum) {
      if (value.length !== 4) return "the checksum does not have 4 bytes"
      checksumAt = at
    } else if (type === types.uniqueId) {
      if (value.length > maximumUniqueId) return `the unique id has more than ${maximumUniqueId} bytes`
      values.uniqueId = copyOf(value)
    } else if (type === types.ssl) {
      const ssl = parseSsl(value)
      if (typeof ssl === "string") return ssl
      values.ssl = ssl
    } else if (type !== types.padding) {
      others.push({ type, value: copyOf(value) })
    }
  }
  if (others.length > 0) values.others = others
  return { values, checksumAt }
}

const parseSsl = (bytes: Uint8Array): ProxySsl | string => {
  if (bytes.length < 5) return cutShort
  const entries = entriesOf(bytes, 5)
  if (entries === undefined) return cutShort
  const client = bytes[0]!
  const rejected = bytes[1]! | bytes[2]! | bytes[3]! | bytes[4]!
  const certificate =
    (client & flags.connection) !== 0 ? "connection" : (client & flags.session) !== 0 ? "session" : "none"
  const ssl: Mutable<ProxySsl> = {
    secure: (client & flags.secure) !== 0,
    certificate,
    verified: certificate !== "none" && rejected === 0
  }
  for (const [name, type] of Object.entries(sslTypes)) {
    const found = entries.filter((entry) => entry.type === type)
    if (found.length > 1) return `type ${type} is there twice`
    if (found[0] === undefined) continue
    const text = decodeUtf8(found[0].value)
    if (text === undefined) return `${name} is not UTF-8`
    // The keys of the table are those of the object.
    ssl[name as keyof typeof sslTypes] = text
  }
  return ssl
}
