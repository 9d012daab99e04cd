/** Integers of 64 bits in decimal, as Redis reads them: no sign but a minus, and no zeros in front. */

const lowest = -(2n ** 63n)
const highest = 2n ** 63n - 1n

export const parseInteger = (text: string): bigint | undefined => {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return undefined
  const value = BigInt(text)
  return fits(value) ? value : undefined
}

export const fits = (value: bigint): boolean => value >= lowest && value <= highest

/** The same as a number, which is exact up to 2^53. */
export const parseCount = (text: string): number | undefined => {
  const value = parseInteger(text)
  return value === undefined ? undefined : Number(value)
}
