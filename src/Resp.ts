/**
 * RESP2 and RESP3, the protocol of Redis, for servers and clients.
 *
 * Clients send commands, arrays of byte strings; servers answer values, one for each command and in their order, and may
 * push others at any time. What is on the wire is described at https://redis.io/docs/latest/develop/reference/protocol-spec.
 *
 * Both versions are read and written by the same codecs: a value says what it looks like. A server sends RESP2 until its
 * client asks for more (`HELLO 3`), and makes values of RESP3 into such of RESP2 with {@link toResp2}.
 *
 * @since 0.1.0
 */
import * as Codec from "./Codec.ts"
import { type Argument, type Command, commandOf, readUtf8 } from "./internal/resp/command.ts"
import { CommandDecoder } from "./internal/resp/commandDecoder.ts"
import { downgrade, nullString as null2 } from "./internal/resp/downgrade.ts"
import { Encoder } from "./internal/resp/encode.ts"
import { limitProblems, limitsOf, type RespOptions } from "./internal/resp/options.ts"
import { ValueDecoder } from "./internal/resp/valueDecoder.ts"
import type {
  Attributed,
  BigNumber,
  BulkError,
  Double,
  MapValue,
  Null2,
  Push,
  SetValue,
  SimpleError,
  SimpleString,
  Value,
  VerbatimString
} from "./internal/resp/values.ts"
import * as Protocol from "./Protocol.ts"

export { type Argument, Command } from "./internal/resp/command.ts"
export type { RespOptions } from "./internal/resp/options.ts"
export type {
  Attributed,
  BigNumber,
  BulkError,
  Double,
  MapValue,
  Null2,
  Push,
  SetValue,
  SimpleError,
  SimpleString,
  Value,
  VerbatimString
} from "./internal/resp/values.ts"

// --- the protocol --------------------------------------------------------------------------------------------

/**
 * The protocol of a Redis server: commands from the client, values from the server.
 *
 * Bytes that are neither end the connection with a `FrameError`, behind what came before them; its `detail` is what Redis
 * says behind `Protocol error:`. Options that cannot be are problems of the protocol.
 *
 * **Example** (A server that knows one command)
 *
 * ```ts
 * import { Handler, Resp, Server } from "effect-sluice"
 *
 * const server = Server.make(Resp.protocol(), Handler.map((command) =>
 *   command.text(0).toUpperCase() === "PING"
 *     ? Resp.simpleString("PONG")
 *     : Resp.simpleError("ERR unknown command")
 * ))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const protocol = (options: RespOptions = {}): Protocol.Protocol<Command, Value> =>
  Protocol.make("RESP", { fromClient: commands(options), fromServer: values(options) })

/**
 * The codec of commands. A command comes as an array of bulk strings, or inline, as a line of words that somebody types.
 * Empty ones (`*0`, a blank line) are left out, as in Redis.
 *
 * Unlike Redis it asks for the CRLF that has to be behind each string.
 *
 * @category constructors
 * @since 0.1.0
 */
export const commands = (options: RespOptions = {}): Codec.SelfDelimiting<Command> => {
  const limits = limitsOf(options)
  const encoder = new Encoder(limits)
  return Codec.selfDelimiting("RESP commands", {
    maxLength: limits.maxLength,
    problems: limitProblems(limits),
    makeDecoder: () => new CommandDecoder(limits),
    encode: (command, out) => encoder.command(command, out)
  })
}

/**
 * The codec of values, those of RESP2 and those of RESP3. Streamed strings and aggregates (lengths of `?`), which no
 * Redis sends, are refused; so are big numbers of more than 4096 digits, and integers beyond 64 bits.
 *
 * @category constructors
 * @since 0.1.0
 */
export const values = (options: RespOptions = {}): Codec.SelfDelimiting<Value> => {
  const limits = limitsOf(options)
  const encoder = new Encoder(limits)
  return Codec.selfDelimiting("RESP values", {
    maxLength: limits.maxLength,
    problems: limitProblems(limits),
    makeDecoder: () => new ValueDecoder(limits),
    encode: (value, out) => encoder.value(value, out)
  })
}

// --- commands and values -------------------------------------------------------------------------------------

/**
 * A command to send: its name and arguments. Texts are sent in UTF-8, numbers in decimal.
 *
 * ```ts
 * import { Resp } from "effect-sluice"
 *
 * const set = Resp.command("SET", "key", new Uint8Array([1, 2, 3]), "EX", 60)
 * ```
 *
 * @category commands
 * @since 0.1.0
 */
export const command = (name: string, ...args: ReadonlyArray<Argument>): Command => commandOf([name, ...args])

/**
 * A text without line breaks, `+text`. One with line breaks is refused when it is sent.
 *
 * @category values
 * @since 0.1.0
 */
export const simpleString = (text: string): SimpleString => ({ _tag: "SimpleString", text })

/**
 * `+OK`.
 *
 * @category values
 * @since 0.1.0
 */
export const ok: SimpleString = simpleString("OK")

/**
 * An error without line breaks, `-message`. The message begins with its kind: `ERR`, `WRONGTYPE`.
 *
 * @category values
 * @since 0.1.0
 */
export const simpleError = (message: string): SimpleError => ({ _tag: "SimpleError", message })

/**
 * An error that may hold anything, `!` (RESP3).
 *
 * @category values
 * @since 0.1.0
 */
export const bulkError = (message: string): BulkError => ({ _tag: "BulkError", message })

/**
 * A number that need not be whole, `,` (RESP3).
 *
 * @category values
 * @since 0.1.0
 */
export const double = (value: number): Double => ({ _tag: "Double", value })

/**
 * An integer of up to 4096 digits, `(` (RESP3).
 *
 * @category values
 * @since 0.1.0
 */
export const bigNumber = (value: bigint): BigNumber => ({ _tag: "BigNumber", value })

/**
 * A text and what it is, in three characters, `=` (RESP3).
 *
 * @category values
 * @since 0.1.0
 */
export const verbatimString = (format: string, text: string): VerbatimString => ({
  _tag: "VerbatimString",
  format,
  text
})

/**
 * Keys and values, `%` (RESP3).
 *
 * @category values
 * @since 0.1.0
 */
export const map = (entries: Iterable<readonly [key: Value, value: Value]>): MapValue => ({
  _tag: "Map",
  entries: Array.from(entries)
})

/**
 * Values without an order, `~` (RESP3).
 *
 * @category values
 * @since 0.1.0
 */
export const set = (values: Iterable<Value>): SetValue => ({ _tag: "Set", values: Array.from(values) })

/**
 * What nobody asked for, `>` (RESP3).
 *
 * @category values
 * @since 0.1.0
 */
export const push = (...values: ReadonlyArray<Value>): Push => ({ _tag: "Push", values })

/**
 * A value and what is said about it, `|` (RESP3).
 *
 * @category values
 * @since 0.1.0
 */
export const attributed = (
  attributes: Iterable<readonly [key: Value, value: Value]>,
  value: Value
): Attributed => ({ _tag: "Attributed", attributes: Array.from(attributes), value })

/**
 * What RESP2 has in place of a string that is not there, `$-1`.
 *
 * @category values
 * @since 0.1.0
 */
export const nullString: Null2 = null2

/**
 * What RESP2 has in place of an array that is not there, `*-1`.
 *
 * @category values
 * @since 0.1.0
 */
export const nullArray: Null2 = { _tag: "Null2", of: "array" }

/**
 * The same value for a peer that speaks RESP2: maps, sets and pushes are arrays, doubles, big numbers and verbatim
 * strings are strings, booleans are 1 and 0, null is {@link nullString}, attributes are left out.
 *
 * @category values
 * @since 0.1.0
 */
export const toResp2 = (value: Value): Value => downgrade(value)

/**
 * What a string says, of whichever kind it is; integers and doubles in decimal. Undefined for any other value. Bytes are
 * read as UTF-8, with U+FFFD for what is none.
 *
 * @category values
 * @since 0.1.0
 */
export const text = (value: Value): string | undefined => {
  if (typeof value === "string") return value
  if (value instanceof Uint8Array) return readUtf8(value, 0, value.length)
  if (typeof value === "number" || typeof value === "bigint") return String(value)
  if (value === null || typeof value !== "object" || !("_tag" in value)) return undefined
  if (value._tag === "SimpleString" || value._tag === "VerbatimString") return value.text
  return value._tag === "Double" ? String(downgrade(value)) : undefined
}
