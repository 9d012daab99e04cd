/** Mutated conversations of JSON-RPC: each request is answered once and right, each mistake by its code. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Schema } from "effect"
import * as Framing from "../../src/Framing.ts"
import * as JsonRpc from "../../src/JsonRpc.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { assault, type Outcome } from "./support/assault.ts"
import type { Tokens } from "./support/fuzz.ts"

const Echo = JsonRpc.make("Echo", {
  framing: Framing.contentLength({ maxLength: 1000, maxHeaderLength: 100 }),
  fromClient: {
    requests: { echo: { params: Schema.Array(Schema.String), result: Schema.Array(Schema.String) } },
    notifications: { note: { params: Schema.Array(Schema.String) } }
  }
})

const handler = JsonRpc.handler(Echo, {
  requests: { echo: (texts) => Effect.succeed(texts) },
  notifications: { note: () => Effect.void }
})

/** Each part of the grammar is a token of its own; the length is of the message as it was meant. */
const conversation = (...messages: ReadonlyArray<string>): Tokens =>
  messages
    .flatMap((message) => [
      "Content-Length",
      ": ",
      String(Buffer.byteLength(message)),
      "\r\n",
      "\r\n",
      ...(message.match(/"(?:[^"\\]|\\.)*"|[^\s"{}[\],:]+|\s+|[\s\S]/g) ?? [])
    ])
    .map((token) => Buffer.from(token))

const echo = (id: number | string, ...texts: ReadonlyArray<string>) => ({
  jsonrpc: "2.0",
  id,
  method: "echo",
  params: texts
})

const conversations = [
  [echo(1, "a"), echo("two", "b", "c"), { jsonrpc: "2.0", method: "note", params: ["x"] }, echo(3)],
  [
    [echo(1, "a"), { jsonrpc: "2.0", method: "note" }, echo(2, "b")],
    { jsonrpc: "2.0", id: 9, result: {} },
    echo(3, "é")
  ],
  [{ jsonrpc: "2.0", method: "$/cancelRequest", params: { id: 1 } }, echo(1, "x".repeat(300)), echo(2)]
].map((messages) => conversation(...messages.map((message) => JSON.stringify(message))))

// --- what should be answered, by the words of the specification --------------------------------------------------

type Fields = Readonly<Record<string, unknown>>

const isId = (value: unknown): boolean => typeof value === "number" || typeof value === "string"

/** `id: code` of an error, `id: result` of a result; undefined where nothing is to be said. */
const answerTo = (value: unknown): string | undefined => {
  const invalid = (id: unknown) => `${JSON.stringify(isId(id) ? id : null)}: -32600`
  if (typeof value !== "object" || value === null || Array.isArray(value)) return invalid(null)
  const message = value as Fields
  if (!("method" in message) && ("result" in message || "error" in message)) return undefined
  const { id, method, params } = message
  if (message.jsonrpc !== "2.0" || typeof method !== "string") return invalid(id)
  if (params !== undefined && typeof params !== "object") return invalid(id)
  if (!("id" in message)) return undefined
  if (!isId(id)) return invalid(id)
  if (method !== "echo") return `${JSON.stringify(id)}: -32601`
  return Array.isArray(params) && params.every((text) => typeof text === "string")
    ? `${JSON.stringify(id)}: ${JSON.stringify(params)}`
    : `${JSON.stringify(id)}: -32602`
}

const answersTo = (frame: Uint8Array): ReadonlyArray<string> => {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(frame))
  } catch {
    return ["null: -32700"]
  }
  if (!Array.isArray(value)) return [answerTo(value)].filter((answer) => answer !== undefined)
  if (value.length === 0) return ["null: -32600"]
  return value.map(answerTo).filter((answer) => answer !== undefined)
}

const said = (value: unknown): ReadonlyArray<string> =>
  (Array.isArray(value) ? value : [value]).map(({ error, id, result }) =>
    error === undefined
      ? `${JSON.stringify(id)}: ${JSON.stringify(result)}`
      : `${JSON.stringify(id)}: ${error.code}`
  )

const idOf = (answer: string): string => answer.slice(0, answer.indexOf(": "))

/** The ids that are cancelled somewhere, whose answer may be that they were. */
const cancelledIn = (frames: ReadonlyArray<Uint8Array>): ReadonlySet<string> =>
  new Set(
    frames.flatMap((frame) => {
      const text = Buffer.from(frame).toString()
      return text.includes("$/cancelRequest")
        ? [...text.matchAll(/"id":\s*([^,}\]\s]+)/g)].map(([, id]) => id ?? "")
        : []
    })
  )

/** How often something is there. */
const countsOf = (answers: ReadonlyArray<string>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1)
  return counts
}

const judge = ({ heard, sent }: Outcome): string | undefined => {
  const asked = FramingLaws.decodeAll(Echo.framing, [sent])
  const answered = FramingLaws.decodeAll(Framing.contentLength(), [heard])
  if (answered.error !== undefined) return `the answers are no frames: ${answered.error.message}`
  const cancelled = cancelledIn(asked.frames)
  const known = (answer: string) => (cancelled.has(idOf(answer)) ? idOf(answer) : answer)
  const expected = countsOf(asked.frames.flatMap(answersTo).map(known))
  const found = countsOf(
    answered.frames.flatMap((frame) => said(JSON.parse(Buffer.from(frame).toString()))).map(known)
  )
  const ids = countsOf(asked.frames.flatMap(answersTo).map(idOf))
  for (const answer of new Set([...expected.keys(), ...found.keys()])) {
    const [wanted, had] = [expected.get(answer) ?? 0, found.get(answer) ?? 0]
    // An id that is used a second time before its answer is left out.
    const mayMiss = (ids.get(idOf(answer)) ?? ids.get(answer) ?? 0) > 1
    if (had > wanted || (had < wanted && !mayMiss)) return `${answer} ${had} times, not ${wanted}`
  }
  return undefined
}

describe("JSON-RPC", () => {
  it.live("answers or closes", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(Echo, handler)
      yield* assault({ name: "JSON-RPC", server, conversations, judge })
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(TransportMemory.layer(), Logger.layer([]))))
  )
})
