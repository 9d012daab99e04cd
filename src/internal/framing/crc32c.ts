/** CRC-32C (Castagnoli), reflected, as in RFC 3720, appendix B.4. */

const polynomial = 0x82f63b78
let tables: Int32Array | undefined

/** Four tables of 256: table k holds the remainder of a byte that k more bytes follow. */
const makeTables = (): Int32Array => {
  const made = new Int32Array(1024)
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? polynomial : 0)
    made[byte] = remainder
  }
  for (let i = 256; i < 1024; i++) made[i] = (made[i - 256]! >>> 8) ^ made[made[i - 256]! & 255]!
  return made
}

/** The checksum of the bytes from `from` to `to`, unsigned. */
export const crc32c = (bytes: Uint8Array, from = 0, to = bytes.length): number => {
  tables ??= makeTables()
  const table = tables
  let crc = -1
  let at = from
  for (const whole = to - 3; at < whole; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      table[768 + (crc & 255)]! ^
      table[512 + ((crc >>> 8) & 255)]! ^
      table[256 + ((crc >>> 16) & 255)]! ^
      table[crc >>> 24]!
  }
  for (; at < to; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 255]!
  return ~crc >>> 0
}
