/** Mutated headers of the PROXY protocol: read the same however they come, and never more than they say. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Result } from "effect"
import { parseIp } from "../../src/internal/cidr.ts"
import * as ProxyProtocol from "../../src/ProxyProtocol.ts"
import * as Server from "../../src/Server.ts"
import { type Address, formatAddress } from "../../src/Transport.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { Text } from "../proxy/support.ts"
import { assault, type Outcome } from "./support/assault.ts"
import { announceSeed, cases, mutate, Random, seed, type Tokens } from "./support/fuzz.ts"

const text = (...parts: ReadonlyArray<string>): Tokens => parts.map((part) => Buffer.from(part, "latin1"))

const hex = (...parts: ReadonlyArray<string>): Tokens => parts.map((part) => Buffer.from(part, "hex"))

const signature = "0d0a0d0a000d0a515549540a"

/** A header of version 2 with a checksum and values, cut where its parts begin. */
const encoded = Result.getOrThrow(
  ProxyProtocol.encode({
    source: { _tag: "Tcp", host: "2001:db8::1", port: 1 },
    destination: { _tag: "Tcp", host: "::1", port: 2 },
    values: {
      alpn: "h2",
      authority: "a.test",
      uniqueId: Buffer.from("id"),
      ssl: { secure: true, certificate: "connection", verified: true, version: "TLSv1.3", commonName: "x" },
      others: [{ type: 0xe0, value: Buffer.from("own") }]
    },
    checksum: true
  })
)

const cutAt = (bytes: Uint8Array, ...places: ReadonlyArray<number>): Tokens =>
  [0, ...places].map((start, index) => bytes.subarray(start, places[index] ?? bytes.length))

const conversations: ReadonlyArray<Tokens> = [
  text(
    "PROXY",
    " ",
    "TCP4",
    " ",
    "192.0.2.1",
    " ",
    "198.51.100.7",
    " ",
    "56324",
    " ",
    "443",
    "\r\n",
    "a\n",
    "b\n"
  ),
  text("PROXY", " ", "TCP6", " ", "2001:db8::1", " ", "::1", " ", "1", " ", "65535", "\r\n", "hello\n"),
  text("PROXY", " ", "UNKNOWN", " ", "x".repeat(80), "\r\n", "c\n"),
  hex(signature, "21", "11", "000c", "c0000201", "c6336407", "dc04", "01bb", "680a"),
  hex(
    signature,
    "21",
    "11",
    "0018",
    "c0000201",
    "c6336407",
    "dc04",
    "01bb",
    "02",
    "0003",
    "612e62",
    "04",
    "0003",
    "000000",
    "0a"
  ),
  hex(signature, "20", "00", "0000", "6c6f63616c0a"),
  [...cutAt(encoded, 12, 13, 14, 16, 32, 48, 50, 52, 57, 66, 71, 90, 97), Buffer.from("v2\n")]
]

const isAddress = (address: Address): boolean => {
  if (address._tag !== "Tcp" && address._tag !== "Udp") return true
  return parseIp(address.host) !== undefined && address.port >= 0 && address.port <= 65_535
}

/** What is wrong with how bytes are read, if something is. */
const problem = (random: Random, bytes: Uint8Array): string | undefined => {
  const whole = ProxyProtocol.parse(bytes)
  // Less of it may leave the answer open; once there is one, it stays.
  const cut = random.below(bytes.length + 1)
  const part = ProxyProtocol.parse(bytes.subarray(0, cut))
  if (part._tag !== "Incomplete" && part._tag !== whole._tag)
    return `${part._tag}, and with more ${whole._tag}`
  if (whole._tag !== "Header") return undefined
  const { header, length } = whole
  if (length > bytes.length || length > 4096) return `a header of ${length} bytes`
  if (header.version === 1 && length > 107) return `a line of ${length} bytes`
  if (part._tag === "Header" && part.length !== length) return "two lengths"
  if (cut < length && part._tag !== "Incomplete") return "an answer before its end"
  if (!isAddress(header.source) || !isAddress(header.destination)) return "an address that is none"
  const { transport: _, ...again } = header
  const written = ProxyProtocol.encode(again)
  if (Result.isFailure(written)) return "cannot be written again"
  const reread = ProxyProtocol.parse(written.success)
  if (reread._tag !== "Header") return "cannot be read again"
  const [was, is] = [header, reread.header].map(
    ({ destination, source }) => formatAddress(source) + formatAddress(destination)
  )
  return was === is ? undefined : `${was}, and read again ${is}`
}

describe("PROXY headers", () => {
  it("are read the same however they are cut, and written as they are read", () => {
    announceSeed("PROXY headers, parsed")
    for (let index = 0; index < cases; index++) {
      const random = new Random(seed + index)
      const bytes = mutate(random, conversations[random.below(conversations.length)]!)
      const found = problem(random, bytes)
      if (found !== undefined) {
        throw new Error(
          `FUZZ_SEED=${seed + index} FUZZ_CASES=1: ${found}\n${Buffer.from(bytes).toString("hex")}`
        )
      }
    }
  })

  it.live("make connections of those that are one, and close all others", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(
        Text,
        (connection) => connection.send(`you are ${formatAddress(connection.remoteAddress)}`),
        { closeTimeout: "1 second" }
      ).pipe(
        Effect.provide(
          TransportNode.layerTcp({ host: "127.0.0.1", port: 0, proxyProtocol: { from: ["127.0.0.1"] } })
        )
      )
      const judge = ({ heard, sent }: Outcome): string | undefined => {
        const parsed = ProxyProtocol.parse(sent)
        const said = Buffer.from(heard).toString()
        if (parsed._tag !== "Header") return said === "" ? undefined : `let in: ${said}`
        const { source } = parsed.header
        // A reset may overtake what was said, where the peer still sends.
        if (said === "") return undefined
        const who = source._tag === "Unknown" ? /^you are 127\.0\.0\.1:\d+\n$/ : undefined
        const right = who === undefined ? said === `you are ${formatAddress(source)}\n` : who.test(said)
        return right ? undefined : `said ${said}`
      }
      // Each is a connection of the system's, so they are fewer.
      const port = server.address._tag === "Tcp" ? server.address.port : 0
      yield* assault({ name: "PROXY headers, over TCP", server, conversations, judge, shares: 20 }).pipe(
        Effect.provide(TransportNode.layerTcpClient({ host: "127.0.0.1", port }))
      )
    }).pipe(Effect.scoped, Effect.provide(Layer.mergeAll(Logger.layer([]))))
  )
})
