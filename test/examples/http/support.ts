/** What the tests of `examples/http` have in common: bytes to what was read of them, and responses from bytes. */
import { RequestDecoder } from "../../../examples/http/decoder.ts"
import { defaults, type Limits, Refusal } from "../../../examples/http/limits.ts"
import type { Message } from "../../../examples/http/request.ts"
import type { FrameError } from "../../../src/SluiceError.ts"

export const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1")

/** What was read of a client's bytes. */
export interface Read {
  /** `GET /path`, with the body behind it where there is one; `100` where the client waits before its body. */
  readonly messages: ReadonlyArray<string>
  /** The status of the refusal that ended it. */
  readonly refused: number | undefined
  readonly detail: string | undefined
  /** Bytes of a request that is not whole are held. */
  readonly unfinished: boolean
}

const described = (message: Message): string => {
  if (message._tag === "Expectation") return "100"
  const { body, method, target } = message
  return `${method} ${target}${body.length === 0 ? "" : ` ${Buffer.from(body).toString("latin1")}`}`
}

const statusOf = (error: FrameError | undefined): Refusal | undefined =>
  error !== undefined && "cause" in error && error.cause instanceof Refusal ? error.cause : undefined

/** Reads chunks as one connection does; with `end`, up to the end of the client's side. */
export const read = (
  chunks: ReadonlyArray<Uint8Array>,
  { end = false, limits = {} }: { readonly end?: boolean; readonly limits?: Partial<Limits> } = {}
): Read => {
  const decoder = new RequestDecoder({ ...defaults, ...limits })
  const messages: Array<Message> = []
  let error: FrameError | undefined
  for (const chunk of chunks) error = decoder.push(chunk, messages)
  if (end) error = decoder.end()
  return {
    messages: messages.map(described),
    refused: statusOf(error)?.status,
    detail: statusOf(error)?.detail,
    unfinished: decoder.buffered > 0
  }
}

/** Every way to cut bytes in two, and all of them apart. */
export const cuts = (bytes: Uint8Array): ReadonlyArray<ReadonlyArray<Uint8Array>> => [
  ...Array.from({ length: bytes.length + 1 }, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]),
  Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
]

/** A response as a client reads it. */
export interface Heard {
  readonly status: number
  readonly fields: ReadonlyMap<string, string>
  readonly body: string
}

/**
 * The responses in bytes, each strictly as RFC 9112 has it, or what is wrong with them. `headOnly` says of which there is no
 * body, counted without those that are interim.
 */
export const responses = (
  bytes: Uint8Array,
  headOnly: (index: number) => boolean = () => false
): ReadonlyArray<Heard> | string => {
  const heard: Array<Heard> = []
  let text = Buffer.from(bytes).toString("latin1")
  let final = 0
  while (text !== "") {
    const end = text.indexOf("\r\n\r\n")
    if (end < 0) return `a head without an end: ${JSON.stringify(text)}`
    const [statusLine = "", ...lines] = text.slice(0, end).split("\r\n")
    const status = /^HTTP\/1\.1 ([1-5]\d\d) [\t -~]*$/.exec(statusLine)?.[1]
    if (status === undefined) return `no status line: ${JSON.stringify(statusLine)}`
    const fields = new Map<string, string>()
    for (const line of lines) {
      const [, name, value] = /^([\w!#$%&'*+\-.^`|~]+): ?([\t -~\x80-\xff]*)$/.exec(line) ?? []
      if (name === undefined || value === undefined) return `no field: ${JSON.stringify(line)}`
      if (fields.has(name.toLowerCase())) return `a field twice: ${name}`
      fields.set(name.toLowerCase(), value)
    }
    const interim = status.startsWith("1")
    const bodiless = interim || status === "204" || status === "304" || headOnly(final)
    const declared = fields.get("content-length")
    if (interim || status === "204") {
      if (declared !== undefined) return `a length in a ${status}`
    } else {
      if (declared === undefined || !/^\d+$/.test(declared)) return `no length in a ${status}`
      if (!fields.has("date")) return `no date in a ${status}`
    }
    const from = end + 4
    const length = bodiless ? 0 : Number(declared)
    if (text.length < from + length) return `a body that is cut off after ${text.length - from} of ${length}`
    heard.push({ status: Number(status), fields, body: text.slice(from, from + length) })
    if (!interim) final++
    text = text.slice(from + length)
  }
  return heard
}
