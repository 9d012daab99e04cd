/** Conversations with a Redis, cut where their parts begin. */
import type { Tokens } from "./fuzz.ts"

const bytes = (text: string) => Buffer.from(text, "latin1")

/** Commands as arrays of bulk strings, or as a line where one begins with `>`. */
const talk = (...lines: ReadonlyArray<string>): Tokens =>
  lines.flatMap((line) => {
    if (line.startsWith(">")) return [...line.slice(1).split(/(?<= )|(?= )/), "\r\n"].map(bytes)
    const words = line.split(" ").map((word) => word.replaceAll("_", " "))
    const array = words.flatMap((word) => ["$", String(word.length), "\r\n", word, "\r\n"])
    return ["*", String(words.length), "\r\n", ...array].map(bytes)
  })

/** In which every command has one answer. */
export const conversations: ReadonlyArray<Tokens> = [
  talk("PING", "ECHO hello_world", "SET a 1 EX 100 NX", "GET a", "TTL a", "EXPIRE a 10 GT"),
  talk("MSET a 1 b 2", "MGET a b c", "INCR a", "DECR a", "DEL a b", "EXISTS a b", "DBSIZE"),
  talk("RPUSH l 1 2 3", "LPUSH l 0", "LRANGE l 0 -1", "LPOP l 2", "RPOP l", "LPOP l"),
  talk("HSET h f v g w", "HGET h f", "HGETALL h", "HDEL h f g", "SADD s a b", "SMEMBERS s", "SREM s a b"),
  talk("MULTI", "SET a 1", "INCR a", "LPUSH a x", "EXEC", "MULTI", "GET a", "DISCARD"),
  talk("HELLO 3 SETNAME me", "CLIENT GETNAME", "HGETALL h", "GET nosuch", "HELLO 2", "CLIENT ID"),
  talk(">PING", '>SET a "b c\\x41"', ">GET a", ">ECHO 'it\\'s'", "PING", ">QUIT"),
  talk("KEYS *[a-c]?", "INFO keyspace", "COMMAND COUNT", "PUBLISH c x", "FLUSHALL", "NOSUCH a b")
]

/** In which there are others, and none. */
export const subscribers: ReadonlyArray<Tokens> = [
  talk("SUBSCRIBE a b", "PING", "GET a", "UNSUBSCRIBE a", "UNSUBSCRIBE", "PING"),
  talk("HELLO 3", "SUBSCRIBE a", "PUBLISH a hello", "PING", "HELLO 2", "PUBLISH a x", "UNSUBSCRIBE"),
  talk("MULTI", "SUBSCRIBE a", "PUBLISH a x", "UNSUBSCRIBE", "EXEC", "PUBLISH a y")
]
