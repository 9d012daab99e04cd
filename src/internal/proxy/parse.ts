/**
 * The header of the PROXY protocol, from the first bytes of a connection.
 *
 * `proxy-protocol.txt` of HAProxy, sections 2.1 (version 1, a line) and 2.2 (version 2, binary).
 */
import { ProxyHeaderInvalid } from "../../SluiceError.ts"
import type { ProxyHeader } from "../../Transport.ts"
import { hexExcerpt } from "../bytes.ts"
import { maximumLine, parseLine } from "./line.ts"
import { parseValues } from "./values.ts"
import { parseAddresses, verifyChecksum } from "./versionTwo.ts"

/** The first bytes of version 1, `PROXY `. */
const lineSignature = [0x50, 0x52, 0x4f, 0x58, 0x59, 0x20]

/** The first bytes of version 2, `\r\n\r\n\0\r\nQUIT\n`. */
export const signature: ReadonlyArray<number> = [
  0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a
]

/** Signature, version and command, family and protocol, length of the rest. */
const fixedPart = 16

/** What the first bytes are. */
export type Parsed =
  | { readonly _tag: "Header"; readonly header: ProxyHeader; readonly length: number }
  | { readonly _tag: "Incomplete" }
  | { readonly _tag: "Invalid"; readonly error: ProxyHeaderInvalid }

const incomplete: Parsed = { _tag: "Incomplete" }

const invalid = (detail: string): Parsed => ({ _tag: "Invalid", error: new ProxyHeaderInvalid({ detail }) })

/** Whether bytes begin as `expected`, as far as they go. */
const begins = (bytes: Uint8Array, expected: ReadonlyArray<number>): boolean => {
  const end = Math.min(bytes.length, expected.length)
  for (let i = 0; i < end; i++) if (bytes[i] !== expected[i]) return false
  return true
}

/** How bytes begin: as a header of one version, perhaps with more to come, or as something else. */
export const looksLikeHeader = (bytes: Uint8Array): "yes" | "perhaps" | "no" => {
  if (begins(bytes, signature)) return bytes.length >= signature.length ? "yes" : "perhaps"
  if (begins(bytes, lineSignature)) return bytes.length >= lineSignature.length ? "yes" : "perhaps"
  return "no"
}

/** Looks at the bytes that have come so far. `maximum` bounds the length of a header of version 2. */
export const parse = (bytes: Uint8Array, maximum: number): Parsed => {
  if (begins(bytes, signature)) return parseBinary(bytes, maximum)
  if (begins(bytes, lineSignature)) return parseText(bytes)
  return invalid(`the first bytes are none: ${hexExcerpt(bytes, signature.length)}`)
}

const parseText = (bytes: Uint8Array): Parsed => {
  const end = Math.min(bytes.length, maximumLine)
  for (let at = lineSignature.length; at < end; at++) {
    const byte = bytes[at]
    if (byte === 0x0a) return invalid("a line feed without a carriage return")
    if (byte !== 0x0d) continue
    if (at + 1 === bytes.length) return at + 1 < maximumLine ? incomplete : tooLongLine
    if (bytes[at + 1] !== 0x0a) return invalid("a carriage return without a line feed")
    if (at + 2 > maximumLine) return tooLongLine
    const header = parseLine(bytes.subarray(0, at))
    return typeof header === "string" ? invalid(header) : { _tag: "Header", header, length: at + 2 }
  }
  return bytes.length < maximumLine ? incomplete : tooLongLine
}

const tooLongLine = invalid(`the line is longer than ${maximumLine} bytes`)

const parseBinary = (bytes: Uint8Array, maximum: number): Parsed => {
  const versionAndCommand = bytes[12]
  if (versionAndCommand === undefined) return incomplete
  const [version, command] = [versionAndCommand >> 4, versionAndCommand & 15]
  if (version !== 2) return invalid(`version ${version} is not known`)
  if (command > 1) return invalid(`command ${command} is not known`)
  const kind = bytes[13]
  if (kind === undefined) return incomplete
  const [family, transport] = [kind >> 4, kind & 15]
  if (family > 3) return invalid(`address family ${family} is not known`)
  if (transport > 2) return invalid(`transport ${transport} is not known`)
  if (bytes.length < fixedPart) return incomplete
  const length = fixedPart + (bytes[14]! << 8) + bytes[15]!
  if (length > maximum) return invalid(`${length} bytes, more than the maximum of ${maximum}`)
  if (bytes.length < length) return incomplete
  const header = bytes.subarray(0, length)
  if (command === 0) return { _tag: "Header", header: local, length }
  const found = parseAddresses(header, family, transport)
  if (typeof found === "string") return invalid(found)
  const values = parseValues(header, found.end)
  if (typeof values === "string") return invalid(values)
  const damage = verifyChecksum(header, values.checksumAt)
  if (damage !== undefined) return invalid(damage)
  const { destination, source, transport: spoken } = found
  return {
    _tag: "Header",
    header: { version: 2, command: "PROXY", transport: spoken, source, destination, values: values.values },
    length
  }
}

/** Whatever else it says is to be ignored. */
const local: ProxyHeader = {
  version: 2,
  command: "LOCAL",
  transport: "unknown",
  source: { _tag: "Unknown" },
  destination: { _tag: "Unknown" },
  values: {}
}
