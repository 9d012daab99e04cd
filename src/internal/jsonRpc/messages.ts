/** The messages of JSON-RPC 2.0, from JSON and to it. */
import * as Exit from "effect/Exit"
import * as Codec from "../../Codec.ts"
import { decodeUtf8, encodeUtf8 } from "../bytes.ts"

/** What tells requests apart: whole numbers, texts, and any other numbers too. */
export type Id = number | string

export interface Request {
  readonly _tag: "Request"
  readonly id: Id
  readonly method: string
  readonly params?: unknown
}

export interface Notification {
  readonly _tag: "Notification"
  readonly method: string
  readonly params?: unknown
}

export interface Result {
  readonly _tag: "Result"
  readonly id: Id
  readonly result: unknown
}

/** Without an id where the request could not be read. */
export interface Failure {
  readonly _tag: "Failure"
  readonly id: Id | null
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** `$/cancelRequest` (LSP 3.17): nobody waits for the answer any more. */
export interface Cancel {
  readonly _tag: "Cancel"
  readonly id: Id
}

/** What is no message. A response that is none is not answered. */
export interface Invalid {
  readonly _tag: "Invalid"
  readonly id: Id | null
  readonly code: number
  readonly message: string
  readonly answered: boolean
}

export type Entry = Request | Notification | Cancel | Invalid

/** Several messages at once, some of which await an answer. The id is its own, and never on the wire. */
export interface Batch {
  readonly _tag: "Batch"
  readonly id: symbol
  readonly entries: ReadonlyArray<Entry>
}

/** Several messages at once, none of which awaits an answer. */
export interface Notifications {
  readonly _tag: "Notifications"
  readonly entries: ReadonlyArray<Entry>
}

/** The answers to a batch. */
export interface BatchReply {
  readonly _tag: "BatchReply"
  readonly id: symbol
  readonly replies: ReadonlyArray<Result | Failure>
}

export type Message =
  | Request
  | Notification
  | Result
  | Failure
  | Cancel
  | Invalid
  | Batch
  | Notifications
  | BatchReply

/** The codes of the specification, section 5.1, and of the Language Server Protocol. */
export const codes = {
  ParseError: -32_700,
  InvalidRequest: -32_600,
  MethodNotFound: -32_601,
  InvalidParams: -32_602,
  InternalError: -32_603,
  RequestCancelled: -32_800
} as const

const cancelMethod = "$/cancelRequest"

type Fields = Readonly<Record<string, unknown>>

const isId = (value: unknown): value is Id => typeof value === "number" || typeof value === "string"

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const idOf = (id: unknown): Id | null => (isId(id) ? id : null)

const invalid = (id: unknown, message: string, answered = true): Invalid => ({
  _tag: "Invalid",
  id: idOf(id),
  code: codes.InvalidRequest,
  message,
  answered
})

const called = (fields: Fields): Entry => {
  const { id, method, params } = fields
  if (typeof method !== "string") return invalid(id, "the method is not a text")
  // Null stands for none, as some have it.
  if (params !== undefined && typeof params !== "object") {
    return invalid(id, "the parameters are neither an object nor an array")
  }
  const given = params === undefined || params === null ? {} : { params }
  if (!("id" in fields)) {
    return method === cancelMethod && isObject(params) && isId(params.id)
      ? { _tag: "Cancel", id: params.id }
      : { _tag: "Notification", method, ...given }
  }
  return isId(id) ? { _tag: "Request", id, method, ...given } : invalid(id, "the id is no number and no text")
}

const answer = (fields: Fields): Result | Failure | Invalid => {
  const { error, id, result } = fields
  if (error === undefined) {
    return isId(id) && "result" in fields
      ? { _tag: "Result", id, result }
      : invalid(id, "a response without a result or without an id", false)
  }
  if (!isObject(error) || "result" in fields || !(isId(id) || id === null)) {
    return invalid(id, "a response with an error that is none", false)
  }
  const { code, data, message } = error
  if (typeof code !== "number" || !Number.isInteger(code) || typeof message !== "string") {
    return invalid(id, "a response with an error that is none", false)
  }
  return { _tag: "Failure", id, code, message, ...(data === undefined ? {} : { data }) }
}

const single = (value: unknown): Entry | Result | Failure => {
  if (!isObject(value)) return invalid(null, "a message is an object")
  const answers = !("method" in value) && ("result" in value || "error" in value)
  if (value.jsonrpc !== "2.0") return invalid(value.id, '`jsonrpc` is not "2.0"', !answers)
  return answers ? answer(value) : called(value)
}

const isEntry = (message: Entry | Result | Failure): message is Entry =>
  message._tag !== "Result" && message._tag !== "Failure"

const isAnswered = (entry: Entry): boolean =>
  entry._tag === "Request" || (entry._tag === "Invalid" && entry.answered)

/** What a JSON value says. Responses in a batch answer nothing that was asked, for no batches are sent. */
const fromJson = (value: unknown): Message => {
  if (!Array.isArray(value)) return single(value)
  if (value.length === 0) return invalid(null, "an empty batch")
  const entries = value.map(single).filter(isEntry)
  return entries.some(isAnswered)
    ? { _tag: "Batch", id: Symbol("batch"), entries }
    : { _tag: "Notifications", entries }
}

const decode = (frame: Uint8Array): Message => {
  const text = decodeUtf8(frame)
  try {
    if (text !== undefined) return fromJson(JSON.parse(text))
  } catch {
    // Told below.
  }
  return { _tag: "Invalid", id: null, code: codes.ParseError, message: "this is not JSON", answered: true }
}

const version = { jsonrpc: "2.0" } as const

const callOf = (method: string, params: unknown) => (params === undefined ? { method } : { method, params })

const toJson = (message: Message): unknown => {
  switch (message._tag) {
    case "Request":
      return { ...version, id: message.id, ...callOf(message.method, message.params) }
    case "Notification":
      return { ...version, ...callOf(message.method, message.params) }
    case "Cancel":
      return { ...version, method: cancelMethod, params: { id: message.id } }
    case "Result":
      return { ...version, id: message.id, result: message.result ?? null }
    case "Failure":
    case "Invalid": {
      const { code, id, message: text } = message
      const data = message._tag === "Failure" && message.data !== undefined ? { data: message.data } : {}
      return { ...version, id, error: { code, message: text, ...data } }
    }
    case "BatchReply":
      return message.replies.map(toJson)
    case "Batch":
    case "Notifications":
      return message.entries.map(toJson)
  }
}

/** What is no message is one too, of which the handler tells its sender. */
export const messageCodec: Codec.Codec<Message> = Codec.make("jsonRpc", {
  decode: (frame) => Exit.succeed(decode(frame)),
  encode: (message) => {
    try {
      return Exit.succeed(encodeUtf8(JSON.stringify(toJson(message))))
    } catch (cause) {
      return Codec.fail("jsonRpc", String(cause))
    }
  },
  views: false
})
