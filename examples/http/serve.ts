/** From a function of requests to a handler of connections, and the last word to those who are no good. */
import { Effect } from "effect"
import { type Connection, Handler } from "effect-sluice"
import { Refusal } from "./limits.ts"
import type { Message, Request } from "./request.ts"
import { type Answer, empty, type Reply, Response, text } from "./response.ts"

/** The response to a request, at once or in its time. */
export type Respond<R> = (request: Request) => Response | Effect.Effect<Response, never, R>

/**
 * Answers the requests of a connection in their order. The connection ends behind the answer to a request that says so,
 * and behind the last one that was read when the server stops; both answers say `Connection: close`.
 */
export const serve =
  <R = never>(respond: Respond<R>): Handler.Handler<Message, Reply, Connection.SendError, R> =>
  (connection) => {
    let handled = 0
    const stops = () => connection.isDraining && handled === connection.stats.messagesIn
    const send = (request: Request, response: Response) => {
      const answer = answerTo(request, response, request.last || stops())
      return answer.connection === "close"
        ? Effect.andThen(connection.send(answer), connection.close)
        : connection.send(answer)
    }
    const handle = Handler.each((message: Message) => {
      handled++
      if (message._tag === "Expectation") {
        // The body would not be read any more.
        return stops()
          ? Effect.andThen(connection.send(lastWord(503)), connection.close)
          : connection.send(goOn)
      }
      const response = respond(message)
      return response instanceof Response
        ? send(message, response)
        : Effect.flatMap(response, (response) => send(message, response))
    })
    return handle(connection)
  }

const goOn: Reply = { _tag: "Continue" }

const answerTo = (request: Request, response: Response, last: boolean): Answer => ({
  _tag: "Answer",
  response,
  headOnly: request.method === "HEAD",
  // HTTP/1.0 has to be told that it goes on.
  connection: last ? "close" : request.minor === 0 ? "keep-alive" : ""
})

const lastAnswer = (response: Response): Answer => ({
  _tag: "Answer",
  response,
  headOnly: false,
  connection: "close"
})

const lastWord = (status: number, detail?: string): Answer =>
  lastAnswer(text(`${status}${detail === undefined ? "" : `: ${detail}`}\n`, status))

/** Without a body, for the request may have been HEAD. */
const failed = lastAnswer(empty(500))

/** What a client hears last: that its bytes were no request, that it was too slow, that we failed. */
export const farewell: Connection.Farewell<Reply> = (fault, { stats }) => {
  const unanswered = stats.messagesIn - stats.messagesOut - stats.outboundMessages
  if (fault._tag === "HandlerFailed") return unanswered > 0 ? failed : undefined
  // It would be taken for the answer to a request that was fine.
  if (unanswered > 0) return undefined
  if (fault._tag === "FrameError") {
    const cause = "cause" in fault.error ? fault.error.cause : undefined
    return cause instanceof Refusal ? lastWord(cause.status, cause.detail) : lastWord(400)
  }
  // Who has said nothing since its last answer owes nothing.
  const owes = fault._tag === "DeadlineExceeded" && fault.deadline !== "readIdle" && stats.bytesIn > 0
  return owes ? lastWord(408) : undefined
}
