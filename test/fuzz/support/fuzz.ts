/**
 * Mutations of valid traffic. A conversation is a list of tokens (a length, a name, a body): mutations know where one
 * ends and the next begins, so that most of what comes out gets past the first check.
 *
 * `FUZZ_CASES` says how many, `FUZZ_SEED` repeats a run.
 */
import { Random } from "../../../src/testing/random.ts"

export { Random }

/** How many cases a run has: 100 000 in CI, fewer by hand. */
export const cases = Number(process.env.FUZZ_CASES ?? (process.env.CI === undefined ? 5_000 : 100_000))

// Errors come by the thousand, and most of what they cost is their stack. A case that is repeated alone has it.
if (cases > 1) Error.stackTraceLimit = 0

/** What a run's randomness comes from. */
export const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32))

/** Says how to repeat this run. */
export const announceSeed = (name: string): void => {
  process.stdout.write(`${name}: ${cases} cases, FUZZ_SEED=${seed}\n`)
}

const interestingNumbers = [
  "0",
  "-0",
  "-1",
  "1",
  "00",
  "+1",
  "127",
  "128",
  "255",
  "256",
  "32767",
  "65535",
  "65536",
  "2147483647",
  "2147483648",
  "4294967295",
  "4294967296",
  "9007199254740993",
  "9223372036854775808",
  "1e3",
  "0x10",
  " 1",
  ""
].map((text) => Buffer.from(text))

const interestingBytes = [
  0x00, 0x01, 0x0a, 0x0d, 0x20, 0x22, 0x3a, 0x5c, 0x7b, 0x7d, 0x7f, 0x80, 0xc0, 0xfe, 0xff
]

const isNumber = (token: Uint8Array): boolean =>
  token.length > 0 && token.length < 20 && token.every((byte) => byte >= 0x30 && byte <= 0x39)

const pick = <A>(random: Random, values: ReadonlyArray<A>): A => values[random.below(values.length)]!

/** A conversation of one side, cut where its parts begin. */
export type Tokens = ReadonlyArray<Uint8Array>

const mutateToken = (random: Random, token: Uint8Array): Uint8Array => {
  if (isNumber(token) && random.below(5) < 3) return pick(random, interestingNumbers)
  const bytes = Uint8Array.from(token)
  switch (random.below(6)) {
    case 0:
      if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
      return bytes
    case 1:
      if (bytes.length > 0) bytes[random.below(bytes.length)] = pick(random, interestingBytes)
      return bytes
    case 2:
      return bytes.subarray(0, random.below(bytes.length + 1))
    case 3: {
      const at = random.below(bytes.length + 1)
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.of(pick(random, interestingBytes)),
        bytes.subarray(at)
      ])
    }
    case 4:
      return Buffer.concat(Array.from({ length: 1 + random.below(8) }, () => bytes))
    default:
      return Uint8Array.from({ length: random.below(16) }, () => random.below(256))
  }
}

const mutateOnce = (random: Random, tokens: Tokens): Tokens => {
  const at = random.below(tokens.length)
  switch (random.below(6)) {
    case 0:
      return tokens.toSpliced(at, 1)
    case 1:
      return tokens.toSpliced(at, 0, tokens[at]!)
    case 2:
      return tokens.toSpliced(at, 1, pick(random, tokens))
    case 3:
      return tokens.slice(0, at)
    default:
      return tokens.toSpliced(at, 1, mutateToken(random, tokens[at]!))
  }
}

/** A conversation with one to four mistakes in it. */
export const mutate = (random: Random, tokens: Tokens): Uint8Array => {
  let mutated = tokens
  for (let mistakes = 1 + random.below(4); mistakes > 0 && mutated.length > 0; mistakes--) {
    mutated = mutateOnce(random, mutated)
  }
  return Buffer.concat(mutated)
}
