/** The two ends of JSON-RPC: calls, and what answers them. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Connection, SendError } from "../../Connection.ts"
import type * as Requests from "../../Requests.ts"
import { type CodecError, JsonRpcError, MessageError } from "../../SluiceError.ts"
import {
  type Batch,
  type BatchReply,
  codes,
  type Entry,
  type Failure,
  type Message,
  type Request,
  type Result
} from "./messages.ts"
import type { Method, Methods } from "./methods.ts"

/** What is a request, and what answers it; the same on both sides. */
export const exchanges = {
  Request: { reply: "Result", error: "Failure", cancel: "Cancel" },
  Batch: { reply: "BatchReply" }
} as const

export type Exchanges = typeof exchanges

type Peer = Connection<Message, Message>

type Asked = Requests.Requests<Message, Message, "id", Exchanges>

// --- asking --------------------------------------------------------------------------------------------------

const wrong = (connection: Peer, direction: "inbound" | "outbound", issue: CodecError): MessageError => {
  const { messagesIn, messagesOut } = connection.stats
  const index = direction === "inbound" ? messagesIn : messagesOut
  return new MessageError({ connection: connection.id, direction, index, issue, excerpt: "" })
}

/** A defect: the types let no other methods through. */
const unknownMethod = (method: string): Effect.Effect<never> =>
  Effect.die(new Error(`the protocol has no method ${method}`))

/** Calls what the other side answers. */
export const callsOf = (connection: Peer, requests: Asked, methods: Methods) => ({
  request: (method: string, params: unknown, options?: { readonly timeout?: Duration.Input | undefined }) => {
    const known = methods.requests.get(method)
    if (known === undefined) return unknownMethod(method)
    return Effect.mapError(known.params.encode(params), (issue) => wrong(connection, "outbound", issue)).pipe(
      Effect.flatMap((encoded) => requests.request({ _tag: "Request", method, ...given(encoded) }, options)),
      Effect.catchTag("Failure", ({ code, data, message }) =>
        Effect.fail(new JsonRpcError({ code, message, ...(data === undefined ? {} : { data }) }))
      ),
      Effect.flatMap(({ result }) =>
        Effect.mapError(known.result.decode(result), (issue) => wrong(connection, "inbound", issue))
      )
    )
  },
  notify: (method: string, params: unknown): Effect.Effect<void, SendError> => {
    const known = methods.notifications.get(method)
    if (known === undefined) return unknownMethod(method)
    return Effect.flatMap(
      Effect.mapError(known.params.encode(params), (issue) => wrong(connection, "outbound", issue)),
      (encoded) => connection.send({ _tag: "Notification", method, ...given(encoded) })
    )
  },
  get stats() {
    return requests.stats
  }
})

const given = (params: unknown): { readonly params?: unknown } => (params === undefined ? {} : { params })

// --- answering -----------------------------------------------------------------------------------------------

/** What answers a method. */
export type Answer<E, R> = (params: unknown, connection: Peer) => Effect.Effect<unknown, E, R>

type Table<E, R> = Readonly<Record<string, Answer<E, R>>>

export interface AnswerTables<E, R> {
  readonly requests: Table<JsonRpcError, R>
  readonly notifications: Table<E, R>
}

/** The answer of this name that the table itself has. */
const own = <A>(table: Readonly<Record<string, A>>, name: string): A | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined

const issuesOf = ({ issues }: CodecError) => issues.map(({ message, path }) => ({ path, message }))

const paramsOf = (method: Method, params: unknown): Effect.Effect<unknown, JsonRpcError> =>
  Effect.mapError(
    method.params.decode(params),
    (error) =>
      new JsonRpcError({ code: codes.InvalidParams, message: "invalid parameters", data: issuesOf(error) })
  )

const resultOf = (method: Method, result: unknown): Effect.Effect<unknown, JsonRpcError> =>
  Effect.mapError(
    method.result.encode(result),
    () => new JsonRpcError({ code: codes.InternalError, message: "the result cannot be said" })
  )

/** The one who cancels awaits an answer all the same (LSP 3.17, "Cancellation Support"). */
const cancelled = (request: Message, connection: Peer): Effect.Effect<void> =>
  request._tag === "Request"
    ? Effect.ignore(
        connection.send({
          _tag: "Failure",
          id: request.id,
          code: codes.RequestCancelled,
          message: "cancelled"
        })
      )
    : Effect.void

/** Answers requests, one or several at once, and takes notifications. */
export const answersTo = <E, R>(methods: Methods, { notifications, requests }: AnswerTables<E, R>) => {
  const answer = ({ method, params }: Request, connection: Peer): Effect.Effect<unknown, JsonRpcError, R> => {
    const known = methods.requests.get(method)
    const answering = own(requests, method)
    if (known === undefined || answering === undefined) {
      return Effect.fail(new JsonRpcError({ code: codes.MethodNotFound, message: `no method ${method}` }))
    }
    return paramsOf(known, params).pipe(
      Effect.flatMap((decoded) => answering(decoded, connection)),
      Effect.flatMap((result) => resultOf(known, result))
    )
  }

  const one = (request: Request, connection: Peer) =>
    answer(request, connection).pipe(
      Effect.map((result) => ({ result })),
      Effect.mapError(({ code, data, message }) => ({
        code,
        message,
        ...(data === undefined ? {} : { data })
      })),
      // The closing of a connection interrupts, too; then nobody can be told.
      Effect.onInterrupt(() => cancelled(request, connection))
    )

  const notified = (method: string, params: unknown, connection: Peer): Effect.Effect<unknown, E, R> => {
    const known = methods.notifications.get(method)
    const taking = own(notifications, method)
    if (known === undefined || taking === undefined) return Effect.void
    return Effect.matchEffect(paramsOf(known, params), {
      // Nobody could be told.
      onFailure: ({ data }) => Effect.logInfo(`a notification ${method} with invalid parameters`, data),
      onSuccess: (decoded) => taking(decoded, connection)
    })
  }

  const entry = (message: Entry, connection: Peer): Effect.Effect<Result | Failure | undefined, E, R> => {
    switch (message._tag) {
      case "Request":
        return Effect.match(answer(message, connection), {
          onFailure: ({ code, data, message: text }): Failure => ({
            _tag: "Failure",
            id: message.id,
            code,
            message: text,
            ...(data === undefined ? {} : { data })
          }),
          onSuccess: (result): Result => ({ _tag: "Result", id: message.id, result })
        })
      case "Notification":
        return Effect.as(notified(message.method, message.params, connection), undefined)
      case "Invalid":
        return Effect.succeed(
          message.answered
            ? { _tag: "Failure", id: message.id, code: message.code, message: message.message }
            : undefined
        )
      case "Cancel":
        return Effect.undefined
    }
  }

  const batch = ({ entries }: Batch, connection: Peer) =>
    Effect.forEach(entries, (message) => entry(message, connection)).pipe(
      Effect.map(
        (replies): Pick<BatchReply, "replies"> => ({
          replies: replies.filter((reply) => reply !== undefined)
        })
      ),
      // Only what takes a notification fails, and ends the connection wherever the notification stood.
      Effect.orDie
    )

  const otherwise = (message: Message, connection: Peer): Effect.Effect<unknown, E | SendError, R> => {
    switch (message._tag) {
      case "Notification":
        return notified(message.method, message.params, connection)
      case "Notifications":
        return Effect.forEach(message.entries, (each) => entry(each, connection), { discard: true })
      case "Invalid":
        return Effect.flatMap(entry(message, connection), (reply) =>
          reply === undefined ? Effect.void : connection.send(reply)
        )
      default:
        return Effect.void
    }
  }

  return { answers: { Request: one, Batch: batch }, otherwise, cancelled }
}
