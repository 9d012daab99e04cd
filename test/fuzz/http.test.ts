/** `examples/http` under mutated traffic: what is answered is well formed, and Node's parser means the same by what is taken. */
import { METHODS } from "node:http"
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { http } from "../../examples/http/protocol.ts"
import * as Response from "../../examples/http/response.ts"
import { farewell, serve } from "../../examples/http/serve.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { makeNodeReader } from "../examples/http/node.ts"
import { read, responses } from "../examples/http/support.ts"
import { assault, type Outcome } from "./support/assault.ts"
import { announceSeed, cases, mutate, Random, seed, type Tokens } from "./support/fuzz.ts"

const tokens = (...parts: ReadonlyArray<string>): Tokens => parts.map((part) => Buffer.from(part, "latin1"))

const head = (method: string, path: string, ...fields: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...[method, " ", path, " ", "HTTP/1.1", "\r\n", "Host", ":", " ", "a", "\r\n"],
  ...fields.flatMap((field) => {
    const [name = "", value = ""] = field.split(": ")
    return [name, ":", " ", value, "\r\n"]
  }),
  "\r\n"
]

/** What a mistake may let out of a body. */
const smuggled = head("GET", "/smuggled").join("")

const conversations: ReadonlyArray<Tokens> = [
  tokens(...head("GET", "/"), ...head("GET", "/a?b=c", "X: y", "Z: ")),
  tokens(...head("POST", "/", "Content-Length: 5"), "hello", ...head("GET", "/b")),
  tokens(
    ...head("POST", "/", `Content-Length: ${smuggled.length}`, "Connection: keep-alive"),
    smuggled,
    ...head("HEAD", "/c")
  ),
  tokens(
    ...head("POST", "/", "Transfer-Encoding: chunked"),
    ...["5", ";", "a", "=", "b", "\r\n", "hello", "\r\n"],
    ...[smuggled.length.toString(16), "\r\n", smuggled, "\r\n"],
    ...["0", "\r\n", "X", ":", " ", "y", "\r\n", "\r\n"],
    ...head("GET", "/d")
  ),
  tokens(
    ...head("PUT", "/", "Expect: 100-continue", "Content-Length: 2"),
    "hi",
    ...head("GET", "/e", "Connection: close"),
    smuggled
  ),
  tokens(..."GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".split(/(?<=\n)/), ...head("GET", "/f")),
  tokens(...head("OPTIONS", "*"), ...head("GET", "http://a/g"), ...head("POST", "/", "Content-Length: 0"))
]

/** One answer for each request, and a refusal where there has to be one; nothing else. */
const judge = ({ ended, error, heard, sent }: Outcome): string | undefined => {
  const { messages, refused } = read([sent], { end: true })
  const finals = messages.filter((message) => message !== "100")
  const answers = responses(heard, (index) => finals[index]?.startsWith("HEAD ") === true)
  if (typeof answers === "string") return answers
  if (error !== undefined || !ended) return `not closed in good order: ${error}`
  const wanted = [
    ...messages.map((message) => (message === "100" ? 100 : 200)),
    ...(refused === undefined ? [] : [refused])
  ]
  const got = answers.map(({ status }) => status)
  return got.join() === wanted.join() ? undefined : `answered ${got}, not ${wanted}`
}

describe("examples/http", () => {
  it.live("answers every request that is one, refuses what is none, and closes", () =>
    Effect.gen(function* () {
      const ok = Response.empty(200)
      const server = yield* Server.make(
        http(),
        serve(() => ok),
        { farewell }
      )
      yield* assault({ name: "http", server, conversations, judge })
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(TransportMemory.layer(), Logger.layer([]))))
  )

  it("takes nothing for a request that Node's parser would not", async () => {
    announceSeed("http against Node")
    const readByNode = makeNodeReader()
    const known = new Set(METHODS)
    const one = async (index: number): Promise<void> => {
      const random = new Random(seed + index)
      const sent = mutate(random, conversations[random.below(conversations.length)]!)
      const { messages, refused } = read([sent])
      const requests = messages.filter((message) => message !== "100")
      // Where ours refuses at once there is nothing to compare.
      if (requests.length === 0) return
      // Node knows some methods, and takes no others.
      const strange = requests.findIndex((request) => !known.has(request.slice(0, request.indexOf(" "))))
      const theirs = await readByNode(sent)
      const ours = strange < 0 ? requests : requests.slice(0, strange)
      const same = ours.every((request, at) => request === theirs[at])
      const more = strange < 0 && refused === undefined && theirs.length > ours.length
      if (same && !more) return
      throw new Error(
        `FUZZ_SEED=${seed + index} FUZZ_CASES=1: ${JSON.stringify(Buffer.from(sent).toString("latin1")).replace(/[^ -~]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`)}\n` +
          `ours ${JSON.stringify(ours)}, Node's ${JSON.stringify(theirs)}`
      )
    }
    for (let index = 0; index < cases; index += 64) {
      await Promise.all(Array.from({ length: Math.min(64, cases - index) }, (_, at) => one(index + at)))
    }
  })
})
