/** IP addresses and blocks of them, as numbers. IPv4 is where IPv6 maps it, below `::ffff:0:0/96`. */

/** A block of addresses: those that agree with `base` above the lowest `shift` bits. */
export interface Block {
  readonly base: bigint
  readonly shift: bigint
}

const mapped = 0xffff_0000_0000n

const parseV4 = (text: string): bigint | undefined => {
  const parts = text.split(".")
  if (parts.length !== 4) return undefined
  let value = 0n
  for (const part of parts) {
    // A leading zero would be octal to some and decimal to others.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    value = (value << 8n) | BigInt(part)
  }
  return value
}

/** Groups of four hexadecimal digits; the last two may be written as IPv4. */
const parseGroups = (text: string): Array<bigint> | undefined => {
  if (text === "") return []
  const groups: Array<bigint> = []
  const parts = text.split(":")
  for (const [index, part] of parts.entries()) {
    if (index === parts.length - 1 && part.includes(".")) {
      const v4 = parseV4(part)
      if (v4 === undefined) return undefined
      groups.push(v4 >> 16n, v4 & 0xffffn)
    } else if (/^[\da-f]{1,4}$/i.test(part)) {
      groups.push(BigInt(`0x${part}`))
    } else {
      return undefined
    }
  }
  return groups
}

const parseV6 = (text: string): bigint | undefined => {
  const halves = text.split("::")
  if (halves.length > 2) return undefined
  const [before = "", after] = halves
  // Only the very end may be IPv4.
  if (after !== undefined && before.includes(".")) return undefined
  const head = parseGroups(before)
  const tail = after === undefined ? [] : parseGroups(after)
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  if (after === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [...head, ...new Array<bigint>(missing).fill(0n), ...tail]
  return groups.reduce((value, group) => (value << 16n) | group, 0n)
}

/** An address as a number of 128 bits; undefined for what is none. A zone (`%eth0`) is left out. */
export const parseIp = (text: string): bigint | undefined => {
  if (!text.includes(":")) {
    const v4 = parseV4(text)
    return v4 === undefined ? undefined : mapped | v4
  }
  const zone = text.indexOf("%")
  return parseV6(zone < 0 ? text : text.slice(0, zone))
}

/** An address as text: IPv4 in dots, IPv6 as RFC 5952 has it, one that maps IPv4 as IPv4. */
export const formatIp = (ip: bigint): string => {
  if (ip >> 32n === 0xffffn) return [24n, 16n, 8n, 0n].map((shift) => (ip >> shift) & 0xffn).join(".")
  const groups = Array.from({ length: 8 }, (_, index) => Number((ip >> BigInt(112 - 16 * index)) & 0xffffn))
  // The first of the longest runs of zeros, of two or more, is left out.
  let run = { start: 0, length: 1 }
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (start + length < 8 && groups[start + length] === 0) length++
    if (length > run.length) run = { start, length }
  }
  const hex = (part: ReadonlyArray<number>): string => part.map((group) => group.toString(16)).join(":")
  if (run.length < 2) return hex(groups)
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`
}

/** `10.0.0.0/8`, `2001:db8::/32`, or an address alone; undefined for what is neither. */
export const parseBlock = (text: string): Block | undefined => {
  const slash = text.indexOf("/")
  const address = slash < 0 ? text : text.slice(0, slash)
  if (address.includes("%")) return undefined
  const base = parseIp(address)
  if (base === undefined) return undefined
  if (slash < 0) return { base, shift: 0n }
  const width = address.includes(":") ? 128 : 32
  const length = text.slice(slash + 1)
  if (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > width) return undefined
  return { base, shift: BigInt(width - Number(length)) }
}

export const isInside = (ip: bigint, { base, shift }: Block): boolean => ip >> shift === base >> shift
