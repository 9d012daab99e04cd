/** What goes over the wire: commands up to 64 MiB, answers as long as they are. */
import { Protocol, Resp } from "effect-sluice"

const mebibyte = 1024 * 1024

// A character a byte: whatever bytes clients store come back as they were.
const strings = "latin1"

export const commandCodec = Resp.commands({
  maxLength: 64 * mebibyte,
  maxBulkLength: 32 * mebibyte,
  maxArrayLength: 1_048_576
})

export const Redis = Protocol.make("Redis", {
  fromClient: commandCodec,
  fromServer: Resp.values({
    strings,
    maxLength: 1024 * mebibyte,
    maxBulkLength: 512 * mebibyte,
    maxArrayLength: 100_000_000
  })
})

/** The same for a program that asks such a server. */
export const RedisClient = Protocol.make("Redis", {
  fromClient: commandCodec,
  fromServer: Resp.values({ strings: "utf8", maxLength: 64 * mebibyte, maxArrayLength: 1_048_576 })
})
